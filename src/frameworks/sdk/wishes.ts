// What a framework asks of its offers, in short forms, and the messages that say so: in which roles, from which agents,
// how much at least, and not now.
import type {
  FrameworkInfo,
  SchedulerAttributeConstraint,
  SchedulerAttributeConstraintPredicate,
  SchedulerOfferConstraints,
} from "../../contract/types.ts";

export interface OfferWishes {
  /** Roles to take offers for; default `*`. */
  readonly roles?: readonly string[];
  /** Those of the roles that get no offers until `revive` (SUPPRESS from the start). Default: none. */
  readonly suppressedRoles?: readonly string[];
  /**
   * By role, which agents to be offered: those that satisfy all constraints of one of the groups. Checked by the master,
   * so that other agents cost no offer and no decline. A role that is left out takes any agent.
   */
  readonly offerConstraints?: Readonly<Record<string, readonly (readonly OfferConstraint[])[]>>;
  /**
   * By role, the least that an offer must hold: all of one of these sets, amounts by name (`[{ cpus: 2, mem: 1024 }]`; mem
   * and disk in MB). It stands in place of the cluster's own minimum; an empty list asks for nothing. A role that is left out
   * has the cluster's minimum.
   */
  readonly minimumOffers?: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>>;
  /**
   * Whether to be offered agents in other regions than the master's (REGION_AWARE); `domain` of an offer says where its
   * agent stands. Default: false.
   */
  readonly regionAware?: boolean;
}

/** One thing about one attribute of an agent, or about its host name, region or zone. */
export type OfferConstraint = OfferConstraintSubject & OfferConstraintTest;

export type OfferConstraintSubject =
  /** The agent's first attribute of that name. */
  { readonly attribute: string } | { readonly agent: "hostname" | "region" | "zone" };

/** Attributes that are no texts, such as numbers, pass the last four. Expressions are RE2's and match the whole text. */
export type OfferConstraintTest =
  | { readonly exists: boolean }
  | { readonly equals: string }
  | { readonly notEquals: string }
  | { readonly matches: string }
  | { readonly notMatches: string };

export function offerConstraintsOf({ offerConstraints = {} }: OfferWishes): {
  readonly offer_constraints?: SchedulerOfferConstraints;
} {
  const roles = Object.entries(offerConstraints).map(([role, groups]) => {
    const lists = groups.map((group) => ({ attribute_constraints: group.map(constraintOf) }));
    return [role, { groups: lists }] as const;
  });
  return roles.length === 0 ? {} : { offer_constraints: { role_constraints: Object.fromEntries(roles) } };
}

export function offerFiltersOf({ minimumOffers = {} }: OfferWishes): Pick<FrameworkInfo, "offer_filters"> {
  const roles = Object.entries(minimumOffers).map(([role, sets]) => {
    const quantities = sets.map((set) => ({ quantities: scalarsOf(set) }));
    return [role, { min_allocatable_resources: { quantities } }] as const;
  });
  return roles.length === 0 ? {} : { offer_filters: Object.fromEntries(roles) };
}

const PSEUDOATTRIBUTES = { hostname: "HOSTNAME", region: "REGION", zone: "ZONE" } as const;

function constraintOf(constraint: OfferConstraint): SchedulerAttributeConstraint {
  const selector =
    "attribute" in constraint
      ? { attribute_name: constraint.attribute }
      : { pseudoattribute_type: PSEUDOATTRIBUTES[constraint.agent] };
  return { selector, predicate: predicateOf(constraint) };
}

function predicateOf(test: OfferConstraintTest): SchedulerAttributeConstraintPredicate {
  if ("exists" in test) return test.exists ? { exists: {} } : { not_exists: {} };
  if ("equals" in test) return { text_equals: { value: test.equals } };
  if ("notEquals" in test) return { text_not_equals: { value: test.notEquals } };
  if ("matches" in test) return { text_matches: { regex: test.matches } };
  return { text_not_matches: { regex: test.notMatches } };
}

function scalarsOf(
  amounts: Readonly<Record<string, number>>,
): Readonly<Record<string, { readonly value: number }>> {
  return Object.fromEntries(Object.entries(amounts).map(([name, value]) => [name, { value }]));
}

// Offer constraints between the wire and the state, with Mesos' refusals to the letter.

import { CONSTRAINTS_COUNT_MAX, REGEXES_CHARACTERS_MAX } from "../../allocator/constraints/limits.ts";
import {
  type AttributeConstraint,
  type Predicate,
  problemOfRegex,
  type RegexLimits,
  type RoleConstraints,
  type Selector,
} from "../../allocator/index.ts";
import type {
  SchedulerAttributeConstraint,
  SchedulerAttributeConstraintPredicate,
  SchedulerAttributeConstraintSelector,
  SchedulerOfferConstraints,
  SchedulerOfferConstraintsRoleConstraints,
} from "../../contract/types.ts";
import { asId, type RoleName } from "../../kernel/ids.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import type { OfferConstraints } from "../../state/model.ts";

const NO_SELECTOR =
  "Exactly one of 'AttributeConstraint::Selector::name' or" +
  " 'AttributeConstraint::Selector::pseudoattribute_type' must be set";

/** Undefined for a call without constraints, or with none for any role. The error is Mesos'. */
export function constraintsFromWire(
  wire: SchedulerOfferConstraints | undefined,
  limits: RegexLimits,
): Result<OfferConstraints | undefined, string> {
  const roles = Object.entries(wire?.role_constraints ?? {});
  const tooMuch = problemOfSize(roles.map(([, constraints]) => constraints));
  if (tooMuch !== null) return invalid(tooMuch);
  const read: { readonly role: RoleName; readonly constraints: RoleConstraints }[] = [];
  for (const [role, constraints] of roles) {
    const groups = groupsOf(role, constraints, limits);
    if (!groups.ok) return invalid(groups.error);
    read.push({ role: asId<RoleName>(role), constraints: groups.value });
  }
  return ok(read.length === 0 ? undefined : read);
}

export function constraintsToWire(constraints: OfferConstraints | undefined): SchedulerOfferConstraints {
  if (constraints === undefined) return {};
  const roles = constraints.map(({ role, constraints: groups }) => [
    role,
    { groups: groups.map((group) => ({ attribute_constraints: group.map(constraintToWire) })) },
  ]);
  return { role_constraints: Object.fromEntries(roles) };
}

function invalid(problem: string): Result<never, string> {
  return err(`Offer constraints are not valid: ${problem}`);
}

function groupsOf(
  role: string,
  { groups = [] }: SchedulerOfferConstraintsRoleConstraints,
  limits: RegexLimits,
): Result<RoleConstraints, string> {
  if (groups.length === 0) {
    return err(
      `'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role ${role}`,
    );
  }
  const read: (readonly AttributeConstraint[])[] = [];
  for (const { attribute_constraints = [] } of groups) {
    if (attribute_constraints.length === 0) return err(emptyGroup(role));
    const group: AttributeConstraint[] = [];
    for (const constraint of attribute_constraints) {
      const one = constraintOf(constraint, limits);
      if (!one.ok) return err(`A role ${role} has an invalid 'AttributeConstraint': ${one.error}`);
      group.push(one.value);
    }
    read.push(group);
  }
  return ok(read);
}

/** Mesos leaves out a space here. */
function emptyGroup(role: string): string {
  return `'OfferConstraints::RoleConstraints::groups' for role ${role}contains an empty RoleConstraints::Group`;
}

function constraintOf(
  { selector, predicate }: SchedulerAttributeConstraint,
  limits: RegexLimits,
): Result<AttributeConstraint, string> {
  const selected = selectorOf(selector);
  if (!selected.ok) return selected;
  const wanted = predicateOf(predicate);
  if (wanted === null) return err("Unknown predicate type");
  const problem = "regex" in wanted ? problemOfRegex(wanted.regex, limits) : null;
  return problem === null ? ok({ selector: selected.value, predicate: wanted }) : err(problem);
}

function selectorOf({
  attribute_name,
  pseudoattribute_type,
}: SchedulerAttributeConstraintSelector): Result<Selector, string> {
  if (attribute_name !== undefined) return ok({ kind: "attribute", name: attribute_name });
  switch (pseudoattribute_type) {
    case undefined:
      return err(NO_SELECTOR);
    case "HOSTNAME":
      return ok({ kind: "hostname" });
    case "REGION":
      return ok({ kind: "region" });
    case "ZONE":
      return ok({ kind: "zone" });
    default:
      return err("Unknown pseudoattribute type");
  }
}

function predicateOf(wire: SchedulerAttributeConstraintPredicate): Predicate | null {
  if (wire.exists !== undefined) return { kind: "exists" };
  if (wire.not_exists !== undefined) return { kind: "not-exists" };
  if (wire.text_equals !== undefined) return { kind: "text-equals", value: wire.text_equals.value };
  if (wire.text_not_equals !== undefined) {
    return { kind: "text-not-equals", value: wire.text_not_equals.value };
  }
  if (wire.text_matches !== undefined) return { kind: "text-matches", regex: wire.text_matches.regex };
  if (wire.text_not_matches !== undefined) {
    return { kind: "text-not-matches", regex: wire.text_not_matches.regex };
  }
  return null;
}

/** Bounds of our own, before anything is compiled. */
function problemOfSize(all: readonly SchedulerOfferConstraintsRoleConstraints[]): string | null {
  const constraints = all
    .flatMap(({ groups = [] }) => groups)
    .flatMap(({ attribute_constraints = [] }) => attribute_constraints);
  if (constraints.length > CONSTRAINTS_COUNT_MAX) return `more than ${CONSTRAINTS_COUNT_MAX} constraints`;
  const regexes = new Set(
    constraints.flatMap(({ predicate }) => {
      const { regex } = predicate.text_matches ?? predicate.text_not_matches ?? {};
      return regex === undefined ? [] : [regex];
    }),
  );
  let characters = 0;
  for (const regex of regexes) characters += regex.length;
  if (characters <= REGEXES_CHARACTERS_MAX) return null;
  return `regular expressions of more than ${REGEXES_CHARACTERS_MAX} characters together`;
}

function constraintToWire({ selector, predicate }: AttributeConstraint): SchedulerAttributeConstraint {
  return { selector: selectorToWire(selector), predicate: predicateToWire(predicate) };
}

const PSEUDOATTRIBUTES = { hostname: "HOSTNAME", region: "REGION", zone: "ZONE" } as const;

function selectorToWire(selector: Selector): SchedulerAttributeConstraintSelector {
  return selector.kind === "attribute"
    ? { attribute_name: selector.name }
    : { pseudoattribute_type: PSEUDOATTRIBUTES[selector.kind] };
}

function predicateToWire(predicate: Predicate): SchedulerAttributeConstraintPredicate {
  switch (predicate.kind) {
    case "exists":
      return { exists: {} };
    case "not-exists":
      return { not_exists: {} };
    case "text-equals":
      return { text_equals: { value: predicate.value } };
    case "text-not-equals":
      return { text_not_equals: { value: predicate.value } };
    case "text-matches":
      return { text_matches: { regex: predicate.regex } };
    case "text-not-matches":
      return { text_not_matches: { regex: predicate.regex } };
  }
}

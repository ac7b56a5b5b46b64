// Whether an agent satisfies constraints, with Mesos' meaning: a text predicate holds for an attribute that is no text,
// and for one that is missing only the negative predicates hold.
import type { AgentFacts, AttributeConstraint, Predicate, RoleConstraints, Selector } from "./model.ts";

/** Whether the whole text matches; null for an expression that cannot be read. */
export type MatchText = (regex: string, text: string) => boolean | null;

export type SelectedValue =
  | { readonly kind: "missing" }
  | { readonly kind: "text"; readonly text: string }
  /** A scalar, ranges or a set. */
  | { readonly kind: "not-text" };

/** A constraint that does not hold, and what the agent has instead. */
export interface ConstraintFailure {
  readonly constraint: AttributeConstraint;
  readonly value: SelectedValue;
}

export function satisfies(constraints: RoleConstraints, facts: AgentFacts, matches: MatchText): boolean {
  return constraints.some((group) => group.every((constraint) => holds(constraint, facts, matches)));
}

/** The first constraint of each group that does not hold; empty if the agent satisfies one group or more. */
export function failuresOf(
  constraints: RoleConstraints,
  facts: AgentFacts,
  matches: MatchText,
): readonly ConstraintFailure[] {
  const failures: ConstraintFailure[] = [];
  for (const group of constraints) {
    const failed = group.find((constraint) => !holds(constraint, facts, matches));
    if (failed === undefined) return [];
    failures.push({ constraint: failed, value: selectedValue(failed.selector, facts) });
  }
  return failures;
}

function holds({ selector, predicate }: AttributeConstraint, facts: AgentFacts, matches: MatchText): boolean {
  const value = selectedValue(selector, facts);
  switch (value.kind) {
    case "missing":
      return HOLDS_WHEN_MISSING.has(predicate.kind);
    case "not-text":
      return predicate.kind !== "not-exists";
    case "text":
      return holdsForText(predicate, value.text, matches);
  }
}

const HOLDS_WHEN_MISSING: ReadonlySet<Predicate["kind"]> = new Set([
  "not-exists",
  "text-not-equals",
  "text-not-matches",
]);

/** An expression that cannot be read matches nothing and differs from nothing: the agent is left out. */
function holdsForText(predicate: Predicate, text: string, matches: MatchText): boolean {
  switch (predicate.kind) {
    case "exists":
      return true;
    case "not-exists":
      return false;
    case "text-equals":
      return text === predicate.value;
    case "text-not-equals":
      return text !== predicate.value;
    case "text-matches":
      return matches(predicate.regex, text) === true;
    case "text-not-matches":
      return matches(predicate.regex, text) === false;
  }
}

function selectedValue(selector: Selector, facts: AgentFacts): SelectedValue {
  if (selector.kind !== "attribute") return textOr(facts[selector.kind]);
  const attribute = facts.attributes.find(({ name }) => name === selector.name);
  if (attribute === undefined) return { kind: "missing" };
  return attribute.text === null ? { kind: "not-text" } : { kind: "text", text: attribute.text };
}

function textOr(text: string | null): SelectedValue {
  return text === null ? { kind: "missing" } : { kind: "text", text };
}

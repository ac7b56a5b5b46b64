// Offer constraints (AL14): which agents a framework in a role wants to be offered, by their attributes. Plain data, part
// of the log; what a constraint means is in evaluate.ts.

export type Pseudoattribute = "hostname" | "region" | "zone";

export type Selector =
  /** The first attribute of that name. */
  | { readonly kind: "attribute"; readonly name: string }
  /** Of the agent's fault domain; an agent without one has neither. */
  | { readonly kind: Pseudoattribute };

export type Predicate =
  | { readonly kind: "exists" }
  | { readonly kind: "not-exists" }
  | { readonly kind: "text-equals"; readonly value: string }
  | { readonly kind: "text-not-equals"; readonly value: string }
  /** The whole text matches; RE2's syntax. */
  | { readonly kind: "text-matches"; readonly regex: string }
  | { readonly kind: "text-not-matches"; readonly regex: string };

export interface AttributeConstraint {
  readonly selector: Selector;
  readonly predicate: Predicate;
}

/** One group must hold; in a group all constraints must. Never empty, nor is a group. */
export type RoleConstraints = readonly (readonly AttributeConstraint[])[];

/** What constraints can ask of an agent. Never changed in place: another object stands for another version. */
export interface AgentFacts {
  readonly hostname: string;
  readonly region: string | null;
  readonly zone: string | null;
  /** In the agent's order. */
  readonly attributes: readonly AgentAttribute[];
}

export interface AgentAttribute {
  readonly name: string;
  /** Null for an attribute that is no text: scalar, ranges or set. */
  readonly text: string | null;
}

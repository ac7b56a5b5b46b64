// What frameworks may ask for in their roles, and where a cycle learns it.
import type { AgentId, FrameworkId, RoleName } from "../kernel/ids.ts";
import type { AgentFacts, RoleConstraints } from "./constraints/model.ts";
import type { ConstraintCache } from "./constraints/verdicts.ts";

/** One of these sets must be there in full: thousandths by scalar name. An empty list asks for nothing. */
export type Minimum = readonly Readonly<Record<string, number>>[];

/** What one framework asks for in one role. Objects stand for versions: a change makes new ones. */
export interface Requirements {
  readonly constraints: RoleConstraints | null;
  /** Instead of the cycle's own minimum; an empty one asks for nothing. */
  readonly minimum: Minimum | null;
}

/** Where a cycle learns what frameworks ask for. */
export interface RequirementsSource {
  /** Null if it asks for nothing. */
  requirementsOf(frameworkId: FrameworkId, role: RoleName): Requirements | null;
  factsOf(agentId: AgentId): AgentFacts;
  /** Kept from cycle to cycle by the caller; without it every cycle evaluates all anew. */
  readonly cache?: ConstraintCache;
}

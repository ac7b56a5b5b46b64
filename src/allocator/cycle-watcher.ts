// What a cycle tells of its decisions to whoever asks why: see explain.ts.
import type { AgentId } from "../kernel/ids.ts";
import type { Withheld } from "./access.ts";
import type { Demands, UnmetDemand } from "./demands.ts";
import type { Filter } from "./model.ts";
import type { QuotaBound } from "./quota-room.ts";
import type { RankedClient, Ranking } from "./ranking.ts";
import type { Minimum } from "./requirements.ts";
import type { Resources } from "./resources.ts";

/** Why an agent is offered to nobody in a cycle. */
export type ClosedReason =
  | { readonly kind: "inactive" }
  /** Its host is not on the operator's list (AL19). */
  | { readonly kind: "not-whitelisted" }
  | { readonly kind: "nothing-free" }
  /** Nobody competes, or nobody who may have this agent's GPUs (AL15) or is aware of its region (AL18). */
  | { readonly kind: "nobody-competes" }
  | { readonly kind: "below-minimum"; readonly minimum: Minimum }
  /** Everyone who competes asks for something else: attributes (AL14), or more than is free (AL12). */
  | { readonly kind: "all-excluded" }
  /** Everyone who competes has a filter that covers what is free, or asks for something else. */
  | { readonly kind: "all-refused" }
  /** The cycle has made as many offers as it may; the next one goes on here. */
  | { readonly kind: "cycle-full" };

/** Why a client that competes is not given an agent that somebody may have. */
export type Refusal =
  | Withheld
  /**
   * All that is free is reserved for other roles (AL04), or of a kind that the framework does not take (trap 26), or
   * a shared volume that somebody holds, of which alone no offer is made (AL17).
   */
  | { readonly kind: "not-for-it"; readonly free: Resources }
  /** What it could have of it exceeds a limit of its role, or is held back for the guarantees of others (AL05, AL06). */
  | { readonly kind: "quota"; readonly bounds: readonly QuotaBound[] }
  | UnmetDemand
  | { readonly kind: "filter"; readonly filter: Filter };

/** Told what a cycle decides and why, in the order of the decisions. Must not change anything. */
export interface CycleWatcher {
  /** After the agents that it does not look at have been closed. */
  begins(ranking: Ranking, demands: Demands): void;
  closed(agentId: AgentId, reason: ClosedReason): void;
  /** The client's turn has come to have something of the agent: those of one agent come in the order of their turns. */
  asked(agentId: AgentId, client: RankedClient): void;
  /** In the order of the clients' turns, each time that something of the agent is given away or nobody may have it. */
  refused(agentId: AgentId, client: RankedClient, reason: Refusal): void;
  given(agentId: AgentId, client: RankedClient, resources: Resources): void;
  /** By an optimistic offer, after all that is given. */
  shown(agentId: AgentId, client: RankedClient, resources: Resources): void;
}

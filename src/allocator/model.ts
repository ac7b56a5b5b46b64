// The allocator's part of the cluster's state: plain mutable data, changed only by the functions of this folder.
// Nothing here is worked out from the order of a Map, so a state that was copied or packed behaves as the original.
import type { AgentId, FrameworkId, Millis, RoleName } from "../kernel/ids.ts";
import { type AccessCounts, noAccessCounts } from "./access.ts";
import type { Minimum, RequirementsSource } from "./requirements.ts";
import type { Resources } from "./resources.ts";

export interface AllocatorState {
  agents: Map<AgentId, AgentEntry>;
  /** In order of registration. */
  frameworks: Map<FrameworkId, FrameworkEntry>;
  /** Roles that have a client or a weight of their own, and all roles above them. */
  roles: Map<RoleName, RoleEntry>;
  clients: Map<ClientNumber, Client>;
  /** The number that the next client gets; never used again. */
  nextClient: ClientNumber;
  /** Roles that have a quota. */
  quotas: Map<RoleName, true>;
  /** Scalars of all agents, active or not: thousandths by name. */
  totals: Map<string, number>;
  /** Active agents that have something free to offer. */
  withFree: Map<AgentId, true>;
  /** What is free there of scalars that count against quotas: thousandths by name. Empty while no role has a quota. */
  offerableSums: Map<string, number>;
  /** Live clients. */
  live: AccessCounts;
  expiries: Expiries;
  /** The agent last given to a client: the next cycle begins after it. */
  lastGiven: AgentId | null;
}

/** Stands for a (framework, role) pair: a small integer where two strings would be looked up. */
export type ClientNumber = number;

/**
 * A framework in one of its roles: what competes for agents. Live when its framework is active and the role is
 * subscribed and not suppressed.
 */
export interface Client {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
  /** False for a role that the framework has left while it still holds resources there (trap 19). */
  subscribed: boolean;
  suppressed: boolean;
  live: boolean;
  /** Scalars offered and used, on all agents: thousandths by name. Holds no zero. */
  allocated: Map<string, number>;
  /** On how many agents it holds something. */
  agentCount: number;
  /** How often it was given something. Never falls, so that equals take turns whatever they do with it (trap 37). */
  given: number;
  /** The agents on which it has filters. */
  filtered: Map<AgentId, true>;
  /**
   * When its last offer ended, or when it began to compete if that was later. Null while it does not compete, and where
   * no optimistic offers are made.
   */
  waitsSince: Millis | null;
}

export interface FrameworkEntry {
  active: boolean;
  /** Has the GPU_RESOURCES capability (AL15). */
  gpu: boolean;
  /** Has the REGION_AWARE capability (AL18). */
  regionAware: boolean;
  /** What else it is capable of taking (trap 26). */
  takes: Takes;
  clients: Map<RoleName, ClientNumber>;
}

/** Kinds of resources that a framework is offered only if it says that it can take them. */
export interface Takes {
  /** RESERVATION_REFINEMENT: resources that are reserved more than once (RV06). */
  readonly refined: boolean;
  /** REVOCABLE_RESOURCES (AL16). */
  readonly revocable: boolean;
  /** SHARED_RESOURCES (AL17). */
  readonly shared: boolean;
}

export const TAKES_NOTHING_SPECIAL: Takes = { refined: false, revocable: false, shared: false };

/**
 * A role in the tree of roles (AL04): `eng/ads` is below `eng`. It competes with its siblings by what it and all roles
 * below it hold; among the roles below it, its own frameworks compete together as one more child, of weight 1.
 */
export interface RoleEntry {
  weightMillis: number;
  /** What it and the roles below it hold, how often they were given something, and how many live clients they have. */
  allocated: Map<string, number>;
  given: number;
  liveClients: number;
  /** The same of its own frameworks alone; equal to it while no role is below. */
  own: OwnFrameworks;
  clients: Map<ClientNumber, true>;
  /** The roles one level below. */
  children: Map<RoleName, true>;
  quota: Quota | null;
  /** Of what is reserved to it or below it, that which nobody holds; and what is held there of revocable kind. */
  reservedFree: Map<string, number>;
  revocable: Map<string, number>;
}

/** Thousandths by name. A name that has no limit is not limited. */
export interface Quota {
  readonly guarantees: ReadonlyMap<string, number>;
  readonly limits: ReadonlyMap<string, number>;
}

export interface OwnFrameworks {
  allocated: Map<string, number>;
  given: number;
  liveClients: number;
}

export interface AgentEntry {
  total: Resources;
  /** Offered and used, by all clients. May exceed the total when that has shrunk. */
  allocated: Resources;
  /** `total` without `allocated`. */
  free: Resources;
  active: boolean;
  /** Has GPUs in its total: withheld from clients without the capability. */
  gpu: boolean;
  /** In another region than the leading master: withheld from clients that are not region-aware. */
  remote: boolean;
  /** What each client holds; no empty ones. */
  allocations: Map<ClientNumber, Resources>;
  /** No empty lists. */
  filters: Map<ClientNumber, Filter[]>;
  /** How many of the clients that could have this agent are live and blocked by a filter. */
  blocked: number;
}

/** A refusal (trap 17): keeps offers that are a subset of `resources` from a client until `until`. */
export interface Filter {
  readonly resources: Resources;
  readonly until: Millis;
  /** Whether it covers what the agent has to offer now. Kept up while that is not empty. */
  blocks: boolean;
}

/** When filters end. */
export interface Expiries {
  /** The filters that end at one moment. */
  buckets: Map<Millis, ExpiryBucket>;
  /** A binary heap of the keys of `buckets`, earliest first; may hold others below the top. */
  heap: Millis[];
}

export interface ExpiryBucket {
  /** How many filters still end then. */
  count: number;
  /** Where they were added: agent and client, in two lists of equal length. Cleared filters stay in the lists. */
  agentIds: AgentId[];
  clients: ClientNumber[];
}

/** What a framework says of itself, as far as it matters here. */
export interface FrameworkTerms {
  readonly roles: readonly RoleName[];
  /** Those not in `roles` are ignored. */
  readonly suppressed: readonly RoleName[];
  readonly capabilities: { readonly gpu: boolean; readonly regionAware?: boolean } & Partial<Takes>;
}

/** Resources of one agent for one framework in one role: becomes an offer. */
export interface Allocation {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
  readonly agentId: AgentId;
  readonly resources: Resources;
  /** Others hold some of it, or are shown it too: it counts as allocated to nobody (decision 0037). */
  readonly optimistic?: true;
}

/** An offer that is out. */
export interface OutstandingOffer extends Allocation {
  readonly madeAt: Millis;
}

/** What the operator sets for all cycles; what is left out is as in Mesos. */
export interface OfferRules {
  /**
   * An agent's free resources are offered only if they hold all of one of these (AL08): thousandths by scalar name.
   * Mesos' default: 0.01 CPUs, or 32 MB of memory.
   */
  readonly minimum?: Minimum;
  /** Names of resources that do not count in dominant shares (AL09); none. */
  readonly fairShareExcluded?: ReadonlySet<string>;
  /** Who is next among roles, and among the frameworks of a role (AL01, AL02); both "drf". */
  readonly roleSorter?: Sorter;
  readonly frameworkSorter?: Sorter;
  /** Agents of other hosts are offered to nobody (AL19); null admits all. */
  readonly whitelist?: ReadonlySet<string> | null;
  /**
   * After how long without an offer a framework is shown what others merely hold, and after how long an offer that is
   * not answered keeps its resources from nobody (decision 0037). Milliseconds; null is never, as in Mesos.
   */
  readonly optimisticAfterMs?: number | null;
}

/** "random": each in turn is drawn, roles by their weights, from those who were not asked yet. */
export type Sorter = "drf" | "random";

export interface AllocateOptions extends OfferRules {
  /** Of what is drawn: the same state and seed give the same offers. */
  readonly seed?: string;
  /** The offers that are out; asked for once a cycle, and only where optimistic offers are made. */
  readonly outstanding?: () => Iterable<OutstandingOffer>;
  /** What frameworks ask for in their roles; without it they take any agent. */
  readonly requirements?: RequirementsSource;
  /**
   * With that many allocations no further agent is begun in this cycle. The next goes on with the agent after, once they
   * are carried out: without quotas, cycles cut so give together what one that is not cut gives.
   */
  readonly offersMax?: number;
}

/** A dominant share (trap 37), without weight: `numerator / denominator`, both in thousandths, of `resource`. */
export interface DominantShare {
  /** Null when nothing is allocated; the share is then 0/1. */
  readonly resource: string | null;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Whose share: a role's with all its frameworks, or a framework's in one role. */
export type ShareOwner =
  | { readonly role: RoleName }
  | { readonly frameworkId: FrameworkId; readonly role: RoleName };

export function createAllocatorState(): AllocatorState {
  return {
    agents: new Map(),
    frameworks: new Map(),
    roles: new Map(),
    clients: new Map(),
    nextClient: 1,
    quotas: new Map(),
    totals: new Map(),
    withFree: new Map(),
    offerableSums: new Map(),
    live: noAccessCounts(),
    expiries: { buckets: new Map(), heap: [] },
    lastGiven: null,
  };
}

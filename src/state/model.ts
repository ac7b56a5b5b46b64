// The cluster as every replica holds it: plain mutable data that `evolve` alone changes. Maps keep insertion order,
// which is a function of the log's history; a snapshot restores it. Ids are unique for the life of the cluster.
// Parts of a message that the cluster carries but never reads are Opaque and in the shape in which they came.
import type {
  AgentFacts,
  AllocatorState,
  ConversionType,
  Minimum,
  RoleConstraints,
} from "../allocator/index.ts";
import type { Resources } from "../allocator/resources.ts";
import type { EncodedMessage } from "../kernel/encoded.ts";
import type {
  AgentId,
  ClusterId,
  ExecutorId,
  FrameworkId,
  LogIndex,
  MemberId,
  Millis,
  OfferId,
  RoleName,
  StreamId,
  TaskId,
  Term,
} from "../kernel/ids.ts";
import type { Policy } from "./policy.ts";

/** A message in its wire shape: plain data, bytes as Uint8Array. Carried, never interpreted. */
export type Opaque = { readonly [field: string]: unknown };

export interface ClusterState {
  /** Prefix of every id that the cluster mints; set by the first event of the log. */
  clusterId: ClusterId | null;
  /** The clock of the newest entry. Never goes backwards. */
  time: Millis;
  /** Events applied since the log began. */
  eventCount: number;
  /** The leader whose election is the newest in the log. */
  leader: Leader | null;
  /** Numbers already used, so that ids never repeat. */
  minted: { frameworks: number; agents: number; offers: number };
  frameworks: Map<FrameworkId, Framework>;
  /** Oldest first, at most COMPLETED_FRAMEWORKS_MAX (OB06). */
  completedFrameworks: Map<FrameworkId, Framework>;
  agents: Map<AgentId, Agent>;
  /** Agents that are not coming back: when they went and why. At most GONE_AGENTS_MAX, oldest first. */
  goneAgents: Map<AgentId, { readonly at: Millis; readonly cause: "unregistered" | "gone" | "maintenance" }>;
  /** Oldest first. */
  offers: Map<OfferId, Offer>;
  /** Frameworks that are disconnected, with their deadlines: what `expire` has to look at. */
  absentFrameworks: Map<FrameworkId, Millis>;
  /** Agents that are disconnected (deadline) or unreachable (expiry). */
  absentAgents: Map<AgentId, Millis>;
  /** Agents whose drain is not done: what `expire` has to look at. */
  draining: Map<AgentId, true>;
  maintenance: Maintenance;
  /** Thousandths, of every role whose weight was ever set, also after its return to 1000. At most WEIGHTS_MAX. */
  weights: Map<RoleName, number>;
  /** What the leader's operator has set about offers, by the newest PolicyChanged. */
  policy: Policy;
  allocator: AllocatorState;
  /** Operations that are done and whose framework has not acknowledged it, by number: oldest first, at most OPERATIONS_MAX. */
  operations: Map<number, FinishedOperation>;
  /** Digests of the state as the leader computed them, newest last, at most DIGESTS_MAX: replicas compare. */
  digests: { readonly index: LogIndex; readonly digest: string }[];
}

export interface Leader {
  readonly memberId: MemberId;
  readonly term: Term;
  readonly electedAt: Millis;
  /** Left out if it has none. */
  readonly domain?: FaultDomain;
}

/** Where a machine stands (RV14): a zone in a region. */
export interface FaultDomain {
  readonly region: string;
  readonly zone: string;
}

export type FrameworkCapability =
  | "REVOCABLE_RESOURCES"
  | "TASK_KILLING_STATE"
  | "GPU_RESOURCES"
  | "SHARED_RESOURCES"
  | "PARTITION_AWARE"
  | "MULTI_ROLE"
  | "RESERVATION_REFINEMENT"
  | "REGION_AWARE";

/** What a framework says of itself (FrameworkInfo, SC01–SC07), read once at the edge. */
export interface FrameworkSpec {
  readonly name: string;
  readonly user: string;
  /** Milliseconds; Infinity is written as Number.MAX_SAFE_INTEGER. */
  readonly failoverTimeoutMs: number;
  readonly checkpoint: boolean;
  readonly principal: string | null;
  /** In the order given; `["*"]` for a framework without MULTI_ROLE that names none. */
  readonly roles: readonly RoleName[];
  readonly capabilities: readonly FrameworkCapability[];
  /** Least amounts of an offer instead of the cluster's, by role (AL12); left out if there are none. */
  readonly minimums?: readonly { readonly role: RoleName; readonly minimum: Minimum }[];
  /** The FrameworkInfo as it came, without `id`. */
  readonly wire: Opaque;
}

/** By role; roles that the framework is not in are kept and without effect (trap 19). Each role comes once. */
export type OfferConstraints = readonly { readonly role: RoleName; readonly constraints: RoleConstraints }[];

export interface Framework {
  readonly id: FrameworkId;
  spec: FrameworkSpec;
  connection:
    | { readonly kind: "connected"; readonly streamId: StreamId }
    /** At `deadline` the framework is removed, unless it has subscribed again. */
    | { readonly kind: "disconnected"; readonly since: Millis; readonly deadline: Millis }
    | { readonly kind: "completed"; readonly at: Millis };
  readonly registeredAt: Millis;
  reregisteredAt: Millis;
  unregisteredAt: Millis | null;
  suppressedRoles: RoleName[];
  /** Which agents it wants (AL14); left out if it takes any. */
  offerConstraints?: OfferConstraints;
  /** Tasks that are not terminal, or whose terminal update is not acknowledged yet. */
  tasks: Map<TaskId, Task>;
  /**
   * Tasks of unreachable agents: they hold nothing, their ids are taken, and they may come back (traps 5, 10, 28).
   * Oldest first, at most UNREACHABLE_TASKS_MAX.
   */
  unreachableTasks: Map<TaskId, Task>;
  /** Oldest first, at most COMPLETED_TASKS_MAX. */
  completedTasks: Task[];
  /** Custom executors, by agent. */
  executors: Map<AgentId, Map<ExecutorId, Executor>>;
  /** Its outstanding offers, oldest first. */
  offers: Map<OfferId, true>;
}

/** A custom executor (ExecutorInfo) that was launched and has not exited. */
export interface Executor {
  readonly id: ExecutorId;
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly resources: Resources;
  /** The ExecutorInfo with allocation_info and framework_id filled in; a later task must name the same (EX16). */
  readonly wire: Opaque;
  /** False while its agent is unreachable. */
  holdsResources: boolean;
}

export type TaskStateName =
  | "TASK_STAGING"
  | "TASK_STARTING"
  | "TASK_RUNNING"
  | "TASK_KILLING"
  | "TASK_FINISHED"
  | "TASK_FAILED"
  | "TASK_KILLED"
  | "TASK_ERROR"
  | "TASK_LOST"
  | "TASK_DROPPED"
  | "TASK_UNREACHABLE"
  | "TASK_GONE"
  | "TASK_GONE_BY_OPERATOR"
  | "TASK_UNKNOWN";

export interface TaskStatus {
  readonly state: TaskStateName;
  /** Lower-case hexadecimal of the 16 bytes; null when made by the master: such a status is not acknowledged (trap 1). */
  readonly uuid: string | null;
  readonly at: Millis;
  /**
   * The TaskStatus as it is sent to the framework: its fields if the master made it, encoded and without `data` if it is
   * an agent's. Encoded it is bytes, which may be a view of more memory, and from the next checkpoint on a text.
   */
  readonly wire: Opaque | Uint8Array | EncodedMessage;
  /** `data` of an encoded one that has it; none once the status is history (trap 40). */
  readonly data?: Uint8Array;
}

export interface Task {
  readonly id: TaskId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  /** Null for a command task: its executor is the agent's own (trap 27). */
  readonly executorId: ExecutorId | null;
  readonly role: RoleName;
  readonly resources: Resources;
  /** The TaskInfo: encoded, as it came; or a message, with allocation_info (and executor) filled in. */
  readonly wire: Opaque | EncodedMessage;
  readonly launchedAt: Millis;
  /** The newest state known, which may be ahead of what the framework has been told (trap 3). */
  state: TaskStateName;
  /** What the framework has been told, oldest first; equal states in a row are one (trap 40). At most STATUSES_MAX. */
  statuses: TaskStatus[];
  /** The update that the framework has not acknowledged. */
  unacknowledged: TaskStatus | null;
  /** Uuid of the last update that the framework acknowledged: an agent that repeats it is told so at once. */
  acknowledgedUuid: string | null;
  /** A KILL that the agent may not have heard of yet; `policy` is the call's KillPolicy. */
  kill: { readonly policy: Opaque | null } | null;
  /** False once its resources are free again: at the first terminal state known (trap 3). */
  holdsResources: boolean;
}

/** An operation of an ACCEPT that was given an id (SC20). Never changed, but replaced. */
export interface FinishedOperation {
  /** Unique in the cluster: uuids follow from it. */
  readonly number: number;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  /** Of the offers. */
  readonly role: RoleName;
  readonly operationId: string;
  readonly type: OperationType;
  readonly consumed: Resources;
  readonly converted: Resources;
  readonly told: TellingAgain;
}

/** When a status that is not acknowledged is told again, and how long was waited for that. Milliseconds. */
export interface TellingAgain {
  readonly againAt: Millis;
  readonly waitMs: number;
}

/** What makes something else of an agent's resources. */
export type OperationType = ConversionType | "GROW_VOLUME" | "SHRINK_VOLUME";

/** What an agent says of itself (AgentInfo), read once at the edge. */
export interface AgentSpec {
  readonly hostname: string;
  /** Dotted address of its HTTP side, if it said one. */
  readonly ip?: string;
  readonly port: number;
  readonly resources: Resources;
  /** Canonical text of the attributes, for comparison and display. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly version: string;
  /** It understands an order to drain; agents in logs of older versions do not. */
  readonly drains?: boolean;
  /** What offer constraints can ask of it. Agents in logs of older versions have none. */
  readonly facts?: AgentFacts;
  /** The AgentInfo as it came, without `id`. */
  readonly wire: Opaque;
}

/** What an operator has planned for machines (MN07). */
export interface Maintenance {
  /** As it was posted, without machines that came up again; each machine is in one window. */
  windows: readonly MaintenanceWindow[];
  /** The machines of the windows, by `machineKey`: at most MACHINES_MAX. All others are up. */
  machines: Map<string, Machine>;
  /** What frameworks are asked about the agents that are on these machines, one entry for each agent. */
  inverse: Map<AgentId, Map<FrameworkId, InverseOffer>>;
}

export interface InverseOffer {
  /** Of the question that is open; null if none is. */
  readonly offerId: OfferId | null;
  /** The newest about this unavailability. */
  readonly answer: { readonly status: "ACCEPT" | "DECLINE"; readonly at: Millis } | null;
  /** Null = at once. */
  readonly askAgainAt: Millis | null;
}

export interface MaintenanceWindow {
  readonly machines: readonly MachineId[];
  readonly unavailability: Unavailability;
}

/** A machine is the one on which an agent runs if both are equal; what is left out is the empty text. */
export interface MachineId {
  /** Whatever the case of its letters. */
  readonly hostname?: string;
  /** Dotted. */
  readonly ip?: string;
}

/** Nanoseconds. */
export interface Unavailability {
  /** Since the epoch. */
  readonly start: bigint;
  /** Null = without an end. */
  readonly duration: bigint | null;
}

/** `down`: its agents were shut down and none may register. */
export interface Machine {
  readonly id: MachineId;
  readonly mode: "draining" | "down";
  readonly unavailability: Unavailability;
}

/** An operator has taken the agent out of the offers (MO16); holds across leaders and registrations. */
export interface Deactivation {
  readonly since: Millis;
  /** Null if its tasks may go on. */
  readonly drain: Drain | null;
}

/** "drained" once nothing of any task is left on it, the acknowledgement of its end included. */
export interface Drain extends DrainConfig {
  readonly state: "draining" | "drained";
  /** When it was asked for last. */
  readonly since: Millis;
}

export interface DrainConfig {
  /** No task gets a longer grace than this. Nanoseconds; null = each its own. */
  readonly maxGraceNanos: bigint | null;
  /** When it is drained it is gone for good. */
  readonly markGone: boolean;
}

/** What operations made of an agent's own resources; of those that were undone nothing is left. */
export interface Conversions {
  readonly from: Resources;
  readonly to: Resources;
}

/** A persistent volume on an agent (RV08). Role and id are unique there at any time. */
export interface AgentVolume {
  readonly role: RoleName;
  readonly id: string;
  /** Events applied before it was made: tells it from others that had its id. */
  readonly since: number;
  /** Of the disk; null for the agent's own (RV09). */
  readonly source: { readonly type: string; readonly root: string } | null;
}

export interface Agent {
  readonly id: AgentId;
  spec: AgentSpec;
  connection: /** `connectionId` tells this connection from an older one of the same agent whose end is noticed late. */
    | { readonly kind: "connected"; readonly connectionId: string }
    /** At `deadline` it is marked unreachable (MN01). */
    | { readonly kind: "disconnected"; readonly since: Millis; readonly deadline: Millis }
    | { readonly kind: "unreachable"; readonly since: Millis };
  readonly registeredAt: Millis;
  reregisteredAt: Millis | null;
  /** What RESERVE, CREATE and their opposites made of its own resources; left out if nothing. See totalOf. */
  conversions?: Conversions;
  /** The persistent volumes among them, in the order in which they were made; left out if there never were any. */
  volumes?: readonly AgentVolume[];
  /** Events applied before their last change: an agent that has newer ones has them of a state that was lost. */
  volumesAt?: number;
  /** Left out while it is active. */
  deactivation?: Deactivation;
  /** Tasks of the cluster that are on it, those that are unreachable with it included, by framework. */
  tasks: Map<FrameworkId, Map<TaskId, true>>;
  /** Custom executors on it, by framework. */
  executors: Map<FrameworkId, Map<ExecutorId, true>>;
  /** Outstanding offers of it, oldest first. */
  offers: Map<OfferId, true>;
}

export interface Offer {
  readonly id: OfferId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly resources: Resources;
  readonly madeAt: Millis;
  /** Others hold some of it or are shown it too: it counts as allocated to nobody (decision 0037). */
  readonly optimistic?: true;
}

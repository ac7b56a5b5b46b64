// What comes in, already parsed and validated for form: API calls, agents' messages, timers. Whether a command may be
// carried out is for `decide`. The context brings time and ids, so that deciding reads no clock and draws no number.
import type { ConstraintCache, ConversionType, SlicedCycles } from "../allocator/index.ts";
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
import type { Aftermath, QuotaAmounts, RoleWeight } from "./events.ts";
import type {
  AgentSpec,
  DrainConfig,
  FaultDomain,
  FrameworkSpec,
  MachineId,
  MaintenanceWindow,
  OfferConstraints,
  Opaque,
  OperationType,
  TaskStateName,
  TaskStatus,
} from "./model.ts";
import type { Policy } from "./policy.ts";

export interface Context {
  /** The leader's clock, made monotonic by the master. */
  readonly now: Millis;
  /** For the founding of a new cluster only. */
  readonly newClusterId: ClusterId;
  readonly settings: Settings;
  /**
   * Spares an allocation cycle what an earlier one has worked out. It changes no decision, unless it bounds the work of
   * a cycle: then agents that a cycle does not come to are left to later ones.
   */
  readonly constraintCache?: ConstraintCache;
  /** Cuts allocation cycles into slices, each an `allocate`. Without it each is a cycle of its own that begins anew. */
  readonly cycles?: SlicedCycles;
}

/** What the operator sets by flags, and events hold the outcome of; only the leader's counts. See also policy.ts. */
export interface Settings {
  /** How long a framework may take to come back after a change of leader, at least. Milliseconds. */
  readonly frameworkReconnectMs: number;
  /** How long a disconnected agent is waited for before it is unreachable (MN01: 15 s × 5). Milliseconds. */
  readonly agentReconnectMs: number;
  /** Where this master stands (RV14); none if left out. */
  readonly domain?: FaultDomain;
  /** Agents without a domain are not admitted. */
  readonly requireAgentDomain?: boolean;
  /** Set by a leader that finds that no weight was ever set. */
  readonly initialWeights?: readonly RoleWeight[];
}

export type Command =
  /** With what its operator has set about offers; what the log says holds on if that is left out. */
  | { readonly kind: "lead"; readonly memberId: MemberId; readonly term: Term; readonly policy?: Policy }
  /** The leader's operator has set something otherwise while it leads. */
  | { readonly kind: "set-policy"; readonly policy: Policy }
  | Subscribe
  | UpdateFramework
  | { readonly kind: "disconnect-framework"; readonly frameworkId: FrameworkId; readonly streamId: StreamId }
  /** `cause` is "teardown" unless given. */
  | {
      readonly kind: "teardown";
      readonly frameworkId: FrameworkId;
      readonly cause?: "failover-timeout" | "teardown";
    }
  | Accept
  | {
      readonly kind: "decline";
      readonly frameworkId: FrameworkId;
      readonly offerIds: readonly OfferId[];
      readonly refuseMs: number;
    }
  /** SC30. */
  | {
      readonly kind: "answer-inverse-offers";
      readonly frameworkId: FrameworkId;
      readonly offerIds: readonly OfferId[];
      readonly status: "ACCEPT" | "DECLINE";
      /** How long it does not want to be asked again; 0 = at once. */
      readonly refuseMs: number;
    }
  /** Empty `roles` = all of the framework's (SC27). */
  | { readonly kind: "revive"; readonly frameworkId: FrameworkId; readonly roles: readonly RoleName[] }
  | { readonly kind: "suppress"; readonly frameworkId: FrameworkId; readonly roles: readonly RoleName[] }
  | {
      readonly kind: "kill";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly agentId: AgentId | null;
      readonly policy: Opaque | null;
    }
  | {
      readonly kind: "acknowledge";
      readonly frameworkId: FrameworkId;
      readonly agentId: AgentId;
      readonly taskId: TaskId;
      /** Lower-case hexadecimal. */
      readonly uuid: string;
    }
  /** Empty `tasks` = implicit (SC23). Changes nothing: answered by effects alone. */
  | {
      readonly kind: "reconcile";
      readonly frameworkId: FrameworkId;
      readonly tasks: readonly { readonly taskId: TaskId; readonly agentId: AgentId | null }[];
    }
  | {
      readonly kind: "acknowledge-operation";
      readonly frameworkId: FrameworkId;
      readonly operationId: string;
      /** Lower-case hexadecimal. */
      readonly uuid: string;
    }
  /** Empty `operations` = implicit (SC21). Changes nothing: answered by effects alone. */
  | {
      readonly kind: "reconcile-operations";
      readonly frameworkId: FrameworkId;
      readonly operations: readonly { readonly operationId: string; readonly agentId: AgentId | null }[];
    }
  /** Best effort, not logged (SC26). */
  | {
      readonly kind: "message-executor";
      readonly frameworkId: FrameworkId;
      readonly agentId: AgentId;
      readonly executorId: ExecutorId;
      readonly data: Uint8Array;
    }
  /** Best effort, not logged (SC25). */
  | {
      readonly kind: "shutdown-executor";
      readonly frameworkId: FrameworkId;
      readonly agentId: AgentId;
      readonly executorId: ExecutorId;
    }
  | RegisterAgent
  | CorrectAgent
  | { readonly kind: "disconnect-agent"; readonly agentId: AgentId; readonly connectionId: string }
  | { readonly kind: "unregister-agent"; readonly agentId: AgentId }
  | ({ readonly kind: "update-status"; readonly agentId: AgentId } & StatusUpdate)
  /** Of a task that comes twice the first update counts; the agent sends the other one again. */
  | {
      readonly kind: "update-statuses";
      readonly agentId: AgentId;
      readonly updates: readonly StatusUpdate[];
    }
  | {
      readonly kind: "executor-exited";
      readonly agentId: AgentId;
      readonly frameworkId: FrameworkId;
      readonly executorId: ExecutorId;
      readonly waitStatus: number;
    }
  /** Best effort, not logged. */
  | {
      readonly kind: "message-framework";
      readonly agentId: AgentId;
      readonly frameworkId: FrameworkId;
      readonly executorId: ExecutorId;
      readonly data: Uint8Array;
    }
  | { readonly kind: "deactivate-agent" | "reactivate-agent"; readonly agentId: AgentId }
  | { readonly kind: "drain-agent"; readonly agentId: AgentId; readonly config: DrainConfig }
  | MarkAgentGone
  /** Each machine comes once, no window is empty. */
  | { readonly kind: "update-maintenance-schedule"; readonly windows: readonly MaintenanceWindow[] }
  | StartMaintenance
  | { readonly kind: "stop-maintenance"; readonly machines: readonly MachineId[] }
  | Operate
  | UpdateWeights
  | UpdateQuotas
  | SetQuota
  | { readonly kind: "remove-quota"; readonly role: RoleName }
  /** Deadlines that have passed become events. */
  | { readonly kind: "expire" }
  /** One allocation cycle, or a slice of one. */
  | { readonly kind: "allocate" }
  | { readonly kind: "record-digest"; readonly index: LogIndex; readonly digest: string };

export interface Subscribe {
  readonly kind: "subscribe";
  /** Null for a new framework; otherwise a resubscription, or a framework this cluster never saw (accepted, trap 22). */
  readonly frameworkId: FrameworkId | null;
  readonly spec: FrameworkSpec;
  readonly suppressedRoles: readonly RoleName[];
  /** None if left out. */
  readonly offerConstraints?: OfferConstraints;
  readonly streamId: StreamId;
}

/** SC08: all of it replaces what was. */
export interface UpdateFramework {
  readonly kind: "update-framework";
  readonly frameworkId: FrameworkId;
  readonly spec: FrameworkSpec;
  readonly suppressedRoles: readonly RoleName[];
  /** None if left out. */
  readonly offerConstraints?: OfferConstraints;
}

/** Weights are within the allocator's bounds, roles are good names. */
export interface UpdateWeights {
  readonly kind: "update-weights";
  readonly weights: readonly RoleWeight[];
}

/** Of a role that comes twice the last one counts. Amounts are within the allocator's bounds, roles are good names. */
export interface UpdateQuotas {
  readonly kind: "update-quotas";
  readonly quotas: readonly { readonly role: RoleName; readonly quota: QuotaAmounts }[];
  /** Neither the cluster's capacity nor what is consumed is looked at. */
  readonly force: boolean;
}

/** What SET_QUOTA of old does: a first quota for a role, with the guarantees as limits. */
export interface SetQuota {
  readonly kind: "set-quota";
  readonly role: RoleName;
  readonly guarantees: QuotaAmounts["guarantees"];
  /** The cluster's capacity is not looked at. */
  readonly force: boolean;
}

export interface Accept {
  readonly kind: "accept";
  readonly frameworkId: FrameworkId;
  readonly offerIds: readonly OfferId[];
  readonly operations: readonly Operation[];
  /** For what is not used (trap 16). Milliseconds; 0 = no filter. */
  readonly refuseMs: number;
}

export type Operation =
  | { readonly kind: "launch"; readonly operationId: string | null; readonly tasks: readonly TaskSpec[] }
  | Conversion
  /** LAUNCH_GROUP, CREATE_DISK …: not there yet; refused in the way Mesos refuses an invalid one. */
  | {
      readonly kind: "unsupported";
      readonly type: string;
      readonly operationId: string | null;
      /** Tasks of a LAUNCH_GROUP, each of which is told TASK_ERROR. */
      readonly tasks: readonly { readonly taskId: TaskId; readonly agentId: AgentId }[];
    };

export type ResizeType = Exclude<OperationType, ConversionType>;

/** RESERVE and CREATE name what is to be, UNRESERVE and DESTROY what is. */
export interface Conversion {
  readonly kind: "convert";
  readonly type: OperationType;
  readonly operationId: string | null;
  readonly resources: Resources;
  /**
   * What becomes of it what the resources name: what is to be reserved otherwise, with the reservations that it has, or a
   * volume that is to have another size, and what is added to it. Null where it follows from the resources.
   */
  readonly source: Resources | null;
  /** What the edge found wrong with it. */
  readonly invalid: string | null;
}

/** MO19. */
export interface MarkAgentGone {
  readonly kind: "mark-agent-gone";
  readonly agentId: AgentId;
  readonly begun?: AgentsEnd;
}

/** Each machine comes once, and there is one. */
export interface StartMaintenance {
  readonly kind: "start-maintenance";
  readonly machines: readonly MachineId[];
  readonly begun?: AgentsEnd;
}

/** Tasks were ended in entries before this command. */
export interface AgentsEnd {
  /** Of the agent whose tasks are not all ended, before it counted as disconnected. */
  readonly connectionId: string | null;
}

/** An operator's operation (MO13, MO14). */
export interface Operate {
  readonly kind: "operate";
  readonly agentId: AgentId;
  readonly operation: Conversion;
}

/** A TaskInfo, read once at the edge. */
export interface TaskSpec {
  readonly taskId: TaskId;
  readonly name: string;
  readonly agentId: AgentId;
  readonly resources: Resources;
  readonly executor: {
    readonly executorId: ExecutorId;
    readonly resources: Resources;
    readonly wire: Opaque;
  } | null;
  readonly hasCommand: boolean;
  /** What the edge found wrong with the task by itself (bad id, negative resource …): it ends as TASK_ERROR (trap 14). */
  readonly invalid: string | null;
  /** True when the fault makes every task of the same LAUNCH invalid (corrections to trap 14). */
  readonly poisonsOperation: boolean;
  /** The TaskInfo as it came: encoded, or a message if it names an executor. */
  readonly wire: Opaque | EncodedMessage;
}

export interface RegisterAgent {
  readonly kind: "register-agent";
  readonly agentId: AgentId | null;
  readonly spec: AgentSpec;
  readonly connectionId: string;
  /** Every task that the agent has. */
  readonly tasks: readonly {
    readonly frameworkId: FrameworkId;
    readonly taskId: TaskId;
    readonly state: TaskStateName;
  }[];
  readonly executors: readonly { readonly frameworkId: FrameworkId; readonly executorId: ExecutorId }[];
  /** What the agent was when the cluster began to take its tasks back, in entries before this command. */
  readonly begun?: { readonly wasUnreachable: boolean; readonly replacedConnectionId: string | null };
}

/** What is left to be said of a registration; decided by its maker only, right after the entry before. */
export interface CorrectAgent {
  readonly kind: "correct-agent";
  readonly agentId: AgentId;
  readonly connectionId: string;
  readonly rest: Aftermath;
}

/** Why a command was refused; the api maps codes to statuses and texts to bodies. Nothing has changed. */
export interface Rejection {
  readonly code:
    | "framework-unknown"
    | "framework-removed"
    | "framework-not-connected"
    | "subscription-invalid"
    | "agent-unknown"
    | "agent-gone"
    /** It is not in the state in which that can be done. */
    | "agent-not-so"
    /** There is no agent to be marked as gone. */
    | "agent-not-found"
    /** Agents of the machine are kept away. */
    | "machine-down"
    | "maintenance-refused"
    /** It cannot be admitted: a bad id, or a bound of the cluster is reached. */
    | "agent-refused"
    /** It must not register as things are, and may try again: what runs on it goes on (RV14). */
    | "agent-not-admitted"
    /** Whatever there is on the agent. */
    | "operation-invalid"
    /** What it needs is not free, nor would it be if offers were rescinded. */
    | "operation-conflict"
    /** A bound of the cluster is reached. */
    | "weights-refused"
    | "quota-refused"
    /** The cluster has less than is to be guaranteed. */
    | "quota-beyond-capacity";
  readonly message: string;
}

export interface StatusUpdate {
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
  readonly status: TaskStatus;
  /** May be ahead of the status (trap 3). */
  readonly latestState: TaskStateName;
}

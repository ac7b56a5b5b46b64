// What has happened: the log's content. Every event is a fact in the past tense and says all that `evolve` needs, so
// that settings and clocks of the day are never asked again: deadlines stand in the events that set them. A new kind or
// a changed field needs a new format version and a migration (codec.ts, migrations/).
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
import type {
  AgentSpec,
  DrainConfig,
  FaultDomain,
  FrameworkSpec,
  MachineId,
  MaintenanceWindow,
  Offer,
  OfferConstraints,
  Opaque,
  OperationType,
  TaskStateName,
  TaskStatus,
  TellingAgain,
} from "./model.ts";
import type { RecordedPolicy } from "./policy.ts";

export type Event =
  | ClusterEvent
  | FrameworkLifeEvent
  | AgentLifeEvent
  | AgentDutyEvent
  | MaintenanceEvent
  | OfferEvent
  | AgentResourcesConverted
  | OperationEvent
  | TaskEvent
  | ExecutorExited
  /** Of a role that comes twice the last one counts. */
  | { readonly kind: "WeightsUpdated"; readonly weights: readonly RoleWeight[] }
  /** Of a role that comes twice the last one counts. */
  | { readonly kind: "QuotasUpdated"; readonly quotas: readonly RoleQuota[] }
  /** Settings that are now others than before. Since format 3. */
  | { readonly kind: "PolicyChanged"; readonly changes: RecordedPolicy }
  | { readonly kind: "FiltersExpired"; readonly until: Millis }
  | { readonly kind: "DigestRecorded"; readonly index: LogIndex; readonly digest: string };

export interface RoleWeight {
  readonly role: RoleName;
  /** Thousandths: 1000 is weight 1. */
  readonly weightMillis: number;
}

export interface RoleQuota {
  readonly role: RoleName;
  /** Null takes it away; one without amounts stays on record (MO17). */
  readonly quota: QuotaAmounts | null;
}

/** Thousandths by name, in the order of the names; each guarantee is within its limit. */
export interface QuotaAmounts {
  readonly guarantees: readonly (readonly [string, number])[];
  readonly limits: readonly (readonly [string, number])[];
}

export type EventOf<Kind extends Event["kind"]> = Extract<Event, { readonly kind: Kind }>;

export type ClusterEvent = { readonly kind: "ClusterFounded"; readonly clusterId: ClusterId } | LeaderElected;

/** Streams and agent connections of the former leader are gone: all are disconnected, and their offers are no more. */
export interface LeaderElected {
  readonly kind: "LeaderElected";
  readonly memberId: MemberId;
  readonly term: Term;
  /** No framework is removed before this, nor before its own failover timeout from now has passed. */
  readonly frameworkDeadline: Millis;
  /** No agent becomes unreachable before this. */
  readonly agentDeadline: Millis;
  /** Where the leader stands: agents of other regions are remote (AL18). Left out if it has none. Since format 3. */
  readonly domain?: FaultDomain;
}

export type FrameworkLifeEvent =
  | FrameworkSubscribed
  | FrameworkUpdated
  | {
      readonly kind: "FrameworkDisconnected";
      readonly frameworkId: FrameworkId;
      readonly streamId: StreamId;
      readonly deadline: Millis;
    }
  | FrameworkRemoved
  /** `roles` is never empty: "all" has been spelled out. */
  | {
      readonly kind: "FrameworkSuppressed";
      readonly frameworkId: FrameworkId;
      readonly roles: readonly RoleName[];
    }
  | {
      readonly kind: "FrameworkRevived";
      readonly frameworkId: FrameworkId;
      readonly roles: readonly RoleName[];
    };

export interface FrameworkSubscribed {
  readonly kind: "FrameworkSubscribed";
  readonly frameworkId: FrameworkId;
  /** True when the cluster gave the id: the counter moves on. */
  readonly minted: boolean;
  readonly spec: FrameworkSpec;
  readonly suppressedRoles: readonly RoleName[];
  /** None if left out. */
  readonly offerConstraints?: OfferConstraints;
  readonly streamId: StreamId;
  /** The stream that this one takes over (SC02); null if there was none. */
  readonly replacedStreamId: StreamId | null;
}

/** What it says of itself is replaced (SC08). Offers in roles that it has left were rescinded before. Since format 2. */
export interface FrameworkUpdated {
  readonly kind: "FrameworkUpdated";
  readonly frameworkId: FrameworkId;
  readonly spec: FrameworkSpec;
  readonly suppressedRoles: readonly RoleName[];
  /** None if left out. */
  readonly offerConstraints?: OfferConstraints;
}

export interface FrameworkRemoved {
  readonly kind: "FrameworkRemoved";
  readonly frameworkId: FrameworkId;
  readonly cause: "teardown" | "failover-timeout";
  /** The stream to be closed, if it was connected. */
  readonly streamId: StreamId | null;
  /** Agents with tasks or executors of the framework, to be told to shut it down (trap 24). */
  readonly agentIds: readonly AgentId[];
}

export type AgentLifeEvent =
  | {
      readonly kind: "AgentRegistered";
      readonly agentId: AgentId;
      readonly minted: boolean;
      readonly spec: AgentSpec;
      readonly connectionId: string;
      readonly corrections: Corrections;
    }
  | AgentReregistered
  | {
      readonly kind: "AgentDisconnected";
      readonly agentId: AgentId;
      readonly connectionId: string;
      readonly deadline: Millis;
    }
  /** Its tasks have been reported by TaskUnreachable events before this one. `expiry`: when it is forgotten. */
  | { readonly kind: "AgentUnreachable"; readonly agentId: AgentId; readonly expiry: Millis }
  | AgentRemoved
  /** More of what AgentRegistered or AgentReregistered began to say, in the entries right after it. Since format 3. */
  | ({ readonly kind: "AgentCorrected"; readonly agentId: AgentId } & Aftermath)
  /**
   * Of an agent that is about to be removed, the first so many of its tasks count as completed, and the first so many of its
   * executors are gone: all of them would be too much for one event. Since format 3.
   */
  | {
      readonly kind: "AgentHistoryForgotten";
      readonly agentId: AgentId;
      readonly tasks: number;
      readonly executors: number;
    };

export interface AgentRemoved {
  readonly kind: "AgentRemoved";
  readonly agentId: AgentId;
  readonly cause: "unregistered" | "gone" | "maintenance" | "expired";
  /** Of an agent that must be told to shut down; left out if there is none. */
  readonly connectionId?: string;
}

/** Whether an agent is offered, as operators say (MO16). Its offers were rescinded before. Since format 3. */
export type AgentDutyEvent =
  | { readonly kind: "AgentDeactivated"; readonly agentId: AgentId }
  | { readonly kind: "AgentReactivated"; readonly agentId: AgentId }
  /** It is deactivated too. One that is draining, or drained, begins anew. */
  | { readonly kind: "AgentDrainStarted"; readonly agentId: AgentId; readonly config: DrainConfig }
  /** Nothing of any task is left on it. */
  | { readonly kind: "AgentDrained"; readonly agentId: AgentId };

/** What operators plan and do with machines (MO15). Since format 3. */
export type MaintenanceEvent =
  /** The schedule as a whole. Machines that were down stay so, and are in it. */
  | { readonly kind: "MaintenanceScheduled"; readonly windows: readonly MaintenanceWindow[] }
  /** They are down; their agents are removed by the events after this one. */
  | { readonly kind: "MaintenanceStarted"; readonly machines: readonly MachineId[] }
  /** They are up, and in the schedule no more. */
  | { readonly kind: "MaintenanceStopped"; readonly machines: readonly MachineId[] }
  /** Frameworks are asked whether they can do without agents (MN07). */
  | { readonly kind: "InverseOffersMade"; readonly offers: readonly InverseOfferRef[] }
  | {
      readonly kind: "InverseOffersAnswered";
      readonly frameworkId: FrameworkId;
      readonly offers: readonly Omit<InverseOfferRef, "frameworkId">[];
      readonly status: "ACCEPT" | "DECLINE";
      /** When it may be asked again; null = at once. */
      readonly refuseUntil: Millis | null;
    }
  | { readonly kind: "InverseOffersRescinded"; readonly offers: readonly InverseOfferRef[] };

export interface InverseOfferRef {
  readonly offerId: OfferId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
}

export interface AgentReregistered {
  readonly kind: "AgentReregistered";
  readonly agentId: AgentId;
  readonly spec: AgentSpec;
  readonly connectionId: string;
  /** An older connection of the same agent, to be closed. */
  readonly replacedConnectionId: string | null;
  readonly wasUnreachable: boolean;
  /** Its attributes are others than before: what was refused of it may be wanted now, so filters on it end. Since format 3. */
  readonly attributesChanged?: true;
  /** Executors that the cluster knew and the agent does not: removed, their resources free (trap 33). */
  readonly lostExecutors: readonly ExecutorRef[];
  readonly corrections: Corrections;
}

/** What follows from an agent's registration, beside the events of its tasks. */
export interface Aftermath {
  /** Executors that the cluster knew and the agent does not: removed, their resources free (trap 33). */
  readonly lostExecutors: readonly ExecutorRef[];
  readonly corrections: Corrections;
}

export interface TaskRef {
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
}

export interface ExecutorRef {
  readonly frameworkId: FrameworkId;
  readonly executorId: ExecutorId;
}

/** What an agent that has registered must be told so that it agrees with the cluster. */
export interface Corrections {
  /** Launched, but the agent never heard of it: said again. */
  readonly run: readonly TaskRef[];
  /** Kills that it may not have heard of, and tasks that the cluster does not know. */
  readonly kill: readonly TaskRef[];
  readonly shutdownExecutors: readonly ExecutorRef[];
  /** Frameworks that are no more. */
  readonly shutdownFrameworks: readonly FrameworkId[];
}

export type OfferEvent =
  | { readonly kind: "OffersMade"; readonly offers: readonly Offer[] }
  /** All offers are of one agent and role. What the tasks that follow do not use is free again. */
  | {
      readonly kind: "OffersAccepted";
      readonly frameworkId: FrameworkId;
      readonly agentId: AgentId;
      readonly role: RoleName;
      readonly offerIds: readonly OfferId[];
      /** Declined by not being used (trap 16). */
      readonly unused: Resources;
      /** Null = no filter. */
      readonly refuseUntil: Millis | null;
    }
  | {
      readonly kind: "OffersDeclined";
      readonly frameworkId: FrameworkId;
      readonly offerIds: readonly OfferId[];
      readonly refuseUntil: Millis | null;
    }
  /** An ACCEPT named an invalid offer beside these (trap 13): they are gone without a filter or a RESCIND. */
  | {
      readonly kind: "OffersDiscarded";
      readonly frameworkId: FrameworkId;
      readonly offerIds: readonly OfferId[];
    }
  | {
      readonly kind: "OffersRescinded";
      readonly cause:
        | "agent-disconnected"
        | "agent-removed"
        | "agent-changed"
        | "agent-deactivated"
        | "maintenance-scheduled"
        | "timeout"
        | "role-left"
        | "resources-converted"
        | "weights-updated"
        | "quotas-updated"
        | "policy-changed"
        /** Another framework has used what was offered; or an operation has changed it. See conflicts.ts. */
        | "taken";
      readonly offers: readonly { readonly frameworkId: FrameworkId; readonly offerId: OfferId }[];
      /** With a filter as if they had been declined. */
      readonly refuseUntil?: Millis;
    };

/** A reservation or a persistent volume is made or undone: of the same resources, which nobody held; or a volume of another size. Since format 3. */
export interface AgentResourcesConverted {
  readonly kind: "AgentResourcesConverted";
  readonly agentId: AgentId;
  readonly operation: OperationType;
  readonly consumed: Resources;
  readonly converted: Resources;
  /** Null = an operator. With an `operationId` it is told of the outcome until it has acknowledged that. */
  readonly by: {
    readonly frameworkId: FrameworkId;
    readonly operationId: string | null;
    /** Left out without an id. */
    readonly feedback?: TellingAgain & { readonly number: number; readonly role: RoleName };
  } | null;
}

/** Of the ends of operations. Since format 3. */
export type OperationEvent =
  | {
      readonly kind: "OperationAcknowledged";
      readonly frameworkId: FrameworkId;
      readonly operationId: string;
      readonly number: number;
    }
  /** Not acknowledged for too long, so told again. */
  | {
      readonly kind: "OperationsTold";
      readonly operations: readonly (TellingAgain & { readonly number: number })[];
    };

export type TaskEvent =
  | TaskLaunched
  /** The task never existed: TASK_ERROR, TASK_DROPPED or TASK_LOST was its only word (traps 13, 14). */
  | {
      readonly kind: "TaskRefused";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly agentId: AgentId;
      readonly status: TaskStatus;
    }
  | {
      readonly kind: "OperationRefused";
      readonly frameworkId: FrameworkId;
      readonly operationId: string;
      readonly message: string;
    }
  | TaskStatusUpdated
  /** Its agent is unreachable: resources are free, the task may come back (traps 8, 10). */
  | {
      readonly kind: "TaskUnreachable";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly agentId: AgentId;
      readonly status: TaskStatus;
    }
  /** Its agent came back with it: it holds resources again unless the state is terminal. */
  | {
      readonly kind: "TaskRecovered";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly agentId: AgentId;
      readonly status: TaskStatus;
    }
  | {
      readonly kind: "TaskStatusAcknowledged";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly agentId: AgentId;
      /** Lower-case hexadecimal. */
      readonly uuid: string;
    }
  | {
      readonly kind: "TaskKillRequested";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly agentId: AgentId;
      readonly policy: Opaque | null;
    };

export interface TaskLaunched {
  readonly kind: "TaskLaunched";
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly resources: Resources;
  /** The TaskInfo: encoded, as it came; or a message, with allocation_info (and executor) filled in. */
  readonly wire: Opaque | EncodedMessage;
  /** Null for a command task. `starts` when no executor of this id lives on the agent: its resources are charged too. */
  readonly executor: {
    readonly executorId: ExecutorId;
    readonly starts: { readonly resources: Resources; readonly wire: Opaque } | null;
  } | null;
}

/** News of a task from its agent, or (uuid null) from the master about a task of which the agent knows nothing. */
export interface TaskStatusUpdated {
  readonly kind: "TaskStatusUpdated";
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly status: TaskStatus;
  /** May be ahead of the status (trap 3). */
  readonly latestState: TaskStateName;
}

export interface ExecutorExited {
  readonly kind: "ExecutorExited";
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly executorId: ExecutorId;
  /** Raw status of wait(2). */
  readonly waitStatus: number;
}

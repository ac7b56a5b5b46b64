// What the leader does after an entry is committed: messages to frameworks, agents and operators, as data. An effect
// holds copies of what it tells, for the state moves on before it is sent. Each is idempotent at its receiver or
// carries an id, so that a new leader may issue it again. How it looks on the wire is the api's business.
import type { EncodedMessage } from "../kernel/encoded.ts";
import type {
  AgentId,
  ExecutorId,
  FrameworkId,
  Millis,
  OfferId,
  RoleName,
  StreamId,
  TaskId,
} from "../kernel/ids.ts";
import type {
  AgentSpec,
  AgentVolume,
  DrainConfig,
  FrameworkSpec,
  Offer,
  Opaque,
  TaskStateName,
  TaskStatus,
  Unavailability,
} from "./model.ts";

export type Effect =
  | { readonly to: "framework"; readonly frameworkId: FrameworkId; readonly event: FrameworkEvent }
  /** Ends a stream: with an ERROR event first if there is a message. Addressed by stream, so an older one can be meant. */
  | { readonly to: "stream"; readonly streamId: StreamId; readonly error: string | null }
  | { readonly to: "agent"; readonly agentId: AgentId; readonly message: AgentMessage }
  /** The agent connected anew: the older connection is to be closed. */
  | { readonly to: "connection"; readonly connectionId: string; readonly message: ConnectionMessage }
  | { readonly to: "operators"; readonly event: OperatorEvent };

export type FrameworkEvent =
  | { readonly kind: "subscribed"; readonly streamId: StreamId }
  | { readonly kind: "offers"; readonly offers: readonly OfferView[] }
  | { readonly kind: "rescind"; readonly offerId: OfferId }
  | { readonly kind: "inverse-offers"; readonly offers: readonly InverseOfferView[] }
  | { readonly kind: "rescind-inverse"; readonly offerId: OfferId }
  | {
      readonly kind: "update";
      readonly status: TaskStatus;
      /** From which health, checks and container are taken over: the newest status that the framework has been sent. */
      readonly before?: TaskStatus;
      readonly taskId: TaskId;
      readonly agentId: AgentId | null;
    }
  | {
      readonly kind: "message";
      readonly agentId: AgentId;
      readonly executorId: ExecutorId;
      readonly data: Uint8Array;
    }
  | {
      readonly kind: "failure";
      readonly agentId: AgentId;
      readonly executorId: ExecutorId | null;
      readonly waitStatus: number | null;
    }
  /** With a uuid it is to be acknowledged. */
  | {
      readonly kind: "operation-finished";
      readonly operationId: string;
      readonly agentId: AgentId;
      /** Lower-case hexadecimal. */
      readonly uuid: string | null;
    }
  /** The answer to a reconciliation of one that is not waited for. */
  | {
      readonly kind: "operation-unknown";
      readonly operationId: string;
      readonly agentId: AgentId | null;
      readonly state: "OPERATION_UNKNOWN" | "OPERATION_UNREACHABLE" | "OPERATION_GONE_BY_OPERATOR";
      readonly message: string;
    }
  | { readonly kind: "operation-error"; readonly operationId: string; readonly message: string };

/** An offer with what the framework must know of the agent. */
export interface OfferView {
  readonly offer: Offer;
  readonly agent: AgentSpec;
  /** Custom executors of the framework that live on the agent (SC10). */
  readonly executorIds: readonly ExecutorId[];
  /** For a framework without MULTI_ROLE the allocation role is left out (trap 25). */
  readonly multiRole: boolean;
  /** When the agent's machine is to be down (MN07); null if nothing is planned. */
  readonly unavailability: Unavailability | null;
}

export interface InverseOfferView {
  readonly offerId: OfferId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly agent: AgentSpec;
  readonly unavailability: Unavailability;
}

export type AgentMessage =
  | {
      readonly kind: "run";
      readonly frameworkId: FrameworkId;
      readonly framework: FrameworkSpec;
      readonly task: Opaque | EncodedMessage;
      /** To which the resources of an encoded TaskInfo are allocated. */
      readonly role: RoleName;
    }
  | {
      readonly kind: "kill";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly policy: Opaque | null;
    }
  | {
      readonly kind: "acknowledge";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      /** Lower-case hexadecimal. */
      readonly uuid: string;
    }
  | {
      readonly kind: "framework-message";
      readonly frameworkId: FrameworkId;
      readonly executorId: ExecutorId;
      readonly data: Uint8Array;
    }
  | { readonly kind: "shutdown-executor"; readonly frameworkId: FrameworkId; readonly executorId: ExecutorId }
  | { readonly kind: "shutdown-framework"; readonly frameworkId: FrameworkId }
  /** All that it is to have. `registeredAt`: since when the cluster knows it. */
  | {
      readonly kind: "volumes";
      readonly agentId: AgentId;
      readonly registeredAt: Millis;
      /** Events applied before their last change; 0 if there never were any. */
      readonly asOf: number;
      readonly volumes: readonly AgentVolume[];
    }
  /** All tasks are to end, and none is taken any more; null = an end of that. */
  | { readonly kind: "drain"; readonly config: DrainConfig | null };

export type ConnectionMessage =
  /** `drain` if it drains or has drained. */
  | { readonly kind: "registered"; readonly agentId: AgentId; readonly drain?: DrainConfig }
  | { readonly kind: "replaced" }
  | { readonly kind: "shutdown"; readonly message: string };

/** For the operator's event stream (MO12). */
export type OperatorEvent =
  | {
      readonly kind: "task-added";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly task: TaskView;
    }
  | {
      readonly kind: "task-updated";
      readonly frameworkId: FrameworkId;
      readonly taskId: TaskId;
      readonly agentId: AgentId;
      readonly status: TaskStatus;
      readonly state: TaskStateName;
    }
  | { readonly kind: "agent-added"; readonly agentId: AgentId }
  | { readonly kind: "agent-removed"; readonly agentId: AgentId }
  | { readonly kind: "framework-added"; readonly frameworkId: FrameworkId; readonly view: FrameworkView }
  | { readonly kind: "framework-updated"; readonly frameworkId: FrameworkId; readonly view: FrameworkView }
  | { readonly kind: "framework-removed"; readonly frameworkId: FrameworkId; readonly view: FrameworkView };

/** A copy of a task's fields at the time of the event. */
export type TaskView = Readonly<
  Pick<import("./model.ts").Task, "agentId" | "executorId" | "role" | "resources" | "wire" | "state">
>;

/** A copy of a framework's fields at the time of the event. */
export type FrameworkView = Readonly<
  Pick<
    import("./model.ts").Framework,
    "spec" | "connection" | "registeredAt" | "reregisteredAt" | "unregisteredAt" | "suppressedRoles"
  >
>;

// What an agent and the leading master say to each other: frames on one connection that the agent opens, each frame a
// msgpack map with a `kind`, but for statuses, which have a form of their own (status-reports.ts). Mesos has no public
// protocol here, so this one is ours and may change between versions; PROTOCOL_VERSION says which is spoken. Message parts
// in Mesos' own shape (snake_case) are passed through as they are.
import type { EncodedMessage } from "../kernel/encoded.ts";
import type {
  AgentInfo,
  DurationInfo,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  TaskInfo,
  TaskState,
  TaskStatus,
} from "./types.ts";

export const PROTOCOL_VERSION = 2;
/** HTTP path of the leading master on which an agent upgrades its connection. */
export const AGENT_CONNECTION_PATH = "/tepui/v1/agent";
/** Value of the Upgrade header on that path. */
export const AGENT_CONNECTION_UPGRADE = "tepui-agent";
/** A frame larger than this breaks the connection; small enough that what it leads to fits one log entry. Bytes. */
export const AGENT_FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** Tasks in one `run-tasks` frame, and the bytes of their TaskInfos before they are packed. */
export const TASKS_PER_RUN_MAX = 500;
export const RUN_TASKS_BYTES_MAX = 1024 * 1024;

/** Status updates in one `statuses` frame. */
export const STATUSES_PER_FRAME_MAX = 100;
/** A `statuses` frame that is larger breaks the connection: large statuses travel alone. Bytes. */
export const STATUSES_FRAME_BYTES_MAX = 1024 * 1024;

export type FromAgent =
  | RegisterAgent
  /** The next unacknowledged update of a task's stream; sent again until it is acknowledged (trap 2). */
  | ({ readonly kind: "status" } & StatusReport)
  /** As many `status` frames at once, each of another task; all are committed together. */
  | { readonly kind: "statuses"; readonly statuses: readonly StatusReport[] }
  | {
      readonly kind: "executor-message";
      readonly frameworkId: string;
      readonly executorId: string;
      readonly data: Uint8Array;
    }
  /** `waitStatus` is the raw status of wait(2): exit code 9 is 2304. */
  | {
      readonly kind: "executor-exited";
      readonly frameworkId: string;
      readonly executorId: string;
      readonly waitStatus: number;
    }
  | { readonly kind: "pong" }
  /** The agent stops for good (SIGUSR1, MN09): its tasks have been killed. */
  | { readonly kind: "unregister" };

export interface StatusReport {
  readonly frameworkId: string;
  readonly status: TaskStatus;
  readonly latestState: TaskState;
}

/**
 * First frame of every connection. Says all that the agent has, so that master and agent agree after any failure. The
 * master answers with a ping and takes it when the pong has come: from a connection that the agent has given up it
 * would say what is not true any more.
 */
export interface RegisterAgent {
  readonly kind: "register";
  readonly protocolVersion: number;
  /** As given by an earlier `registered`; absent on the first start. */
  readonly agentId?: string;
  /** Resources in Mesos' shape, hostname, port, attributes, domain. `id` is not set. */
  readonly info: AgentInfo;
  /** Address at which frameworks reach the agent's HTTP side, such as `10.0.0.7`. */
  readonly ip?: string;
  readonly version: string;
  /** So many tasks are taken in one `run-tasks` frame; without it the agent, an older one, takes none. */
  readonly tasksPerRunMax?: number;
  /** That `volumes` frames are taken; an older agent would break the connection. */
  readonly takesVolumes?: boolean;
  /** It understands `drain`; an older one does not. */
  readonly drains?: boolean;
  /** Tasks not yet terminal and acknowledged, with their last state that was sent or is to be sent. */
  readonly tasks: readonly {
    readonly frameworkId: string;
    readonly taskId: string;
    readonly state: TaskState;
  }[];
  /** Custom executors that are alive. */
  readonly executors: readonly { readonly frameworkId: string; readonly executor: ExecutorInfo }[];
}

export type ToAgent =
  /**
   * No frame in `silenceMsMax` means that the connection is dead. Without `statusesMax` the master, an older one, takes
   * no `statuses` frames; otherwise up to so many updates in each.
   */
  | {
      readonly kind: "registered";
      readonly agentId: string;
      readonly silenceMsMax: number;
      readonly statusesMax?: number;
      /** As in `drain`; without it the agent drains no more. */
      readonly drain?: DrainOrder;
    }
  /**
   * This master does not lead; `leader` is `host:port` of the one that does, if known. Or it leads and does not admit the
   * agent as things are, for this `reason`: it may try again. The connection is closed.
   */
  | { readonly kind: "redirect"; readonly leader: string | null; readonly reason?: string }
  /** The agent must not come back under this id; it stops its tasks and ends. */
  | { readonly kind: "shutdown"; readonly message: string }
  | RunTask
  | RunTasks
  /** All tasks are to end and no other is taken, until that is said to be over (null). */
  | { readonly kind: "drain"; readonly order: DrainOrder | null }
  | {
      readonly kind: "kill";
      readonly frameworkId: string;
      readonly taskId: string;
      /** Overrides the task's own (HC04). */
      readonly killPolicy?: KillPolicy;
    }
  | {
      readonly kind: "acknowledge";
      readonly frameworkId: string;
      readonly taskId: string;
      readonly uuid: Uint8Array;
    }
  | {
      readonly kind: "framework-message";
      readonly frameworkId: string;
      readonly executorId: string;
      readonly data: Uint8Array;
    }
  | { readonly kind: "shutdown-executor"; readonly frameworkId: string; readonly executorId: string }
  /** The framework is gone: its executors and tasks are to be killed, its updates dropped. */
  | { readonly kind: "shutdown-framework"; readonly frameworkId: string }
  | AgentVolumes
  | { readonly kind: "ping" };

/**
 * All persistent volumes that the agent is to have (RV08), said with every registration and whenever one is made or
 * destroyed: a new one gets its directory, one that is not named any more is destroyed with its data. Before the tasks
 * that use them. Only to agents that take it.
 */
export interface AgentVolumes {
  readonly kind: "volumes";
  /**
   * By which the cluster knows the agent. Under another one it knows nothing of the volumes of before: they are not
   * destroyed, but nothing of them comes into a new volume.
   */
  readonly registration: string;
  /**
   * When they last changed, in the numbers of `since`. A volume that is newer was made by a cluster that has lost what it
   * did since (it was recovered from an older state): it is not destroyed either.
   */
  readonly asOf: number;
  readonly volumes: readonly AgentVolume[];
}

/** Role and id are unique on an agent at any time. */
export interface AgentVolume {
  /** For which it is reserved, as the innermost of its reservations says. */
  readonly role: string;
  /** The persistence id. */
  readonly id: string;
  /** Tells it from others that had or will have its id: grows with every volume that is made in the cluster. */
  readonly since: number;
  /** `DiskInfo.source` (RV09); null for the agent's work folder. */
  readonly source: { readonly type: string; readonly root: string } | null;
}

/** As Mesos' DrainConfig. */
export interface DrainOrder {
  /** No task gets a longer grace than this. */
  readonly maxGracePeriod?: DurationInfo;
  /** The agent is to be gone afterwards, and its tasks with it. */
  readonly markGone: boolean;
}

/** Launches one task; an agent that has the task already ignores it, so that a new leader can say it again. */
export interface RunTask {
  readonly kind: "run";
  /** With its id. */
  readonly framework: FrameworkInfo;
  /** With `command` for a command task, or with `executor` for a custom executor. */
  readonly task: TaskInfo;
}

/** As many `run` frames at once, of one framework and role; none of the tasks names an executor. */
export interface RunTasks {
  readonly kind: "run-tasks";
  /** With its id. */
  readonly framework: FrameworkInfo;
  /** To which the tasks' resources are allocated, where they do not say so. */
  readonly role: string;
  /** TaskInfos, encoded. */
  readonly tasks: readonly EncodedMessage[];
}

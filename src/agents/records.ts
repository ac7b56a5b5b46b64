// What the agent knows, as it is checkpointed: one record per framework, container, task and kept sandbox, under a key.
// The supervisor changes records in place and marks their keys; the driver writes them before anything follows of it.
import type { DrainOrder } from "../contract/agent-protocol.ts";
import type {
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  TaskInfo,
  TaskState,
  TaskStatus,
} from "../contract/types.ts";
import type { ContainerId } from "../kernel/ids.ts";
import type { ContainerSpec, VolumeMount } from "./runtime.ts";

/** Grows when records change so that an older agent could not read them. */
export const CHECKPOINT_FORMAT = 1;

export interface AgentRecord {
  readonly format: number;
  /** As given by the master; null before the first registration. */
  readonly agentId: string | null;
  /** While the agent drains. */
  readonly drain?: DrainOrder;
}

export interface TaskRecord {
  readonly frameworkId: string;
  readonly taskId: string;
  /** Null for a task that was refused before it got a container. */
  readonly containerId: ContainerId | null;
  readonly info: TaskInfo;
  /** Paths of the records of the volumes that it uses in an executor; a command task's are its container's. */
  readonly volumes?: readonly string[];
  /** How the executor sees them. */
  readonly mounts?: readonly VolumeMount[];
  /** The executor, which ran already, is yet to be shown them; until then it does not hear of the task. */
  attaching?: boolean;
  /** The newest state, sent or not; TASK_STAGING until there is one. */
  state: TaskState;
  /** Not yet acknowledged, oldest first; the first is the one in flight (trap 2). */
  updates: TaskStatus[];
  /** Hexadecimal uuids of an executor's latest updates. */
  received: string[];
  /** Custom executors: LAUNCH was sent, or is about to be. */
  delivered: boolean;
  /** Custom executors: a KILL that is to be told to the executor when it subscribes. */
  kill: { readonly policy: KillPolicy | null } | null;
}

export type ContainerPhase = "launching" | "running" | "ended";

export type EndCause =
  | "kill"
  | "completion-time"
  | "executor-shutdown"
  | "framework-gone"
  | "agent-shutdown"
  | "registration-timeout"
  | "reregistration-timeout";

/** A container that is to end. */
export interface Ending {
  readonly cause: EndCause;
  /** Nothing of it ran when the order came. */
  readonly duringLaunch: boolean;
  /** Wall clock. */
  readonly sinceMs: number;
  /** Wall clock: SIGKILL. Can only become earlier. */
  killAtMs: number;
}

export interface ContainerRecord {
  readonly containerId: ContainerId;
  readonly frameworkId: string;
  /** Equal to the task id for a command task (trap 27). */
  readonly executorId: string;
  /** Null for the container of a command task. */
  readonly executor: ExecutorInfo | null;
  /** Path of the sandbox below the work folder. */
  readonly sandbox: string;
  readonly spec: ContainerSpec;
  /** Paths of the records of the persistent volumes that it uses; left out if there are none. */
  volumes?: readonly string[];
  /** SIGTERM to SIGKILL, or SHUTDOWN to SIGKILL. */
  readonly graceMs: number;
  phase: ContainerPhase;
  /** 0 until it runs. */
  pid: number;
  /** Its executor has subscribed at least once. */
  subscribed: boolean;
  ending: Ending | null;
  /** Wall clock; null when the task may run for ever (SC38). */
  completeByMs: number | null;
}

/** The sandbox of a container that has ended. */
export interface SandboxRecord {
  readonly path: string;
  /** Wall clock. */
  readonly endedMs: number;
}

/** Which of the volumes that ever had a role and id on this agent. */
export interface VolumeIdentity {
  readonly role: string;
  readonly id: string;
  readonly since: number;
}

/** The directory of a persistent volume: there is one record for each. */
export interface VolumeRecord {
  /** Absolute, or below the work folder. */
  readonly path: string;
  /** A whole disk: the directory itself stays. */
  readonly mounted: boolean;
  identity: VolumeIdentity;
  /** `kept`: of a cluster that knows nothing of it any more; its data go when another volume is made there. */
  phase: "making" | "ready" | "removing" | "kept";
  /** Kept since the cluster knows the agent by another registration: the one by which it knew the volume. */
  knownBy?: string;
  /** While removing: what is to be made there afterwards. */
  next: VolumeIdentity | null;
}

/** By which of the agent's registrations its volumes are known. */
export interface RegistrationRecord {
  readonly registration: string;
}

export type StoredRecord =
  | AgentRecord
  | FrameworkInfo
  | ContainerRecord
  | TaskRecord
  | SandboxRecord
  | VolumeRecord
  | RegistrationRecord;

export const AGENT_KEY = "agent";
export const REGISTRATION_KEY = "registration";
export const volumeKey = (path: string): string => `volume/${path}`;
export const frameworkKey = (frameworkId: string): string => `framework/${frameworkId}`;
export const containerKey = (containerId: string): string => `container/${containerId}`;
/** Ids hold no slash (reference, section h). */
export const taskKey = (frameworkId: string, taskId: string): string => `task/${frameworkId}/${taskId}`;
export const sandboxKey = (path: string): string => `sandbox/${path}`;
export const executorKey = (frameworkId: string, executorId: string): string =>
  `${frameworkId}/${executorId}`;

export function isSameVolume(a: VolumeIdentity, b: VolumeIdentity): boolean {
  return a.role === b.role && a.id === b.id && a.since === b.since;
}

const terminalStates: ReadonlySet<TaskState> = new Set<TaskState>([
  "TASK_FINISHED",
  "TASK_FAILED",
  "TASK_KILLED",
  "TASK_LOST",
  "TASK_ERROR",
  "TASK_DROPPED",
  "TASK_GONE",
  "TASK_GONE_BY_OPERATOR",
]);

export function isTerminal(state: TaskState): boolean {
  return terminalStates.has(state);
}

// Task states and the statuses that the master itself makes: they carry no uuid and are not acknowledged (trap 1).
import type { AgentId, ExecutorId, FrameworkId, Millis, TaskId } from "../kernel/ids.ts";
import { MESSAGE_CHARACTERS_MAX } from "./limits.ts";
import type { Framework, FrameworkSpec, Task, TaskStateName, TaskStatus } from "./model.ts";

/** A task in it never runs again; UNREACHABLE and UNKNOWN are not among them (reference, section e). */
export function isTerminal(state: TaskStateName): boolean {
  switch (state) {
    case "TASK_FINISHED":
    case "TASK_FAILED":
    case "TASK_KILLED":
    case "TASK_LOST":
    case "TASK_ERROR":
    case "TASK_DROPPED":
    case "TASK_GONE":
    case "TASK_GONE_BY_OPERATOR":
      return true;
    case "TASK_STAGING":
    case "TASK_STARTING":
    case "TASK_RUNNING":
    case "TASK_KILLING":
    case "TASK_UNREACHABLE":
    case "TASK_UNKNOWN":
      return false;
  }
}

/** Reasons that the master gives (reference, section e), without their prefix. */
export type MasterReason =
  | "AGENT_DRAINING"
  | "AGENT_REMOVED"
  | "AGENT_REMOVED_BY_OPERATOR"
  | "AGENT_REREGISTERED"
  | "FRAMEWORK_REMOVED"
  | "INVALID_OFFERS"
  | "RECONCILIATION"
  | "TASK_GROUP_INVALID"
  | "TASK_INVALID"
  | "TASK_KILLED_DURING_LAUNCH";

export interface MasterStatus {
  readonly taskId: TaskId;
  /** Null when the framework did not say and nobody knows. */
  readonly agentId: AgentId | null;
  readonly executorId?: ExecutorId | null;
  readonly state: TaskStateName;
  readonly reason: MasterReason;
  readonly message: string;
  readonly unreachableSince?: Millis | null;
}

/** A TaskStatus by the master, in Mesos' shape. */
export function masterStatus(parts: MasterStatus, now: Millis): TaskStatus {
  const { executorId, unreachableSince } = parts;
  const wire: Record<string, unknown> = {
    task_id: { value: parts.taskId },
    state: parts.state,
    message: parts.message.slice(0, MESSAGE_CHARACTERS_MAX),
    source: "SOURCE_MASTER",
    reason: `REASON_${parts.reason}`,
  };
  if (parts.agentId !== null) wire.agent_id = { value: parts.agentId };
  if (executorId !== undefined && executorId !== null) wire.executor_id = { value: executorId };
  wire.timestamp = now / 1_000;
  if (unreachableSince !== undefined && unreachableSince !== null) {
    wire.unreachable_time = { nanoseconds: BigInt(unreachableSince) * 1_000_000n };
  }
  return { state: parts.state, uuid: null, at: now, wire };
}

/** A status of a task that the cluster knows. */
export function statusOfTask(
  task: Task,
  parts: Pick<MasterStatus, "state" | "reason" | "message" | "unreachableSince">,
  now: Millis,
): TaskStatus {
  return masterStatus({ ...parts, taskId: task.id, agentId: task.agentId, executorId: task.executorId }, now);
}

/** What the framework knows of the task: the newest status sent to it. */
export function sentState(task: Task): TaskStateName {
  return task.statuses.at(-1)?.state ?? "TASK_STAGING";
}

/** The state for frameworks that know partitions; TASK_LOST for the others (trap 8). */
export function orLost(framework: { readonly spec: FrameworkSpec }, state: TaskStateName): TaskStateName {
  return framework.spec.capabilities.includes("PARTITION_AWARE") ? state : "TASK_LOST";
}

/** The reference of a task in events. */
export function refOf(
  framework: Framework,
  task: Task,
): { frameworkId: FrameworkId; taskId: TaskId; agentId: AgentId } {
  return { frameworkId: framework.id, taskId: task.id, agentId: task.agentId };
}

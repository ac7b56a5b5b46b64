// Builds TaskStatus messages as Mesos' agent and its command executor send them (recorded: launch-fail, kill,
// executor-exits-before-subscribe).
import type {
  ContainerStatus,
  TaskResourceLimitation,
  TaskState,
  TaskStatus,
  TaskStatusReason,
} from "../contract/types.ts";
import { uuidFrom } from "../kernel/random.ts";
import { type Core, frameworkCan } from "./core.ts";
import type { ContainerRecord, TaskRecord } from "./records.ts";

const MS_PER_SECOND = 1000;

export interface StatusFacts {
  readonly state: TaskState;
  readonly message?: string;
  readonly reason?: TaskStatusReason;
  readonly limitation?: TaskResourceLimitation;
}

/** Of a command task that ran: the agent stands in for Mesos' command executor. */
export function commandStatus(
  core: Core,
  task: TaskRecord,
  container: ContainerRecord,
  facts: StatusFacts,
): TaskStatus {
  return {
    ...baseStatus(core, task, facts),
    source: "SOURCE_EXECUTOR",
    executor_id: { value: task.taskId },
    container_status: containerStatus(core, container, undefined),
  };
}

/** Of the agent itself. */
export function agentStatus(core: Core, task: TaskRecord, facts: StatusFacts): TaskStatus {
  const executorId = task.info.executor?.executor_id.value ?? task.taskId;
  return {
    ...baseStatus(core, task, facts),
    source: "SOURCE_AGENT",
    executor_id: { value: executorId },
  };
}

/** An executor's own status with what the agent adds; `executor_id` stays as it was given (corrections, SC40). */
export function executorStatus(core: Core, status: TaskStatus, container: ContainerRecord): TaskStatus {
  return {
    ...status,
    ...agentIdOf(core),
    timestamp: status.timestamp ?? core.now.wallMs / MS_PER_SECOND,
    container_status: containerStatus(core, container, status.container_status),
  };
}

/**
 * The kill of a task on an agent that drains says so (trap 34). If the agent is to be gone then, so is the task, for
 * frameworks that know the word; Mesos says so already of a task that is being killed, which then is over twice.
 */
export function toldOfDraining(core: Core, task: TaskRecord, status: TaskStatus): TaskStatus {
  const { state } = status;
  if (core.drain === null || (state !== "TASK_KILLING" && state !== "TASK_KILLED")) return status;
  const told = { ...status, reason: "REASON_AGENT_DRAINING" } as const;
  const isGone = state === "TASK_KILLED" && core.drain.markGone;
  const knows = isGone && frameworkCan(core, task.frameworkId, "PARTITION_AWARE");
  return knows ? { ...told, state: "TASK_GONE_BY_OPERATOR" } : told;
}

/** A task of which nothing ever ran: DROPPED for who knows that word, LOST for the others (trap 8). */
export function droppedState(partitionAware: boolean): TaskState {
  return partitionAware ? "TASK_DROPPED" : "TASK_LOST";
}

export function newUuid(core: Core): Uint8Array {
  return uuidBytes(uuidFrom(core.random));
}

export function uuidBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_unused, index) =>
    Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16),
  );
}

export function hexOf(bytes: Uint8Array | undefined): string {
  return Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function baseStatus(core: Core, task: TaskRecord, facts: StatusFacts): TaskStatus {
  return {
    task_id: { value: task.taskId },
    ...facts,
    ...agentIdOf(core),
    timestamp: core.now.wallMs / MS_PER_SECOND,
    uuid: newUuid(core),
  };
}

function agentIdOf(core: Core): Pick<TaskStatus, "agent_id"> {
  return core.agentId === null ? {} : { agent_id: { value: core.agentId } };
}

/** The address is the agent's, for containers share the host's network (NW05). */
function containerStatus(
  core: Core,
  container: ContainerRecord,
  given: ContainerStatus | undefined,
): ContainerStatus {
  return {
    network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: core.settings.ip }] }],
    ...given,
    container_id: { value: container.containerId },
    ...(container.pid > 0 ? { executor_pid: container.pid } : {}),
  };
}

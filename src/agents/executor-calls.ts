// Executors' calls (EX01 to EX07): subscription, updates, messages. Who may call, and in which order that is checked,
// is as in Mesos; the form of the call has been validated at the edge.
import type { ExecutorCall, TaskStatus } from "../contract/types.ts";
import type { ContainerId } from "../kernel/ids.ts";
import {
  type Core,
  dropStream,
  findExecutor,
  findTask,
  perform,
  saveContainer,
  saveTask,
  tasksIn,
  tellExecutor,
} from "./core.ts";
import type { ExecutorReply } from "./effects.ts";
import { askToEnd, killEvent } from "./ending.ts";
import { SUBSCRIBE_MISSING } from "./executor-call-form.ts";
import { deliver, dropTask } from "./launching.ts";
import { EXECUTOR_HEARTBEAT_MS, UPDATE_UUIDS_KEPT } from "./limits.ts";
import { type ContainerRecord, isTerminal, type TaskRecord } from "./records.ts";
import { enqueue } from "./status-streams.ts";
import { executorStatus, hexOf } from "./statuses.ts";

const accepted: ExecutorReply = { status: 202, text: "" };

/**
 * An executor that the agent knows may leave out the message `subscribe`, as the npm package mesos-framework does: it
 * then has nothing unacknowledged. Mesos refuses that; to anybody else so do we, in its words.
 */
export function executorCall(core: Core, call: ExecutorCall, streamId: string | null): ExecutorReply {
  const frameworkId = call.framework_id.value;
  const container = findExecutor(core, frameworkId, call.executor_id.value);
  const formless = call.type === "SUBSCRIBE" && call.subscribe === undefined;
  if (formless && container === undefined) return { status: 400, text: SUBSCRIBE_MISSING };
  if (!core.frameworks.has(frameworkId)) return { status: 400, text: "Framework cannot be found" };
  if (container === undefined) return { status: 400, text: "Executor cannot be found" };
  if (call.type === "SUBSCRIBE" && streamId !== null) return subscribe(core, container, call, streamId);
  if (!container.subscribed) return { status: 403, text: "Executor is not subscribed" };
  if (call.type === "UPDATE" && call.update !== undefined) takeUpdate(core, container, call.update.status);
  if (call.type === "MESSAGE" && call.message !== undefined) forward(core, container, call.message.data);
  return accepted;
}

function forward(core: Core, container: ContainerRecord, data: Uint8Array): void {
  const { frameworkId, executorId } = container;
  perform(core, { do: "send", frame: { kind: "executor-message", frameworkId, executorId, data } });
}

/** A new subscription replaces an older one of the same executor. */
function subscribe(
  core: Core,
  container: ContainerRecord,
  call: ExecutorCall,
  streamId: string,
): ExecutorReply {
  const id = container.containerId;
  const replaced = dropStream(core, id);
  if (replaced !== null) perform(core, { do: "executor-close", streamId: replaced });
  core.streams.set(streamId, id);
  core.streamOf.set(id, streamId);
  core.deadlines.clear(`register:${id}`);
  scheduleHeartbeat(core, id);
  tellSubscribed(core, container);
  for (const { status } of call.subscribe?.unacknowledged_updates ?? []) takeUpdate(core, container, status);
  resolveLostDeliveries(core, container, call);
  if (!container.subscribed) {
    container.subscribed = true;
    saveContainer(core, container);
  }
  catchUp(core, container);
  return { status: 200, text: "" };
}

function tellSubscribed(core: Core, container: ContainerRecord): void {
  const { executor } = container;
  const framework = core.frameworks.get(container.frameworkId);
  if (executor === null || framework === undefined || core.agentId === null) return;
  tellExecutor(core, container, {
    type: "SUBSCRIBED",
    subscribed: {
      executor_info: { type: "CUSTOM", ...executor, framework_id: { value: container.frameworkId } },
      framework_info: framework,
      agent_info: { ...core.settings.info, id: { value: core.agentId } },
      container_id: { value: container.containerId },
    },
  });
}

/** LAUNCH was sent but the executor does not have the task: the connection broke in between (trap 31). */
function resolveLostDeliveries(core: Core, container: ContainerRecord, call: ExecutorCall): void {
  const known = new Set((call.subscribe?.unacknowledged_tasks ?? []).map(({ task_id }) => task_id.value));
  for (const task of tasksIn(core, container.containerId)) {
    const silent = task.delivered && task.state === "TASK_STAGING";
    if (silent && !known.has(task.taskId)) dropTask(core, task, "REASON_AGENT_RESTARTED");
  }
}

/** What the executor has missed: tasks, kills, the order to end. */
function catchUp(core: Core, container: ContainerRecord): void {
  if (container.ending !== null) {
    askToEnd(core, container);
    return;
  }
  for (const task of tasksIn(core, container.containerId)) {
    if (isTerminal(task.state)) continue;
    deliver(core, container, task);
    if (task.kill !== null) tellPendingKill(core, container, task);
  }
}

function tellPendingKill(core: Core, container: ContainerRecord, task: TaskRecord): void {
  tellExecutor(core, container, killEvent(task, task.kill?.policy ?? null));
  task.kill = null;
  saveTask(core, task);
}

/** Every update is acknowledged once it is in the records, also one that is not wanted: it must not come again. */
function takeUpdate(core: Core, container: ContainerRecord, status: TaskStatus): void {
  const task = findTask(core, container.frameworkId, status.task_id.value);
  if (task !== undefined && task.containerId === container.containerId) record(core, container, task, status);
  const uuid = status.uuid ?? new Uint8Array(0);
  tellExecutor(core, container, { type: "ACKNOWLEDGED", acknowledged: { task_id: status.task_id, uuid } });
}

function record(core: Core, container: ContainerRecord, task: TaskRecord, status: TaskStatus): void {
  const uuid = hexOf(status.uuid);
  if (task.received.includes(uuid)) return;
  task.received = [...task.received, uuid].slice(-UPDATE_UUIDS_KEPT);
  const taken = enqueue(core, task, executorStatus(core, status, container));
  if (!taken) core.tracer.warn("executor's update dropped", { taskId: task.taskId, state: status.state });
}

export function messageToExecutor(
  core: Core,
  frameworkId: string,
  executorId: string,
  data: Uint8Array,
): void {
  const container = findExecutor(core, frameworkId, executorId);
  if (container !== undefined) tellExecutor(core, container, { type: "MESSAGE", message: { data } });
}

/** The executor may come back; its end is known by its container's. */
export function streamClosed(core: Core, streamId: string): void {
  const id = core.streams.get(streamId);
  if (id !== undefined) dropStream(core, id);
}

/** When the deadline `heartbeat:<id>` has passed (EX07). */
export function heartbeat(core: Core, container: ContainerRecord): void {
  if (tellExecutor(core, container, { type: "HEARTBEAT" })) scheduleHeartbeat(core, container.containerId);
}

function scheduleHeartbeat(core: Core, id: ContainerId): void {
  core.deadlines.set(`heartbeat:${id}`, core.now.monotonicMs + EXECUTOR_HEARTBEAT_MS);
}

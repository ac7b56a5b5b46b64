// Takes tasks on: checks what they ask for, gives them a container or an executor, and has it started. Everything is in
// the records before the runtime hears of it (invariant 5 of the design).
import type { RunTask } from "../contract/agent-protocol.ts";
import type { ExecutorInfo, TaskInfo, TaskStatusReason } from "../contract/types.ts";
import { present } from "../kernel/assert.ts";
import type { ContainerId } from "../kernel/ids.ts";
import { uuidFrom } from "../kernel/random.ts";
import { commandSpec, executorSpec, type Placement, userOf } from "./container-spec.ts";
import {
  addContainer,
  addTask,
  asContainerId,
  type Core,
  findExecutor,
  findTask,
  frameworkCan,
  perform,
  saveFramework,
  saveTask,
  tellExecutor,
} from "./core.ts";
import { durationMs } from "./durations.ts";
import type { LaunchTasks } from "./frames.ts";
import { EXECUTOR_SHUTDOWN_GRACE_MS, KILL_GRACE_MS } from "./limits.ts";
import type { ContainerRecord, TaskRecord } from "./records.ts";
import type { ContainerSpec } from "./runtime.ts";
import { sandboxPath } from "./sandbox-layout.ts";
import { enqueue } from "./status-streams.ts";
import { agentStatus, droppedState } from "./statuses.ts";
import { unsupportedBy } from "./unsupported.ts";

/** A task that the agent has already is left alone: a new leader may say RUN again. */
export function runTask(core: Core, frame: RunTask): void {
  const frameworkId = frame.framework.id?.value;
  const taskId = frame.task.task_id.value;
  if (frameworkId === undefined || core.agentId === null || core.leaving !== null) {
    core.tracer.warn("run refused", { frameworkId, taskId, leaving: core.leaving });
    return;
  }
  if (findTask(core, frameworkId, taskId) !== undefined) return;
  saveFramework(core, frameworkId, frame.framework);
  const unsupported = unsupportedBy(frame.task, core.settings.runtime);
  if (unsupported.length > 0) {
    refuse(core, frameworkId, frame.task, unsupported);
    return;
  }
  if (frame.task.executor === undefined) runCommand(core, frameworkId, frame.task);
  else runInExecutor(core, frameworkId, withIds(frame.task, frame.task.executor, frameworkId));
}

/** As so many `run` frames. */
export function runTasks(core: Core, { framework, tasks }: LaunchTasks): void {
  for (const task of tasks) runTask(core, { kind: "run", framework, task });
}

function refuse(core: Core, frameworkId: string, info: TaskInfo, unsupported: readonly string[]): void {
  const task = newTask(frameworkId, info, null);
  addTask(core, task);
  const message = `This agent does not support: ${unsupported.join("; ")}`;
  enqueue(
    core,
    task,
    agentStatus(core, task, { state: "TASK_ERROR", reason: "REASON_TASK_INVALID", message }),
  );
}

function runCommand(core: Core, frameworkId: string, info: TaskInfo): void {
  const placement = place(core, frameworkId, info.task_id.value);
  const graceMs = durationMs(info.kill_policy?.grace_period, KILL_GRACE_MS);
  const container = newContainer(placement, info.task_id.value, null, commandSpec(placement, info), graceMs);
  addContainer(core, container);
  addTask(core, newTask(frameworkId, info, container.containerId));
  launch(core, container, userOf(info.command ?? {}, placement.framework));
}

function runInExecutor(core: Core, frameworkId: string, info: TaskInfo & { executor: ExecutorInfo }): void {
  const executorId = info.executor.executor_id.value;
  const running = findExecutor(core, frameworkId, executorId);
  if (running?.ending) {
    dropTask(core, newTask(frameworkId, info, null), "REASON_EXECUTOR_TERMINATED");
    return;
  }
  const container = running ?? launchExecutor(core, frameworkId, info.executor);
  const task = newTask(frameworkId, info, container.containerId);
  addTask(core, task);
  deliver(core, container, task);
}

function launchExecutor(core: Core, frameworkId: string, executor: ExecutorInfo): ContainerRecord {
  const placement = place(core, frameworkId, executor.executor_id.value);
  const graceMs = durationMs(executor.shutdown_grace_period, EXECUTOR_SHUTDOWN_GRACE_MS);
  const spec = executorSpec(placement, executor);
  const container = newContainer(placement, executor.executor_id.value, executor, spec, graceMs);
  addContainer(core, container);
  launch(core, container, userOf(executor.command ?? {}, placement.framework));
  return container;
}

/** A task of which nothing has run and nothing will. */
export function dropTask(core: Core, task: TaskRecord, reason: TaskStatusReason): void {
  const state = droppedState(frameworkCan(core, task.frameworkId, "PARTITION_AWARE"));
  if (findTask(core, task.frameworkId, task.taskId) === undefined) addTask(core, task);
  enqueue(
    core,
    task,
    agentStatus(core, task, { state, reason, message: dropMessages[reason] ?? "Not launched" }),
  );
}

const dropMessages: Readonly<Partial<Record<TaskStatusReason, string>>> = {
  REASON_EXECUTOR_TERMINATED: "Executor terminating",
  REASON_AGENT_RESTARTED: "Task launched during agent restart",
};

/** Hands a task to its executor; it waits for the executor's subscription if need be. */
export function deliver(core: Core, container: ContainerRecord, task: TaskRecord): void {
  if (task.delivered || !core.streamOf.has(container.containerId)) return;
  task.delivered = true;
  saveTask(core, task);
  tellExecutor(core, container, { type: "LAUNCH", launch: { task: task.info } });
}

function launch(core: Core, container: ContainerRecord, user: string | null): void {
  perform(core, { do: "launch", container, user });
}

function place(core: Core, frameworkId: string, executorId: string): Placement {
  const agentId = present(core.agentId ?? undefined, "a task came before the registration");
  const framework = present(core.frameworks.get(frameworkId), "framework not saved", { frameworkId });
  const containerId = asContainerId(uuidFrom(core.random));
  const sandbox = sandboxPath(agentId, frameworkId, executorId, containerId);
  return { settings: core.settings, agentId, containerId, framework, frameworkId, sandbox };
}

function newContainer(
  placement: Placement,
  executorId: string,
  executor: ExecutorInfo | null,
  spec: ContainerSpec,
  graceMs: number,
): ContainerRecord {
  const { containerId, frameworkId, sandbox } = placement;
  return {
    containerId,
    frameworkId,
    executorId,
    executor,
    sandbox,
    spec,
    graceMs,
    phase: "launching",
    pid: 0,
    subscribed: false,
    ending: null,
    completeByMs: null,
  };
}

function newTask(frameworkId: string, info: TaskInfo, containerId: ContainerId | null): TaskRecord {
  return {
    frameworkId,
    taskId: info.task_id.value,
    containerId,
    info,
    state: "TASK_STAGING",
    updates: [],
    received: [],
    delivered: false,
    kill: null,
  };
}

/** What executors see of themselves carries the framework's id and a type (recorded: executor exchanges). */
function withIds(
  info: TaskInfo,
  executor: ExecutorInfo,
  frameworkId: string,
): TaskInfo & { executor: ExecutorInfo } {
  return { ...info, executor: { type: "CUSTOM", ...executor, framework_id: { value: frameworkId } } };
}

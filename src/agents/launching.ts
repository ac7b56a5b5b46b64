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
  containerOf,
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
import { type ContainerRecord, isTerminal, type TaskRecord, taskKey } from "./records.ts";
import type { ContainerSpec } from "./runtime.ts";
import { sandboxPath } from "./sandbox-layout.ts";
import { enqueue } from "./status-streams.ts";
import { agentStatus, droppedState } from "./statuses.ts";
import { unsupportedBy } from "./unsupported.ts";
import { attachFault, type Claim, claimVolumes, pathsOf, usesOf, withVolumes } from "./volume-claims.ts";
import { areReady, launchWithVolumes, releaseVolumes } from "./volumes.ts";

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
  if (core.drain !== null) {
    dropTask(core, newTask(frameworkId, frame.task, null), "REASON_AGENT_DRAINING");
    return;
  }
  const unsupported = unsupportedBy(frame.task, core.settings.runtime);
  if (unsupported.length > 0) {
    refuse(core, frameworkId, frame.task, `This agent does not support: ${unsupported.join("; ")}`);
    return;
  }
  const claim = claimVolumes(core, frameworkId, frame.task);
  if (claim.kind === "invalid") refuse(core, frameworkId, frame.task, claim.fault);
  else if (claim.kind === "unknown") {
    dropTask(core, newTask(frameworkId, frame.task, null), "REASON_RESOURCES_UNKNOWN");
  } else if (frame.task.executor === undefined) runCommand(core, frameworkId, frame.task, claim);
  else runInExecutor(core, frameworkId, withIds(frame.task, frame.task.executor, frameworkId), claim);
}

/** As so many `run` frames. */
export function runTasks(core: Core, { framework, tasks }: LaunchTasks): void {
  for (const task of tasks) runTask(core, { kind: "run", framework, task });
}

function refuse(core: Core, frameworkId: string, info: TaskInfo, message: string): void {
  const task = newTask(frameworkId, info, null);
  addTask(core, task);
  enqueue(
    core,
    task,
    agentStatus(core, task, { state: "TASK_ERROR", reason: "REASON_TASK_INVALID", message }),
  );
}

function runCommand(core: Core, frameworkId: string, info: TaskInfo, { task: volumes }: Claim): void {
  const placement = place(core, frameworkId, info.task_id.value);
  const graceMs = durationMs(info.kill_policy?.grace_period, KILL_GRACE_MS);
  const spec = withVolumes(commandSpec(placement, info), volumes);
  const container = newContainer(placement, info.task_id.value, null, spec, graceMs);
  addContainer(core, { ...container, ...pathsOf(volumes) });
  addTask(core, newTask(frameworkId, info, container.containerId));
  launchWithVolumes(core, container.containerId, userOf(info.command ?? {}, placement.framework));
}

function runInExecutor(
  core: Core,
  frameworkId: string,
  info: TaskInfo & { executor: ExecutorInfo },
  claim: Claim,
): void {
  const running = findExecutor(core, frameworkId, info.executor.executor_id.value);
  if (running?.ending) {
    dropTask(core, newTask(frameworkId, info, null), "REASON_EXECUTOR_TERMINATED");
    return;
  }
  if (running === undefined) {
    startExecutor(core, frameworkId, info, claim);
    return;
  }
  const fault = attachFault(core, running, claim.task);
  if (fault !== null) {
    refuse(core, frameworkId, info, fault);
    return;
  }
  const attaching = claim.task.length > 0 && running.spec.image === undefined ? { attaching: true } : {};
  const task = { ...newTask(frameworkId, info, running.containerId), ...usesOf(claim.task), ...attaching };
  addTask(core, task);
  deliver(core, running, task);
}

/** It sees the volumes of its first task from its start on, as Mesos has it. */
function startExecutor(
  core: Core,
  frameworkId: string,
  info: TaskInfo & { executor: ExecutorInfo },
  claim: Claim,
): void {
  const { executor } = info;
  const executorId = executor.executor_id.value;
  const placement = place(core, frameworkId, executorId);
  const graceMs = durationMs(executor.shutdown_grace_period, EXECUTOR_SHUTDOWN_GRACE_MS);
  const spec = withVolumes(executorSpec(placement, executor), [...claim.executor, ...claim.task]);
  const container = newContainer(placement, executorId, executor, spec, graceMs);
  addContainer(core, { ...container, ...pathsOf(claim.executor) });
  addTask(core, { ...newTask(frameworkId, info, container.containerId), ...usesOf(claim.task) });
  launchWithVolumes(core, container.containerId, userOf(executor.command ?? {}, placement.framework));
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
  REASON_AGENT_DRAINING: "Task was received while agent was already draining",
  REASON_EXECUTOR_TERMINATED: "Executor terminating",
  REASON_AGENT_RESTARTED: "Task launched during agent restart",
  REASON_RESOURCES_UNKNOWN:
    "The checkpointed resources being used by the task or task group are unknown to the agent",
};

/** Hands a task to its executor; it waits for the executor's subscription if need be. */
export function deliver(core: Core, container: ContainerRecord, task: TaskRecord): void {
  if (task.delivered || !core.streamOf.has(container.containerId)) return;
  if (task.attaching === true) {
    attachVolumes(core, container, task);
    return;
  }
  task.delivered = true;
  saveTask(core, task);
  tellExecutor(core, container, { type: "LAUNCH", launch: { task: task.info } });
}

/** When they are made; the task is delivered when the executor sees them. */
function attachVolumes(core: Core, container: ContainerRecord, task: TaskRecord): void {
  const key = taskKey(task.frameworkId, task.taskId);
  releaseVolumes(core, task.volumes);
  if (core.attaching.has(key) || !areReady(core, task.volumes)) return;
  core.attaching.add(key);
  perform(core, { do: "attach-volumes", taskKey: key, spec: container.spec, mounts: task.mounts ?? [] });
}

/** A volume has been made: tasks may have waited for it. */
export function deliverWaiting(core: Core): void {
  for (const task of core.tasks.values()) {
    if (task.attaching !== true || isTerminal(task.state)) continue;
    const container = containerOf(core, task);
    if (container !== undefined) deliver(core, container, task);
  }
}

export function volumesAttached(core: Core, key: string, fault: string | null): void {
  core.attaching.delete(key);
  const task = core.tasks.get(key);
  const container = task === undefined ? undefined : containerOf(core, task);
  if (task === undefined || container === undefined || isTerminal(task.state)) return;
  if (fault !== null) {
    failAttachment(core, task, fault);
    return;
  }
  task.attaching = false;
  saveTask(core, task);
  deliver(core, container, task);
}

/** A volume cannot be made: tasks that wait for it wait no longer. */
export function failAttachments(core: Core, path: string, fault: string): void {
  for (const task of core.tasks.values()) {
    const waits = task.attaching === true && !isTerminal(task.state);
    if (waits && task.volumes?.includes(path) === true) failAttachment(core, task, fault);
  }
}

function failAttachment(core: Core, task: TaskRecord, fault: string): void {
  const facts = { state: "TASK_FAILED", reason: "REASON_CONTAINER_UPDATE_FAILED", message: fault } as const;
  enqueue(core, task, agentStatus(core, task, facts));
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

// Brings containers to their end: kill policy and grace (HC04), executors' shutdown (EX06), deadlines. An order to end
// is in the records, so that its deadline holds across a restart of the agent.
import type { KillPolicy } from "../contract/types.ts";
import {
  type Core,
  containerOf,
  findExecutor,
  findTask,
  forgetTask,
  frameworkCan,
  perform,
  saveContainer,
  saveTask,
  setWallDeadline,
  tasksIn,
  tellExecutor,
} from "./core.ts";
import { durationMs } from "./durations.ts";
import { EXECUTOR_SHUTDOWN_GRACE_MS, SIGKILL_REPEAT_MS } from "./limits.ts";
import { type ContainerRecord, type EndCause, isTerminal, type TaskRecord } from "./records.ts";
import { enqueue } from "./status-streams.ts";
import { agentStatus, commandStatus } from "./statuses.ts";
import { launchNow } from "./volumes.ts";

/** A task that is unknown or over is left alone: its status says so already. */
export function killTask(core: Core, frameworkId: string, taskId: string, policy: KillPolicy | null): void {
  const task = findTask(core, frameworkId, taskId);
  if (task === undefined || isTerminal(task.state)) return;
  const container = containerOf(core, task);
  if (container === undefined) return;
  if (container.executor !== null) {
    killInExecutor(core, container, task, policy);
    return;
  }
  const graceMs = durationMs(policy?.grace_period, container.graceMs);
  end(core, container, "kill", graceMs);
}

function killInExecutor(
  core: Core,
  container: ContainerRecord,
  task: TaskRecord,
  policy: KillPolicy | null,
): void {
  if (!task.delivered) {
    killUndelivered(core, container, task);
    return;
  }
  const told = tellExecutor(core, container, killEvent(task, policy));
  if (told) return;
  task.kill = { policy };
  saveTask(core, task);
}

export function killEvent(task: TaskRecord, policy: KillPolicy | null) {
  const kill = { task_id: { value: task.taskId }, ...(policy === null ? {} : { kill_policy: policy }) };
  return { type: "KILL", kill } as const;
}

/** The executor never hears of the task; if it was launched for this task alone it is not wanted any more. */
function killUndelivered(core: Core, container: ContainerRecord, task: TaskRecord): void {
  const reason = "REASON_TASK_KILLED_DURING_LAUNCH";
  const message = "Killed before delivery to the executor";
  enqueue(core, task, agentStatus(core, task, { state: "TASK_KILLED", reason, message }));
  const wanted = tasksIn(core, container.containerId).some(({ state }) => !isTerminal(state));
  if (!container.subscribed && !wanted) end(core, container, "executor-shutdown", 0);
}

/** Orders a container to end within the grace; a second order can only make it sooner. */
export function end(core: Core, container: ContainerRecord, cause: EndCause, graceMs: number): void {
  if (container.phase === "ended") return;
  if (container.ending !== null) {
    shorten(core, container, graceMs);
    return;
  }
  const duringLaunch = container.phase === "launching";
  const sinceMs = core.now.wallMs;
  container.ending = { cause, duringLaunch, sinceMs, killAtMs: sinceMs + graceMs };
  saveContainer(core, container);
  // One that is being launched is ended when it has started.
  if (!duringLaunch) begin(core, container);
  else launchNow(core, container.containerId);
}

function shorten(core: Core, container: ContainerRecord, graceMs: number): void {
  const { ending } = container;
  if (ending === null || ending.sinceMs + graceMs >= ending.killAtMs) return;
  ending.killAtMs = ending.sinceMs + graceMs;
  saveContainer(core, container);
  if (container.phase === "running") setWallDeadline(core, killDeadline(container), ending.killAtMs);
}

function begin(core: Core, container: ContainerRecord): void {
  tellKilling(core, container);
  askToEnd(core, container);
}

/** Says it again after a restart of the agent: the order may have been written and not sent. */
export function askToEnd(core: Core, container: ContainerRecord): void {
  const { ending } = container;
  if (ending === null) return;
  if (ending.duringLaunch) {
    killNow(core, container);
    return;
  }
  if (container.executor === null)
    perform(core, { do: "signal", id: container.containerId, signal: "SIGTERM" });
  else tellExecutor(core, container, { type: "SHUTDOWN" });
  setWallDeadline(core, killDeadline(container), ending.killAtMs);
}

/** When the grace is over, and again while the container has not ended. */
export function killNow(core: Core, container: ContainerRecord): void {
  if (container.phase !== "running") return;
  perform(core, { do: "signal", id: container.containerId, signal: "SIGKILL" });
  core.deadlines.set(killDeadline(container), core.now.monotonicMs + SIGKILL_REPEAT_MS);
}

/** TASK_KILLING for frameworks that know it (trap 40), for kills that were asked for. */
function tellKilling(core: Core, container: ContainerRecord): void {
  if (container.executor !== null || container.ending?.cause === "completion-time") return;
  if (!frameworkCan(core, container.frameworkId, "TASK_KILLING_STATE")) return;
  for (const task of tasksIn(core, container.containerId)) {
    enqueue(core, task, commandStatus(core, task, container, { state: "TASK_KILLING" }));
  }
}

export function shutdownExecutor(core: Core, frameworkId: string, executorId: string): void {
  const container = findExecutor(core, frameworkId, executorId);
  if (container !== undefined) end(core, container, "executor-shutdown", container.graceMs);
}

/** The framework is gone: nobody waits for its updates (trap 24). */
export function shutdownFramework(core: Core, frameworkId: string): void {
  const containers = [...(core.containersOf.get(frameworkId) ?? [])];
  for (const id of containers) {
    const container = core.containers.get(id);
    if (container !== undefined) end(core, container, "framework-gone", container.graceMs);
  }
  const tasks = [...core.tasks.values()].filter((task) => task.frameworkId === frameworkId);
  for (const task of tasks) {
    leaveVolumes(core, task);
    forgetTask(core, task);
  }
}

/** What runs in the executor uses the task's volumes until it has ended, whoever remembers the task. */
function leaveVolumes(core: Core, task: TaskRecord): void {
  const container = containerOf(core, task);
  if (container === undefined || task.volumes === undefined || isTerminal(task.state)) return;
  container.volumes = [...new Set([...(container.volumes ?? []), ...task.volumes])];
  saveContainer(core, container);
}

/** Every task is killed; the agent ends when the last container has. */
export function leave(core: Core, reason: string, byMaster: boolean): void {
  core.leaving ??= { reason, byMaster };
  for (const container of core.containers.values()) {
    end(core, container, "agent-shutdown", Math.min(container.graceMs, EXECUTOR_SHUTDOWN_GRACE_MS));
  }
}

function killDeadline(container: ContainerRecord): string {
  return `kill:${container.containerId}`;
}

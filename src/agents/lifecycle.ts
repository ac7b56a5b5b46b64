// What becomes of a container: started, failed to start, ended, found again after a restart of the agent; and what its
// tasks are told of it.
import type { TaskStatusReason } from "../contract/types.ts";
import type { ContainerId } from "../kernel/ids.ts";
import {
  type Core,
  dropStream,
  forgetContainerIfDone,
  perform,
  saveContainer,
  setWallDeadline,
  tasksIn,
} from "./core.ts";
import { durationMs } from "./durations.ts";
import { askToEnd, end } from "./ending.ts";
import { dropTask } from "./launching.ts";
import { type ContainerRecord, executorKey, isTerminal, type TaskRecord } from "./records.ts";
import type { ContainerExit, RuntimeFailureCode } from "./runtime.ts";
import { enqueue } from "./status-streams.ts";
import { agentStatus, commandStatus, type StatusFacts } from "./statuses.ts";
import { releaseVolumes } from "./volumes.ts";
import { describeWaitStatus } from "./wait-status.ts";

/** Wait status of a container of which no trace was left: as if SIGKILL had ended it. */
const WAIT_STATUS_UNKNOWN = 9;

export function started(core: Core, id: ContainerId, pid: number): void {
  const container = core.containers.get(id);
  if (container === undefined || container.phase !== "launching") return;
  markRunning(core, container, pid);
  const exit = core.earlyExits.get(id);
  core.earlyExits.delete(id);
  if (container.ending !== null) askToEnd(core, container);
  if (exit !== undefined) exited(core, { id, ...exit });
}

function markRunning(core: Core, container: ContainerRecord, pid: number): void {
  container.phase = "running";
  container.pid = pid;
  saveContainer(core, container);
  if (container.executor !== null) {
    awaitSubscription(core, container, core.settings.executorRegistrationMsMax);
    return;
  }
  if (container.ending !== null) return;
  for (const task of tasksIn(core, container.containerId)) {
    enqueue(core, task, commandStatus(core, task, container, { state: "TASK_STARTING" }));
    enqueue(core, task, commandStatus(core, task, container, { state: "TASK_RUNNING" }));
    limitCompletion(core, container, task);
  }
}

function limitCompletion(core: Core, container: ContainerRecord, task: TaskRecord): void {
  const limit = task.info.max_completion_time;
  if (limit === undefined) return;
  container.completeByMs = core.now.wallMs + durationMs(limit, 0);
  setWallDeadline(core, `complete:${container.containerId}`, container.completeByMs);
}

function awaitSubscription(core: Core, container: ContainerRecord, msMax: number): void {
  core.deadlines.set(`register:${container.containerId}`, core.now.monotonicMs + msMax);
}

/** When the deadline `complete:<id>` has passed (SC38). */
export function completionTimeReached(core: Core, container: ContainerRecord): void {
  end(core, container, "completion-time", container.graceMs);
}

/** When the deadline `register:<id>` has passed (EX17, trap 31). */
export function subscriptionTimedOut(core: Core, container: ContainerRecord): void {
  const cause = container.subscribed ? "reregistration-timeout" : "registration-timeout";
  end(core, container, cause, 0);
}

export function launchFailed(core: Core, id: ContainerId, code: RuntimeFailureCode, message: string): void {
  const container = core.containers.get(id);
  if (container === undefined || container.phase !== "launching") return;
  if (container.ending !== null) {
    launchCancelled(core, id);
    return;
  }
  const text = `Failed to launch container (${code}): ${message}`;
  const facts = { state: "TASK_FAILED", reason: "REASON_CONTAINER_LAUNCH_FAILED", message: text } as const;
  settle(core, container, (task) => agentStatus(core, task, facts));
}

export function launchCancelled(core: Core, id: ContainerId): void {
  const container = core.containers.get(id);
  if (container === undefined || container.phase !== "launching") return;
  settle(core, container, (task) => agentStatus(core, task, killedDuringLaunch));
}

const killedDuringLaunch: StatusFacts = {
  state: "TASK_KILLED",
  reason: "REASON_TASK_KILLED_DURING_LAUNCH",
  message: "Killed during launch",
};

export function exited(core: Core, exit: ContainerExit): void {
  const container = core.containers.get(exit.id);
  if (container === undefined) {
    perform(core, { do: "remove-container", id: exit.id });
    return;
  }
  if (container.phase === "launching") return void core.earlyExits.set(exit.id, exit);
  if (container.phase === "ended") return;
  if (container.executor === null) settleCommand(core, container, exit);
  else settleExecutor(core, container, exit);
}

function settleCommand(core: Core, container: ContainerRecord, exit: ContainerExit): void {
  settle(core, container, (task) => {
    if (exit.outOfMemory) return agentStatus(core, task, memoryFacts(container));
    if (container.ending?.duringLaunch) return agentStatus(core, task, killedDuringLaunch);
    return commandStatus(core, task, container, commandFacts(container, exit.waitStatus));
  });
}

/** A kill that was asked for counts for more than the exit code (MESOS-7975). */
function commandFacts(container: ContainerRecord, waitStatus: number): StatusFacts {
  const message = `Command ${describeWaitStatus(waitStatus)}`;
  if (container.ending?.cause === "completion-time") {
    return { state: "TASK_FAILED", reason: "REASON_MAX_COMPLETION_TIME_REACHED", message };
  }
  if (container.ending !== null) return { state: "TASK_KILLED", message };
  return { state: waitStatus === 0 ? "TASK_FINISHED" : "TASK_FAILED", message };
}

function memoryFacts(container: ContainerRecord): StatusFacts {
  const megabytes = container.spec.limits.memoryBytes / (1024 * 1024);
  const resource = { name: "mem", type: "SCALAR", scalar: { value: megabytes } } as const;
  return {
    state: "TASK_FAILED",
    reason: "REASON_CONTAINER_LIMITATION_MEMORY",
    message: `Memory limit exceeded: the container used more than its ${megabytes} MB`,
    limitation: { resources: [resource] },
  };
}

/** FAILURE is told before the tasks' updates, as recorded (trap 30). */
function settleExecutor(core: Core, container: ContainerRecord, exit: ContainerExit): void {
  const { frameworkId, executorId } = container;
  const { waitStatus } = exit;
  if (container.ending?.cause !== "framework-gone") {
    perform(core, { do: "send", frame: { kind: "executor-exited", frameworkId, executorId, waitStatus } });
  }
  settle(core, container, (task) => agentStatus(core, task, executorFacts(core, container, exit)));
}

function executorFacts(core: Core, container: ContainerRecord, exit: ContainerExit): StatusFacts {
  if (exit.outOfMemory) return memoryFacts(container);
  const [reason, message] = executorEnd(core, container);
  return { state: "TASK_FAILED", reason, message };
}

function executorEnd(core: Core, container: ContainerRecord): readonly [TaskStatusReason, string] {
  const { executorRegistrationMsMax, executorReregistrationMsMax } = core.settings;
  switch (container.ending?.cause) {
    case "registration-timeout":
      return [
        "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        `Executor did not register within ${executorRegistrationMsMax} ms`,
      ];
    case "reregistration-timeout":
      return [
        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
        `Executor did not reregister within ${executorReregistrationMsMax} ms`,
      ];
    default:
      return ["REASON_EXECUTOR_TERMINATED", "Executor terminated"];
  }
}

/** The container is over: its live tasks get their last status, the runtime may clean up. */
function settle(
  core: Core,
  container: ContainerRecord,
  lastStatus: (task: TaskRecord) => ReturnType<typeof agentStatus>,
): void {
  const id = container.containerId;
  container.phase = "ended";
  saveContainer(core, container);
  for (const name of ["kill", "complete", "register"]) core.deadlines.clear(`${name}:${id}`);
  core.waiting.delete(id);
  releaseVolumes(core, container.volumes);
  core.earlyExits.delete(id);
  const streamId = dropStream(core, id);
  if (streamId !== null) perform(core, { do: "executor-close", streamId });
  dropExecutorIndex(core, container);
  for (const task of tasksIn(core, id)) {
    if (!isTerminal(task.state)) enqueue(core, task, lastStatus(task));
  }
  perform(core, { do: "remove-container", id });
  forgetContainerIfDone(core, id);
}

function dropExecutorIndex(core: Core, container: ContainerRecord): void {
  const key = executorKey(container.frameworkId, container.executorId);
  if (core.executors.get(key) === container.containerId) core.executors.delete(key);
}

/** After a restart of the agent. @param pid null if the runtime has no trace of the container */
export function recovered(core: Core, id: ContainerId, pid: number | null): void {
  const container = core.containers.get(id);
  if (container === undefined) return;
  if (container.phase === "ended") {
    perform(core, { do: "remove-container", id });
    return;
  }
  if (pid === null) {
    lost(core, container);
    return;
  }
  if (container.phase === "launching") started(core, id, pid);
  else resume(core, container, pid);
}

/** Not started: the task never ran and is not started now, for that could run it twice. Started: its end was missed. */
function lost(core: Core, container: ContainerRecord): void {
  if (container.ending?.duringLaunch) {
    settle(core, container, (task) => agentStatus(core, task, killedDuringLaunch));
    return;
  }
  if (container.phase === "launching") {
    dropLaunch(core, container);
    return;
  }
  const exit = { id: container.containerId, waitStatus: WAIT_STATUS_UNKNOWN, outOfMemory: false };
  if (container.executor !== null) {
    settleExecutor(core, container, exit);
    return;
  }
  settle(core, container, (task) => agentStatus(core, task, vanished));
}

const vanished: StatusFacts = {
  state: "TASK_FAILED",
  reason: "REASON_EXECUTOR_TERMINATED",
  message: "The container ended while the agent was down and left no exit status",
};

function dropLaunch(core: Core, container: ContainerRecord): void {
  for (const task of tasksIn(core, container.containerId)) {
    if (!isTerminal(task.state)) dropTask(core, task, "REASON_AGENT_RESTARTED");
  }
  settle(core, container, (task) => agentStatus(core, task, vanished));
}

function resume(core: Core, container: ContainerRecord, pid: number): void {
  container.pid = pid;
  if (container.executor !== null) awaitSubscription(core, container, waitAfterRestart(core, container));
  if (container.completeByMs !== null && container.ending === null) {
    setWallDeadline(core, `complete:${container.containerId}`, container.completeByMs);
  }
  askToEnd(core, container);
}

function waitAfterRestart(core: Core, container: ContainerRecord): number {
  const { executorRegistrationMsMax, executorReregistrationMsMax } = core.settings;
  return container.subscribed ? executorReregistrationMsMax : executorRegistrationMsMax;
}

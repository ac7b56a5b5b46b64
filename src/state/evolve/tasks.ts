// The life of a task in the state: launched, updated, acknowledged, unreachable and back, completed.
import { allocateTo, recover } from "../../allocator/index.ts";
import type { Millis } from "../../kernel/ids.ts";
import type { EventOf, TaskLaunched, TaskStatusUpdated } from "../events.ts";
import { COMPLETED_TASKS_MAX, STATUSES_MAX, UNREACHABLE_TASKS_MAX } from "../limits.ts";
import { agentOf, frameworkOf, taskOf } from "../lookups.ts";
import type { ClusterState, Framework, Task, TaskStatus } from "../model.ts";
import { deletePair, setPair } from "../pairs.ts";
import { isTerminal } from "../statuses.ts";
import { startExecutor } from "./executors.ts";

export function taskLaunched(state: ClusterState, event: TaskLaunched, time: Millis): void {
  const framework = frameworkOf(state, event.frameworkId);
  const agent = agentOf(state, event.agentId);
  startExecutor(state, framework, event);
  const task = newTask(event, time);
  allocateTo(state.allocator, framework.id, task.role, agent.id, task.resources);
  framework.tasks.set(task.id, task);
  setPair(agent.tasks, framework.id, task.id, true);
}

export function taskStatusUpdated(state: ClusterState, event: TaskStatusUpdated): void {
  const framework = frameworkOf(state, event.frameworkId);
  const task = taskOf(state, event.frameworkId, event.taskId);
  if (!isTerminal(task.state) || isTerminal(event.latestState)) task.state = event.latestState;
  tell(task, event.status);
  if (event.status.uuid !== null) task.unacknowledged = event.status;
  if (isTerminal(task.state)) release(state, framework, task);
  if (event.status.uuid === null && isTerminal(event.status.state)) complete(state, framework, task);
}

export function taskStatusAcknowledged(state: ClusterState, event: EventOf<"TaskStatusAcknowledged">): void {
  const framework = frameworkOf(state, event.frameworkId);
  const task = taskOf(state, event.frameworkId, event.taskId);
  const told = task.unacknowledged?.state;
  task.acknowledgedUuid = event.uuid;
  task.unacknowledged = null;
  if (told !== undefined && isTerminal(told)) complete(state, framework, task);
}

export function taskUnreachable(state: ClusterState, event: EventOf<"TaskUnreachable">): void {
  const framework = frameworkOf(state, event.frameworkId);
  const task = taskOf(state, event.frameworkId, event.taskId);
  release(state, framework, task);
  task.state = event.status.state;
  tell(task, event.status);
  framework.tasks.delete(task.id);
  framework.unreachableTasks.set(task.id, task);
  if (framework.unreachableTasks.size <= UNREACHABLE_TASKS_MAX) return;
  for (const oldest of framework.unreachableTasks.values()) {
    complete(state, framework, oldest);
    return;
  }
}

export function taskRecovered(state: ClusterState, event: EventOf<"TaskRecovered">): void {
  const framework = frameworkOf(state, event.frameworkId);
  const task = taskOf(state, event.frameworkId, event.taskId);
  framework.unreachableTasks.delete(task.id);
  framework.tasks.set(task.id, task);
  task.state = event.status.state;
  tell(task, event.status);
  if (isTerminal(task.state)) return;
  task.holdsResources = true;
  allocateTo(state.allocator, framework.id, task.role, task.agentId, task.resources);
}

export function taskKillRequested(state: ClusterState, event: EventOf<"TaskKillRequested">): void {
  taskOf(state, event.frameworkId, event.taskId).kill = { policy: event.policy };
}

/** The task's resources are free again, if they are not yet (trap 3). */
export function release(state: ClusterState, framework: Framework, task: Task): void {
  if (!task.holdsResources) return;
  task.holdsResources = false;
  recover(state.allocator, framework.id, task.role, task.agentId, task.resources);
}

/** The task is history: neither its agent nor its framework will say anything of it that matters. */
export function complete(state: ClusterState, framework: Framework, task: Task): void {
  release(state, framework, task);
  framework.tasks.delete(task.id);
  framework.unreachableTasks.delete(task.id);
  const agent = state.agents.get(task.agentId);
  if (agent !== undefined) deletePair(agent.tasks, framework.id, task.id);
  task.unacknowledged = null;
  task.kill = null;
  framework.completedTasks.push(task);
  if (framework.completedTasks.length > COMPLETED_TASKS_MAX) framework.completedTasks.shift();
}

/** Adds to what the framework has been told (trap 40): a state that repeats takes the place of the one before. */
export function tell(task: Task, status: TaskStatus): void {
  const history = withoutData(status);
  const { statuses } = task;
  if (statuses.at(-1)?.state === status.state) statuses[statuses.length - 1] = history;
  else statuses.push(history);
  if (statuses.length > STATUSES_MAX) statuses.shift();
}

function newTask(event: TaskLaunched, time: Millis): Task {
  return {
    id: event.taskId,
    frameworkId: event.frameworkId,
    agentId: event.agentId,
    executorId: event.executor?.executorId ?? null,
    role: event.role,
    resources: event.resources,
    wire: event.wire,
    launchedAt: time,
    state: "TASK_STAGING",
    statuses: [],
    unacknowledged: null,
    acknowledgedUuid: null,
    kill: null,
    holdsResources: true,
  };
}

function withoutData(status: TaskStatus): TaskStatus {
  const { state, uuid, at, wire, data } = status;
  if (data !== undefined) return { state, uuid, at, wire };
  if (typeof wire === "string" || wire instanceof Uint8Array || !("data" in wire)) return status;
  const { data: _data, ...rest } = wire;
  return { state, uuid, at, wire: rest };
}

// An agent has registered and said what it has: what it must be told, and what became of the tasks and executors that
// the cluster thought it had (traps 7, 10, 24, 33). Each register message says all, and what was sent on an older
// connection does not arrive after it, so what the agent does not name it does not have.
import { contains, NO_RESOURCES, type Resources, withoutExclusive } from "../../allocator/index.ts";
import type { ExecutorId, FrameworkId, Millis, TaskId } from "../../kernel/ids.ts";
import { totalOf, totalWith } from "../agent-resources.ts";
import type { RegisterAgent } from "../commands.ts";
import type { Aftermath, Event, ExecutorRef, TaskRef } from "../events.ts";
import { executorsOn } from "../evolve/executors.ts";
import { frameworkOf, taskOf } from "../lookups.ts";
import type { Agent, ClusterState, Framework, Task, TaskStateName } from "../model.ts";
import { pairsOf, setPair } from "../pairs.ts";
import { isTerminal, type MasterReason, orLost, refOf, sentState, statusOfTask } from "../statuses.ts";
import { leftOf } from "../usage.ts";

export interface Reunion extends Aftermath {
  /** To be applied after the agent is registered. */
  readonly events: readonly Event[];
}

interface Draft {
  /** Nothing is launched on the agent any more. */
  readonly isDraining: boolean;
  readonly run: TaskRef[];
  readonly kill: TaskRef[];
  readonly shutdownFrameworks: Set<FrameworkId>;
  readonly events: Event[];
  /** Executors that a task on the agent needs, whether the agent has started them yet or not. */
  readonly needed: Map<FrameworkId, Map<ExecutorId, true>>;
}

type Reported = Map<FrameworkId, Map<TaskId, TaskStateName>>;

/** @param agent null for one that is new to the cluster */
export function reunite(
  state: ClusterState,
  agent: Agent | null,
  command: RegisterAgent,
  now: Millis,
): Reunion {
  const isDraining = (agent?.deactivation?.drain ?? null) !== null;
  const draft: Draft = {
    isDraining,
    run: [],
    kill: [],
    shutdownFrameworks: new Set(),
    events: [],
    needed: new Map(),
  };
  const reported: Reported = new Map();
  for (const { frameworkId, taskId, state: name } of command.tasks) {
    setPair(reported, frameworkId, taskId, name);
  }
  if (agent !== null) reuniteKnown(state, agent, reported, draft, now);
  for (const [frameworkId, taskId, name] of pairsOf(reported)) {
    if (agent?.tasks.get(frameworkId)?.has(taskId) === true) continue;
    if (!state.frameworks.has(frameworkId)) draft.shutdownFrameworks.add(frameworkId);
    else if (!isTerminal(name)) draft.kill.push({ frameworkId, taskId });
  }
  const shutdownExecutors = strangers(state, agent, command, draft);
  const lost = agent === null ? [] : lostExecutors(agent, command, draft);
  const { run, kill, shutdownFrameworks } = draft;
  const events = agent === null ? [] : recoverable(state, agent, command, lost, draft, now);
  return {
    lostExecutors: lost,
    corrections: { run, kill, shutdownExecutors, shutdownFrameworks: [...shutdownFrameworks] },
    events,
  };
}

function reuniteKnown(
  state: ClusterState,
  agent: Agent,
  reported: Reported,
  draft: Draft,
  now: Millis,
): void {
  for (const [frameworkId, taskId] of pairsOf(agent.tasks)) {
    const framework = frameworkOf(state, frameworkId);
    const task = taskOf(state, frameworkId, taskId);
    const name = reported.get(frameworkId)?.get(taskId);
    if (name === undefined) reuniteMissing(framework, task, draft, now);
    else reunitePresent(framework, task, name, draft, now);
  }
}

function reunitePresent(
  framework: Framework,
  task: Task,
  name: TaskStateName,
  draft: Draft,
  now: Millis,
): void {
  if (framework.unreachableTasks.has(task.id)) {
    const parts = {
      state: name,
      reason: "AGENT_REREGISTERED",
      message: "Unreachable agent re-registered",
    } as const;
    const status = statusOfTask(task, parts, now);
    draft.events.push({ kind: "TaskRecovered", ...refOf(framework, task), status });
  }
  if (isTerminal(name)) return;
  need(draft, framework, task);
  if (task.kill !== null) draft.kill.push({ frameworkId: framework.id, taskId: task.id });
}

/**
 * The same events, without the return of tasks whose resources are no longer there for them. Those of a task whose end its
 * agent has told are somebody else's by now, and an agent may say of such a task that it runs.
 */
function recoverable(
  state: ClusterState,
  agent: Agent,
  { spec }: RegisterAgent,
  lost: readonly ExecutorRef[],
  draft: Draft,
  now: Millis,
): readonly Event[] {
  if (!draft.events.some(({ kind }) => kind === "TaskRecovered")) return draft.events;
  // Some of them may be applied before what the agent has now is.
  const totals = [totalOf(agent), totalWith(agent, spec.resources) ?? NO_RESOURCES];
  let left = totals.map((total) => leftOf(total, heldAgain(state, agent, lost)) ?? NO_RESOURCES);
  const ends: Event[] = [];
  const events = draft.events.filter((event) => {
    if (event.kind !== "TaskRecovered" || isTerminal(event.status.state)) return true;
    const { frameworkId, taskId } = event;
    const task = taskOf(state, frameworkId, taskId);
    if (left.every((each) => contains(each, task.resources))) {
      left = left.map((each) => withoutExclusive(each, task.resources));
      return true;
    }
    draft.kill.push({ frameworkId, taskId });
    ends.push(endOfTask(frameworkOf(state, frameworkId), task, now));
    return false;
  });
  return [...events, ...ends];
}

function endOfTask(framework: Framework, task: Task, now: Millis): Event {
  const name = orLost(framework, "TASK_GONE");
  const message = "Task was told to have ended; what it used is in use by others";
  const status = statusOfTask(task, { state: name, reason: "AGENT_REREGISTERED", message }, now);
  return { kind: "TaskStatusUpdated", ...refOf(framework, task), status, latestState: name };
}

/** What is held on the agent already, and by its executors once it is back. */
function* heldAgain(state: ClusterState, agent: Agent, lost: readonly ExecutorRef[]): Generator<Resources> {
  for (const [frameworkId, taskId] of pairsOf(agent.tasks)) {
    const task = taskOf(state, frameworkId, taskId);
    if (task.holdsResources) yield task.resources;
  }
  const gone = new Map<FrameworkId, Map<ExecutorId, true>>();
  for (const { frameworkId, executorId } of lost) setPair(gone, frameworkId, executorId, true);
  for (const [framework, executor] of executorsOn(state, agent)) {
    if (gone.get(framework.id)?.has(executor.id) !== true) yield executor.resources;
  }
}

/** A terminal state that the framework has been told stays: its acknowledgement ends the task. */
function reuniteMissing(framework: Framework, task: Task, draft: Draft, now: Millis): void {
  const unreachable = framework.unreachableTasks.has(task.id);
  if (!unreachable && isTerminal(sentState(task))) return;
  if (!unreachable && task.state === "TASK_STAGING") {
    reuniteUndelivered(framework, task, draft, now);
    return;
  }
  const message = "Task is unknown to the agent that re-registered";
  end(framework, task, orLost(framework, "TASK_GONE"), "AGENT_REREGISTERED", message, draft, now);
}

/** The agent never heard of the task. */
function reuniteUndelivered(framework: Framework, task: Task, draft: Draft, now: Millis): void {
  if (task.kill !== null) {
    const message = "Killed before delivery to the agent";
    end(framework, task, "TASK_KILLED", "TASK_KILLED_DURING_LAUNCH", message, draft, now);
  } else if (draft.isDraining) {
    const message = "Task was received while agent was already draining";
    end(framework, task, orLost(framework, "TASK_DROPPED"), "AGENT_DRAINING", message, draft, now);
  } else {
    need(draft, framework, task);
    draft.run.push({ frameworkId: framework.id, taskId: task.id });
  }
}

function end(
  framework: Framework,
  task: Task,
  name: TaskStateName,
  reason: MasterReason,
  message: string,
  draft: Draft,
  now: Millis,
): void {
  const status = statusOfTask(task, { state: name, reason, message }, now);
  draft.events.push({ kind: "TaskStatusUpdated", ...refOf(framework, task), status, latestState: name });
}

function need(draft: Draft, framework: Framework, task: Task): void {
  if (task.executorId !== null) setPair(draft.needed, framework.id, task.executorId, true);
}

function lostExecutors(agent: Agent, command: RegisterAgent, { needed }: Draft): readonly ExecutorRef[] {
  const alive = new Map<FrameworkId, Map<ExecutorId, true>>();
  for (const { frameworkId, executorId } of command.executors) setPair(alive, frameworkId, executorId, true);
  const lost: ExecutorRef[] = [];
  for (const [frameworkId, executorId] of pairsOf(agent.executors)) {
    if (alive.get(frameworkId)?.has(executorId) === true) continue;
    if (needed.get(frameworkId)?.has(executorId) === true) continue;
    lost.push({ frameworkId, executorId });
  }
  return lost;
}

/** Executors of live frameworks that the cluster does not know; those of dead ones fall with their framework. */
function strangers(
  state: ClusterState,
  agent: Agent | null,
  command: RegisterAgent,
  draft: Draft,
): readonly ExecutorRef[] {
  const unknown: ExecutorRef[] = [];
  for (const { frameworkId, executorId } of command.executors) {
    if (!state.frameworks.has(frameworkId)) draft.shutdownFrameworks.add(frameworkId);
    else if (agent?.executors.get(frameworkId)?.has(executorId) !== true) {
      unknown.push({ frameworkId, executorId });
    }
  }
  return unknown;
}

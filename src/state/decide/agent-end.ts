// An agent leaves for good: by itself, marked as gone, or because its machine goes down. What its tasks are told, in
// which order, and how much of it fits into one entry.
import type { Millis } from "../../kernel/ids.ts";
import type { Context } from "../commands.ts";
import type { AgentRemoved, Event, EventOf } from "../events.ts";
import { TASKS_AT_ONCE_MAX } from "../limits.ts";
import { after, frameworkOf } from "../lookups.ts";
import type { Agent, ClusterState, Framework, Task } from "../model.ts";
import { countPairs, pairsOf } from "../pairs.ts";
import { isTerminal, type MasterStatus, orLost, refOf, sentState, statusOfTask } from "../statuses.ts";

export interface Farewell {
  readonly cause: Exclude<AgentRemoved["cause"], "expired">;
  /** To its frameworks. */
  readonly message: string;
}

export interface AgentEnd {
  /** To be applied in this order: update, rescind, failure (recorded). */
  readonly events: readonly Event[];
  /** False if there was no room for all that it held: the agent is still there, and must be offered no more. */
  readonly isWhole: boolean;
}

/**
 * @param connectionId of the agent, if it is to be told
 * @param room events at most, but for two
 */
export function endOf(
  state: ClusterState,
  agent: Agent,
  farewell: Farewell,
  connectionId: string | null,
  room: number,
  now: Millis,
): AgentEnd {
  const losses: Event[] = [];
  for (const [frameworkId, taskId] of pairsOf(agent.tasks)) {
    const framework = frameworkOf(state, frameworkId);
    const task = taskToEnd(framework, taskId, farewell);
    if (task === undefined) continue;
    if (losses.length >= room) return { events: losses, isWhole: false };
    const status = statusOfTask(task, lossOf(framework, farewell), now);
    losses.push({ kind: "TaskStatusUpdated", ...refOf(framework, task), status, latestState: status.state });
  }
  if (heldBy(agent) - losses.length > TASKS_AT_ONCE_MAX) {
    const some = losses.length > 0 ? losses : [historyForgotten(agent, TASKS_AT_ONCE_MAX)];
    return { events: some, isWhole: false };
  }
  const told = connectionId === null ? {} : { connectionId };
  const removed: Event = { kind: "AgentRemoved", agentId: agent.id, cause: farewell.cause, ...told };
  return { events: [...losses, ...rescission(state, agent, "agent-removed"), removed], isWhole: true };
}

/** Of an agent that unregisters, tasks that are unreachable have had their word. */
function taskToEnd(framework: Framework, taskId: Task["id"], { cause }: Farewell): Task | undefined {
  const task = framework.tasks.get(taskId);
  if (task !== undefined) return isTerminal(sentState(task)) ? undefined : task;
  return cause === "unregistered" ? undefined : framework.unreachableTasks.get(taskId);
}

/** One that unregisters leaves TASK_LOST also for frameworks that know partitions (recorded; trap 9). */
function lossOf(
  framework: Framework,
  { cause, message }: Farewell,
): Pick<MasterStatus, "state" | "reason" | "message"> {
  const state = cause === "unregistered" ? "TASK_LOST" : orLost(framework, "TASK_GONE_BY_OPERATOR");
  const reason = state === "TASK_LOST" ? "AGENT_REMOVED" : "AGENT_REMOVED_BY_OPERATOR";
  return { state, reason, message };
}

/** Tasks and executors. */
export function heldBy({ tasks, executors }: Agent): number {
  return countPairs(tasks) + countPairs(executors);
}

export function historyForgotten({ id, tasks, executors }: Agent, room: number): Event {
  const some = Math.min(room, countPairs(tasks));
  const others = Math.min(room - some, countPairs(executors));
  return { kind: "AgentHistoryForgotten", agentId: id, tasks: some, executors: others };
}

/** Nothing more is launched on the agent. */
export function absence(
  state: ClusterState,
  agent: Agent,
  connectionId: string,
  cause: EventOf<"OffersRescinded">["cause"],
  { now, settings }: Context,
): readonly Event[] {
  if (agent.connection.kind === "disconnected") return [];
  const deadline = after(now, settings.agentReconnectMs);
  return [
    ...rescission(state, agent, cause),
    { kind: "AgentDisconnected", agentId: agent.id, connectionId, deadline },
  ];
}

/** All that is offered of the agent is rescinded, and what frameworks are asked about it. */
export function rescission(
  state: ClusterState,
  agent: Agent,
  cause: EventOf<"OffersRescinded">["cause"],
): readonly Event[] {
  const offers = [];
  for (const offerId of agent.offers.keys()) {
    const offer = state.offers.get(offerId);
    if (offer !== undefined) offers.push({ frameworkId: offer.frameworkId, offerId });
  }
  const asked = [];
  for (const [frameworkId, { offerId }] of state.maintenance.inverse.get(agent.id) ?? []) {
    if (offerId !== null) asked.push({ offerId, frameworkId, agentId: agent.id });
  }
  return [
    ...(offers.length === 0 ? [] : [{ kind: "OffersRescinded", cause, offers } as const]),
    ...(asked.length === 0 ? [] : [{ kind: "InverseOffersRescinded", offers: asked } as const]),
  ];
}

// A framework goes. One event ends all its tasks; of one that has very many most are ended before, in entries of their
// own, so that no turn of any replica is long. Nothing else is decided in between. If leadership is lost there, the
// framework is disconnected and has lost part of its tasks; agents are told to end them when they register again.
import type { AgentId, Millis } from "../../kernel/ids.ts";
import { eventsBytesAtMost } from "../codec.ts";
import type { Context } from "../commands.ts";
import type { Effect } from "../effects.ts";
import type { Event, FrameworkRemoved } from "../events.ts";
import { ENDS_BYTES_MAX, TASKS_AT_ONCE_MAX } from "../limits.ts";
import { after, isConnected } from "../lookups.ts";
import type { ClusterState, Framework, Task } from "../model.ts";
import { statusInBytes } from "../own-bytes.ts";
import { isTerminal, refOf, statusOfTask } from "../statuses.ts";
import { type Accepted, accepted, partly } from "./decision.ts";

type Cause = FrameworkRemoved["cause"];

export function remove(state: ClusterState, framework: Framework, cause: Cause, context: Context): Accepted {
  if (taskCount(framework) <= TASKS_AT_ONCE_MAX) return accepted([removalOf(framework, cause)]);
  return partly(
    [...disconnection(framework, context.now), ...someEnds(framework, context.now)],
    { kind: "teardown", frameworkId: framework.id, cause },
    [...streamEnd(framework), ...shutdowns(state, framework)],
  );
}

/** Tasks that the removal of this framework ends. */
export function taskCount({ tasks, unreachableTasks }: Framework): number {
  return tasks.size + unreachableTasks.size;
}

export function removalOf(framework: Framework, cause: Cause): Event {
  const agentIds = new Set(framework.executors.keys());
  for (const task of framework.tasks.values()) agentIds.add(task.agentId);
  for (const task of framework.unreachableTasks.values()) agentIds.add(task.agentId);
  const { id, connection } = framework;
  const streamId = connection.kind === "connected" ? connection.streamId : null;
  return { kind: "FrameworkRemoved", frameworkId: id, cause, streamId, agentIds: [...agentIds] };
}

/** It hears nothing of its tasks' ends (trap 24), and a leader that finds them half done waits for it no longer than usual. */
function disconnection({ id, connection, spec }: Framework, now: Millis): readonly Event[] {
  if (connection.kind !== "connected") return [];
  const { streamId } = connection;
  const deadline = after(now, spec.failoverTimeoutMs);
  return [{ kind: "FrameworkDisconnected", frameworkId: id, streamId, deadline }];
}

function streamEnd({ connection }: Framework): readonly Effect[] {
  return connection.kind === "connected"
    ? [{ to: "stream", streamId: connection.streamId, error: null }]
    : [];
}

function shutdowns(state: ClusterState, framework: Framework): readonly Effect[] {
  const agentIds = new Set<AgentId>();
  for (const task of firstTasks(framework)) agentIds.add(task.agentId);
  const message = { kind: "shutdown-framework", frameworkId: framework.id } as const;
  return [...agentIds]
    .filter((agentId) => isConnected(state.agents.get(agentId)))
    .map((agentId) => ({ to: "agent", agentId, message }));
}

/** The state of a task that has ended stays. At least one, and no more than an entry has room for. */
function someEnds(framework: Framework, now: Millis): readonly Event[] {
  const events: Event[] = [];
  let bytes = 0;
  for (const task of firstTasks(framework)) {
    const event = endOf(framework, task, now);
    bytes += eventsBytesAtMost([event]);
    if (bytes > ENDS_BYTES_MAX && events.length > 0) break;
    events.push(event);
  }
  return events;
}

function endOf(framework: Framework, task: Task, now: Millis): Event {
  const message = "Framework has been removed";
  const state = isTerminal(task.state) ? task.state : "TASK_KILLED";
  const told = task.unacknowledged ?? task.statuses.at(-1);
  const status =
    told?.state === state
      ? { ...statusInBytes(told), uuid: null }
      : statusOfTask(task, { state, reason: "FRAMEWORK_REMOVED", message }, now);
  return { kind: "TaskStatusUpdated", ...refOf(framework, task), status, latestState: state };
}

function firstTasks({ tasks, unreachableTasks }: Framework): readonly Task[] {
  const first: Task[] = [];
  for (const some of [tasks, unreachableTasks]) {
    for (const task of some.values()) {
      if (first.length === TASKS_AT_ONCE_MAX) return first;
      first.push(task);
    }
  }
  return first;
}

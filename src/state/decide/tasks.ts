// What frameworks and agents say of tasks that exist: kill, acknowledge, status updates, executors that exit.
import type { Command, Context } from "../commands.ts";
import type { Effect } from "../effects.ts";
import type { Event } from "../events.ts";
import { findExecutor, findTask, isConnected } from "../lookups.ts";
import type { ClusterState, Task } from "../model.ts";
import { isTerminal } from "../statuses.ts";
import { accepted, answered, type Decision, dropped, rejected } from "./decision.ts";
import { connectedFramework } from "./frameworks.ts";
import { answer } from "./reconcile.ts";

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

/**
 * Trap 7: an unknown task is answered by reconciliation, a wrong agent drops the call. The kill is kept with the task
 * and said again when its agent comes back, also after it was unreachable.
 */
export function decideKill(
  state: ClusterState,
  { frameworkId, taskId, agentId, policy }: CommandOf<"kill">,
  { now }: Context,
): Decision {
  const found = connectedFramework(state, frameworkId);
  if ("refusal" in found) return found.refusal;
  const { framework } = found;
  const task = findTask(state, frameworkId, taskId);
  if (task === undefined) return answered([answer(state, framework, taskId, agentId, now)]);
  if (agentId !== null && agentId !== task.agentId) return dropped();
  const unreachable = framework.unreachableTasks.has(taskId);
  if (!unreachable && isTerminal(task.state)) return dropped();
  const event = { kind: "TaskKillRequested", frameworkId, taskId, agentId: task.agentId, policy } as const;
  const effects = unreachable ? [answer(state, framework, taskId, agentId, now)] : [];
  return { ...accepted([event]), effects };
}

/**
 * Only the update that is waiting can be acknowledged; anything else is dropped (trap 2). It counts also while the agent
 * is away: when the agent repeats the update it is told at once.
 */
export function decideAcknowledge(
  state: ClusterState,
  { frameworkId, agentId, taskId, uuid }: CommandOf<"acknowledge">,
): Decision {
  const found = connectedFramework(state, frameworkId);
  if ("refusal" in found) return found.refusal;
  const task = findTask(state, frameworkId, taskId);
  if (task === undefined || task.agentId !== agentId || task.unacknowledged?.uuid !== uuid) return dropped();
  return accepted([{ kind: "TaskStatusAcknowledged", frameworkId, taskId, agentId, uuid }]);
}

export function decideUpdateStatus(state: ClusterState, command: CommandOf<"update-status">): Decision {
  const { agentId, frameworkId, taskId, status, latestState } = command;
  const agent = state.agents.get(agentId);
  if (agent === undefined || agent.connection.kind === "unreachable") {
    return rejected("agent-unknown", "The agent is not registered");
  }
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined) {
    return answered([{ to: "agent", agentId, message: { kind: "shutdown-framework", frameworkId } }]);
  }
  if (framework.unreachableTasks.has(taskId)) {
    return rejected("agent-unknown", "The task is unreachable until its agent registers again");
  }
  const task = findTask(state, frameworkId, taskId);
  if (task === undefined || task.agentId !== agentId || isRepeated(task, status.uuid)) {
    return answered(acknowledgement(command));
  }
  const { unacknowledged } = task;
  if (status.uuid !== null && unacknowledged?.uuid === status.uuid) {
    const again = { kind: "update", status: unacknowledged, taskId, agentId } as const;
    if (!isConnected(state.frameworks.get(frameworkId))) return dropped();
    return answered([{ to: "framework", frameworkId, event: again }]);
  }
  return accepted([{ kind: "TaskStatusUpdated", frameworkId, taskId, agentId, status, latestState }]);
}

/** Each as if it had come alone; all are decided against the state before the first. */
export function decideUpdateStatuses(
  state: ClusterState,
  { agentId, updates }: CommandOf<"update-statuses">,
): Decision {
  const events: Event[] = [];
  const effects: Effect[] = [];
  const seen = new Set<string>();
  for (const update of updates) {
    const task = `${update.frameworkId} ${update.taskId}`;
    if (seen.has(task)) continue;
    seen.add(task);
    const decision = decideUpdateStatus(state, { kind: "update-status", agentId, ...update });
    if (decision.kind === "rejected") return decision;
    events.push(...decision.events);
    effects.push(...decision.effects);
  }
  return { ...accepted(events), effects };
}

function isRepeated(task: Task, uuid: string | null): boolean {
  return uuid !== null && task.acknowledgedUuid === uuid;
}

/** So that the agent does not repeat an update for which nobody waits. */
function acknowledgement({
  agentId,
  frameworkId,
  taskId,
  status,
}: CommandOf<"update-status">): readonly Effect[] {
  if (status.uuid === null) return [];
  return [{ to: "agent", agentId, message: { kind: "acknowledge", frameworkId, taskId, uuid: status.uuid } }];
}

/** What becomes of its tasks the agent says itself (trap 30). */
export function decideExecutorExited(
  state: ClusterState,
  { agentId, frameworkId, executorId, waitStatus }: CommandOf<"executor-exited">,
): Decision {
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined || findExecutor(framework, agentId, executorId) === undefined) return dropped();
  return accepted([{ kind: "ExecutorExited", frameworkId, agentId, executorId, waitStatus }]);
}

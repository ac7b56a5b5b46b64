// Reconciliation (SC23, traps 5 and 6): what the cluster knows of a framework's tasks, said without uuid and without
// change. It differs from Mesos in one place on purpose: nothing is "recovered" here, for a new leader knows every task,
// so no request stays without an answer.
import type { AgentId, Millis, TaskId } from "../../kernel/ids.ts";
import type { Command, Context } from "../commands.ts";
import type { Effect } from "../effects.ts";
import { RECONCILED_TASKS_MAX } from "../limits.ts";
import type { ClusterState, Framework, Task, TaskStatus } from "../model.ts";
import { masterStatus, orLost, sentState, statusOfTask } from "../statuses.ts";
import { answered, type Decision } from "./decision.ts";
import { connectedFramework } from "./frameworks.ts";

export function decideReconcile(
  state: ClusterState,
  command: Extract<Command, { kind: "reconcile" }>,
  { now }: Context,
): Decision {
  const found = connectedFramework(state, command.frameworkId);
  if ("refusal" in found) return found.refusal;
  const { framework } = found;
  if (command.tasks.length === 0) {
    return answered([...framework.tasks.values()].map((task) => latest(framework, task, now)));
  }
  const asked = command.tasks.slice(0, RECONCILED_TASKS_MAX);
  return answered(asked.map(({ taskId, agentId }) => answer(state, framework, taskId, agentId, now)));
}

/** What is known of one task, also of one that is not known. */
export function answer(
  state: ClusterState,
  framework: Framework,
  taskId: TaskId,
  agentId: AgentId | null,
  now: Millis,
): Effect {
  const task = framework.tasks.get(taskId);
  if (task !== undefined) return latest(framework, task, now);
  const away = framework.unreachableTasks.get(taskId);
  const where = away?.agentId ?? agentId;
  const [name, message, unreachableSince] =
    away === undefined ? unknownOn(state, where) : unreachable(state, away);
  const status = masterStatus(
    {
      taskId,
      agentId: where,
      state: orLost(framework, name),
      reason: "RECONCILIATION",
      message,
      unreachableSince,
    },
    now,
  );
  return update(framework, { id: taskId, agentId: where }, status);
}

/** The last state that was sent, not the latest that is known (trap 3). */
function latest(framework: Framework, task: Task, now: Millis): Effect {
  const message = "Reconciliation: Latest task state";
  const status = statusOfTask(task, { state: sentState(task), reason: "RECONCILIATION", message }, now);
  return update(framework, task, status, task.statuses.at(-1));
}

/** Its agent may be about to follow it: with many tasks that takes several commands. */
function unreachable(state: ClusterState, task: Task): Unknown {
  const connection = state.agents.get(task.agentId)?.connection;
  const since = connection?.kind === "unreachable" ? connection.since : (task.statuses.at(-1)?.at ?? null);
  return ["TASK_UNREACHABLE", "Reconciliation: Task is unreachable", since];
}

type Unknown = readonly [
  "TASK_UNKNOWN" | "TASK_GONE" | "TASK_UNREACHABLE" | "TASK_GONE_BY_OPERATOR",
  string,
  Millis | null,
];

function unknownOn(state: ClusterState, agentId: AgentId | null): Unknown {
  const unknown: Unknown = ["TASK_UNKNOWN", "Reconciliation: Task is unknown", null];
  if (agentId === null) return unknown;
  const agent = state.agents.get(agentId);
  if (agent?.connection.kind === "unreachable") {
    return ["TASK_UNREACHABLE", "Reconciliation: Task is unreachable", agent.connection.since];
  }
  if (agent !== undefined) return ["TASK_GONE", "Reconciliation: Task is unknown to the agent", null];
  if (state.goneAgents.get(agentId)?.cause !== "gone") return unknown;
  return ["TASK_GONE_BY_OPERATOR", "Reconciliation: Task is gone", null];
}

function update(
  framework: Framework,
  task: { readonly id: TaskId; readonly agentId: AgentId | null },
  status: TaskStatus,
  before?: TaskStatus,
): Effect {
  const known = before === undefined ? {} : { before };
  const event = { kind: "update", status, ...known, taskId: task.id, agentId: task.agentId } as const;
  return { to: "framework", frameworkId: framework.id, event };
}

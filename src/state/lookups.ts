// Look-ups in the cluster's state, and the pairs that are ids of two kinds.
import { assert, present } from "../kernel/assert.ts";
import type { AgentId, ExecutorId, FrameworkId, Millis, TaskId } from "../kernel/ids.ts";
import type { Agent, ClusterState, Executor, Framework, Task } from "./model.ts";

/** A framework that an event names: its absence is a bug. */
export function frameworkOf(state: ClusterState, frameworkId: FrameworkId): Framework {
  return present(state.frameworks.get(frameworkId), "event of an unknown framework", { frameworkId });
}

export function agentOf(state: ClusterState, agentId: AgentId): Agent {
  return present(state.agents.get(agentId), "event of an unknown agent", { agentId });
}

/** A live task or one that is unreachable. */
export function findTask(state: ClusterState, frameworkId: FrameworkId, taskId: TaskId): Task | undefined {
  const framework = state.frameworks.get(frameworkId);
  return framework?.tasks.get(taskId) ?? framework?.unreachableTasks.get(taskId);
}

export function taskOf(state: ClusterState, frameworkId: FrameworkId, taskId: TaskId): Task {
  return present(findTask(state, frameworkId, taskId), "event of an unknown task", { frameworkId, taskId });
}

export function findExecutor(
  framework: Framework,
  agentId: AgentId,
  executorId: ExecutorId,
): Executor | undefined {
  return framework.executors.get(agentId)?.get(executorId);
}

export function isConnected(party: { readonly connection: { readonly kind: string } } | undefined): boolean {
  return party?.connection.kind === "connected";
}

/** A point in time after a span; the largest exact number stands for "never". */
export function after(now: Millis, spanMs: number): Millis {
  assert(spanMs >= 0, "a span of time is negative", { spanMs });
  return Math.min(now + spanMs, Number.MAX_SAFE_INTEGER) as Millis;
}

// Custom executors in the state: they hold resources of their own from the first task's launch to their exit.
import { allocateTo, recover } from "../../allocator/index.ts";
import type { AgentId, ExecutorId } from "../../kernel/ids.ts";
import type { ExecutorExited, TaskLaunched } from "../events.ts";
import { agentOf, findExecutor, frameworkOf } from "../lookups.ts";
import type { Agent, ClusterState, Executor, Framework } from "../model.ts";
import { deletePair, pairsOf, setPair } from "../pairs.ts";

export function startExecutor(state: ClusterState, framework: Framework, event: TaskLaunched): void {
  const starts = event.executor?.starts ?? null;
  if (event.executor === null || starts === null) return;
  const executor: Executor = {
    id: event.executor.executorId,
    agentId: event.agentId,
    role: event.role,
    resources: starts.resources,
    wire: starts.wire,
    holdsResources: true,
  };
  setPair(framework.executors, executor.agentId, executor.id, executor);
  setPair(agentOf(state, executor.agentId).executors, framework.id, executor.id, true);
  allocateTo(state.allocator, framework.id, executor.role, executor.agentId, executor.resources);
}

export function executorExited(state: ClusterState, event: ExecutorExited): void {
  removeExecutor(state, frameworkOf(state, event.frameworkId), event.agentId, event.executorId);
}

export function removeExecutor(
  state: ClusterState,
  framework: Framework,
  agentId: AgentId,
  executorId: ExecutorId,
): void {
  const executor = findExecutor(framework, agentId, executorId);
  if (executor === undefined) return;
  letGo(state, framework, executor);
  deletePair(framework.executors, agentId, executorId);
  const agent = state.agents.get(agentId);
  if (agent !== undefined) deletePair(agent.executors, framework.id, executorId);
}

/** Its agent is unreachable: the executor may come back, what it held is free. */
export function letGoOfExecutors(state: ClusterState, agent: Agent): void {
  for (const [framework, executor] of executorsOn(state, agent)) letGo(state, framework, executor);
}

/** Its agent came back. */
export function holdExecutors(state: ClusterState, agent: Agent): void {
  for (const [framework, executor] of executorsOn(state, agent)) {
    if (executor.holdsResources) continue;
    executor.holdsResources = true;
    allocateTo(state.allocator, framework.id, executor.role, agent.id, executor.resources);
  }
}

function letGo(state: ClusterState, framework: Framework, executor: Executor): void {
  if (!executor.holdsResources) return;
  executor.holdsResources = false;
  recover(state.allocator, framework.id, executor.role, executor.agentId, executor.resources);
}

export function* executorsOn(state: ClusterState, agent: Agent): Generator<[Framework, Executor]> {
  for (const [frameworkId, executorId] of pairsOf(agent.executors)) {
    const framework = frameworkOf(state, frameworkId);
    const executor = findExecutor(framework, agent.id, executorId);
    if (executor !== undefined) yield [framework, executor];
  }
}

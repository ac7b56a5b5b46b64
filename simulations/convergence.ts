// When a healed cluster is at rest: one leader, everybody connected, every task ended and acknowledged, all members
// equally far.

import type { SameState } from "./checkers/same-state.ts";
import { whyVolumesDiffer } from "./checkers/volumes.ts";
import type { Core } from "./healing.ts";
import type { AgentMachine, FrameworkMachine, MasterMachine } from "./machines.ts";

export interface Cluster {
  readonly masters: readonly MasterMachine[];
  readonly agents: readonly AgentMachine[];
  readonly frameworks: readonly FrameworkMachine[];
  readonly replayed: SameState;
}

/** What is still missing; null when the cluster is at rest. */
export function whyNotAtRest(cluster: Cluster): string | null {
  const leader = cluster.masters.find(({ master }) => master?.status().ready === true)?.master;
  if (leader == null) return "no leader";
  return (
    behind(cluster, leader.status().lastIndex) ??
    absentAgent(cluster) ??
    strangeVolumes(cluster) ??
    absentFramework(cluster) ??
    openTask(cluster) ??
    openOperation(cluster) ??
    busyAgent(cluster)
  );
}

/** Whether a core has a leader that all of it has found. */
export class CoreWatch {
  readonly #core: Core;
  /** The last index of the leader's log when it was first seen to lead. */
  #target: { readonly term: number; readonly index: number } | null = null;

  constructor(core: Core) {
    this.#core = core;
  }

  /** What is still missing; null when nothing is. */
  whyNotRight(): string | null {
    const { masters, agents, frameworks } = this.#core;
    const leader = masters.find(({ master }) => master?.status().ready === true)?.master?.status();
    if (leader === undefined) return "no leader";
    if (this.#target?.term !== leader.term) this.#target = { term: leader.term, index: leader.lastIndex };
    for (const { name, master } of masters) {
      const status = master?.status();
      if (status?.term !== leader.term) return `${name} is in term ${status?.term}, not ${leader.term}`;
      if (status.appliedIndex < this.#target.index)
        return `${name} is at ${status.appliedIndex}, not ${this.#target.index}`;
    }
    const agent = agents.find((each) => each.agent?.status().link.registered !== true);
    if (agent !== undefined) return `agent ${agent.name} is not registered`;
    const framework = frameworks.find((each) => each.framework?.isSubscribed !== true);
    return framework === undefined ? null : `framework ${framework.name} is not subscribed`;
  }
}

function behind({ masters, replayed }: Cluster, lastIndex: number): string | null {
  for (const { name, master } of masters) {
    const status = master?.status();
    const isThere = status?.commitIndex === lastIndex && status.appliedIndex === lastIndex;
    if (!isThere) return `${name} is at ${status?.commitIndex ?? "nothing"}, not ${lastIndex}`;
    if (master?.state().eventCount !== replayed.state.eventCount) return `${name} has other events`;
  }
  return null;
}

function absentAgent({ agents, replayed }: Cluster): string | null {
  for (const { name, agent } of agents) {
    const status = agent?.status();
    if (status?.link.registered !== true) return `agent ${name} is not registered`;
    const known = [...replayed.state.agents.values()].find(({ id }) => id === status.agentId);
    if (known?.connection.kind !== "connected") return `the cluster misses agent ${name}`;
  }
  return null;
}

function absentFramework({ frameworks, replayed }: Cluster): string | null {
  for (const { name, framework, store } of frameworks) {
    if (framework?.isSubscribed !== true) return `framework ${name} is not subscribed`;
    const known = [...replayed.state.frameworks.values()].find(({ id }) => id === store.id);
    if (known?.connection.kind !== "connected") return `the cluster misses framework ${name}`;
  }
  return null;
}

/**
 * Tasks of an agent that died before it had written down which one it is: its machine came back as another one, and the
 * cluster waits for the old one, as it must.
 */
export function strandedTasks({ agents, replayed }: Cluster): ReadonlySet<string> {
  const present = presentAgents(agents);
  const stranded = new Set<string>();
  for (const { unreachableTasks } of replayed.state.frameworks.values()) {
    for (const { id, agentId } of unreachableTasks.values()) if (!present.has(agentId)) stranded.add(id);
  }
  return stranded;
}

/** One whose framework is there to acknowledge it. */
function openOperation({ replayed: { state } }: Cluster): string | null {
  for (const { operationId, frameworkId } of state.operations.values()) {
    if (state.frameworks.get(frameworkId)?.connection.kind !== "connected") continue;
    return `the end of operation ${operationId} of ${frameworkId} is not acknowledged`;
  }
  return null;
}

function presentAgents(agents: readonly AgentMachine[]): ReadonlySet<string | null | undefined> {
  return new Set(agents.map(({ agent }) => agent?.status().agentId));
}

/**
 * A framework also waits for a task whose launch never arrived when its agent has become another one: of what may be on an
 * agent that is silent the cluster says no more than that (trap 6).
 */
function openTask(cluster: Cluster): string | null {
  const { agents, frameworks, replayed } = cluster;
  const stranded = strandedTasks(cluster);
  const present = presentAgents(agents);
  for (const { id, tasks, unreachableTasks } of replayed.state.frameworks.values()) {
    for (const task of [...tasks.values(), ...unreachableTasks.values()]) {
      if (stranded.has(task.id)) continue;
      return `task ${task.id} of ${id} is ${task.state}, ${task.unacknowledged?.state ?? "nothing"} unacknowledged`;
    }
  }
  for (const { name, store } of frameworks) {
    for (const { id, agentId, isOver } of store.tasks.values()) {
      if (!isOver && !stranded.has(id) && present.has(agentId)) return `${name} waits for ${id}`;
    }
  }
  return null;
}

function busyAgent({ agents }: Cluster): string | null {
  for (const { name, agent, runtime } of agents) {
    if (runtime.containers.size > 0) return `agent ${name} has ${runtime.containers.size} containers`;
    const tasks = agent?.status().tasks ?? [];
    if (tasks.length > 0) return `agent ${name} keeps task ${tasks[0]?.taskId} in ${tasks[0]?.state}`;
  }
  return null;
}

function strangeVolumes({ agents, replayed }: Cluster): string | null {
  for (const machine of agents) {
    const why = whyVolumesDiffer(machine, replayed.state);
    if (why !== null) return why;
  }
  return null;
}

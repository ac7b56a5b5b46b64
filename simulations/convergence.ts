// When a healed cluster is at rest: one leader, everybody connected, every task ended and acknowledged, all members
// equally far.
import type { World } from "./world.ts";

/** What is still missing; null when the cluster is at rest. */
export function whyNotAtRest(world: World): string | null {
  const leader = world.masters.find(({ master }) => master?.status().ready === true)?.master;
  if (leader == null) return "no leader";
  return (
    behind(world, leader.status().lastIndex) ??
    absentAgent(world) ??
    absentFramework(world) ??
    openTask(world) ??
    busyAgent(world)
  );
}

function behind({ masters, replayed }: World, lastIndex: number): string | null {
  for (const { name, master } of masters) {
    const status = master?.status();
    const isThere = status?.commitIndex === lastIndex && status.appliedIndex === lastIndex;
    if (!isThere) return `${name} is at ${status?.commitIndex ?? "nothing"}, not ${lastIndex}`;
    if (master?.state().eventCount !== replayed.state.eventCount) return `${name} has other events`;
  }
  return null;
}

function absentAgent({ agents, replayed }: World): string | null {
  for (const { name, agent } of agents) {
    const status = agent?.status();
    if (status?.link.registered !== true) return `agent ${name} is not registered`;
    const known = [...replayed.state.agents.values()].find(({ id }) => id === status.agentId);
    if (known?.connection.kind !== "connected") return `the cluster misses agent ${name}`;
  }
  return null;
}

function absentFramework({ frameworks, replayed }: World): string | null {
  for (const { name, framework, store } of frameworks) {
    if (framework?.isSubscribed !== true) return `framework ${name} is not subscribed`;
    const known = [...replayed.state.frameworks.values()].find(({ id }) => id === store.id);
    if (known?.connection.kind !== "connected") return `the cluster misses framework ${name}`;
  }
  return null;
}

function openTask({ frameworks, replayed }: World): string | null {
  for (const { id, tasks, unreachableTasks } of replayed.state.frameworks.values()) {
    for (const task of [...tasks.values(), ...unreachableTasks.values()]) {
      return `task ${task.id} of ${id} is ${task.state}, ${task.unacknowledged?.state ?? "nothing"} unacknowledged`;
    }
  }
  for (const { name, store } of frameworks) {
    for (const task of store.tasks.values()) if (!task.isOver) return `${name} waits for ${task.id}`;
  }
  return null;
}

function busyAgent({ agents }: World): string | null {
  for (const { name, agent, runtime } of agents) {
    if (runtime.containers.size > 0) return `agent ${name} has ${runtime.containers.size} containers`;
    const tasks = agent?.status().tasks ?? [];
    if (tasks.length > 0) return `agent ${name} keeps task ${tasks[0]?.taskId} in ${tasks[0]?.state}`;
  }
  return null;
}

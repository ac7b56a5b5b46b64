// Which clients a filter keeps from an agent. The count of them is kept on each agent, so that a cycle passes over an
// agent that everyone has refused with one comparison.
import type { AgentId } from "../kernel/ids.ts";
import { agentOf, clientOf, frameworkOf } from "./lookups.ts";
import type { AgentEntry, AllocatorState, Client, ClientNumber, Filter } from "./model.ts";
import { contains, type Resources } from "./resources.ts";

/**
 * The part of an agent's free resources that may be offered to anyone. Resources with a meta (reserved ones and their
 * like) are kept back: who may have them is not decided here yet.
 */
export function offerable(free: Resources): Resources {
  return free.every((resource) => resource.meta === "") ? free : free.filter(({ meta }) => meta === "");
}

/** Whether the client competes for the agent, filters aside (AL15). */
export function isContender(s: AllocatorState, client: Client, agent: AgentEntry): boolean {
  return client.live && (!agent.gpu || frameworkOf(s, client.frameworkId).gpu);
}

/** How many clients compete for the agent, filters aside. */
export function contenderCount(s: AllocatorState, agent: AgentEntry): number {
  return agent.gpu ? s.live.gpu : s.live.all;
}

export function isBlocking(filters: readonly Filter[] | undefined): boolean {
  return filters?.some((filter) => filter.blocks) ?? false;
}

/** Brings `blocks` and `blocked` up to date with what is free on the agent. */
export function refreshBlocks(s: AllocatorState, agent: AgentEntry, offer: Resources): void {
  for (const filters of agent.filters.values()) {
    for (const filter of filters) {
      const blocks = contains(filter.resources, offer);
      if (filter.blocks !== blocks) filter.blocks = blocks;
    }
  }
  recountBlocked(s, agent);
}

export function recountBlocked(s: AllocatorState, agent: AgentEntry): void {
  let blocked = 0;
  for (const [number, filters] of agent.filters) {
    if (isBlocking(filters) && isContender(s, clientOf(s, number), agent)) blocked++;
  }
  if (agent.blocked !== blocked) agent.blocked = blocked;
}

/** Replaces the client's filters on the agent and keeps the indexes; when they end is not touched. */
export function replaceFilters(
  s: AllocatorState,
  agentId: AgentId,
  number: ClientNumber,
  filters: Filter[],
): void {
  const agent = agentOf(s, agentId);
  const client = clientOf(s, number);
  if (isContender(s, client, agent)) {
    agent.blocked += Number(isBlocking(filters)) - Number(isBlocking(agent.filters.get(number)));
  }
  if (filters.length > 0) {
    agent.filters.set(number, filters);
    client.filtered.set(agentId, true);
  } else {
    agent.filters.delete(number);
    client.filtered.delete(agentId);
  }
}

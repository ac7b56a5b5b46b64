// Which clients a filter keeps from an agent. The count of them is kept on each agent, so that a cycle passes over an
// agent that everyone has refused with one comparison.
import type { AgentId, RoleName } from "../kernel/ids.ts";
import { countFor, mayHave } from "./access.ts";
import { agentOf, clientOf, frameworkOf } from "./lookups.ts";
import { factsOf, isPlain, isWithin, type MetaFacts, type MetaReader } from "./meta.ts";
import type { AgentEntry, AllocatorState, Client, ClientNumber, Filter, Takes } from "./model.ts";
import { contains, type Resources } from "./resources.ts";

/**
 * What of the resources may be offered to a framework in that role: what is not reserved, or reserved to the role or one
 * above it (AL04), and of a kind that the framework can take (trap 26).
 */
export function offerable(
  resources: Resources,
  role: RoleName,
  takes: Takes,
  meta: Pick<MetaReader, "factsOf"> = { factsOf },
): Resources {
  if (isPlain(resources)) return resources;
  return resources.filter((resource) => isOfferable(meta.factsOf(resource.meta), role, takes));
}

function isOfferable({ reservedTo, refined, revocable, shared }: MetaFacts, role: RoleName, takes: Takes) {
  if (reservedTo !== null && !isWithin(role, reservedTo)) return false;
  return (takes.refined || !refined) && (takes.revocable || !revocable) && (takes.shared || !shared);
}

/** Whether the client competes for the agent, filters aside (AL15, AL18). */
export function isContender(s: AllocatorState, client: Client, agent: AgentEntry): boolean {
  return client.live && mayHave(frameworkOf(s, client.frameworkId), agent);
}

/** How many clients compete for the agent, filters aside. */
export function contenderCount(s: AllocatorState, agent: AgentEntry): number {
  return countFor(s.live, agent);
}

export function isBlocking(filters: readonly Filter[] | undefined): boolean {
  return filters?.some((filter) => filter.blocks) ?? false;
}

/** Brings `blocks` and `blocked` up to date with what is free on the agent. */
export function refreshBlocks(s: AllocatorState, agent: AgentEntry): void {
  for (const [number, filters] of agent.filters) {
    const offer = offerableTo(s, number, agent.free);
    for (const filter of filters) {
      const blocks = contains(filter.resources, offer);
      if (filter.blocks !== blocks) filter.blocks = blocks;
    }
  }
  recountBlocked(s, agent);
}

/** What of the resources may be offered to the client. */
export function offerableTo(s: AllocatorState, number: ClientNumber, resources: Resources): Resources {
  if (isPlain(resources)) return resources;
  const { frameworkId, role } = clientOf(s, number);
  return offerable(resources, role, frameworkOf(s, frameworkId).takes);
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

// Filters (AL10, trap 17): a refusal keeps from a (framework, role) the offers of that agent that are a subset of what
// was refused, until it ends. Which refusals make a filter, and for how long, is for the state to say.
import { assert } from "../kernel/assert.ts";
import type { AgentId, FrameworkId, Millis, RoleName } from "../kernel/ids.ts";
import { offerableTo, replaceFilters } from "./blocking.ts";
import { cancelExpiry, scheduleExpiry, takeDueBucket } from "./expiries.ts";
import { FILTERS_PER_AGENT_COUNT_MAX } from "./limits.ts";
import { agentOf, clientOf, frameworkOf } from "./lookups.ts";
import type { AgentEntry, AllocatorState, ClientNumber, Filter } from "./model.ts";
import { contains, equal, type Resources } from "./resources.ts";

/**
 * Keeps subsets of the resources from the client until then. Does nothing if the framework is no longer in that role.
 * A filter that blocks no more and lasts no longer than another is not kept.
 */
export function addFilter(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
  agentId: AgentId,
  resources: Resources,
  until: Millis,
): void {
  assert(Number.isSafeInteger(until), "a filter's end is not a time", { until });
  const agent = agentOf(s, agentId);
  const number = frameworkOf(s, frameworkId).clients.get(role);
  if (number === undefined || !clientOf(s, number).subscribed) return;
  const before = agent.filters.get(number) ?? [];
  if (before.some((other) => other.until >= until && contains(other.resources, resources))) return;
  const outlasting = before.filter((other) => other.until > until || !contains(resources, other.resources));
  const kept = withRoomForOne(outlasting);
  for (const filter of before) if (!kept.includes(filter)) cancelExpiry(s.expiries, filter.until);
  scheduleExpiry(s.expiries, until, agentId, number);
  const blocks = contains(resources, offerableTo(s, number, agent.free));
  replaceFilters(s, agentId, number, [...kept, { resources: sharedWith(agent, resources), until, blocks }]);
}

/** Ends the filters whose time has come: those with `until <= now`. */
export function expireFilters(s: AllocatorState, now: Millis): void {
  for (let due = takeDueBucket(s.expiries, now); due !== null; due = takeDueBucket(s.expiries, now)) {
    const { until, bucket } = due;
    for (const [index, agentId] of bucket.agentIds.entries()) {
      const number = bucket.clients[index];
      const filters = number === undefined ? undefined : s.agents.get(agentId)?.filters.get(number);
      if (number === undefined || filters === undefined) continue;
      replaceFilters(
        s,
        agentId,
        number,
        filters.filter((filter) => filter.until !== until),
      );
    }
  }
}

/** Ends the framework's filters in that role; in all its roles if the role is null. */
export function clearFilters(s: AllocatorState, frameworkId: FrameworkId, role: RoleName | null): void {
  for (const [name, number] of frameworkOf(s, frameworkId).clients) {
    if (role === null || name === role) clearFiltersOfClient(s, number);
  }
}

export function clearFiltersOfClient(s: AllocatorState, number: ClientNumber): void {
  for (const agentId of [...clientOf(s, number).filtered.keys()]) clearFiltersOn(s, agentId, number);
}

/** Ends all filters on the agent. */
export function clearFiltersOfAgent(
  s: AllocatorState,
  agentId: AgentId,
  agent: AgentEntry = agentOf(s, agentId),
): void {
  for (const number of [...agent.filters.keys()]) clearFiltersOn(s, agentId, number);
}

function clearFiltersOn(s: AllocatorState, agentId: AgentId, number: ClientNumber): void {
  for (const { until } of agentOf(s, agentId).filters.get(number) ?? []) cancelExpiry(s.expiries, until);
  replaceFilters(s, agentId, number, []);
}

/** Where most refuse all that is free, one list of it serves all their filters. */
export function sharedWith(
  { total, free }: Pick<AgentEntry, "total" | "free">,
  resources: Resources,
): Resources {
  if (equal(resources, total)) return total;
  return equal(resources, free) ? free : resources;
}

/** Drops the filter that ends first if there are as many as there may be. */
function withRoomForOne(filters: Filter[]): Filter[] {
  if (filters.length < FILTERS_PER_AGENT_COUNT_MAX) return filters;
  const first = Math.min(...filters.map((filter) => filter.until));
  const index = filters.findIndex((filter) => filter.until === first);
  return filters.filter((_filter, at) => at !== index);
}

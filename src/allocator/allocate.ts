// One allocation cycle: weighted DRF over roles, then over the frameworks of a role (AL01, trap 37). Reads the state
// and changes nothing: what it returns becomes offers by events, which call allocateTo.
//
// Agents come in the order of their ids, beginning after the one that was last given to anybody: with a bound on the
// offers of a cycle, or frameworks that decline without a filter, the first agents would otherwise hide the last ones.
// (Mesos shuffles instead.) All that an agent has free goes to one framework in one role.
import type { AgentId, Millis } from "../kernel/ids.ts";
import { contenderCount, offerable } from "./blocking.ts";
import { nextFilterExpiry } from "./expiries.ts";
import { OFFERS_PER_CYCLE_MAX } from "./limits.ts";
import { agentOf } from "./lookups.ts";
import type { AgentEntry, AllocateOptions, Allocation, AllocatorState } from "./model.ts";
import { compareIds } from "./order.ts";
import { giveToFirst, type RankedClient, rank } from "./ranking.ts";
import { type Resources, scalarOf } from "./resources.ts";

/** Mesos' `--min_allocatable_resources`: 0.01 CPUs or 32 MB of memory (AL08). */
export const DEFAULT_MINIMUM: readonly Readonly<Record<string, number>>[] = [{ cpus: 10 }, { mem: 32_000 }];

interface OpenAgent {
  readonly agentId: AgentId;
  readonly agent: AgentEntry;
  readonly offer: Resources;
}

/** What is to be offered now, one allocation for an agent at most. Filters with `until <= now` count no more. */
export function allocate(
  s: AllocatorState,
  now: Millis,
  options: AllocateOptions = {},
): readonly Allocation[] {
  const open = openAgents(s, now, options.minimum ?? DEFAULT_MINIMUM);
  if (open.length === 0) return [];
  const offersMax = options.offersMax ?? OFFERS_PER_CYCLE_MAX;
  const ranking = rank(s);
  const allocations: Allocation[] = [];
  for (const { agentId, agent, offer } of inTurn(open, s.lastGiven)) {
    if (allocations.length >= offersMax) break;
    const client = giveToFirst(ranking, offer, (one) => mayHave(agent, one, now));
    if (client === null) continue;
    const { frameworkId, role } = client;
    allocations.push({ frameworkId, role, agentId, resources: offer });
  }
  return allocations;
}

/** Agents with enough free that somebody competes for and does not filter; in no particular order. */
function openAgents(
  s: AllocatorState,
  now: Millis,
  minimum: readonly Readonly<Record<string, number>>[],
): OpenAgent[] {
  const open: OpenAgent[] = [];
  if (s.live.all === 0) return open;
  const sets = minimum.map((set) => Object.entries(set));
  const filtersEnded = (nextFilterExpiry(s) ?? Number.POSITIVE_INFINITY) <= now;
  for (const agentId of s.withFree.keys()) {
    const agent = agentOf(s, agentId);
    const unblocked = filtersEnded || agent.blocked < contenderCount(s, agent);
    if (!unblocked || !reaches(agent.free, sets)) continue;
    open.push({ agentId, agent, offer: offerable(agent.free) });
  }
  return open;
}

function inTurn(open: OpenAgent[], lastGiven: AgentId | null): readonly OpenAgent[] {
  open.sort((a, b) => compareIds(a.agentId, b.agentId));
  if (lastGiven === null) return open;
  const start = open.findIndex(({ agentId }) => compareIds(agentId, lastGiven) > 0);
  return start <= 0 ? open : [...open.slice(start), ...open.slice(0, start)];
}

function reaches(free: Resources, sets: readonly (readonly [string, number][])[]): boolean {
  return (
    sets.length === 0 || sets.some((set) => set.every(([name, millis]) => scalarOf(free, name) >= millis))
  );
}

function mayHave(agent: AgentEntry, client: RankedClient, now: Millis): boolean {
  if (agent.gpu && !client.gpu) return false;
  const filters = agent.filters.size === 0 ? undefined : agent.filters.get(client.number);
  return filters === undefined || !filters.some((filter) => filter.blocks && filter.until > now);
}

// One allocation cycle: weighted DRF over roles, then over the frameworks of a role (AL01, trap 37). Reads the state
// and changes nothing: what it returns becomes offers by events, which call allocateTo.
//
// Agents come in the order of their ids, beginning after the one that was last given to anybody: with a bound on the
// offers of a cycle, or frameworks that decline without a filter, the first agents would otherwise hide the last ones.
// (Mesos shuffles instead.) All that an agent has free goes to one framework in one role.
import type { AgentId, Millis } from "../kernel/ids.ts";
import { contenderCount, offerable } from "./blocking.ts";
import { Demands, type UnmetDemand } from "./demands.ts";
import { nextFilterExpiry } from "./expiries.ts";
import { OFFERS_PER_CYCLE_MAX } from "./limits.ts";
import { agentOf } from "./lookups.ts";
import type { AgentEntry, AllocateOptions, Allocation, AllocatorState, Filter } from "./model.ts";
import { compareIds } from "./order.ts";
import { giveToFirst, type RankedClient, type Ranking, rank } from "./ranking.ts";
import type { Minimum } from "./requirements.ts";
import type { Resources } from "./resources.ts";

/** Mesos' `--min_allocatable_resources`: 0.01 CPUs or 32 MB of memory (AL08). */
export const DEFAULT_MINIMUM: Minimum = [{ cpus: 10 }, { mem: 32_000 }];

/** Why an agent is offered to nobody in a cycle. */
export type ClosedReason =
  | { readonly kind: "inactive" }
  | { readonly kind: "nothing-free" }
  /** Nobody competes, or nobody who may have this agent's GPUs (AL15). */
  | { readonly kind: "nobody-competes" }
  | { readonly kind: "below-minimum"; readonly minimum: Minimum }
  /** Everyone who competes asks for something else: attributes (AL14), or more than is free (AL12). */
  | { readonly kind: "all-excluded" }
  /** Everyone who competes has a filter that covers what is free, or asks for something else. */
  | { readonly kind: "all-refused" }
  /** The cycle has made as many offers as it may; the next one goes on here. */
  | { readonly kind: "cycle-full" };

/** Why a client that competes is not given an agent that somebody may have. */
export type Refusal =
  | { readonly kind: "no-gpu-capability" }
  | UnmetDemand
  | { readonly kind: "filter"; readonly filter: Filter };

/** Told what a cycle decides and why, in the order of the decisions. Must not change anything. */
export interface CycleWatcher {
  /** After the agents that it does not look at have been closed. */
  begins(ranking: Ranking, demands: Demands): void;
  closed(agentId: AgentId, reason: ClosedReason): void;
  /** In the order of the clients' turns; the one who is given the agent comes after those who may not have it. */
  refused(agentId: AgentId, client: RankedClient, reason: Refusal): void;
  given(agentId: AgentId, client: RankedClient, resources: Resources): void;
}

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
  watcher: CycleWatcher | null = null,
): readonly Allocation[] {
  const minimum = options.minimum ?? DEFAULT_MINIMUM;
  const demands = new Demands(s, options.requirements ?? null, minimum);
  const open = openAgents(s, now, demands, minimum, watcher);
  if (open.length === 0 && watcher === null) return [];
  const offersMax = options.offersMax ?? OFFERS_PER_CYCLE_MAX;
  const ranking = rank(s);
  watcher?.begins(ranking, demands);
  const allocations: Allocation[] = [];
  for (const { agentId, agent, offer } of inTurn(open, s.lastGiven)) {
    if (allocations.length >= offersMax) {
      if (watcher === null) break;
      watcher.closed(agentId, { kind: "cycle-full" });
      continue;
    }
    const client = giveToFirst(ranking, offer, (one) => mayHave(agentId, agent, one, now, demands, watcher));
    if (client === null) continue;
    watcher?.given(agentId, client, offer);
    const { frameworkId, role } = client;
    allocations.push({ frameworkId, role, agentId, resources: offer });
  }
  return allocations;
}

/** Agents with enough free that somebody competes for and does not filter; in no particular order. */
function openAgents(
  s: AllocatorState,
  now: Millis,
  demands: Demands,
  minimum: Minimum,
  watcher: CycleWatcher | null,
): OpenAgent[] {
  const open: OpenAgent[] = [];
  if (s.live.all === 0 && watcher === null) return open;
  const filtersEnded = (nextFilterExpiry(s) ?? Number.POSITIVE_INFINITY) <= now;
  for (const agentId of (watcher === null ? s.withFree : s.agents).keys()) {
    const agent = agentOf(s, agentId);
    const kind = closedKind(s, agentId, agent, filtersEnded, demands);
    if (kind === null) open.push({ agentId, agent, offer: offerable(agent.free) });
    else watcher?.closed(agentId, closedReason(s, agent, kind, demands, minimum));
  }
  return open;
}

type ClosedKind = Exclude<ClosedReason["kind"], "cycle-full" | "below-minimum">;

/** A minimum that nobody's wishes come under is a reason of its own. */
function closedReason(
  s: AllocatorState,
  agent: AgentEntry,
  kind: ClosedKind,
  demands: Demands,
  minimum: Minimum,
): ClosedReason {
  if (kind !== "all-excluded" || demands.isEnoughForSomebody(agent.free, contenderCount(s, agent)))
    return { kind };
  return { kind: "below-minimum", minimum };
}

function closedKind(
  s: AllocatorState,
  agentId: AgentId,
  agent: AgentEntry,
  filtersEnded: boolean,
  demands: Demands,
): ClosedKind | null {
  if (!agent.active) return "inactive";
  if (offerable(agent.free).length === 0) return "nothing-free";
  const contenders = contenderCount(s, agent);
  if (contenders === 0) return "nobody-competes";
  const keptAway = demands.keptAwayCount(agentId, agent, contenders);
  if (keptAway >= contenders) return "all-excluded";
  const isRefused = !filtersEnded && isRefusedByAll(agentId, agent, contenders, keptAway, demands);
  return isRefused ? "all-refused" : null;
}

/** By a filter or by what they ask for; who refuses it in both ways counts once. */
function isRefusedByAll(
  agentId: AgentId,
  agent: AgentEntry,
  contenders: number,
  keptAway: number,
  demands: Demands,
): boolean {
  const both = agent.blocked + keptAway;
  if (both < contenders) return false;
  if (keptAway === 0 || agent.blocked === 0) return true;
  return both - demands.keptAwayAndBlockedCount(agentId, agent) >= contenders;
}

function inTurn(open: OpenAgent[], lastGiven: AgentId | null): readonly OpenAgent[] {
  open.sort((a, b) => compareIds(a.agentId, b.agentId));
  if (lastGiven === null) return open;
  const start = open.findIndex(({ agentId }) => compareIds(agentId, lastGiven) > 0);
  return start <= 0 ? open : [...open.slice(start), ...open.slice(0, start)];
}

function mayHave(
  agentId: AgentId,
  agent: AgentEntry,
  client: RankedClient,
  now: Millis,
  demands: Demands,
  watcher: CycleWatcher | null,
): boolean {
  if (agent.gpu && !client.gpu) {
    watcher?.refused(agentId, client, { kind: "no-gpu-capability" });
    return false;
  }
  if (!demands.areNone && demands.keepsAway(client.number, agentId, agent)) {
    const unmet = watcher === null ? null : demands.unmet(client.number, agentId, agent);
    if (unmet !== null) watcher?.refused(agentId, client, unmet);
    return false;
  }
  const filters = agent.filters.size === 0 ? undefined : agent.filters.get(client.number);
  const filter = filters?.find((each) => each.blocks && each.until > now);
  if (filter !== undefined) watcher?.refused(agentId, client, { kind: "filter", filter });
  return filter === undefined;
}

// Which agents a cycle has to look at, found with a few comparisons each.
import type { AgentId, Millis } from "../kernel/ids.ts";
import { contenderCount } from "./blocking.ts";
import type { ClosedReason, CycleWatcher } from "./cycle-watcher.ts";
import type { Demands } from "./demands.ts";
import { nextFilterExpiry } from "./expiries.ts";
import { agentOf } from "./lookups.ts";
import type { AgentEntry, AllocatorState } from "./model.ts";
import { compareIds } from "./order.ts";
import type { Minimum } from "./requirements.ts";

export interface OpenAgent {
  readonly agentId: AgentId;
  readonly agent: AgentEntry;
}

/**
 * Agents with enough free for somebody, that somebody competes for and does not filter: in the order of their ids,
 * beginning after the one last given to anybody.
 */
export function openAgents(
  s: AllocatorState,
  now: Millis,
  demands: Demands,
  minimum: Minimum,
  watcher: CycleWatcher | null,
): readonly OpenAgent[] {
  const open: OpenAgent[] = [];
  if (s.live.all === 0 && watcher === null) return open;
  const filtersEnded = (nextFilterExpiry(s) ?? Number.POSITIVE_INFINITY) <= now;
  for (const agentId of (watcher === null ? s.withFree : s.agents).keys()) {
    const agent = agentOf(s, agentId);
    const kind = closedKind(s, agentId, agent, filtersEnded, demands);
    if (kind === null) open.push({ agentId, agent });
    else watcher?.closed(agentId, closedReason(s, agent, kind, demands, minimum));
  }
  return inTurn(open, s.lastGiven);
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
  if (agent.free.length === 0) return "nothing-free";
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

// Which agents a cycle has to look at, found with a few comparisons each.
import { type AgentId, compareText, type Millis } from "../kernel/ids.ts";
import { contenderCount } from "./blocking.ts";
import type { ClosedReason, CycleWatcher } from "./cycle-watcher.ts";
import type { Demands } from "./demands.ts";
import { nextFilterExpiry } from "./expiries.ts";
import { agentOf } from "./lookups.ts";
import type { AgentEntry, AllocateOptions, AllocatorState } from "./model.ts";
import { numberAtEnd } from "./order.ts";
import type { Minimum } from "./requirements.ts";

export interface OpenAgent {
  readonly agentId: AgentId;
  readonly agent: AgentEntry;
  /** `numberAtEnd` of its id. */
  readonly idNumber: number;
}

/** With more of the agents than one in this many, going through all costs less than looking up those. */
const SCAN_SHARE = 4;

/**
 * Agents with enough free for somebody, that somebody competes for and does not filter: in the order of their ids,
 * beginning after the one last given to anybody.
 * @param options with the minimum that is in force
 */
export function openAgents(
  s: AllocatorState,
  now: Millis,
  demands: Demands,
  options: AllocateOptions & { readonly minimum: Minimum },
  watcher: CycleWatcher | null,
): readonly OpenAgent[] {
  const open: OpenAgent[] = [];
  if (s.live.all === 0 && watcher === null) return open;
  const closedKindOf = gate(s, now, demands, options);
  const look = (agentId: AgentId, agent: AgentEntry) => {
    const kind = closedKindOf(agentId, agent);
    if (kind === null) open.push({ agentId, agent, idNumber: numberAtEnd(agentId) });
    else watcher?.closed(agentId, closedReason(s, agent, kind, demands, options.minimum));
  };
  if (watcher === null && !isScanCheaper(s)) {
    for (const agentId of s.withFree.keys()) look(agentId, agentOf(s, agentId));
  } else {
    for (const [agentId, agent] of s.agents) look(agentId, agent);
  }
  return inTurn(open, s.lastGiven);
}

/** Whether so many agents have something free that all may as well be gone through. */
export function isScanCheaper(s: AllocatorState): boolean {
  return s.withFree.size * SCAN_SHARE >= s.agents.size;
}

/** Says why an agent is offered to nobody in a cycle; null if it may be to somebody. */
export type Gate = (agentId: AgentId, agent: AgentEntry) => ClosedKind | null;

export function gate(s: AllocatorState, now: Millis, demands: Demands, options: AllocateOptions): Gate {
  const filtersEnded = (nextFilterExpiry(s) ?? Number.POSITIVE_INFINITY) <= now;
  const hosts = options.whitelist ?? null;
  return (agentId, agent) => {
    const isListed = hosts === null || hosts.has(options.requirements?.factsOf(agentId).hostname ?? "");
    return closedKind(s, agentId, agent, filtersEnded, demands, isListed);
  };
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
  isListed: boolean,
): ClosedKind | null {
  if (!agent.active) return "inactive";
  if (!isListed) return "not-whitelisted";
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
  open.sort(compareAgents);
  if (lastGiven === null) return open;
  const last = { agentId: lastGiven, idNumber: numberAtEnd(lastGiven) };
  const start = open.findIndex((each) => compareAgents(each, last) > 0);
  return start <= 0 ? open : [...open.slice(start), ...open.slice(0, start)];
}

type Numbered = Pick<OpenAgent, "agentId" | "idNumber">;

/** The order of compareIds. */
function compareAgents(a: Numbered, b: Numbered): number {
  return a.idNumber - b.idNumber || compareText(a.agentId, b.agentId);
}

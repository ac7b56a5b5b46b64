// Why a framework gets the offers that it gets: a cycle is run with a watcher beside it, so that what is said here comes
// from the code that allocates and nothing is worked out a second way. For one framework at one moment; costs a cycle.
import type { AgentId, FrameworkId, Millis, RoleName } from "../kernel/ids.ts";
import { withheld } from "./access.ts";
import { allocate } from "./allocate.ts";
import { offerableTo } from "./blocking.ts";
import type { ClosedReason, CycleWatcher, Refusal } from "./cycle-watcher.ts";
import type { Demands } from "./demands.ts";
import { clientOf, frameworkOf } from "./lookups.ts";
import type { AllocateOptions, AllocatorState, ClientNumber, DominantShare } from "./model.ts";
import type { RankedClient, RankedGroup, Ranking } from "./ranking.ts";
import { add, NO_RESOURCES, type Resources, without } from "./resources.ts";
import { dominantShare } from "./shares.ts";

export interface Explanation {
  readonly frameworkId: FrameworkId;
  /** False while it is disconnected: it gets no offers then. */
  readonly active: boolean;
  /** In the order of their names. */
  readonly roles: readonly RoleStanding[];
  /** In the order of the cycle; agents that it does not concern come first. */
  readonly agents: readonly AgentVerdict[];
}

/** How a framework stands in one of its roles before the cycle. */
export interface RoleStanding {
  readonly role: RoleName;
  /** "left": it has dropped the role and still holds something there (trap 19). */
  readonly status: "competes" | "suppressed" | "left" | "inactive";
  /** Its own share in that role. */
  readonly share: DominantShare;
  /** From the top of the tree of roles down to the framework; empty unless it competes. */
  readonly levels: readonly Level[];
  /** Where optimistic offers are made, unless it has an offer there or does not compete. */
  readonly waiting?: Waiting;
}

/** It has had no offer since then, and sees what others hold without using it from then on. */
export interface Waiting {
  readonly since: Millis;
  readonly seesAllFrom: Millis;
}

/** One choice on the way down the tree: between roles, or between the frameworks of a role. */
export interface Level {
  /** The role, `role/.` for the role's own frameworks, or the framework's id. */
  readonly name: string;
  /** 1 is the one whose turn comes first. Null where turns are drawn (AL02), for each agent anew: see AgentVerdict. */
  readonly position: number | null;
  /** Where turns are drawn: how likely it is drawn first, up to 1. */
  readonly chance?: number;
  readonly of: number;
  /** Those whose turn comes before, the first first; at most AHEAD_NAMES_MAX. None where turns are drawn. */
  readonly ahead: readonly Standing[];
  readonly own: Standing;
}

export interface Standing {
  readonly name: string;
  /** Dominant share divided by weight, 0 and up: for display. What decides is compared exactly. */
  readonly weightedShare: number;
  /** Thousandths; 1 for frameworks, which have no weight. */
  readonly weight: number;
  /** How often it was given something: decides between equal shares. */
  readonly given: number;
}

export interface AgentVerdict {
  readonly agentId: AgentId;
  readonly free: Resources;
  readonly verdict: /** What the framework is given of it: in one of its roles, or different parts in several. */
    | { readonly kind: "offered"; readonly parts: readonly OfferedPart[] }
    /** Another one's turn came first. */
    | { readonly kind: "outranked"; readonly by: FrameworkId; readonly role: RoleName }
    /** In each role in which it competes it may not have the agent. */
    | { readonly kind: "refused"; readonly reasons: readonly RoleRefusal[] }
    | { readonly kind: "closed"; readonly reason: ClosedReason; readonly own: readonly RoleRefusal[] }
    /** It competes in no role. */
    | { readonly kind: "not-competing" };
  /** What the wanted resources lack of what is free, and of the agent's whole; empty if they fit or nothing is wanted. */
  readonly lacksFree: Resources;
  readonly lacksTotal: Resources;
  /** Where turns are drawn, of an agent of which somebody had a turn. */
  readonly drawn?: DrawnTurns;
}

/** Whose turns the cycle drew at an agent, until nothing was left of it or nobody might have the rest. */
export interface DrawnTurns {
  /** The first first; at most AHEAD_NAMES_MAX. */
  readonly turns: readonly Turn[];
  readonly of: number;
  /** Which of them was the framework's first; null if there was none: others had taken all by then. */
  readonly own: number | null;
}

export interface Turn {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
}

export interface OfferedPart {
  readonly role: RoleName;
  readonly resources: Resources;
  /** An optimistic offer: others hold some of it and may use it first. */
  readonly optimistic?: true;
}

export interface RoleRefusal {
  readonly role: RoleName;
  readonly reason: Refusal;
}

/** Names of those ahead that are listed at a level. */
export const AHEAD_NAMES_MAX = 10;

/**
 * @param wanted what a task of the framework needs; nothing if that is not the question
 * @param options those of the cycle that is asked about
 */
export function explain(
  s: AllocatorState,
  now: Millis,
  frameworkId: FrameworkId,
  wanted: Resources = NO_RESOURCES,
  options: AllocateOptions = {},
): Explanation {
  const record = new CycleRecord(s, frameworkId, options.fairShareExcluded);
  allocate(s, now, options, record);
  const { active, clients } = frameworkOf(s, frameworkId);
  const roles = [...clients].sort().map(([role, number]) => {
    const waiting = waitingOf(s, frameworkId, number, options);
    return { ...record.standing(role), ...(waiting === null ? {} : { waiting }) };
  });
  return { frameworkId, active, roles, agents: record.verdicts(now, wanted) };
}

function waitingOf(
  s: AllocatorState,
  frameworkId: FrameworkId,
  number: ClientNumber,
  { optimisticAfterMs, outstanding }: AllocateOptions,
): Waiting | null {
  const { role, waitsSince } = clientOf(s, number);
  if (optimisticAfterMs === undefined || optimisticAfterMs === null || waitsSince === null) return null;
  for (const offer of outstanding?.() ?? []) {
    if (offer.frameworkId === frameworkId && offer.role === role) return null;
  }
  return { since: waitsSince, seesAllFrom: (waitsSince + optimisticAfterMs) as Millis };
}

/** What a cycle decided that concerns one framework. */
class CycleRecord implements CycleWatcher {
  private readonly s: AllocatorState;
  private readonly frameworkId: FrameworkId;
  private readonly excluded: ReadonlySet<string> | undefined;
  private readonly levels: Map<RoleName, readonly Level[]> = new Map();
  /** The last of each role: what is left of an agent is asked about again when something of it was given away. */
  private readonly refusals: Map<AgentId, Map<RoleName, RoleRefusal>> = new Map();
  private readonly decided: Map<AgentId, ClosedReason | { kind: "given"; to: RankedClient }> = new Map();
  private readonly offered: Map<AgentId, Map<RoleName, OfferedPart>> = new Map();
  private readonly drawn: Map<AgentId, { turns: Turn[]; of: number; own: number | null }> = new Map();
  private draws = false;

  private demands: Demands | null = null;

  constructor(s: AllocatorState, frameworkId: FrameworkId, excluded: ReadonlySet<string> | undefined) {
    this.excluded = excluded;
    this.s = s;
    this.frameworkId = frameworkId;
  }

  begins(ranking: Ranking, demands: Demands): void {
    this.demands = demands;
    this.draws = ranking.draws.roles !== null || ranking.draws.frameworks !== null;
    for (const [role, number] of frameworkOf(this.s, this.frameworkId).clients) {
      if (clientOf(this.s, number).live) this.levels.set(role, levelsDownTo(ranking, role, this.frameworkId));
    }
  }

  asked(agentId: AgentId, { frameworkId, role }: RankedClient): void {
    if (!this.draws) return;
    const drawn = this.drawn.get(agentId) ?? { turns: [], of: 0, own: null };
    drawn.of += 1;
    if (drawn.turns.length < AHEAD_NAMES_MAX) drawn.turns.push({ frameworkId, role });
    if (frameworkId === this.frameworkId) drawn.own ??= drawn.of;
    this.drawn.set(agentId, drawn);
  }

  closed(agentId: AgentId, reason: ClosedReason): void {
    if (!this.decided.has(agentId)) this.decided.set(agentId, reason);
  }

  refused(agentId: AgentId, client: RankedClient, reason: Refusal): void {
    if (client.frameworkId !== this.frameworkId) return;
    const known = this.refusals.get(agentId) ?? new Map<RoleName, RoleRefusal>();
    this.refusals.set(agentId, known.set(client.role, { role: client.role, reason }));
  }

  given(agentId: AgentId, to: RankedClient, resources: Resources): void {
    if (this.decided.get(agentId)?.kind !== "given") this.decided.set(agentId, { kind: "given", to });
    if (to.frameworkId !== this.frameworkId) return;
    const { role } = to;
    const parts = this.offered.get(agentId) ?? new Map<RoleName, OfferedPart>();
    const before = parts.get(role)?.resources ?? NO_RESOURCES;
    this.offered.set(agentId, parts.set(role, { role, resources: add(before, resources) }));
  }

  shown(agentId: AgentId, to: RankedClient, resources: Resources): void {
    const { role, frameworkId } = to;
    if (frameworkId !== this.frameworkId) return;
    const parts = this.offered.get(agentId) ?? new Map<RoleName, OfferedPart>();
    this.offered.set(agentId, parts.set(role, { role, resources, optimistic: true }));
  }

  standing(role: RoleName): RoleStanding {
    const { active, clients } = frameworkOf(this.s, this.frameworkId);
    const client = clientOf(this.s, clients.get(role) ?? 0);
    const status = !client.subscribed
      ? "left"
      : !active
        ? "inactive"
        : client.suppressed
          ? "suppressed"
          : "competes";
    const share = dominantShare(this.s, { frameworkId: this.frameworkId, role }, this.excluded);
    return { role, status, share, levels: this.levels.get(role) ?? [] };
  }

  verdicts(now: Millis, wanted: Resources): readonly AgentVerdict[] {
    const inOrder = [...this.decided.keys()];
    const undecided = [...this.s.agents.keys()].filter((agentId) => !this.decided.has(agentId));
    return [...inOrder, ...undecided].map((agentId) => this.verdictOn(agentId, now, wanted));
  }

  private verdictOn(agentId: AgentId, now: Millis, wanted: Resources): AgentVerdict {
    const { free, total } = this.s.agents.get(agentId) ?? { free: NO_RESOURCES, total: NO_RESOURCES };
    const shown = [...(this.offered.get(agentId)?.values() ?? [])].find(({ optimistic }) => optimistic);
    const lacksFree = without(wanted, shown?.resources ?? free);
    const drawn = this.drawn.get(agentId);
    return {
      agentId,
      free,
      verdict: this.verdict(agentId, now),
      lacksFree,
      lacksTotal: without(wanted, total),
      ...(drawn === undefined ? {} : { drawn }),
    };
  }

  private verdict(agentId: AgentId, now: Millis): AgentVerdict["verdict"] {
    const parts = this.offered.get(agentId);
    if (parts !== undefined) return { kind: "offered", parts: [...parts.values()] };
    const decision = this.decided.get(agentId);
    const refusals = [...(this.refusals.get(agentId)?.values() ?? [])];
    if (this.levels.size === 0) return { kind: "not-competing" };
    // Undecided: open, and everyone was asked and may not have it; a filter ended that nobody else's turn came with.
    if (decision === undefined) return { kind: "refused", reasons: refusals };
    if (decision.kind !== "given")
      return { kind: "closed", reason: decision, own: this.ownRefusals(agentId, now) };
    const { to } = decision;
    if (refusals.length === this.levels.size) return { kind: "refused", reasons: refusals };
    return { kind: "outranked", by: to.frameworkId, role: to.role };
  }

  /** An agent that all refuse is passed over without asking each: what the framework itself refuses is looked up. */
  private ownRefusals(agentId: AgentId, now: Millis): readonly RoleRefusal[] {
    const agent = this.s.agents.get(agentId);
    const own: RoleRefusal[] = [];
    for (const [role, number] of frameworkOf(this.s, this.frameworkId).clients) {
      if (agent === undefined || !this.levels.has(role)) continue;
      const framework = frameworkOf(this.s, this.frameworkId);
      const access = withheld(framework, agent, this.demands?.regionOf(agentId) ?? null);
      if (access !== null) own.push({ role, reason: access });
      const unmet = this.demands?.unmet(number, agentId, offerableTo(this.s, number, agent.free)) ?? null;
      const isNews = unmet?.kind === "constraint" || agent.free.length > 0;
      if (unmet !== null && isNews) own.push({ role, reason: unmet });
      const filter = agent.filters.get(number)?.find((each) => each.blocks && each.until > now);
      if (filter !== undefined) own.push({ role, reason: { kind: "filter", filter } });
    }
    return own;
  }
}

function levelsDownTo(ranking: Ranking, role: RoleName, frameworkId: FrameworkId): readonly Level[] {
  const levels: Level[] = [];
  const { roles: drawsRoles, frameworks: drawsFrameworks } = ranking.draws;
  let groups = ranking.groups;
  for (;;) {
    const at = groups.findIndex((group) => leadsTo(group, role));
    const group = groups[at];
    if (group === undefined) return levels;
    levels.push(levelOf(groups.map(standingOfGroup), at, drawsRoles !== null));
    if (group.groups.length === 0) {
      const place = group.clients.findIndex((client) => client.frameworkId === frameworkId);
      return [...levels, levelOf(group.clients.map(standingOfClient), place, drawsFrameworks !== null)];
    }
    groups = group.groups;
  }
}

/** Whether the role's frameworks are in the group or below it. */
function leadsTo(group: RankedGroup, role: RoleName): boolean {
  return (
    group.clients.some((client) => client.role === role) || group.groups.some((below) => leadsTo(below, role))
  );
}

/** What is drawn is drawn by weight; frameworks have none, so that each is as likely as any other. */
function levelOf(standings: readonly Standing[], at: number, isDrawn: boolean): Level {
  const own = standings[at] ?? { name: "", weightedShare: 0, weight: 1, given: 0 };
  if (isDrawn) {
    const chance = own.weight / standings.reduce((sum, { weight }) => sum + weight, 0);
    return { name: own.name, position: null, chance, of: standings.length, ahead: [], own };
  }
  const ahead = standings.slice(0, Math.min(at, AHEAD_NAMES_MAX));
  return { name: own.name, position: at + 1, of: standings.length, ahead, own };
}

function standingOfGroup({ path, share, weight, given }: RankedGroup): Standing {
  return { name: path, weightedShare: (share.amount / share.total / weight) * 1_000, weight, given };
}

function standingOfClient({ frameworkId, share, given }: RankedClient): Standing {
  return { name: frameworkId, weightedShare: share.amount / share.total, weight: 1, given };
}

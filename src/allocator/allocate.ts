// One allocation cycle: weighted DRF over roles, then over the frameworks of a role (AL01, trap 37). Reads the state
// and changes nothing: what it returns becomes offers by events, which call allocateTo.
//
// Agents come in the order of their ids, beginning after the one that was last given to anybody: with a bound on the
// offers of a cycle, or frameworks that decline without a filter, the first agents would otherwise hide the last ones.
// (Mesos shuffles instead.) Of each agent the first framework in turn gets all that it may have; what is left (reserved
// for others, beyond its quota) goes to the next. Roles that lack some of what they are guaranteed come first (AL06).
import type { AgentId, Millis } from "../kernel/ids.ts";
import { mayHave, withheld } from "./access.ts";
import { offerable } from "./blocking.ts";
import type { CycleWatcher, Refusal } from "./cycle-watcher.ts";
import { Demands } from "./demands.ts";
import { GRANT_WORK, OFFERS_PER_CYCLE_MAX, OPTIMISTIC_OFFERS_PER_CYCLE_MAX } from "./limits.ts";
import { agentOf } from "./lookups.ts";
import { isPlain, MetaReader } from "./meta.ts";
import type { AgentEntry, AllocateOptions, Allocation, AllocatorState, ClientNumber } from "./model.ts";
import { gate, type OpenAgent, openAgents } from "./open-agents.ts";
import { clientsIn, OptimisticOffers, type OptimisticTerms } from "./optimistic.ts";
import type { OptimisticPlace, Shown } from "./optimistic-place.ts";
import { QuotaRoom } from "./quota-room.ts";
import { type Grant, giveToFirst, type Pass, type RankedClient, type Ranking, rank } from "./ranking.ts";
import type { Minimum } from "./requirements.ts";
import { add, contains, NO_RESOURCES, type Resources, without } from "./resources.ts";
import { isCountedFor, isHeldAnyway } from "./shared.ts";
import { Work } from "./work.ts";

/** Mesos' `--min_allocatable_resources`: 0.01 CPUs or 32 MB of memory (AL08). */
export const DEFAULT_MINIMUM: Minimum = [{ cpus: 10 }, { mem: 32_000 }];

/**
 * What is to be offered now, one allocation for an agent and a framework's role at most. Filters with `until <= now`
 * count no more.
 */
export function allocate(
  s: AllocatorState,
  now: Millis,
  options: AllocateOptions = {},
  watcher: CycleWatcher | null = null,
): readonly Allocation[] {
  const minimum = options.minimum ?? DEFAULT_MINIMUM;
  const demands = new Demands(s, options.requirements ?? null, minimum);
  const open = openAgents(s, now, demands, { ...options, minimum }, watcher);
  const isOptimistic = (options.optimisticAfterMs ?? null) !== null;
  if (open.length === 0 && watcher === null && !isOptimistic) return [];
  const cycle = new Cycle(s, now, options, demands, watcher);
  cycle.run(open);
  return cycle.finish();
}

/** What is left of an agent in a cycle. */
export interface Rest {
  readonly agentId: AgentId;
  readonly agent: AgentEntry;
  resources: Resources;
  /** The resources are more than what is free there: what a filter covers of that says nothing. */
  readonly isView?: true;
}

/** What a cycle may be given beside the state and the options. */
export interface CycleParts {
  readonly work?: Work;
  /** The most that one agent may cost; without it there is no bound. */
  readonly agentWorkMax?: number;
  /** A ranking of the same state at another time, see `rank`. */
  readonly ranking?: Ranking | null;
}

export class Cycle {
  readonly #s: AllocatorState;
  readonly #now: Millis;
  readonly #options: AllocateOptions;
  readonly #offersMax: number;
  readonly #demands: Demands;
  readonly #watcher: CycleWatcher | null;
  readonly #ranking: Ranking;
  readonly #meta = new MetaReader();
  /** Null while no role has a quota. */
  readonly #room: QuotaRoom | null;
  readonly #given = new Given();
  /** Null where no optimistic offers are made. */
  readonly #optimistic: OptimisticOffers | null;
  readonly #work: Work;
  readonly #agentWorkMax: number;

  constructor(
    s: AllocatorState,
    now: Millis,
    options: AllocateOptions,
    demands: Demands,
    watcher: CycleWatcher | null,
    parts: CycleParts = {},
  ) {
    this.#s = s;
    this.#now = now;
    this.#options = options;
    this.#work = parts.work ?? new Work();
    this.#agentWorkMax = parts.agentWorkMax ?? Number.POSITIVE_INFINITY;
    this.#offersMax = options.offersMax ?? OFFERS_PER_CYCLE_MAX;
    this.#demands = demands;
    this.#watcher = watcher;
    this.#ranking = rank(s, options, parts.ranking ?? null);
    this.#room = s.quotas.size === 0 ? null : new QuotaRoom(s, this.#meta);
    const isOptimistic = (options.optimisticAfterMs ?? null) !== null;
    this.#optimistic = isOptimistic ? new OptimisticOffers(s, now, options.outstanding?.() ?? []) : null;
    for (const { role, resources, agentId } of this.#optimistic?.optimistic() ?? []) {
      this.#room?.give(role, resources, agentOf(s, agentId));
    }
  }

  /** What it has given and, where optimistic offers are made, those: to be asked when all agents have had their turn. */
  finish(): readonly Allocation[] {
    return this.show(null, Number.POSITIVE_INFINITY, false).made;
  }

  /**
   * The same, cut where so much work is done.
   * @param from where the slice before ended
   * @param mayWait whether it is cut too where constraints are to be evaluated first
   */
  show(from: OptimisticPlace | null, workMax: number, mayWait: boolean): Shown {
    const afterMs = this.#options.optimisticAfterMs ?? null;
    if (this.#optimistic === null || afterMs === null) return { made: this.#given.list, next: null };
    const clients = clientsIn(this.#ranking.groups);
    const terms = this.#optimisticTerms(afterMs, workMax, mayWait);
    const { made, next } = this.#optimistic.offers(terms, clients, this.#given.list, from);
    return { made: made.length === 0 ? this.#given.list : [...this.#given.list, ...made], next };
  }

  #optimisticTerms(afterMs: number, workMax: number, mayWait: boolean): OptimisticTerms {
    return {
      afterMs,
      offersMax: Math.min(OPTIMISTIC_OFFERS_PER_CYCLE_MAX, this.#offersMax),
      closedKindOf: gate(this.#s, this.#now, this.#demands, this.#options),
      offerFor: (agentId, agent, resources, client) =>
        this.#offerFor({ agentId, agent, resources, isView: true }, client),
      giveToFirst: (pass) => giveToFirst(this.#ranking, pass),
      note: (agentId, agent, client, resources) => {
        this.#room?.give(client.role, resources, agent);
        this.#watcher?.shown(agentId, client, resources);
      },
      work: this.#work,
      workMax,
      isBehind: () => mayWait && this.#demands.isBehind,
    };
  }

  run(open: readonly OpenAgent[]): void {
    this.#watcher?.begins(this.#ranking, this.#demands);
    const rests = this.hasWanting ? open.map(wholeOf) : null;
    if (rests !== null && this.#room !== null) this.#giveGuaranteed(rests, this.#room);
    for (let at = 0; at < open.length; at++) {
      const agent = open[at];
      const rest = rests?.[at] ?? (agent === undefined ? undefined : wholeOf(agent));
      if (rest !== undefined) this.#giveAway(rest, this.#pass(rest));
      if (this.#isFull && this.#watcher === null) break;
    }
  }

  #giveGuaranteed(rests: readonly Rest[], room: QuotaRoom): void {
    for (const rest of rests) {
      if (!room.hasWanting) return;
      this.#giveAway(rest, this.#guaranteedPass(rest, room));
    }
  }

  /** Whether any role lacks some of what it is guaranteed. */
  get hasWanting(): boolean {
    return this.#room?.hasWanting === true;
  }

  get allocations(): readonly Allocation[] {
    return this.#given.list;
  }

  /**
   * Gives away what is left of an agent: to roles that lack what they are guaranteed, or to anybody.
   * @returns false if it has cost so much that it is to be gone on with in another cycle
   */
  give(rest: Rest, stage: "guarantees" | "rest"): boolean {
    const isForGuarantees = stage === "guarantees" && this.#room !== null;
    return this.#giveAway(rest, isForGuarantees ? this.#guaranteedPass(rest, this.#room) : this.#pass(rest));
  }

  get ranking(): Ranking {
    return this.#ranking;
  }

  /** Whether it has made as many offers as it may: then no further agent is begun. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get #isFull(): boolean {
    return this.#given.list.length >= this.#offersMax;
  }

  #giveAway(rest: Rest, pass: Pass): boolean {
    if (this.#isFull) {
      this.#watcher?.closed(rest.agentId, { kind: "cycle-full" });
      return true;
    }
    const workMax = this.#work.done + this.#agentWorkMax;
    while (rest.resources.length > 0) {
      if (this.#work.done >= workMax) return false;
      const grant = giveToFirst(this.#ranking, pass);
      if (grant === null) return true;
      this.#note(rest, grant);
      if (this.#watcher === null && this.#demands.isTooLittle(rest.resources)) return true;
    }
    return true;
  }

  #note(rest: Rest, { client, resources }: Grant): void {
    this.#work.done += GRANT_WORK;
    this.#watcher?.given(rest.agentId, client, resources);
    this.#room?.give(client.role, resources, rest.agent);
    const isWhole = resources === rest.agent.free;
    this.#given.add(client, rest.agentId, resources, isWhole);
    rest.resources = isWhole ? NO_RESOURCES : without(rest.resources, resources);
  }

  #pass(rest: Rest): Pass {
    const offerFor = (client: RankedClient) => {
      this.#watcher?.asked(rest.agentId, client);
      return this.#offerFor(this.#seenBy(rest, client), client);
    };
    return { enters: everywhere, offerFor, counted: this.#countedOf(rest) };
  }

  /** Without what it is shown already. */
  #seenBy(rest: Rest, { frameworkId }: RankedClient): Rest {
    const shown = this.#optimistic?.shownTo(frameworkId, rest.agentId) ?? NO_RESOURCES;
    return shown.length === 0 ? rest : { ...rest, resources: without(rest.resources, shown) };
  }

  #offerFor(rest: Rest, client: RankedClient): Resources | null {
    const possible = this.#possible(rest, client);
    if (possible.length === 0) {
      this.#watcher?.refused(rest.agentId, client, this.#whyNothing(rest, client));
      return null;
    }
    const offer = this.#room === null ? possible : this.#room.within(client.role, possible, rest.agent);
    if (offer.length === 0) {
      const bounds =
        this.#watcher === null ? [] : (this.#room?.bounds(client.role, possible, rest.agent) ?? []);
      this.#watcher?.refused(rest.agentId, client, { kind: "quota", bounds });
      return null;
    }
    return this.#isWanted(rest, client, offer, this.#watcher) ? offer : null;
  }

  #whyNothing({ agentId, agent, resources }: Rest, client: RankedClient): Refusal {
    const region = this.#demands.regionOf(agentId);
    return withheld(client, agent, region) ?? { kind: "not-for-it", free: resources };
  }

  #guaranteedPass(rest: Rest, room: QuotaRoom): Pass {
    return {
      enters: (path) => {
        this.#work.done++;
        return room.hasWantingWithin(path);
      },
      offerFor: (client) => {
        this.#watcher?.asked(rest.agentId, client);
        const offer = room.guaranteed(
          client.role,
          this.#possible(this.#seenBy(rest, client), client),
          rest.agent,
        );
        return offer.length > 0 && this.#isWanted(rest, client, offer, null) ? offer : null;
      },
      counted: this.#countedOf(rest),
    };
  }

  #countedOf({ agent }: Rest): NonNullable<Pass["counted"]> {
    return (resources, who) =>
      isPlain(resources) ? resources : resources.filter((each) => !isCountedFor(this.#s, agent, each, who));
  }

  /** What the client could have of it if there were no quotas and it wanted everything. */
  #possible({ agent, resources }: Rest, client: RankedClient): Resources {
    this.#work.done++;
    if (!mayHave(client, agent)) return NO_RESOURCES;
    const possible = offerable(resources, client.role, client.takes, this.#meta);
    return isHeldAnyway(agent, possible) ? NO_RESOURCES : possible;
  }

  /** Whether neither the framework's demands nor its filters keep the offer from it. */
  #isWanted(rest: Rest, client: RankedClient, offer: Resources, watcher: CycleWatcher | null): boolean {
    const { agentId, agent, isView = false } = rest;
    const isWhole = offer === agent.free && !isView;
    if (!(isWhole && this.#demands.areNone) && this.#demands.keepsAway(client.number, agentId, offer)) {
      const unmet = watcher === null ? null : this.#demands.unmet(client.number, agentId, offer);
      if (unmet !== null) watcher?.refused(agentId, client, unmet);
      return false;
    }
    const filters = agent.filters.size === 0 ? undefined : agent.filters.get(client.number);
    const filter = filters?.find(
      (each) =>
        each.until > this.#now && ((each.blocks && !isView) || (!isWhole && contains(each.resources, offer))),
    );
    if (filter !== undefined) watcher?.refused(agentId, client, { kind: "filter", filter });
    return filter === undefined;
  }
}

export function wholeOf({ agentId, agent }: Pick<OpenAgent, "agentId" | "agent">): Rest {
  return { agentId, agent, resources: agent.free };
}

function everywhere(): boolean {
  return true;
}

/** The allocations of a cycle: what a client is given of one agent in several parts becomes one. */
class Given {
  readonly list: Allocation[] = [];
  /** Places in the list of parts of agents, by client: more of the agent may come. */
  readonly #places: Map<AgentId, { readonly number: ClientNumber; readonly place: number }[]> = new Map();

  add(client: RankedClient, agentId: AgentId, resources: Resources, isWhole: boolean): void {
    const { number, frameworkId, role } = client;
    if (!isWhole && this.#isAddedToOne(number, agentId, resources)) return;
    if (!isWhole) this.#notePlace(number, agentId);
    this.list.push({ frameworkId, role, agentId, resources });
  }

  #isAddedToOne(number: ClientNumber, agentId: AgentId, resources: Resources): boolean {
    const known = this.#places.get(agentId)?.find((each) => each.number === number);
    const before = known === undefined ? undefined : this.list[known.place];
    if (known === undefined || before === undefined) return false;
    this.list[known.place] = { ...before, resources: add(before.resources, resources) };
    return true;
  }

  #notePlace(number: ClientNumber, agentId: AgentId): void {
    const noted = { number, place: this.list.length };
    const places = this.#places.get(agentId);
    if (places === undefined) this.#places.set(agentId, [noted]);
    else places.push(noted);
  }
}

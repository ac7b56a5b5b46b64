// Optimistic offers (decision 0037): after a cycle has given away what is free, clients are shown what others merely hold.
// The first ACCEPT in the log wins, so such an offer takes nothing from anybody: it counts in no share, and an agent's
// free resources are what they were. Off unless the operator sets after how long.
//
// Two rules, both with the operator's time T:
// - Who has had no offer for T is shown all that is unused, whoever holds it and since when. (NS-1 rests on this.)
// - An offer that was not answered for T no longer keeps its resources from one other client in each cycle, the one whose
//   turn it is.
// Nobody is shown what the same framework has an offer of.
import type { AgentId, FrameworkId, Millis, RoleName } from "../kernel/ids.ts";
import { asId } from "../kernel/ids.ts";
import { OPTIMISTIC_ASK_WORK, OPTIMISTIC_OFFERS_MAX } from "./limits.ts";
import { agentOf, clientOf } from "./lookups.ts";
import { isWithin } from "./meta.ts";
import type { AgentEntry, Allocation, AllocatorState, ClientNumber, OutstandingOffer } from "./model.ts";
import type { Gate } from "./open-agents.ts";
import {
  byPatience,
  copyOf,
  firstAfter,
  type OptimisticPlace,
  type Shown,
  type Waiting,
} from "./optimistic-place.ts";
import { compareIds } from "./order.ts";
import type { Grant, Pass, RankedClient, RankedGroup } from "./ranking.ts";
import { add, contains, NO_RESOURCES, type Resources, without } from "./resources.ts";
import { exclusiveOf } from "./shared.ts";
import type { Work } from "./work.ts";

/** What a cycle works with when it makes optimistic offers. */
export interface OptimisticTerms {
  /** T. Milliseconds. */
  readonly afterMs: number;
  readonly offersMax: number;
  /** Null for an agent of which somebody may want what is free; otherwise why nobody is offered that. */
  readonly closedKindOf: Gate;
  /** What of the resources, seen by the client, it is to be offered; null for nothing. */
  readonly offerFor: (
    agentId: AgentId,
    agent: AgentEntry,
    view: Resources,
    client: RankedClient,
  ) => Resources | null;
  /** The first client in turn, charged for it. */
  readonly giveToFirst: (pass: Pass) => Grant | null;
  readonly note: (agentId: AgentId, agent: AgentEntry, client: RankedClient, resources: Resources) => void;
  readonly work: Work;
  /** How much may be done before it is gone on with in another slice. */
  readonly workMax: number;
  /** Whether something counts as excluded because evaluating it would have been too much work for now. */
  readonly isBehind: () => boolean;
}

/** An agent of which something unused is held. */
interface Contested {
  readonly agent: AgentEntry;
  /** Held by nobody, after the cycle. */
  rest: Resources;
  /** Offers that keep others from their resources. */
  readonly held: Held[];
  /** What frameworks have optimistic offers of. */
  readonly shown: Map<FrameworkId, Resources>;
  /** All that is unused, once it is known. */
  unused: Resources | null;
}

interface Held {
  readonly frameworkId: FrameworkId;
  readonly resources: Resources;
  readonly madeAt: Millis;
}

export class OptimisticOffers {
  readonly #s: AllocatorState;
  readonly #now: Millis;
  /** When the optimistic offers of the cycle were begun. */
  #began: Millis;
  readonly #contested: Map<AgentId, Contested> = new Map();
  /** Clients with an offer, optimistic or not. */
  readonly #offered: Set<ClientNumber> = new Set();
  readonly #outstanding: readonly OutstandingOffer[];

  constructor(s: AllocatorState, now: Millis, outstanding: Iterable<OutstandingOffer>) {
    this.#s = s;
    this.#now = now;
    this.#began = now;
    this.#outstanding = [...outstanding];
    for (const offer of this.#outstanding) this.#take(offer);
  }

  /** What counts against quotas beside what is allocated. */
  *optimistic(): Generator<OutstandingOffer> {
    for (const offer of this.#outstanding) if (offer.optimistic === true) yield offer;
  }

  /** What the framework need not be offered of the agent, because it is shown it already. */
  shownTo(frameworkId: FrameworkId, agentId: AgentId): Resources {
    return this.#contested.get(agentId)?.shown.get(frameworkId) ?? NO_RESOURCES;
  }

  /**
   * To be asked when the cycle is done, and in each slice from then on until all is shown.
   * @param given in this slice
   * @param from where the slice before ended; null in the first
   */
  offers(
    terms: OptimisticTerms,
    clients: readonly RankedClient[],
    given: readonly Allocation[],
    from: OptimisticPlace | null,
  ): Shown {
    for (const allocation of given) {
      this.#take({ ...allocation, madeAt: this.#now });
      const contested = this.#contest(allocation.agentId);
      contested.rest = without(contested.rest, exclusiveOf(allocation.resources));
    }
    const agentIds = this.#unusedAgents(terms);
    const place = from === null ? this.#beginning(terms, clients) : copyOf(from);
    this.#began = place.began;
    const made: Allocation[] = [];
    // To begin a slice costs about as much as to ask one client about each agent.
    const most = Math.max(terms.workMax, agentIds.length * OPTIMISTIC_ASK_WORK);
    const bounded = { ...terms, workMax: terms.work.done + most };
    const isDone =
      this.#offerToWaiting(bounded, clients, agentIds, place, made) &&
      this.#offerAllStale(bounded, agentIds, place, made);
    return { made, next: isDone ? null : place };
  }

  #beginning({ afterMs, offersMax }: OptimisticTerms, clients: readonly RankedClient[]): OptimisticPlace {
    const room = Math.max(0, OPTIMISTIC_OFFERS_MAX - [...this.optimistic()].length);
    const waiting = clients.filter(({ number }) => this.#isWaiting(number, afterMs, this.#now));
    const most = Math.min(offersMax, room);
    return {
      began: this.#now,
      each: Math.max(1, Math.floor(most / Math.max(1, waiting.length))),
      offersMax: most,
      stage: "waiting",
      made: 0,
      client: null,
      agentId: null,
      inTurn: [],
    };
  }

  /** Agents of which something is held and not used, or free and not refused by all. */
  #unusedAgents({ closedKindOf }: OptimisticTerms): readonly AgentId[] {
    const held = [...this.#contested].filter(([agentId, { agent }]) => {
      const kind = closedKindOf(agentId, agent);
      return kind !== "inactive" && kind !== "not-whitelisted";
    });
    const free = [...this.#s.withFree.keys()].filter(
      (agentId) => !this.#contested.has(agentId) && closedKindOf(agentId, agentOf(this.#s, agentId)) === null,
    );
    return [...held.map(([agentId]) => agentId), ...free].sort(compareIds);
  }

  /**
   * The longest waiting first: so many a cycle at least as there may be offers, the others in the next (NS-1).
   * @returns false if the slice ends before all are asked
   */
  #offerToWaiting(
    terms: OptimisticTerms,
    clients: readonly RankedClient[],
    agentIds: readonly AgentId[],
    place: OptimisticPlace,
    made: Allocation[],
  ): boolean {
    if (place.stage !== "waiting") return true;
    const byNumber = new Map(clients.map((client) => [client.number, client]));
    for (const waiting of this.#waitingFrom(terms, clients, place)) {
      const client = byNumber.get(waiting.number);
      if (client === undefined) continue;
      if (place.client?.number !== waiting.number) {
        place.client = { ...waiting, left: Math.min(place.each, terms.offersMax - place.made) };
        place.agentId = null;
      }
      if (!this.#offerAgents(terms, client, place.client, agentIds, place, made)) return false;
    }
    place.stage = "stale";
    place.agentId = null;
    return true;
  }

  /** Those not yet asked in this cycle; first the one with which the slice before ended. */
  #waitingFrom(
    { afterMs }: OptimisticTerms,
    clients: readonly RankedClient[],
    { client: last, began }: OptimisticPlace,
  ): readonly Waiting[] {
    const waiting: Waiting[] = [];
    for (const { number, frameworkId, role } of clients) {
      if (number === last?.number || !this.#isWaiting(number, afterMs, began)) continue;
      const each = { number, frameworkId, role, since: clientOf(this.#s, number).waitsSince ?? began };
      if (last === null || byPatience(each, last) > 0) waiting.push(each);
    }
    waiting.sort(byPatience);
    return last === null ? waiting : [last, ...waiting];
  }

  #offerAgents(
    terms: OptimisticTerms,
    client: RankedClient,
    waiting: { left: number },
    agentIds: readonly AgentId[],
    place: OptimisticPlace,
    made: Allocation[],
  ): boolean {
    for (let at = firstAfter(agentIds, place.agentId); at < agentIds.length && waiting.left > 0; at++) {
      const agentId = agentIds[at];
      if (agentId === undefined) break;
      if (terms.work.done >= terms.workMax) return false;
      const offer = this.#offerTo(terms, agentId, client, true);
      if (offer === null && terms.isBehind()) return false;
      place.agentId = agentId;
      if (offer === null) continue;
      this.#make(terms, agentId, client, offer, made);
      place.made++;
      waiting.left--;
    }
    waiting.left = 0;
    return true;
  }

  /** @returns false if the slice ends before all agents have had their turn */
  #offerAllStale(
    terms: OptimisticTerms,
    agentIds: readonly AgentId[],
    place: OptimisticPlace,
    made: Allocation[],
  ): boolean {
    for (const each of place.inTurn) chargeAgain(terms, each);
    const start = firstAfter(agentIds, place.agentId);
    for (let at = start; at < agentIds.length && place.made < place.offersMax; at++) {
      const agentId = agentIds[at];
      if (agentId === undefined) break;
      if (terms.work.done >= terms.workMax) return false;
      terms.work.done++;
      const grant = this.#staleOf(terms, agentId);
      if (terms.isBehind()) return false;
      place.agentId = agentId;
      if (grant === null) continue;
      place.inTurn = [...place.inTurn, this.#make(terms, agentId, grant.client, grant.resources, made)];
      place.made++;
    }
    return true;
  }

  #staleOf(terms: OptimisticTerms, agentId: AgentId): Grant | null {
    const contested = this.#contested.get(agentId);
    if (contested === undefined || !contested.held.some((held) => this.#isStale(held, terms.afterMs)))
      return null;
    return terms.giveToFirst({
      enters: () => true,
      offerFor: (client) => this.#offerTo(terms, agentId, client, false),
    });
  }

  #offerTo(
    terms: OptimisticTerms,
    agentId: AgentId,
    client: RankedClient,
    isWaiting: boolean,
  ): Resources | null {
    terms.work.done += OPTIMISTIC_ASK_WORK;
    const contested = this.#contest(agentId);
    if (this.#refusesAll(contested, client)) return null;
    const view = this.#view(contested, client, isWaiting, terms.afterMs);
    return view.length === 0 ? null : terms.offerFor(agentId, contested.agent, view, client);
  }

  /** Whether one of its filters covers whatever it could see: found without working that out. */
  #refusesAll(contested: Contested, { number }: RankedClient): boolean {
    const filters = contested.agent.filters.get(number);
    if (filters === undefined) return false;
    const { rest, held } = contested;
    contested.unused ??= held.reduce((all, { resources }) => add(all, resources), rest);
    const { unused } = contested;
    return filters.some(({ until, resources }) => until > this.#now && contains(resources, unused));
  }

  /** What of the agent is unused, as far as the client may see it; nothing if others hold none of that. */
  #view(
    { rest, held, shown }: Contested,
    client: RankedClient,
    isWaiting: boolean,
    afterMs: number,
  ): Resources {
    const own = shown.get(client.frameworkId) ?? NO_RESOURCES;
    let others = NO_RESOURCES;
    for (const each of held) {
      if (each.frameworkId === client.frameworkId) continue;
      if (isWaiting || this.#isStale(each, afterMs)) others = add(others, each.resources);
    }
    const isNews = isWaiting || without(others, own).length > 0;
    return isNews ? without(add(rest, others), own) : NO_RESOURCES;
  }

  #make(
    terms: OptimisticTerms,
    agentId: AgentId,
    client: RankedClient,
    resources: Resources,
    made: Allocation[],
  ): Allocation {
    const { frameworkId, role, number } = client;
    const allocation = { frameworkId, role, agentId, resources, optimistic: true } as const;
    made.push(allocation);
    this.#offered.add(number);
    const contested = this.#contest(agentId);
    this.#show(contested, frameworkId, resources);
    terms.note(agentId, contested.agent, client, resources);
    return allocation;
  }

  #take({ frameworkId, role, agentId, resources, madeAt, optimistic }: OutstandingOffer): void {
    const number = this.#s.frameworks.get(frameworkId)?.clients.get(role);
    if (number !== undefined) this.#offered.add(number);
    const contested = this.#contest(agentId);
    if (optimistic === true) {
      this.#show(contested, frameworkId, resources);
      return;
    }
    const exclusive = exclusiveOf(resources);
    if (exclusive.length === 0) return;
    contested.held.push({ frameworkId, resources: exclusive, madeAt });
  }

  #show({ shown }: Contested, frameworkId: FrameworkId, resources: Resources): void {
    shown.set(frameworkId, add(shown.get(frameworkId) ?? NO_RESOURCES, exclusiveOf(resources)));
  }

  #contest(agentId: AgentId): Contested {
    const known = this.#contested.get(agentId);
    if (known !== undefined) return known;
    const agent = agentOf(this.#s, agentId);
    const contested: Contested = { agent, rest: agent.free, held: [], shown: new Map(), unused: null };
    this.#contested.set(agentId, contested);
    return contested;
  }

  #isStale({ madeAt }: Held, afterMs: number): boolean {
    return madeAt + afterMs <= this.#began;
  }

  #isWaiting(number: ClientNumber, afterMs: number, now: Millis): boolean {
    const { waitsSince } = clientOf(this.#s, number);
    return waitsSince !== null && waitsSince + afterMs <= now && !this.#offered.has(number);
  }
}

/** Moves who was made that offer in a slice before to where it was then. */
function chargeAgain({ giveToFirst }: OptimisticTerms, { frameworkId, role, resources }: Allocation): void {
  giveToFirst({
    enters: (path) => path.endsWith("/.") || isWithin(role, asId<RoleName>(path)),
    offerFor: (client) => (client.frameworkId === frameworkId && client.role === role ? resources : null),
  });
}

/** All live clients. */
export function clientsIn(groups: readonly RankedGroup[]): readonly RankedClient[] {
  return groups.flatMap((group) => [...group.clients, ...clientsIn(group.groups)]);
}

// Optimistic offers (decision 0037): after a cycle has given away what is free, clients are shown what others merely hold.
// The first ACCEPT in the log wins, so such an offer takes nothing from anybody: it counts in no share, and an agent's
// free resources are what they were. Off unless the operator sets after how long.
//
// Two rules, both with the operator's time T:
// - Who has had no offer for T is shown all that is unused, whoever holds it and since when. (NS-1 rests on this.)
// - An offer that was not answered for T no longer keeps its resources from one other client in each cycle, the one whose
//   turn it is.
// Nobody is shown what the same framework has an offer of.
import type { AgentId, FrameworkId, Millis } from "../kernel/ids.ts";
import { compareText } from "../kernel/ids.ts";
import { OPTIMISTIC_OFFERS_MAX } from "./limits.ts";
import { agentOf, clientOf } from "./lookups.ts";
import type { AgentEntry, Allocation, AllocatorState, ClientNumber, OutstandingOffer } from "./model.ts";
import type { Gate } from "./open-agents.ts";
import { compareIds } from "./order.ts";
import type { Grant, Pass, RankedClient, RankedGroup } from "./ranking.ts";
import { add, NO_RESOURCES, type Resources, without } from "./resources.ts";
import { exclusiveOf } from "./shared.ts";

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
}

interface Held {
  readonly frameworkId: FrameworkId;
  readonly resources: Resources;
  readonly madeAt: Millis;
}

export class OptimisticOffers {
  readonly #s: AllocatorState;
  readonly #now: Millis;
  readonly #contested: Map<AgentId, Contested> = new Map();
  /** Clients with an offer, optimistic or not. */
  readonly #offered: Set<ClientNumber> = new Set();
  readonly #outstanding: readonly OutstandingOffer[];

  constructor(s: AllocatorState, now: Millis, outstanding: Iterable<OutstandingOffer>) {
    this.#s = s;
    this.#now = now;
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
   * To be asked once, when the cycle is done.
   * @param given in the cycle
   */
  offers(
    terms: OptimisticTerms,
    clients: readonly RankedClient[],
    given: readonly Allocation[],
  ): readonly Allocation[] {
    for (const allocation of given) {
      this.#take({ ...allocation, madeAt: this.#now });
      const contested = this.#contest(allocation.agentId);
      contested.rest = without(contested.rest, exclusiveOf(allocation.resources));
    }
    const made: Allocation[] = [];
    const agentIds = this.#unusedAgents(terms);
    const room = Math.max(0, OPTIMISTIC_OFFERS_MAX - [...this.optimistic()].length);
    this.#offerToWaiting(terms, clients, agentIds, room, made);
    for (const agentId of agentIds) {
      if (made.length >= Math.min(terms.offersMax, room)) break;
      this.#offerStale(terms, agentId, made);
    }
    return made;
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

  /** The longest waiting first: so many a cycle at least as there may be offers, the others in the next (NS-1). */
  #offerToWaiting(
    terms: OptimisticTerms,
    clients: readonly RankedClient[],
    agentIds: readonly AgentId[],
    room: number,
    made: Allocation[],
  ): void {
    const waiting = clients
      .filter(({ number }) => this.#isWaiting(number, terms.afterMs))
      .sort(this.#byPatience);
    const each = Math.max(1, Math.floor(Math.min(terms.offersMax, room) / Math.max(1, waiting.length)));
    for (const client of waiting) {
      let left = Math.min(each, terms.offersMax - made.length);
      for (const agentId of agentIds) {
        if (left <= 0) break;
        const offer = this.#offerTo(terms, agentId, client, true);
        if (offer === null) continue;
        this.#make(terms, agentId, client, offer, made);
        left--;
      }
    }
  }

  #offerStale(terms: OptimisticTerms, agentId: AgentId, made: Allocation[]): void {
    const contested = this.#contested.get(agentId);
    if (contested === undefined || !contested.held.some((held) => this.#isStale(held, terms.afterMs))) return;
    const grant = terms.giveToFirst({
      enters: () => true,
      offerFor: (client) => this.#offerTo(terms, agentId, client, false),
    });
    if (grant !== null) this.#make(terms, agentId, grant.client, grant.resources, made);
  }

  #offerTo(
    terms: OptimisticTerms,
    agentId: AgentId,
    client: RankedClient,
    isWaiting: boolean,
  ): Resources | null {
    const contested = this.#contest(agentId);
    const view = this.#view(contested, client, isWaiting, terms.afterMs);
    return view.length === 0 ? null : terms.offerFor(agentId, contested.agent, view, client);
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
  ): void {
    const { frameworkId, role, number } = client;
    made.push({ frameworkId, role, agentId, resources, optimistic: true });
    this.#offered.add(number);
    const contested = this.#contest(agentId);
    this.#show(contested, frameworkId, resources);
    terms.note(agentId, contested.agent, client, resources);
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
    const contested: Contested = { agent, rest: agent.free, held: [], shown: new Map() };
    this.#contested.set(agentId, contested);
    return contested;
  }

  #isStale({ madeAt }: Held, afterMs: number): boolean {
    return madeAt + afterMs <= this.#now;
  }

  #isWaiting(number: ClientNumber, afterMs: number): boolean {
    const { waitsSince } = clientOf(this.#s, number);
    return waitsSince !== null && waitsSince + afterMs <= this.#now && !this.#offered.has(number);
  }

  readonly #byPatience = (a: RankedClient, b: RankedClient): number => {
    const [since, other] = [
      clientOf(this.#s, a.number).waitsSince ?? 0,
      clientOf(this.#s, b.number).waitsSince ?? 0,
    ];
    return since - other || compareIds(a.frameworkId, b.frameworkId) || compareText(a.role, b.role);
  };
}

/** All live clients. */
export function clientsIn(groups: readonly RankedGroup[]): readonly RankedClient[] {
  return groups.flatMap((group) => [...group.clients, ...clientsIn(group.groups)]);
}

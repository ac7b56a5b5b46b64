// Which offers end because what they offer is used by somebody else (decision 0037): the first ACCEPT in the log wins. Only
// an agent of which there is an optimistic offer can come to that, and a shared volume that is no more (AL17); all other
// offers are of different resources.
import {
  add,
  availableOn,
  contains,
  exclusiveOf,
  has,
  NO_RESOURCES,
  type Resources,
  sharedOf,
  without,
} from "../../allocator/index.ts";
import type { FrameworkId, OfferId } from "../../kernel/ids.ts";
import type { Event } from "../events.ts";
import type { Agent, ClusterState, Offer } from "../model.ts";

/**
 * What is rescinded, before the events by which the agent's unused resources become others.
 * @param ended offers that end by the command anyhow
 * @param before what of the unused is used or made something else
 * @param after what becomes of that
 */
export function rescindedForUse(
  state: ClusterState,
  agent: Agent,
  ended: readonly OfferId[],
  before: Resources,
  after: Resources,
): readonly Event[] {
  const gone = sharedOf(before).filter((resource) => !has(after, resource));
  if (gone.length === 0 && !hasOptimistic(state, agent)) return [];
  const offers = [...offersOn(state, agent)].filter(({ id }) => !ended.includes(id));
  const left = add(without(unusedOn(state, agent), exclusiveOf(before)), exclusiveOf(after));
  const kept = keptOf(
    offers.filter(({ resources }) => !gone.some((resource) => has(resources, resource))),
    left,
  );
  const lost = offers.filter((offer) => !kept.has(offer.id));
  if (lost.length === 0) return [];
  const refs = lost.map(({ frameworkId, id }) => ({ frameworkId, offerId: id }));
  return [{ kind: "OffersRescinded", cause: "taken", offers: refs }];
}

function hasOptimistic(state: ClusterState, agent: Agent): boolean {
  for (const offerId of agent.offers.keys()) {
    if (state.offers.get(offerId)?.optimistic === true) return true;
  }
  return false;
}

/** What no task and no executor uses: what nobody holds, and what is merely offered. Without what is shared. */
function unusedOn(state: ClusterState, agent: Agent): Resources {
  let unused = exclusiveOf(availableOn(state.allocator, agent.id));
  for (const { optimistic, resources } of offersOn(state, agent)) {
    if (optimistic !== true) unused = add(unused, exclusiveOf(resources));
  }
  return unused;
}

/**
 * The offers that hold resources for one framework alone fit together, the newest before those that were left
 * unanswered for longest; and of each framework all that it has, for it may use its offers together.
 */
function keptOf(offers: readonly Offer[], left: Resources): ReadonlySet<OfferId> {
  const kept = new Set<OfferId>();
  const own = new Map<FrameworkId, Resources>();
  let rest = left;
  const newestFirst = [...offers].reverse();
  for (const { id, frameworkId, resources, optimistic } of newestFirst) {
    const needed = exclusiveOf(resources);
    if (optimistic === true || !contains(rest, needed)) continue;
    rest = without(rest, needed);
    own.set(frameworkId, add(own.get(frameworkId) ?? NO_RESOURCES, needed));
    kept.add(id);
  }
  for (const { id, frameworkId, resources, optimistic } of newestFirst) {
    const needed = exclusiveOf(resources);
    const before = own.get(frameworkId) ?? NO_RESOURCES;
    if (optimistic !== true || !contains(without(left, before), needed)) continue;
    own.set(frameworkId, add(before, needed));
    kept.add(id);
  }
  return kept;
}

function* offersOn(state: ClusterState, agent: Agent): Generator<Offer> {
  for (const offerId of agent.offers.keys()) {
    const offer = state.offers.get(offerId);
    if (offer !== undefined) yield offer;
  }
}

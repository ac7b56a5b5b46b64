// Offers in the state: made, and gone again in one way or another. What is offered counts as allocated, unless the offer is
// optimistic.
import { addFilter, allocateTo, recover, waitAnew } from "../../allocator/index.ts";
import { present } from "../../kernel/assert.ts";
import type { OfferId } from "../../kernel/ids.ts";
import type { EventOf } from "../events.ts";
import { agentOf, frameworkOf } from "../lookups.ts";
import type { ClusterState, Offer } from "../model.ts";

export function offersMade(state: ClusterState, event: EventOf<"OffersMade">): void {
  for (const offer of event.offers) {
    state.offers.set(offer.id, offer);
    frameworkOf(state, offer.frameworkId).offers.set(offer.id, true);
    agentOf(state, offer.agentId).offers.set(offer.id, true);
    if (offer.optimistic === true) continue;
    allocateTo(state.allocator, offer.frameworkId, offer.role, offer.agentId, offer.resources);
  }
  state.minted.offers += event.offers.length;
}

export function offersAccepted(state: ClusterState, event: EventOf<"OffersAccepted">): void {
  removeOffers(state, event.offerIds);
  const { frameworkId, role, agentId, unused, refuseUntil } = event;
  if (refuseUntil === null || unused.length === 0) return;
  addFilter(state.allocator, frameworkId, role, agentId, unused, refuseUntil);
}

export function offersDeclined(state: ClusterState, event: EventOf<"OffersDeclined">): void {
  for (const offerId of event.offerIds) {
    const { frameworkId, role, agentId, resources } = removeOffer(state, offerId);
    if (event.refuseUntil === null) continue;
    addFilter(state.allocator, frameworkId, role, agentId, resources, event.refuseUntil);
  }
}

export function offersDiscarded(state: ClusterState, event: EventOf<"OffersDiscarded">): void {
  removeOffers(state, event.offerIds);
}

export function offersRescinded(state: ClusterState, event: EventOf<"OffersRescinded">): void {
  for (const { offerId } of event.offers) {
    const { frameworkId, role, agentId, resources } = removeOffer(state, offerId);
    if (event.refuseUntil === undefined) continue;
    addFilter(state.allocator, frameworkId, role, agentId, resources, event.refuseUntil);
  }
}

export function removeOffers(state: ClusterState, offerIds: Iterable<OfferId>): void {
  for (const offerId of [...offerIds]) removeOffer(state, offerId);
}

function removeOffer(state: ClusterState, offerId: OfferId): Offer {
  const offer = present(state.offers.get(offerId), "event of an unknown offer", { offerId });
  state.offers.delete(offerId);
  frameworkOf(state, offer.frameworkId).offers.delete(offerId);
  agentOf(state, offer.agentId).offers.delete(offerId);
  const { frameworkId, role, agentId, resources, optimistic } = offer;
  if (optimistic !== true) recover(state.allocator, frameworkId, role, agentId, resources);
  if (state.policy.optimisticAfterMs !== null) waitAnew(state.allocator, frameworkId, role, state.time);
  return offer;
}

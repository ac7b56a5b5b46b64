// Which offers end because what they offer is no more: a shared volume is in the offers of several frameworks at a time
// (AL17); all other offers are of different resources.
import { has, type Resources, sharedOf } from "../../allocator/index.ts";
import type { OfferId } from "../../kernel/ids.ts";
import type { Event } from "../events.ts";
import type { Agent, ClusterState } from "../model.ts";

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
  if (gone.length === 0) return [];
  const offers = [];
  for (const offerId of agent.offers.keys()) {
    const offer = state.offers.get(offerId);
    if (offer === undefined || ended.includes(offerId)) continue;
    const isLost = gone.some((resource) => has(offer.resources, resource));
    if (isLost) offers.push({ frameworkId: offer.frameworkId, offerId });
  }
  return offers.length === 0 ? [] : [{ kind: "OffersRescinded", cause: "resources-converted", offers }];
}

// Whom to ask about agents that are to be away (MN07): every framework that holds something of one, offers among it, if it
// is not asked already and has not said when it wants to be asked again. And what becomes of their answers.
import type { AgentId, FrameworkId, Millis, OfferId } from "../../kernel/ids.ts";
import type { Command, Context } from "../commands.ts";
import type { Event } from "../events.ts";
import { isOfferable } from "../evolve/duty.ts";
import { INVERSE_OFFERS_KEPT_MAX, INVERSE_OFFERS_MAX, OFFERS_PER_CALL_MAX } from "../limits.ts";
import { isConnected } from "../lookups.ts";
import type { ClusterState } from "../model.ts";
import { countPairs, pairsOf } from "../pairs.ts";
import { refuseUntil } from "./accept.ts";
import { accepted, type Decision, dropped } from "./decision.ts";
import { connectedFramework } from "./frameworks.ts";

interface Question {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
}

export function inverseOffersDue(state: ClusterState, now: Millis): readonly Event[] {
  const offers = [];
  for (const question of questions(state, now)) {
    if (offers.length === INVERSE_OFFERS_MAX) break;
    const offerId = `${state.clusterId}-O${state.minted.offers + offers.length}` as OfferId;
    offers.push({ offerId, ...question });
  }
  return offers.length === 0 ? [] : [{ kind: "InverseOffersMade", offers }];
}

export function hasQuestions(state: ClusterState, now: Millis): boolean {
  return questions(state, now).next().done !== true;
}

function* questions(state: ClusterState, now: Millis): Generator<Question> {
  const { allocator } = state;
  let kept = countPairs(state.maintenance.inverse);
  for (const [agentId, asked] of state.maintenance.inverse) {
    const agent = state.agents.get(agentId);
    if (agent === undefined || !isOfferable(agent)) continue;
    const holders = new Set<FrameworkId>();
    for (const number of allocator.agents.get(agentId)?.allocations.keys() ?? []) {
      const frameworkId = allocator.clients.get(number)?.frameworkId;
      if (frameworkId !== undefined) holders.add(frameworkId);
    }
    for (const frameworkId of holders) {
      const known = asked.get(frameworkId);
      const { offerId = null, askAgainAt = null } = known ?? {};
      const isDue = offerId === null && (askAgainAt === null || askAgainAt <= now);
      if (!isDue || !isConnected(state.frameworks.get(frameworkId))) continue;
      if (known === undefined && kept >= INVERSE_OFFERS_KEPT_MAX) continue;
      if (known === undefined) kept += 1;
      yield { frameworkId, agentId };
    }
  }
}

/** Questions that are not the framework's, or are over, are passed over. */
export function decideInverseAnswer(
  state: ClusterState,
  { frameworkId, offerIds, status, refuseMs }: Extract<Command, { kind: "answer-inverse-offers" }>,
  { now }: Context,
): Decision {
  const found = connectedFramework(state, frameworkId);
  if ("refusal" in found) return found.refusal;
  const named = new Set(offerIds.slice(0, OFFERS_PER_CALL_MAX));
  const offers = [];
  for (const [agentId, asked, { offerId }] of pairsOf(state.maintenance.inverse)) {
    if (asked === frameworkId && offerId !== null && named.has(offerId)) offers.push({ offerId, agentId });
  }
  if (offers.length === 0) return dropped();
  const until = refuseUntil(state, now, refuseMs);
  return accepted([{ kind: "InverseOffersAnswered", frameworkId, offers, status, refuseUntil: until }]);
}

// Operations of operators on an agent's resources (MO13, MO14). What is offered is rescinded if that makes room, with a
// filter as if its framework had declined it (trap 16); an operation that cannot be carried out costs no offer.
import { add, availableOn, equal, unite, without } from "../../allocator/index.ts";
import { totalOf } from "../agent-resources.ts";
import type { Context, Operate } from "../commands.ts";
import type { Event } from "../events.ts";
import { RESCINDED_REFUSE_MS } from "../limits.ts";
import { after } from "../lookups.ts";
import type { Agent, ClusterState, Offer } from "../model.ts";
import { leftOf, usesOf } from "../usage.ts";
import { rescindedForUse } from "./conflicts.ts";
import { conversionFault, convert, neededBy, type Outcome, withVolumesOf } from "./conversions.ts";
import { accepted, type Decision, rejected } from "./decision.ts";

export function decideOperate(
  state: ClusterState,
  { agentId, operation: asked }: Operate,
  { now }: Context,
): Decision {
  const agent = state.agents.get(agentId);
  if (agent === undefined || agent.connection.kind === "unreachable") {
    return rejected("agent-unknown", "No agent found with specified ID");
  }
  const operation = withVolumesOf(asked, totalOf(agent));
  const fault = conversionFault(operation, totalOf(agent), null, () => usesOf(state, agent));
  if (fault !== null) return rejected("operation-invalid", fault);
  const { offers, outcome } = makeRoom(state, agent, operation);
  if (typeof outcome === "string") return rejected("operation-conflict", outcome);
  if (!leavesUses(state, agent, outcome)) {
    return rejected("operation-conflict", "Tasks that are unreachable with the agent use the resources");
  }
  const events: Event[] = [];
  if (offers.length > 0) {
    const refs = offers.map(({ frameworkId, id }) => ({ frameworkId, offerId: id }));
    const refuseUntil = after(now, RESCINDED_REFUSE_MS);
    events.push({ kind: "OffersRescinded", cause: "resources-converted", offers: refs, refuseUntil });
  }
  const { consumed, converted } = outcome;
  if (consumed.length > 0) {
    const ended = offers.map(({ id }) => id);
    events.push(...rescindedForUse(state, agent, ended, consumed, converted));
    const { type } = operation;
    events.push({ kind: "AgentResourcesConverted", agentId, operation: type, consumed, converted, by: null });
  }
  return accepted(events);
}

/** What tasks held that are unreachable is free, and theirs when the agent comes back: of one that is away, that is. */
function leavesUses(state: ClusterState, agent: Agent, { consumed, converted }: Outcome): boolean {
  if (agent.connection.kind === "connected") return true;
  const total = add(without(totalOf(agent), consumed), converted);
  return leftOf(total, usesOf(state, agent)) !== null;
}

/** The oldest offers that bring nearer what is needed, as many as it takes. */
function makeRoom(
  state: ClusterState,
  agent: Agent,
  operation: Operate["operation"],
): { readonly offers: readonly Offer[]; readonly outcome: Outcome | string } {
  const free = availableOn(state.allocator, agent.id);
  const offers: Offer[] = [];
  let available = free;
  let outcome = convert(available, operation, null);
  let missing = without(neededBy(operation), free);
  for (const offerId of agent.offers.keys()) {
    if (typeof outcome !== "string") break;
    const offer = state.offers.get(offerId);
    if (offer === undefined || offer.optimistic === true) continue;
    const rest = without(missing, offer.resources);
    if (equal(rest, missing)) continue;
    missing = rest;
    offers.push(offer);
    available = unite(available, offer.resources);
    outcome = convert(available, operation, null);
  }
  return { offers, outcome };
}

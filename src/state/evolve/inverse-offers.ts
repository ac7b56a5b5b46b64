// What frameworks are asked about agents whose machines are to be down (MN07, SC30), and what they answer. It binds nobody:
// operators look at it. `inverse` has an entry for every agent on a machine of the schedule.
import type { AgentId, FrameworkId } from "../../kernel/ids.ts";
import type { EventOf } from "../events.ts";
import { agentsOn, machineKey, machineOf, plannedFor } from "../machines.ts";
import type { Agent, ClusterState, InverseOffer, Machine } from "../model.ts";
import { pairsOf } from "../pairs.ts";

const NOT_ASKED: InverseOffer = { offerId: null, answer: null, askAgainAt: null };

export function inverseOffersMade(state: ClusterState, { offers }: EventOf<"InverseOffersMade">): void {
  for (const { offerId, frameworkId, agentId } of offers) change(state, agentId, frameworkId, { offerId });
  state.minted.offers += offers.length;
}

export function inverseOffersAnswered(
  state: ClusterState,
  { frameworkId, offers, status, refuseUntil }: EventOf<"InverseOffersAnswered">,
): void {
  const answer = { status, at: state.time };
  for (const { agentId } of offers) {
    change(state, agentId, frameworkId, { offerId: null, answer, askAgainAt: refuseUntil });
  }
}

export function inverseOffersRescinded(
  state: ClusterState,
  { offers }: EventOf<"InverseOffersRescinded">,
): void {
  for (const { frameworkId, agentId } of offers) change(state, agentId, frameworkId, { offerId: null });
}

/** The agent is there, or there on another machine. */
export function noteMachine(
  { maintenance }: ClusterState,
  { id }: Agent,
  machine: Machine | undefined,
): void {
  if (machine === undefined) maintenance.inverse.delete(id);
  else if (!maintenance.inverse.has(id)) maintenance.inverse.set(id, new Map());
}

/** After a change of the schedule: answers hold for the time that was asked about. @param before the machines of old */
export function noteMachines(state: ClusterState, before: ReadonlyMap<string, Machine>): void {
  const { inverse, machines } = state.maintenance;
  const asked: typeof inverse = new Map();
  for (const { id, spec } of agentsOn(state, new Set(machines.keys()), "all")) {
    const known = before.get(machineKey(machineOf(spec)))?.unavailability;
    const now = plannedFor(state, spec)?.unavailability;
    const isSame = known?.start === now?.start && known?.duration === now?.duration;
    asked.set(id, (isSame ? inverse.get(id) : undefined) ?? new Map());
  }
  state.maintenance.inverse = asked;
}

/** The framework's stream is gone: what it was asked there is asked anew on the next. */
export function dropAsked({ maintenance }: ClusterState, frameworkId: FrameworkId): void {
  for (const asked of maintenance.inverse.values()) {
    const known = asked.get(frameworkId);
    if (known !== undefined) asked.set(frameworkId, { ...known, offerId: null });
  }
}

export function forgetAnswers({ maintenance }: ClusterState, frameworkId: FrameworkId): void {
  for (const asked of maintenance.inverse.values()) asked.delete(frameworkId);
}

/** REVIVE (trap 18). */
export function askAnew({ maintenance }: ClusterState, frameworkId: FrameworkId): void {
  for (const asked of maintenance.inverse.values()) {
    const known = asked.get(frameworkId);
    if (known !== undefined) asked.set(frameworkId, { ...known, askAgainAt: null });
  }
}

export function dropAllAsked({ maintenance }: ClusterState): void {
  for (const [agentId, frameworkId, known] of [...pairsOf(maintenance.inverse)]) {
    maintenance.inverse.get(agentId)?.set(frameworkId, { ...known, offerId: null });
  }
}

function change(
  { maintenance }: ClusterState,
  agentId: AgentId,
  frameworkId: FrameworkId,
  to: Partial<InverseOffer>,
): void {
  const asked = maintenance.inverse.get(agentId);
  asked?.set(frameworkId, { ...(asked.get(frameworkId) ?? NOT_ASKED), ...to });
}

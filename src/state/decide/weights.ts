// Weights of roles (AL03, MO10): set by an operator, or by the flag while none was ever set.
import { hasFrameworks } from "../../allocator/index.ts";
import type { UpdateWeights } from "../commands.ts";
import type { Event, RoleWeight } from "../events.ts";
import { RESCINDED_OFFERS_MAX, WEIGHTS_MAX } from "../limits.ts";
import type { ClusterState } from "../model.ts";
import { unlistedRoles } from "../policy.ts";
import { accepted, type Decision, dropped, rejected } from "./decision.ts";

/**
 * The new weights, and if a framework is in one of the roles or below it, the end of all offers: what was offered by the
 * old weights is to be shared anew.
 */
export function decideUpdateWeights(state: ClusterState, { weights }: UpdateWeights): Decision {
  if (weights.length === 0) return dropped();
  const roles = new Set([...state.weights.keys(), ...weights.map(({ role }) => role)]);
  if (roles.size > WEIGHTS_MAX) {
    return rejected("weights-refused", `Weights of more than ${WEIGHTS_MAX} roles cannot be kept`);
  }
  const [unlisted] = unlistedRoles(
    state.policy,
    weights.map(({ role }) => role),
  );
  if (unlisted !== undefined) return rejected("weights-refused", `Unknown role '${unlisted}'`);
  const matters = weights.some(({ role }) => hasFrameworks(state.allocator, role));
  return accepted([{ kind: "WeightsUpdated", weights }, ...(matters ? rescindAll(state) : [])]);
}

/** Weights that were ever set win over the flag's. */
export function initialWeights(state: ClusterState, weights: readonly RoleWeight[]): readonly Event[] {
  return state.weights.size > 0 || weights.length === 0 ? [] : [{ kind: "WeightsUpdated", weights }];
}

function rescindAll(state: ClusterState): readonly Event[] {
  const offers = [];
  for (const { id, frameworkId } of state.offers.values()) {
    if (offers.length === RESCINDED_OFFERS_MAX) break;
    offers.push({ frameworkId, offerId: id });
  }
  return offers.length === 0 ? [] : [{ kind: "OffersRescinded", cause: "weights-updated", offers }];
}

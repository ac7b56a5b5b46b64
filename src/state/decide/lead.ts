// A new leader begins: the first of all founds the cluster, and each brings the policy that its operator has set.
import type { Command, Context } from "../commands.ts";
import type { Event } from "../events.ts";
import { after } from "../lookups.ts";
import type { ClusterState } from "../model.ts";
import { type Policy, policyChanges } from "../policy.ts";
import { accepted, type Decision } from "./decision.ts";
import { initialWeights } from "./weights.ts";

export function decideLead(
  state: ClusterState,
  command: Extract<Command, { kind: "lead" }>,
  { now, newClusterId, settings }: Context,
): Decision {
  const founded: Event[] =
    state.clusterId === null ? [{ kind: "ClusterFounded", clusterId: newClusterId }] : [];
  return accepted([
    ...founded,
    {
      kind: "LeaderElected",
      memberId: command.memberId,
      term: command.term,
      frameworkDeadline: after(now, settings.frameworkReconnectMs),
      agentDeadline: after(now, settings.agentReconnectMs),
      ...(settings.domain === undefined ? {} : { domain: settings.domain }),
    },
    ...(command.policy === undefined ? [] : policyChanged(state, command.policy)),
    ...initialWeights(state, settings.initialWeights ?? []),
  ]);
}

/** Where optimistic offers are made no more, those that are out end: nothing would count them against quotas. */
export function decideSetPolicy(state: ClusterState, policy: Policy): Decision {
  const changes = policyChanged(state, policy);
  if (policy.optimisticAfterMs !== null || state.policy.optimisticAfterMs === null) return accepted(changes);
  const optimistic = [...state.offers.values()].filter((offer) => offer.optimistic === true);
  const offers = optimistic.map(({ id, frameworkId }) => ({ frameworkId, offerId: id }));
  const rescinded: Event[] =
    offers.length === 0 ? [] : [{ kind: "OffersRescinded", cause: "policy-changed", offers }];
  return accepted([...rescinded, ...changes]);
}

/** What is set otherwise than it was. Offers that were made by the policy of before stand. */
function policyChanged(state: ClusterState, policy: Policy): readonly Event[] {
  const changes = policyChanges(state.policy, policy);
  return Object.keys(changes).length === 0 ? [] : [{ kind: "PolicyChanged", changes }];
}

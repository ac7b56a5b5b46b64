// A new leader begins: the first of all founds the cluster.
import type { Command, Context } from "../commands.ts";
import type { Event } from "../events.ts";
import { after } from "../lookups.ts";
import type { ClusterState } from "../model.ts";
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
    },
    ...initialWeights(state, settings.initialWeights ?? []),
  ]);
}

// What operators keep out of the offers is not offered: agents that are deactivated, drain or have drained, and those of
// machines that are down.
import type { HistoryEntry } from "../../src/master/types.ts";
import { isDown } from "../../src/state/machines.ts";
import type { ClusterState } from "../../src/state/model.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("kept-out");

/** @param state after the entry */
export function checkKeptOut(state: ClusterState, { index, events }: HistoryEntry): void {
  for (const event of events) {
    if (event.kind !== "OffersMade") continue;
    for (const { id, agentId } of event.offers) {
      const agent = state.agents.get(agentId);
      const isOut = agent === undefined || agent.deactivation !== undefined || isDown(state, agent.spec);
      check(!isOut || !state.offers.has(id), "an agent is offered that operators keep out", () => ({
        index,
        id,
        agentId,
      }));
    }
  }
}

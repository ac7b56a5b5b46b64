// Weights in the state: all that were ever set, and in the allocator those that matter.
import { setWeight } from "../../allocator/index.ts";
import type { EventOf } from "../events.ts";
import type { ClusterState } from "../model.ts";

export function weightsUpdated(state: ClusterState, { weights }: EventOf<"WeightsUpdated">): void {
  for (const { role, weightMillis } of weights) {
    state.weights.set(role, weightMillis);
    setWeight(state.allocator, role, weightMillis);
  }
}

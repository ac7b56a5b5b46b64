// Quotas in the state: they are the allocator's.
import { setQuota } from "../../allocator/index.ts";
import type { EventOf } from "../events.ts";
import type { ClusterState } from "../model.ts";

export function quotasUpdated(state: ClusterState, { quotas }: EventOf<"QuotasUpdated">): void {
  for (const { role, quota } of quotas) {
    const maps =
      quota === null ? null : { guarantees: new Map(quota.guarantees), limits: new Map(quota.limits) };
    setQuota(state.allocator, role, maps);
  }
}

// No role is offered more than its quota allows: whenever offers are made, what is offered and held in each role and below
// it is within its limit, and in those above it, for every resource of the offers. What is held already may exceed a
// limit, if an operator forced one or an agent came back with its tasks; then nothing more of it is offered.
import { chargesOf } from "../../src/allocator/index.ts";
import { consumedOf } from "../../src/allocator/quota.ts";
import type { HistoryEntry } from "../../src/master/types.ts";
import type { ClusterState } from "../../src/state/model.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("quota-limits");

/** @param state after the entry, in which nothing followed the offers */
export function checkQuotaLimits({ allocator }: ClusterState, { index, events }: HistoryEntry): void {
  const last = events.at(-1);
  if (last?.kind !== "OffersMade") return;
  for (const { id, role, resources } of last.offers) {
    for (const charge of chargesOf(role, resources)) {
      const entry = allocator.roles.get(charge.role);
      const limit = entry?.quota?.limits.get(charge.name);
      if (entry === undefined || limit === undefined) continue;
      const consumed = consumedOf(entry).get(charge.name) ?? 0;
      check(consumed <= limit, "a role is offered more than its limit", () => ({
        index,
        id,
        ...charge,
        consumed,
        limit,
      }));
    }
  }
}

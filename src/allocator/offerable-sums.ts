// The sum of what is free on agents that may be offered, as far as it counts against quotas: what the guarantees of roles
// are held back from (AL06). Kept only while there are quotas, so that nobody else pays for it.
import { type Amounts, addAmounts, takeAmounts } from "./amounts.ts";
import { countsAgainstQuota, factsOf, isPlain } from "./meta.ts";
import type { AllocatorState } from "./model.ts";
import { NO_RESOURCES, type Resources } from "./resources.ts";

/** What an agent has to offer was `before` and is `now`. */
export function noteOfferable(s: AllocatorState, before: Resources, now: Resources): void {
  if (s.quotas.size === 0 || before === now) return;
  addAmounts(s.offerableSums, counted(now));
  takeAmounts(s.offerableSums, counted(before));
}

/** A quota has come or gone. */
export function refreshOfferable(s: AllocatorState, quotasBefore: number): void {
  if (s.quotas.size === 0) s.offerableSums.clear();
  else if (quotasBefore === 0) addOfferable(s, s.offerableSums);
}

/** Adds what all agents have to offer. */
export function addOfferable(s: AllocatorState, sums: Amounts): void {
  for (const agentId of s.withFree.keys()) {
    addAmounts(sums, counted(s.agents.get(agentId)?.free ?? NO_RESOURCES));
  }
}

function counted(resources: Resources): Resources {
  if (isPlain(resources)) return resources;
  return resources.filter(({ meta }) => countsAgainstQuota(factsOf(meta)));
}

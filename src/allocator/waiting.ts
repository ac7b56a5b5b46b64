// Since when clients have no offer: what optimistic offers go by (decision 0037). Kept while they are made only, so that a
// cluster without them has nothing of it in its state.
import type { FrameworkId, Millis, RoleName } from "../kernel/ids.ts";
import { clientOf, frameworkOf } from "./lookups.ts";
import type { AllocatorState } from "./model.ts";

/** Optimistic offers are made from now on, and so all who compete wait from now on; or they are made no more. */
export function keepWaiting(s: AllocatorState, isKept: boolean, now: Millis): void {
  for (const client of s.clients.values()) client.waitsSince = isKept && client.live ? now : null;
}

/** The framework has subscribed, or asks for offers again: those of its clients that began to compete by it wait from now on. */
export function beginWaiting(s: AllocatorState, frameworkId: FrameworkId, now: Millis): void {
  for (const number of frameworkOf(s, frameworkId).clients.values()) {
    const client = clientOf(s, number);
    if (client.live && client.waitsSince === null) client.waitsSince = now;
  }
}

/** An offer to the framework in that role is no more; if it was the last one the client waits from now on. */
export function waitAnew(s: AllocatorState, frameworkId: FrameworkId, role: RoleName, now: Millis): void {
  const number = s.frameworks.get(frameworkId)?.clients.get(role);
  const client = number === undefined ? undefined : s.clients.get(number);
  if (client?.live === true && client.waitsSince !== now) client.waitsSince = now;
}

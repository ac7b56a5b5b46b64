// Which events ask for an allocation cycle at once; all else waits for the next interval, as in Mesos (AL07).
import type { Decision } from "../state/decide.ts";
import type { Event } from "../state/events.ts";
import { isTerminal } from "../state/statuses.ts";

const ALLOCATION_TRIGGERS: ReadonlySet<Event["kind"]> = new Set([
  "FrameworkSubscribed",
  "FrameworkUpdated",
  "FrameworkRevived",
  "AgentRegistered",
  "AgentReregistered",
  "ExecutorExited",
] satisfies Event["kind"][]);

/** Of the statuses only those that may give resources back. */
export function asksForAllocation(event: Event): boolean {
  if (event.kind === "TaskStatusUpdated") return isTerminal(event.latestState);
  return ALLOCATION_TRIGGERS.has(event.kind);
}

/** Of a cycle. */
export function offersIn(decision: Decision): number {
  const [made] = decision.kind === "accepted" ? decision.events : [];
  return made?.kind === "OffersMade" ? made.offers.length : 0;
}

// Deadlines that have passed become events: frameworks that did not come back, agents that are silent, offers and
// filters that are too old. And agents that have drained are found here, and frameworks that are to be
// asked about agents that will be away.
import { nextFilterExpiry } from "../../allocator/index.ts";
import type { Millis } from "../../kernel/ids.ts";
import type { Context } from "../commands.ts";
import type { Event } from "../events.ts";
import {
  EXPIRED_OFFERS_MAX,
  EXPIRIES_PER_COMMAND_MAX,
  EXPIRY_EVENTS_MAX,
  TASKS_AT_ONCE_MAX,
} from "../limits.ts";
import { agentOf, frameworkOf } from "../lookups.ts";
import type { ClusterState } from "../model.ts";
import { heldBy } from "./agent-end.ts";
import { agentExpiryEvents } from "./agents.ts";
import { type Accepted, accepted, partly } from "./decision.ts";
import { drainedEvents, hasDrained } from "./duty.ts";
import { hasQuestions, inverseOffersDue } from "./inverse-offers.ts";
import { operationsDue } from "./operations.ts";
import { removalOf, remove, taskCount } from "./removal.ts";

/** Frameworks go first. While their tasks are too many for one command the rest is left to the next. */
export function decideExpire(state: ClusterState, context: Context): Accepted {
  const events: Event[] = [];
  let tasks = 0;
  for (const id of due(state.absentFrameworks, context.now)) {
    const framework = frameworkOf(state, id);
    tasks += taskCount(framework);
    if (tasks > TASKS_AT_ONCE_MAX) {
      const { events: ends, effects } =
        events.length === 0 ? remove(state, framework, "failover-timeout", context) : accepted([]);
      return partly([...events, ...ends], { kind: "expire" }, effects);
    }
    events.push(removalOf(framework, "failover-timeout"));
  }
  return accepted([...events, ...otherExpiries(state, context.now)]);
}

function otherExpiries(state: ClusterState, now: Millis): readonly Event[] {
  const events: Event[] = [];
  const removed = new Set(due(state.absentFrameworks, now));
  let room = EXPIRY_EVENTS_MAX - removed.size;
  for (const id of due(state.absentAgents, now)) {
    if (room <= 0) break;
    const agent = agentOf(state, id);
    const made = agentExpiryEvents(state, agent, removed, now, room);
    room -= made.length + (agent.connection.kind === "unreachable" ? heldBy(agent) : 0);
    events.push(...made);
  }
  events.push(...drainedEvents(state, now, EXPIRIES_PER_COMMAND_MAX));
  events.push(...inverseOffersDue(state, now));
  events.push(...oldOffers(state, now));
  events.push(...operationsDue(state, now).filter(() => removed.size === 0));
  const filters = nextFilterExpiry(state.allocator);
  if (filters !== null && filters <= now) events.push({ kind: "FiltersExpired", until: now });
  return events;
}

/** False if `expire` would lead to no event: a look that costs next to nothing when nothing is due. */
export function hasExpired(state: ClusterState, now: Millis): boolean {
  if (isDue(state.absentFrameworks, now) || isDue(state.absentAgents, now)) return true;
  if (hasDrained(state) || hasQuestions(state, now)) return true;
  const filters = nextFilterExpiry(state.allocator);
  if (filters !== null && filters <= now) return true;
  return oldOffers(state, now).length > 0 || operationsDue(state, now).length > 0;
}

function isDue(deadlines: ReadonlyMap<unknown, Millis>, now: Millis): boolean {
  for (const deadline of deadlines.values()) if (deadline <= now) return true;
  return false;
}

function due<Id>(deadlines: ReadonlyMap<Id, Millis>, now: Millis): readonly Id[] {
  const ids: Id[] = [];
  for (const [id, deadline] of deadlines) {
    if (deadline <= now) ids.push(id);
    if (ids.length === EXPIRIES_PER_COMMAND_MAX) break;
  }
  return ids;
}

/** AL13. Offers of frameworks and agents that expire in the same command are none: those are not connected. */
function oldOffers(state: ClusterState, now: Millis): readonly Event[] {
  const { offerTimeoutMs: timeoutMs } = state.policy;
  if (timeoutMs === null) return [];
  const offers = [];
  for (const { id, frameworkId, madeAt } of state.offers.values()) {
    if (madeAt + timeoutMs > now || offers.length === EXPIRED_OFFERS_MAX) break;
    offers.push({ frameworkId, offerId: id });
  }
  return offers.length === 0 ? [] : [{ kind: "OffersRescinded", cause: "timeout", offers }];
}

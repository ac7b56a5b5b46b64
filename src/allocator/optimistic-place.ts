// Where a cycle that is cut into slices is with its optimistic offers (optimistic.ts), for the next slice to go on there.
import { type AgentId, compareText, type FrameworkId, type Millis, type RoleName } from "../kernel/ids.ts";
import { placeAfter } from "./agent-ring.ts";
import type { Allocation, ClientNumber } from "./model.ts";
import { compareIds } from "./order.ts";

/** Where a cycle that is cut into slices is with its optimistic offers. A slice changes a copy. */
export interface OptimisticPlace {
  /** Who had not waited for long enough when they began is not asked in this cycle. */
  readonly began: Millis;
  /** The most that each who has waited gets, and the most that there may be by both rules. */
  readonly each: number;
  readonly offersMax: number;
  stage: "waiting" | "stale";
  made: number;
  /** Of those who have waited the one that was asked last, and how many offers it may be made still. */
  client: (Waiting & { left: number }) | null;
  /** The agent that was asked about last; null when the next is the first. */
  agentId: AgentId | null;
  /** What was offered in turn: who had that is no longer first. */
  inTurn: readonly Allocation[];
}

/** What a slice has made, and where the next goes on; null when all is done. */
export interface Shown {
  readonly made: readonly Allocation[];
  readonly next: OptimisticPlace | null;
}

/** A client that waits, and since when. */
export interface Waiting {
  readonly number: ClientNumber;
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
  readonly since: Millis;
}

/** The longest waiting first. */
export function byPatience(a: Waiting, b: Waiting): number {
  return a.since - b.since || compareIds(a.frameworkId, b.frameworkId) || compareText(a.role, b.role);
}

export function copyOf(place: OptimisticPlace): OptimisticPlace {
  return { ...place, client: place.client === null ? null : { ...place.client } };
}

/** Place of the first that comes after the one named, which need not be among them. */
export function firstAfter(ordered: readonly AgentId[], last: AgentId | null): number {
  if (last === null) return 0;
  const place = placeAfter(ordered, last);
  return place === 0 && ordered[0] !== undefined && compareIds(ordered[0], last) <= 0
    ? ordered.length
    : place;
}

// Time travel: the state as of any entry of the log, and what each event changed in it. The same `evolve` as in
// production, on the plain state to get there, on an Immer draft to see the changes. Reading logs is the caller's.
import { enableMapSet, enablePatches, Immer, type Patch } from "immer";
import { ok, type Result } from "../kernel/result.ts";
import type { DecodeError, Entry } from "../state/codec.ts";
import type { Event } from "../state/events.ts";
import { evolve } from "../state/evolve.ts";
import type { ClusterState } from "../state/model.ts";
import { createClusterState, decodeSnapshot } from "../state/snapshot.ts";

enableMapSet();
enablePatches();
const immer = new Immer({ autoFreeze: false });

/**
 * What one event changed. Paths lead from the state's root; patches take it forth to the same digest, inverse patches
 * back to the same content (what comes back into a Map comes at its end).
 */
export interface Change {
  /** Position in the entries given, from 0. */
  readonly entry: number;
  readonly time: Entry["time"];
  readonly event: Event;
  readonly patches: readonly Patch[];
  readonly inverse: readonly Patch[];
  /** After the event. Not to be changed: states before and after share what is equal in both. */
  readonly state: ClusterState;
}

/**
 * The state after the entries.
 * @param snapshot the state as of the entry before the first, packed; undefined when the entries are the log's first
 */
export function replay(
  snapshot: Uint8Array | undefined,
  entries: Iterable<Entry>,
): Result<ClusterState, DecodeError> {
  const start = stateOf(snapshot);
  if (!start.ok) return start;
  for (const { time, events } of entries) for (const event of events) evolve(start.value, event, time);
  return start;
}

/** Each event with its changes. Slower than replay by far: for the stretch that is looked at, not for the way there. */
export function* inspect(start: ClusterState, entries: Iterable<Entry>): Generator<Change, ClusterState> {
  let state = start;
  let position = 0;
  for (const { time, events } of entries) {
    for (const event of events) {
      const [next, patches, inverse] = immer.produceWithPatches(state, (draft) => {
        evolve(draft as ClusterState, event, time);
      });
      state = next;
      yield { entry: position, time, event, patches, inverse, state };
    }
    position += 1;
  }
  return state;
}

/** The state that a snapshot holds; the empty one without it. */
export function stateOf(snapshot: Uint8Array | undefined): Result<ClusterState, DecodeError> {
  return snapshot === undefined ? ok(createClusterState()) : decodeSnapshot(snapshot);
}

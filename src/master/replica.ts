// One replica's copy of the cluster: applies entries to the state, and takes and compares snapshots at the indexes on
// which all replicas do. It knows nothing of leadership: on a leader the pipeline evolves the state ahead of commits.
import { assert, InvariantError } from "../kernel/assert.ts";
import { asIndex, type LogIndex, type Millis } from "../kernel/ids.ts";
import type { Result } from "../kernel/result.ts";
import { type DecodeError, decodeEntry } from "../state/codec.ts";
import type { Event } from "../state/events.ts";
import { evolve } from "../state/evolve.ts";
import type { ClusterState } from "../state/model.ts";
import { createClusterState, decodeSnapshot, digestOf, encodeSnapshot } from "../state/snapshot.ts";
import { OWN_DIGESTS_MAX } from "./limits.ts";

/** The state as of one index, and its digest. */
export interface Checkpoint {
  readonly index: LogIndex;
  readonly bytes: Uint8Array;
  readonly digest: string;
}

export interface Replica {
  state(): ClusterState;
  /** Index of the newest entry whose events are in the state. */
  index(): LogIndex;
  /** Applies one committed entry; an empty payload is Raft's own no-op. */
  applyEntry(index: LogIndex, payload: Uint8Array): void;
  /** Applies events of an entry that is about to be proposed; `markEntry` follows with its index. */
  evolveAhead(event: Event, time: Millis): void;
  markEntry(index: LogIndex): void;
  /** Whether the state holds events of entries after this one, or of one that has no index yet. */
  isAheadOf(index: LogIndex): boolean;
  /** Forgets all and begins again from a snapshot, or from nothing. */
  reset(index: LogIndex, snapshot: Uint8Array | null): void;
  checkpoint(): Checkpoint;
}

/**
 * @param onDivergence called with both digests when this replica's state differs from the leader's at an index: the
 * process must end, for one of the two is wrong (invariant 3 of the design).
 */
export function createReplica(
  onDivergence: (index: LogIndex, own: string, leaders: string) => void,
): Replica {
  let state = createClusterState();
  let index = asIndex(0);
  let unmarked = false;
  const ownDigests = new Map<LogIndex, string>();

  function evolveOne(event: Event, time: Millis): void {
    evolve(state, event, time);
    if (event.kind === "DigestRecorded") compare(event.index, event.digest);
  }

  function compare(at: LogIndex, leaders: string): void {
    const own = ownDigests.get(at);
    if (own !== undefined && own !== leaders) onDivergence(at, own, leaders);
    ownDigests.delete(at);
  }

  function keepDigest(at: LogIndex, digest: string): void {
    ownDigests.set(at, digest);
    for (const oldest of ownDigests.keys()) {
      if (ownDigests.size <= OWN_DIGESTS_MAX) break;
      ownDigests.delete(oldest);
    }
  }

  return {
    state: () => state,
    index: () => index,
    applyEntry(at, payload) {
      assert(at === index + 1, "entries are applied in order", { at, index });
      index = at;
      if (payload.length === 0) return;
      const entry = readable(decodeEntry(payload));
      for (const event of entry.events) evolveOne(event, entry.time);
    },
    evolveAhead(event, time) {
      unmarked = true;
      evolveOne(event, time);
    },
    markEntry(at) {
      assert(at > index, "a proposed entry is newer than all applied", { at, index });
      index = at;
      unmarked = false;
    },
    isAheadOf: (at) => unmarked || index > at,
    reset(at, snapshot) {
      unmarked = false;
      state = snapshot === null ? createClusterState() : readable(decodeSnapshot(snapshot));
      index = at;
      ownDigests.clear();
    },
    checkpoint() {
      assert(!unmarked, "a checkpoint is taken between two entries", { index });
      const bytes = encodeSnapshot(state);
      const digest = digestOf(bytes);
      keepDigest(index, digest);
      return { index, bytes, digest };
    },
  };
}

/** What does not decode was written by a newer version, or not by this program: going on would lose it. */
function readable<Value>(result: Result<Value, DecodeError>): Value {
  if (!result.ok) throw new InvariantError(result.error.message);
  return result.value;
}

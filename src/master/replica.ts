// One replica's copy of the cluster: applies entries to the state, and takes and compares snapshots at the indexes on
// which all replicas do. It knows nothing of leadership: on a leader the pipeline evolves the state ahead of commits.

import { assert, InvariantError } from "../kernel/assert.ts";
import { asIndex, type LogIndex, type Millis } from "../kernel/ids.ts";
import type { NewHash } from "../kernel/ports.ts";
import type { Result } from "../kernel/result.ts";
import { isOwn } from "../raft/index.ts";
import { beginWalk, type Walk } from "../state/checkpoint/walk.ts";
import { type DecodeError, decodeEntry } from "../state/codec.ts";
import type { Event } from "../state/events.ts";
import { evolve } from "../state/evolve.ts";
import { isOfThisFormat } from "../state/migrations/index.ts";
import type { ClusterState } from "../state/model.ts";
import { createClusterState } from "../state/snapshot.ts";
import { CheckpointSchedule } from "./checkpoint-schedule.ts";
import { OWN_DIGESTS_MAX, SNAPSHOT_INTERVAL_ENTRIES } from "./limits.ts";

/** The state as of one index, packed in slices while the replica goes on. */
export interface Checkpoint {
  readonly index: LogIndex;
  /** The next chunk of the snapshot; null after the last. */
  next(): Uint8Array | null;
  /** The last chunk has been made, and the digest is known. */
  over(): boolean;
  digest(): string;
  /** Not wanted any more. */
  abandon(): void;
}

export interface Replica {
  state(): ClusterState;
  /** Index of the newest entry whose events are in the state. */
  index(): LogIndex;
  /** Applies one committed entry; an empty payload is Raft's own no-op. */
  applyEntry(index: LogIndex, payload: Uint8Array): void;
  /** Applies events of an entry that is about to be proposed; `markEntry` follows with its index. */
  evolveAhead(event: Event, time: Millis): void;
  /** @param bytes of its payload */
  markEntry(index: LogIndex, bytes: number): void;
  /** Whether a checkpoint is due at the newest entry. */
  isCheckpointDue(): boolean;
  /** Whether the state holds events of entries after this one, or of one that has no index yet. */
  isAheadOf(index: LogIndex): boolean;
  /** Forgets all and begins again from a snapshot's state, or from nothing. A checkpoint under way may be finished. */
  reset(index: LogIndex, restored: ClusterState | null): void;
  /** Begins one at the newest entry; none must be under way. */
  checkpoint(): Checkpoint;
  /** The newest own digest that no leader has recorded yet. */
  unrecordedDigest(): { readonly index: LogIndex; readonly digest: string } | null;
}

export interface ReplicaTuning {
  /** Entries between checkpoints; the same on every member. */
  readonly intervalEntries?: number;
  /** Weight of the units in a chunk of a snapshot; the same on every member. */
  readonly chunkUnitsMax?: number;
  readonly newHash?: NewHash;
}

/**
 * @param onDivergence called with both digests when this replica's state differs from the leader's at an index: the
 * process must end, for one of the two is wrong (invariant 3 of the design).
 */
export function createReplica(
  onDivergence: (index: LogIndex, own: string, leaders: string) => void,
  tuning: ReplicaTuning = {},
): Replica {
  const schedule = new CheckpointSchedule(tuning.intervalEntries ?? SNAPSHOT_INTERVAL_ENTRIES);
  let state = createClusterState();
  let index = asIndex(0);
  let unmarked = false;
  let due = false;
  /** Of the state that is now evolved, and not over yet. */
  let walk: Walk | null = null;
  const ownDigests = new Map<LogIndex, string>();

  function evolveOne(event: Event, time: Millis): void {
    walk?.before(event);
    evolve(state, event, time);
    if (event.kind === "DigestRecorded") compare(event.index, event.digest);
  }

  function compare(at: LogIndex, leaders: string): void {
    const own = ownDigests.get(at);
    if (own !== undefined && own !== leaders && isOfThisFormat(leaders)) onDivergence(at, own, leaders);
    ownDigests.delete(at);
  }

  /** The leader may have finished the same checkpoint long before. */
  function keepDigest(at: LogIndex, digest: string): void {
    ownDigests.set(at, digest);
    const recorded = state.digests.find((one) => one.index === at);
    if (recorded !== undefined) compare(at, recorded.digest);
    for (const oldest of ownDigests.keys()) {
      if (ownDigests.size <= OWN_DIGESTS_MAX) break;
      ownDigests.delete(oldest);
    }
  }

  function checkpoint(): Checkpoint {
    assert(!unmarked, "a checkpoint is taken between two entries", { index });
    assert(walk === null, "one checkpoint is under way at a time", { index });
    const at = index;
    const mine = beginWalk(state, tuning.chunkUnitsMax, tuning.newHash);
    if (mine.over()) keepDigest(at, mine.digest());
    else walk = mine;
    let wanted = !mine.over();
    const end = () => {
      wanted = false;
      if (walk === mine) walk = null;
    };
    return {
      index: at,
      next() {
        const chunk = mine.next();
        if (wanted && mine.over()) {
          end();
          keepDigest(at, mine.digest());
        }
        return chunk;
      },
      over: mine.over,
      digest: mine.digest,
      abandon: end,
    };
  }

  return {
    state: () => state,
    index: () => index,
    applyEntry(at, payload) {
      assert(at === index + 1, "entries are applied in order", { at, index });
      index = at;
      due = false;
      if (isOwn({ payload })) return;
      const entry = readable(decodeEntry(payload));
      for (const event of entry.events) evolveOne(event, entry.time);
      due = schedule.isDueAt(at, payload.length, state);
    },
    evolveAhead(event, time) {
      unmarked = true;
      evolveOne(event, time);
    },
    markEntry(at, bytes) {
      assert(at > index, "a proposed entry is newer than all applied", { at, index });
      index = at;
      unmarked = false;
      due = schedule.isDueAt(at, bytes, state);
    },
    isCheckpointDue: () => due,
    isAheadOf: (at) => unmarked || index > at,
    reset(at, restored) {
      unmarked = false;
      due = false;
      walk = null;
      state = restored ?? createClusterState();
      index = at;
      ownDigests.clear();
      schedule.restart(at, state);
    },
    checkpoint,
    unrecordedDigest() {
      const newest = [...ownDigests].at(-1);
      return newest === undefined ? null : { index: newest[0], digest: newest[1] };
    },
  };
}

/** What does not decode was written by a newer version, or not by this program: going on would lose it. */
function readable<Value>(result: Result<Value, DecodeError>): Value {
  if (!result.ok) throw new InvariantError(result.error.message);
  return result.value;
}

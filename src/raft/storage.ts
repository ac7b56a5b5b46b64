// What the driver needs of a disk. `log` has it in production; the adapter between the two belongs to whoever wires
// them. Every rejection of these promises ends the node: after a failed write nobody knows what is on the disk.
import type { GroupId, LogIndex } from "../kernel/ids.ts";
import type { Entry, HardState, SnapshotMeta } from "./types.ts";

export interface RaftStorage {
  /**
   * Makes the batch durable, then resolves. Calls are made in order and may overlap; they take effect in order, so that
   * a batch is durable only if all before it are. Entries begin at or before the end of the log + 1: what is on disk
   * from the first one's index on is replaced. The hard state must not be durable later than the entries.
   * The first entries ever, up to a message of them, become durable as a whole or not at all.
   */
  append(batch: AppendBatch): Promise<void>;
  /** Makes a snapshot of this member's own state machine durable; it is the newest from then on, or not at all. */
  writeSnapshot(meta: SnapshotMeta, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /** Opens a place for a snapshot from the leader; the newest snapshot stays as it is until `finish`. */
  beginSnapshotReceive(meta: SnapshotMeta): SnapshotSink;
  /**
   * Bytes of the newest snapshot or of one that is kept; shorter than `length` only at its end. Undefined if that
   * snapshot is neither.
   */
  readSnapshotChunk(meta: SnapshotMeta, offset: number, length: number): Promise<Uint8Array | undefined>;
  /**
   * Of all bytes of such a snapshot; text of 1 to 255 units. Members' snapshots of one index with equal digests are taken
   * for equal.
   */
  snapshotDigest(meta: SnapshotMeta): Promise<string | undefined>;
  /** Of the snapshots that can be read now, these stay readable when newer ones come, and the other old ones need not. */
  keepSnapshots(indexes: readonly LogIndex[]): Promise<void>;
  /** The newest durable snapshot. */
  snapshot(): SnapshotMeta | undefined;
  /** Entries before this index are not needed any more. */
  compact(firstKept: LogIndex): Promise<void>;
  /** Notes durably, apart from the log, which group this member belongs to. Calls are made one after the other. */
  rememberGroup(groupId: GroupId): Promise<void>;
  /** Replaces the whole log by the end of this snapshot, which is durable: the next entry is `meta.index + 1`. */
  resetTo(meta: SnapshotMeta): Promise<void>;
}

export interface AppendBatch {
  readonly entries?: readonly Entry[];
  readonly hardState?: HardState;
}

/** A snapshot on its way in. */
export interface SnapshotSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes it durable and the newest. */
  finish(): Promise<void>;
  /** Forgets it. */
  abort(): Promise<void>;
}

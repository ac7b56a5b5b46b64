// A member's log, watched: what is handed to the disk is shown to a checker first.
import type { LogIndex } from "../../src/kernel/ids.ts";
import type { AppendBatch, Entry, RaftStorage, Recovered, SnapshotMeta } from "../../src/raft/index.ts";

export interface StorageWatcher {
  /** Entries are handed to the disk. @param termBefore of the entry before them; null if it is not known */
  written(entries: readonly Entry[], termBefore: number | null): void;
  durable(entries: readonly Entry[]): void;
  /** The log goes on after a snapshot. */
  covered(index: LogIndex): void;
}

export function watchedStorage(
  storage: RaftStorage,
  recovered: Recovered,
  watcher: StorageWatcher,
): RaftStorage {
  const terms = new Map<number, number>([[0, 0]]);
  const note = ({ index, term }: { readonly index: LogIndex; readonly term: number }): void => {
    terms.set(index, term);
  };
  if (recovered.snapshot !== undefined) note(recovered.snapshot);
  recovered.entries.forEach(note);
  watcher.durable(recovered.entries);
  return {
    append(batch: AppendBatch) {
      const entries = batch.entries ?? [];
      const first = entries[0];
      if (first !== undefined) watcher.written(entries, terms.get(first.index - 1) ?? null);
      entries.forEach(note);
      return storage.append(batch).then(() => watcher.durable(entries));
    },
    resetTo(meta: SnapshotMeta) {
      note(meta);
      watcher.covered(meta.index);
      return storage.resetTo(meta);
    },
    writeSnapshot: (meta, chunks) => storage.writeSnapshot(meta, chunks),
    beginSnapshotReceive: (meta) => storage.beginSnapshotReceive(meta),
    readSnapshotChunk: (meta, offset, length) => storage.readSnapshotChunk(meta, offset, length),
    snapshotDigest: (meta) => storage.snapshotDigest(meta),
    keepSnapshots: (indexes) => storage.keepSnapshots(indexes),
    snapshot: () => storage.snapshot(),
    rememberGroup: (groupId) => storage.rememberGroup(groupId),
    compact: (firstKept) => storage.compact(firstKept),
  };
}

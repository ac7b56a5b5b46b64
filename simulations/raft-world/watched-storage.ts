// A member's log, watched: what is handed to the disk is shown to a checker first.
import type { LogIndex } from "../../src/kernel/ids.ts";
import type { AppendBatch, Entry, RaftStorage, Recovered, SnapshotMeta } from "../../src/raft/index.ts";

/** @param show called with the entries of each append, and the term of the entry before them if it is known */
export function watchedStorage(
  storage: RaftStorage,
  recovered: Recovered,
  show: (entries: readonly Entry[], termBefore: number | null) => void,
): RaftStorage {
  const terms = new Map<number, number>([[0, 0]]);
  const note = ({ index, term }: { readonly index: LogIndex; readonly term: number }): void => {
    terms.set(index, term);
  };
  if (recovered.snapshot !== undefined) note(recovered.snapshot);
  recovered.entries.forEach(note);
  return {
    append(batch: AppendBatch) {
      const entries = batch.entries ?? [];
      const first = entries[0];
      if (first !== undefined) show(entries, terms.get(first.index - 1) ?? null);
      entries.forEach(note);
      return storage.append(batch);
    },
    resetTo(meta: SnapshotMeta) {
      note(meta);
      return storage.resetTo(meta);
    },
    writeSnapshot: (meta, chunks) => storage.writeSnapshot(meta, chunks),
    beginSnapshotReceive: (meta) => storage.beginSnapshotReceive(meta),
    readSnapshotChunk: (offset, length) => storage.readSnapshotChunk(offset, length),
    snapshot: () => storage.snapshot(),
    compact: (firstKept) => storage.compact(firstKept),
  };
}

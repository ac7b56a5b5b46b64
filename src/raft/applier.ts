// Feeds the state machine: committed entries in order, each once, and snapshots in between. A restore takes time;
// entries that are committed meanwhile wait for it.
import { assert } from "../kernel/assert.ts";
import { asIndex, type LogIndex } from "../kernel/ids.ts";
import { APPLY_ENTRIES_MAX } from "./limits.ts";
import type { Entry, SnapshotMeta } from "./types.ts";

export class Applier {
  private readonly apply: (entries: readonly Entry[]) => void;
  private readonly onApplied: () => void;
  private waiting: (readonly Entry[])[] = [];
  private restoring = 0;
  private appliedIndex: LogIndex;

  constructor(start: LogIndex, apply: (entries: readonly Entry[]) => void, onApplied: () => void) {
    this.appliedIndex = start;
    this.apply = apply;
    this.onApplied = onApplied;
  }

  /** The last entry that the state machine has taken. */
  applied(): LogIndex {
    return this.appliedIndex;
  }

  push(entries: readonly Entry[]): void {
    if (this.restoring > 0) this.waiting.push(entries);
    else this.deliver(entries);
  }

  /** From now on entries wait; those that wait already are covered by the snapshot. */
  beginRestore(): void {
    this.restoring++;
    this.waiting = [];
  }

  /** @param meta of what was restored: it may be newer than what was to be, and cover entries that wait */
  endRestore(meta: SnapshotMeta): void {
    this.restoring--;
    this.appliedIndex = meta.index;
    if (this.restoring > 0) return;
    const waiting = this.waiting;
    this.waiting = [];
    this.onApplied();
    for (const entries of waiting) this.deliver(entries.filter(({ index }) => index > meta.index));
  }

  private deliver(entries: readonly Entry[]): void {
    for (let at = 0; at < entries.length; at += APPLY_ENTRIES_MAX) {
      const some = entries.length <= APPLY_ENTRIES_MAX ? entries : entries.slice(at, at + APPLY_ENTRIES_MAX);
      assert(some[0]?.index === this.appliedIndex + 1, "entries are applied in order, each once", {
        first: some[0]?.index,
        applied: this.appliedIndex,
      });
      this.apply(some);
      this.appliedIndex = asIndex(this.appliedIndex + some.length);
      this.onApplied();
    }
  }
}

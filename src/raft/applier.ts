// Feeds the state machine: committed entries in order, each once, and snapshots in between. A restore takes time;
// entries that are committed meanwhile wait for it. What comes in great numbers at once, as after a start, is handed on
// in slices: between them this member hears its peers and answers them.
import { assert } from "../kernel/assert.ts";
import { asIndex, type LogIndex } from "../kernel/ids.ts";
import type { Clock, Timer } from "../kernel/ports.ts";
import { entryBytes } from "./entry-log.ts";
import { APPLY_BYTES_MAX, APPLY_ENTRIES_MAX, APPLY_TURN_MS } from "./limits.ts";
import type { Entry, SnapshotMeta } from "./types.ts";

export interface ApplierOptions {
  readonly clock: Clock;
  apply(entries: readonly Entry[]): void;
  onApplied(): void;
  /** Told of what `apply` threw in a slice of its own. */
  onFailure(error: unknown): void;
}

export class Applier {
  private readonly options: ApplierOptions;
  /** Not yet taken by the state machine; of the first, those before `at` are. */
  private waiting: (readonly Entry[])[] = [];
  private at = 0;
  private restoring = 0;
  private appliedIndex: LogIndex;
  private nextSlice: Timer | null = null;
  private isDelivering = false;

  constructor(start: LogIndex, options: ApplierOptions) {
    this.appliedIndex = start;
    this.options = options;
  }

  /** The last entry that the state machine has taken. */
  applied(): LogIndex {
    return this.appliedIndex;
  }

  push(entries: readonly Entry[]): void {
    this.waiting.push(entries);
    if (this.restoring === 0 && this.nextSlice === null && !this.isDelivering) this.deliver();
  }

  /** From now on entries wait; those that wait already are covered by the snapshot. */
  beginRestore(): void {
    this.restoring++;
    this.forget();
  }

  /** @param meta of what was restored: it may be newer than what was to be, and cover entries that wait */
  endRestore(meta: SnapshotMeta): void {
    this.restoring--;
    this.appliedIndex = meta.index;
    if (this.restoring > 0) return;
    const rest = this.waiting.map((entries) => entries.filter(({ index }) => index > meta.index));
    this.waiting = rest.filter((entries) => entries.length > 0);
    this.options.onApplied();
    this.deliver();
  }

  /** Hands on nothing more. */
  stop(): void {
    this.forget();
  }

  private forget(): void {
    this.nextSlice?.cancel();
    this.nextSlice = null;
    this.waiting = [];
    this.at = 0;
  }

  private deliver(): void {
    this.isDelivering = true;
    try {
      this.deliverSlice();
    } finally {
      this.isDelivering = false;
    }
  }

  /** The rest has a turn of its own. */
  private deliverSlice(): void {
    const { clock, apply, onApplied } = this.options;
    const startedMs = clock.monotonicMs();
    for (let count = 0; this.waiting.length > 0; ) {
      if (count >= APPLY_ENTRIES_MAX || (count > 0 && clock.monotonicMs() - startedMs >= APPLY_TURN_MS)) {
        this.deliverLater();
        return;
      }
      const some = this.take(APPLY_ENTRIES_MAX - count);
      assert(some[0]?.index === this.appliedIndex + 1, "entries are applied in order, each once", {
        first: some[0]?.index,
        applied: this.appliedIndex,
      });
      apply(some);
      count += some.length;
      this.appliedIndex = asIndex(this.appliedIndex + some.length);
      onApplied();
    }
  }

  private deliverLater(): void {
    this.nextSlice = this.options.clock.after(0, () => {
      this.nextSlice = null;
      try {
        this.deliver();
      } catch (error) {
        this.options.onFailure(error);
      }
    });
  }

  /** The next entries, as many as one call takes: at least one. */
  private take(countMax: number): readonly Entry[] {
    const [first = []] = this.waiting;
    let end = this.at;
    let bytes = 0;
    for (let entry = first[end]; entry !== undefined && end - this.at < countMax; entry = first[end]) {
      bytes += entryBytes(entry);
      if (bytes > APPLY_BYTES_MAX && end > this.at) break;
      end++;
    }
    const some = this.at === 0 && end === first.length ? first : first.slice(this.at, end);
    this.at = end;
    if (end < first.length) return some;
    this.waiting.shift();
    this.at = 0;
    return some;
  }
}

// The core's writes on their way to storage: handed over in order, several under way, reported in order.
import { asIndex, type LogIndex } from "../kernel/ids.ts";
import type { Write } from "./io.ts";
import type { AppendBatch, RaftStorage } from "./storage.ts";
import type { SnapshotMeta } from "./types.ts";

export interface WriteQueueOptions {
  readonly storage: RaftStorage;
  /** All writes up to this number are durable. */
  onPersisted(write: number): void;
  onFailure(error: unknown): void;
}

export class WriteQueue {
  private readonly options: WriteQueueOptions;
  /** Settles when all writes handed over so far are durable. */
  private last: Promise<void> = Promise.resolve();
  /** While the log is being replaced, what follows waits here. */
  private gate: Promise<void> | null = null;
  private failed = false;

  constructor(options: WriteQueueOptions) {
    this.options = options;
  }

  issue(write: Write): void {
    if (this.failed) return;
    if (write.resetTo !== null) this.reset(write.resetTo);
    const batch = batchOf(write);
    const appended = batch === null ? (this.gate ?? Promise.resolve()) : this.run(() => this.append(batch));
    const before = this.last;
    this.last = before.then(() => appended).then(() => this.report(write.number));
    this.watch(appended);
    this.watch(this.last);
  }

  /** Forgets entries that a snapshot covers. */
  compact(upTo: LogIndex): void {
    if (this.failed) return;
    this.watch(this.run(() => this.options.storage.compact(asIndex(upTo + 1))));
  }

  /** Settles when the log is not being replaced; never rejects. */
  async replaced(): Promise<void> {
    while (this.gate !== null && !this.failed) await this.gate.catch(() => undefined);
  }

  /** Settles when nothing is under way; never rejects. */
  async idle(): Promise<void> {
    await this.last.catch(() => undefined);
  }

  private append(batch: AppendBatch): Promise<void> {
    return this.options.storage.append(batch);
  }

  private reset(meta: SnapshotMeta): void {
    const gate = this.last.then(() => this.options.storage.resetTo(meta));
    this.gate = gate;
    const open = (): void => {
      if (this.gate === gate) this.gate = null;
    };
    gate.then(open, open);
  }

  private run(action: () => Promise<void>): Promise<void> {
    return this.gate === null ? action() : this.gate.then(action);
  }

  private report(write: number): void {
    if (!this.failed) this.options.onPersisted(write);
  }

  private watch(promise: Promise<void>): void {
    promise.catch((error: unknown) => {
      if (this.failed) return;
      this.failed = true;
      this.options.onFailure(error);
    });
  }
}

function batchOf(write: Write): AppendBatch | null {
  if (write.hardState === null && write.entries.length === 0) return null;
  return {
    ...(write.entries.length > 0 ? { entries: write.entries } : {}),
    ...(write.hardState === null ? {} : { hardState: write.hardState }),
  };
}

// Checkpoints of this member on their way to the disk. One is begun when the schedule says so; on a leader, whose state
// is ahead of its commits, it waits until its entry is committed. Then its chunks are made one by one as the disk takes
// them, with rests in between for the rest of the work. One is under way at a time: those due meanwhile are passed over.
import type { LogIndex } from "../kernel/ids.ts";
import type { Clock } from "../kernel/ports.ts";
import { CHECKPOINT_REST_FACTOR } from "./limits.ts";
import type { Checkpoint, Replica } from "./replica.ts";

export interface CheckpointsOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  /** Writes a snapshot as of a committed index; resolves when that is done, or will not be done. */
  save(index: LogIndex, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** The digest of the state at that committed index is known. */
  onDigest(index: LogIndex, digest: string): void;
  onFailure(error: unknown): void;
}

export class Checkpoints {
  readonly #options: CheckpointsOptions;
  #savedIndex: LogIndex;
  /** Waits for the commit of its entry. */
  #pending: Checkpoint | null = null;
  /** Its chunks are being made. */
  #walking: Checkpoint | null = null;

  constructor(options: CheckpointsOptions, savedIndex: LogIndex) {
    this.#options = options;
    this.#savedIndex = savedIndex;
  }

  /**
   * The replica's state is as of an entry at which a checkpoint is due.
   * @param committed whether the entry is committed. One that waits for its commit is not given up for a newer one: with
   * short intervals none would ever be saved.
   */
  due(committed: boolean): void {
    if (this.#walking !== null) return;
    if (this.#pending !== null && (!committed || !this.#pending.over())) return;
    this.#pending = this.#options.replica.checkpoint();
  }

  onCommitted(index: LogIndex): void {
    const checkpoint = this.#pending;
    if (checkpoint === null || checkpoint.index > index) return;
    this.#pending = null;
    if (checkpoint.index <= this.#savedIndex) checkpoint.abandon();
    else void this.#save(checkpoint);
  }

  /** The state has been replaced by that of a snapshot as of this index. */
  restored(index: LogIndex): void {
    this.#savedIndex = index;
    this.dropPending();
  }

  /** What waits for its commit may never be committed. */
  dropPending(): void {
    this.#pending?.abandon();
    this.#pending = null;
  }

  async #save(checkpoint: Checkpoint): Promise<void> {
    this.#savedIndex = checkpoint.index;
    if (checkpoint.over()) this.#options.onDigest(checkpoint.index, checkpoint.digest());
    else this.#walking = checkpoint;
    try {
      await this.#options.save(checkpoint.index, this.#chunks(checkpoint));
    } catch (error) {
      this.#options.onFailure(error);
    } finally {
      this.#end(checkpoint);
    }
  }

  /** Also when nobody wanted its chunks, for a newer snapshot had come. */
  #end(checkpoint: Checkpoint): void {
    if (this.#walking !== checkpoint) return;
    this.#walking = null;
    if (checkpoint.over()) this.#options.onDigest(checkpoint.index, checkpoint.digest());
    else checkpoint.abandon();
  }

  async *#chunks(checkpoint: Checkpoint): AsyncGenerator<Uint8Array> {
    const { clock } = this.#options;
    for (;;) {
      const started = clock.monotonicMs();
      const chunk = checkpoint.next();
      const workedMs = clock.monotonicMs() - started;
      if (checkpoint.over()) this.#end(checkpoint);
      if (chunk === null) return;
      yield chunk;
      await this.#rest(workedMs * CHECKPOINT_REST_FACTOR);
    }
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}

// What touches the newest snapshot, one after the other: publishing our own, receiving, restoring and reading pieces for
// followers. So no piece of one snapshot is ever taken for a piece of another. The content of our own comes as slowly as
// the state machine gives it; it is written beside the lane, and only its publication waits for its turn.
import { assert } from "../kernel/assert.ts";
import type { LogIndex } from "../kernel/ids.ts";
import type { ChunkRequest, Input, ReceiveStep } from "./io.ts";
import type { Message } from "./messages.ts";
import { SnapshotOvertaken, SnapshotSave } from "./snapshot-save.ts";
import type { RaftStorage, SnapshotSink } from "./storage.ts";
import type { SnapshotMeta } from "./types.ts";

export interface SnapshotLaneOptions {
  readonly storage: RaftStorage;
  readonly chunkBytes: number;
  /** The snapshots that are being sent to followers. */
  sending(): readonly LogIndex[];
  /** Settles when the log is not being replaced. */
  logReplaced(): Promise<void>;
  feed(input: Input): void;
  onFailure(error: unknown): void;
}

export type SnapshotData = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export class SnapshotLane {
  private readonly options: SnapshotLaneOptions;
  private last: Promise<void> = Promise.resolve();
  private sink: { readonly meta: SnapshotMeta; readonly sink: SnapshotSink } | null = null;
  /** Pieces that are asked for and not read yet. */
  private readonly asked: Set<string> = new Set();
  private saves: Promise<void> = Promise.resolve();
  private saving: { readonly meta: SnapshotMeta; readonly save: SnapshotSave } | null = null;
  /** Nothing more is saved; once it has failed nothing at all is done. */
  private phase: "running" | "stopping" | "failed" = "running";

  constructor(options: SnapshotLaneOptions) {
    this.options = options;
  }

  /** Runs the task after all before it; a task that fails is the end of the node. */
  run(task: () => Promise<void>): Promise<void> {
    const done = this.last.then(() => (this.phase === "failed" ? undefined : task()));
    this.last = done.catch((error: unknown) => this.fail(error));
    return this.last;
  }

  /** Gives up a snapshot that is being saved; what is in the lane already is done. Settles then, and never rejects. */
  async stop(): Promise<void> {
    if (this.phase === "running") this.phase = "stopping";
    this.saving?.save.abandon();
    await this.saves;
    await this.last;
  }

  /**
   * The snapshot of our own state machine; one at a time. It is given up when a newer one comes meanwhile: then `saved`
   * is not called.
   */
  save(meta: SnapshotMeta, data: SnapshotData, saved: () => void): Promise<void> {
    this.saves = this.saves.then(() => this.write(meta, data, saved)).catch((error) => this.fail(error));
    return this.saves;
  }

  /** The bytes of the newest snapshot, from the first on; for use inside a task of this lane. */
  async *read(): AsyncIterable<Uint8Array> {
    const { storage, chunkBytes } = this.options;
    const meta = storage.snapshot();
    for (let offset = 0; meta !== undefined; ) {
      const bytes = await storage.readSnapshotChunk(meta, offset, chunkBytes);
      assert(bytes !== undefined, "the newest snapshot can be read");
      if (bytes.length > 0) yield bytes;
      if (bytes.length < chunkBytes) return;
      offset += bytes.length;
    }
  }

  /**
   * Reads a piece for a follower, also of a snapshot that newer ones have replaced while it was being sent; the core is
   * told if it is gone. Pieces are read one at a time. One that is asked for again while it waits is read once: a disk that hangs makes no queue.
   */
  serve(request: ChunkRequest, from: Message["from"], send: (message: Message) => void): void {
    const { to, term, meta, offset } = request;
    const name = `${meta.index} ${offset} ${term} ${to}`;
    if (this.asked.has(name)) return;
    this.asked.add(name);
    void this.run(async () => {
      this.asked.delete(name);
      const { storage, chunkBytes, feed } = this.options;
      const bytes = await storage.readSnapshotChunk(meta, offset, chunkBytes);
      const digest = await storage.snapshotDigest(meta);
      if (bytes === undefined || digest === undefined) {
        feed({ kind: "snapshot-gone", to, meta });
        return;
      }
      const done = bytes.length < chunkBytes;
      send({ kind: "snapshot-chunk", from, to, term, meta, digest, offset, bytes, done });
    });
  }

  receive(received: ReceiveStep): void {
    void this.run(async () => {
      switch (received.kind) {
        case "begin":
          await this.abort();
          this.sink = { meta: received.meta, sink: this.options.storage.beginSnapshotReceive(received.meta) };
          break;
        case "chunk":
          await this.store(received);
          break;
        case "abort":
          await this.abort();
          break;
      }
    });
  }

  private async write(meta: SnapshotMeta, data: SnapshotData, saved: () => void): Promise<void> {
    if (this.phase !== "running" || meta.index <= this.newestIndex()) return;
    const save = new SnapshotSave(data, () => this.turnOf(meta));
    this.saving = { meta, save };
    try {
      await this.options.storage.writeSnapshot(meta, save.chunks());
      this.options.feed({ kind: "snapshot-saved", meta });
      saved();
    } catch (error) {
      if (!(error instanceof SnapshotOvertaken)) throw error;
    } finally {
      this.saving = null;
      save.end();
    }
  }

  /** Resolves when the lane is at the snapshot, with what ends its turn; null if a newer one has come meanwhile. */
  private turnOf(meta: SnapshotMeta): Promise<(() => void) | null> {
    return new Promise((resolve) => {
      void this.run(async () => {
        if (meta.index > this.newestIndex()) await this.options.logReplaced();
        if (meta.index <= this.newestIndex()) {
          resolve(null);
          return;
        }
        await this.options.storage.keepSnapshots(this.options.sending());
        await new Promise<void>((end) => resolve(end));
      });
    });
  }

  private async store(received: Extract<ReceiveStep, { kind: "chunk" }>): Promise<void> {
    const { meta, bytes, done } = received;
    if (this.sink === null || this.sink.meta.index !== meta.index) return;
    await this.sink.sink.write(bytes);
    if (!done) {
      this.options.feed({ kind: "chunk-stored", meta, offset: received.offset + bytes.length });
      return;
    }
    // Our own state machine may have saved a newer one meanwhile; to go back would leave a gap before the log.
    if (meta.index <= this.newestIndex()) {
      await this.abort();
      this.options.feed({ kind: "receive-failed", meta });
      return;
    }
    // A slow disk may still be replacing the log by the snapshot before; the newest one has to be that one until then.
    await this.options.logReplaced();
    await this.options.storage.keepSnapshots(this.options.sending());
    await this.sink.sink.finish();
    this.sink = null;
    if (this.saving !== null && this.saving.meta.index <= meta.index) this.saving.save.abandon();
    this.options.feed({ kind: "snapshot-received", meta });
  }

  private async abort(): Promise<void> {
    await this.sink?.sink.abort();
    this.sink = null;
  }

  private newestIndex(): LogIndex | 0 {
    return this.options.storage.snapshot()?.index ?? 0;
  }

  private fail(error: unknown): void {
    if (this.phase === "failed") return;
    this.phase = "failed";
    this.saving?.save.abandon();
    this.options.onFailure(error);
  }
}

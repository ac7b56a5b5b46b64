// Everything that touches the newest snapshot, one after the other: saving, receiving, restoring and reading pieces for
// followers. So no piece of one snapshot is ever taken for a piece of another.
import type { LogIndex } from "../kernel/ids.ts";
import type { ChunkRequest, Input, ReceiveStep } from "./io.ts";
import type { Message } from "./messages.ts";
import type { RaftStorage, SnapshotSink } from "./storage.ts";
import type { SnapshotMeta } from "./types.ts";

export interface SnapshotLaneOptions {
  readonly storage: RaftStorage;
  readonly chunkBytes: number;
  /** Settles when the log is not being replaced. */
  logReplaced(): Promise<void>;
  feed(input: Input): void;
  onFailure(error: unknown): void;
}

export class SnapshotLane {
  private readonly options: SnapshotLaneOptions;
  private last: Promise<void> = Promise.resolve();
  private sink: { readonly meta: SnapshotMeta; readonly sink: SnapshotSink } | null = null;
  private failed = false;

  constructor(options: SnapshotLaneOptions) {
    this.options = options;
  }

  /** Runs the task after all before it; a task that fails is the end of the node. */
  run(task: () => Promise<void>): Promise<void> {
    const done = this.last.then(() => (this.failed ? undefined : task()));
    this.last = done.catch((error: unknown) => {
      if (this.failed) return;
      this.failed = true;
      this.options.onFailure(error);
    });
    return this.last;
  }

  /** Settles when nothing is under way; never rejects. */
  idle(): Promise<void> {
    return this.last;
  }

  /** The snapshot of our own state machine. Skipped if a newer one has come meanwhile. */
  save(meta: SnapshotMeta, data: Uint8Array | Iterable<Uint8Array>, saved: () => void): Promise<void> {
    return this.run(async () => {
      if (meta.index <= this.newestIndex()) return;
      await this.options.logReplaced();
      await this.options.storage.writeSnapshot(meta, data instanceof Uint8Array ? [data] : data);
      this.options.feed({ kind: "snapshot-saved", meta });
      saved();
    });
  }

  /** The bytes of the newest snapshot, from the first on; for use inside a task of this lane. */
  async *read(): AsyncIterable<Uint8Array> {
    const { storage, chunkBytes } = this.options;
    for (let offset = 0; ; ) {
      const bytes = await storage.readSnapshotChunk(offset, chunkBytes);
      if (bytes.length > 0) yield bytes;
      if (bytes.length < chunkBytes) return;
      offset += bytes.length;
    }
  }

  /** Reads a piece for a follower; nothing is sent if that snapshot is not the newest any more. */
  serve(request: ChunkRequest, from: Message["from"], send: (message: Message) => void): void {
    void this.run(async () => {
      const { to, term, meta, offset } = request;
      if (this.newestIndex() !== meta.index) return;
      const bytes = await this.options.storage.readSnapshotChunk(offset, this.options.chunkBytes);
      const done = bytes.length < this.options.chunkBytes;
      send({ kind: "snapshot-chunk", from, to, term, meta, offset, bytes, done });
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
    await this.sink.sink.finish();
    this.sink = null;
    this.options.feed({ kind: "snapshot-received", meta });
  }

  private async abort(): Promise<void> {
    await this.sink?.sink.abort();
    this.sink = null;
  }

  private newestIndex(): LogIndex | 0 {
    return this.options.storage.snapshot()?.index ?? 0;
  }
}

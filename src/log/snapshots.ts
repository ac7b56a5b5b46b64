// Taking, receiving and reading snapshots of one log. What a snapshot means for the entries is decided in log.ts.
import { assert } from "../kernel/assert.ts";
import type { Disk } from "../kernel/ports.ts";
import { LogDamage, LogFailure } from "./errors.ts";
import type { LogLimits } from "./limits.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { snapshotName, temporarySuffix } from "./snapshot-format.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import { pruneSnapshots, snapshotPath } from "./snapshot-store.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import type { LogPoint, SnapshotMeta } from "./types.ts";

/** Takes a snapshot that a leader streams (Raft paper, section 7). One of finish and abort ends it. */
export interface SnapshotSink {
  /**
   * Takes the part of the chunk that continues what was received; a chunk that was sent again is passed over, one that
   * leaves a gap is ignored. Resolves with the bytes received so far: where the leader should go on.
   */
  write(offset: number, chunk: Uint8Array): Promise<number>;
  /** Makes the snapshot durable and the newest one. The log's entries are as before: see Log.resetTo. */
  finish(): Promise<SnapshotMeta>;
  abort(): Promise<void>;
}

export interface SnapshotsPlace {
  readonly disk: Disk;
  readonly directory: string;
  readonly limits: LogLimits;
  /** Told of every failed write, so that the log stops; returns what to reject with. */
  readonly fail: (failure: LogFailure) => LogFailure;
  /** What to do with a snapshot that newer ones replace, instead of deleting it. */
  readonly remove: ((point: LogPoint) => Promise<void>) | undefined;
}

export class Snapshots {
  readonly #place: SnapshotsPlace;
  readonly #exclusively = oneAtATime();
  #newest: SnapshotMeta | undefined;
  #begun = 0;

  constructor(place: SnapshotsPlace, newest: SnapshotMeta | undefined) {
    this.#place = place;
    this.#newest = newest;
  }

  get newest(): SnapshotMeta | undefined {
    return this.#newest;
  }

  async write(
    point: LogPoint,
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    const writer = await this.#begin(point);
    try {
      for await (const chunk of chunks) await this.#guard(() => writer.write(chunk));
    } catch (error) {
      if (!(error instanceof LogFailure)) await this.#guard(() => writer.abort());
      throw error;
    }
    return this.#publish(writer);
  }

  async beginReceive(point: LogPoint): Promise<SnapshotSink> {
    const writer = await this.#begin(point);
    const inOrder = oneAtATime();
    return {
      write: (offset, chunk) => inOrder(() => this.#guard(() => receive(writer, offset, chunk))),
      finish: () => inOrder(() => this.#publish(writer)),
      abort: () => inOrder(() => this.#guard(() => writer.abort())),
    };
  }

  /** The newest snapshot, opened; undefined if there is none. The caller closes it. */
  read(): Promise<SnapshotReader | undefined> {
    return this.#exclusively(async () => {
      if (this.#newest === undefined) return undefined;
      return SnapshotReader.open(this.#place.disk, snapshotPath(this.#place.directory, this.#newest));
    });
  }

  #begin(point: LogPoint): Promise<SnapshotWriter> {
    assert(point.index > 0, "a snapshot of nothing");
    const { disk, directory, limits } = this.#place;
    this.#begun += 1;
    const temporary = `${directory}/${snapshotName(point)}.${this.#begun}${temporarySuffix}`;
    const target = { disk, directory, temporary, blockBytes: limits.snapshotBlockBytes };
    return this.#guard(() => SnapshotWriter.begin(target, point));
  }

  /** One at a time, so that no snapshot is pruned while it is being opened. */
  #publish(writer: SnapshotWriter): Promise<SnapshotMeta> {
    const { disk, directory, limits, remove } = this.#place;
    return this.#exclusively(() =>
      this.#guard(async () => {
        const meta = await writer.finish();
        if (meta.index >= (this.#newest?.index ?? 0)) this.#newest = meta;
        await pruneSnapshots(disk, directory, limits.snapshotsKept, remove);
        return meta;
      }),
    );
  }

  async #guard<Value>(action: () => Promise<Value>): Promise<Value> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof LogDamage) throw error;
      throw this.#place.fail(new LogFailure("snapshot", error));
    }
  }
}

async function receive(writer: SnapshotWriter, offset: number, chunk: Uint8Array): Promise<number> {
  const known = writer.bytes - offset;
  if (known >= 0 && known < chunk.length) await writer.write(chunk.subarray(known));
  return writer.bytes;
}

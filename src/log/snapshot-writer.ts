// Writes one snapshot into a temporary file. Its name becomes the final one only after all of it is durable.
import { assert } from "../kernel/assert.ts";
import type { Disk, DiskFile } from "../kernel/ports.ts";
import {
  addToChecksum,
  blockHeaderBytes,
  encodeSnapshotHeader,
  encodeTrailer,
  sealBlock,
  snapshotHeaderBytes,
  snapshotName,
} from "./snapshot-format.ts";
import type { LogPoint, SnapshotMeta } from "./types.ts";

export interface SnapshotTarget {
  readonly disk: Disk;
  readonly directory: string;
  /** Where it is written until it is whole. */
  readonly temporary: string;
  readonly blockBytes: number;
}

/** Content goes in by `write`, in order; `finish` or `abort` ends it. Holds one block in memory. */
export class SnapshotWriter {
  readonly #target: SnapshotTarget;
  readonly #point: LogPoint;
  readonly #frame: Uint8Array;
  readonly #file: DiskFile;
  #filled = 0;
  #blocks = 0;
  #bytes = 0;
  #checksum = 0;
  #end = snapshotHeaderBytes;

  private constructor(target: SnapshotTarget, point: LogPoint, file: DiskFile) {
    this.#target = target;
    this.#point = point;
    this.#file = file;
    this.#frame = new Uint8Array(blockHeaderBytes + target.blockBytes);
  }

  static async begin(target: SnapshotTarget, point: LogPoint): Promise<SnapshotWriter> {
    const file = await target.disk.open(target.temporary);
    await file.truncate(0);
    const header = { index: point.index, term: point.term, blockBytes: target.blockBytes };
    await file.write(0, encodeSnapshotHeader(header));
    return new SnapshotWriter(target, point, file);
  }

  /** Content written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      const taken = Math.min(chunk.length - at, this.#target.blockBytes - this.#filled);
      this.#frame.set(chunk.subarray(at, at + taken), blockHeaderBytes + this.#filled);
      this.#filled += taken;
      this.#bytes += taken;
      at += taken;
      if (this.#filled === this.#target.blockBytes) await this.#writeBlock();
    }
  }

  /** Makes it durable under its final name. */
  async finish(): Promise<SnapshotMeta> {
    if (this.#filled > 0) await this.#writeBlock();
    const trailer = { blocks: this.#blocks, bytes: this.#bytes, checksum: this.#checksum };
    await this.#file.write(this.#end, encodeTrailer(trailer));
    await this.#file.sync();
    await this.#file.close();
    const { disk, directory, temporary } = this.#target;
    await disk.rename(temporary, `${directory}/${snapshotName(this.#point)}`);
    await disk.syncDirectory(directory);
    return { index: this.#point.index, term: this.#point.term, bytes: this.#bytes };
  }

  /** Leaves nothing behind. */
  async abort(): Promise<void> {
    await this.#file.close();
    await this.#target.disk.remove(this.#target.temporary);
  }

  async #writeBlock(): Promise<void> {
    assert(this.#filled > 0, "an empty block of a snapshot");
    const checksum = sealBlock(this.#frame, this.#filled, this.#blocks);
    const bytes = blockHeaderBytes + this.#filled;
    await this.#file.write(this.#end, this.#frame.subarray(0, bytes));
    this.#end += bytes;
    this.#checksum = addToChecksum(this.#checksum, checksum);
    this.#blocks += 1;
    this.#filled = 0;
  }
}

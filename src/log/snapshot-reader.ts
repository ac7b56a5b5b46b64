// Reads a snapshot with one block in memory; every byte that is given out has been checked.
import { assert } from "../kernel/assert.ts";
import type { Disk, DiskFile } from "../kernel/ports.ts";
import { LogDamage, LogTooNew } from "./errors.ts";
import type { SnapshotHeader, SnapshotTrailer } from "./snapshot-format.ts";
import {
  addToChecksum,
  blockHeaderBytes,
  checkBlock,
  decodeSnapshotHeader,
  decodeTrailer,
  snapshotHeaderBytes,
  snapshotVersion,
  trailerBytes,
} from "./snapshot-format.ts";
import type { SnapshotMeta } from "./types.ts";

/** Holds the file open until closed: the snapshot can be read to its end even if newer ones replace it meanwhile. */
export class SnapshotReader {
  readonly meta: SnapshotMeta;
  readonly path: string;
  readonly #file: DiskFile;
  readonly #header: SnapshotHeader;
  readonly #trailer: SnapshotTrailer;

  private constructor(path: string, file: DiskFile, header: SnapshotHeader, trailer: SnapshotTrailer) {
    this.meta = { index: header.index, term: header.term, bytes: trailer.bytes };
    this.path = path;
    this.#file = file;
    this.#header = header;
    this.#trailer = trailer;
  }

  /** Rejects with LogDamage if the file is not a whole snapshot; the blocks are checked when they are read. */
  static async open(disk: Disk, path: string): Promise<SnapshotReader> {
    return SnapshotReader.over(path, await disk.open(path));
  }

  /** The same for a file that is open already; it is closed if it is no snapshot. */
  static async over(path: string, file: DiskFile): Promise<SnapshotReader> {
    try {
      const size = await file.size();
      const header = decodeSnapshotHeader(await file.read(0, snapshotHeaderBytes));
      if (typeof header === "string") throw new LogDamage(path, 0, header);
      if (header.version !== snapshotVersion) throw new LogTooNew(path, header.version);
      const trailerAt = Math.max(0, size - trailerBytes);
      const trailer = decodeTrailer(await file.read(trailerAt, trailerBytes));
      if (typeof trailer === "string") throw new LogDamage(path, trailerAt, trailer);
      checkSize(path, size, header, trailer);
      return new SnapshotReader(path, file, header, trailer);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Of the content: its length and a checksum over the blocks' checksums. Not for telling contents apart on purpose. */
  get digest(): string {
    const { bytes, checksum } = this.#trailer;
    return `${this.#header.blockBytes}-${bytes}-${checksum.toString(16).padStart(8, "0")}`;
  }

  /** The content in order, in pieces of at most one block. Rejects with LogDamage at the first bad block. */
  async *chunks(): AsyncIterable<Uint8Array> {
    let checksum = 0;
    for (let block = 0; block < this.#trailer.blocks; block++) {
      const read = await this.#block(block);
      checksum = addToChecksum(checksum, read.checksum);
      yield read.content;
    }
    if (checksum !== this.#trailer.checksum)
      throw new LogDamage(this.path, snapshotHeaderBytes, "the checksum of the whole does not match");
  }

  /** Up to `length` bytes of the content from `offset`; shorter at the end. Rejects with LogDamage. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.meta.bytes);
    assert(offset >= 0 && length >= 0, "a range of a snapshot cannot be negative", { offset, length });
    if (end <= offset) return new Uint8Array(0);
    const result = new Uint8Array(end - offset);
    const { blockBytes } = this.#header;
    for (let block = Math.floor(offset / blockBytes); block * blockBytes < end; block++) {
      const { content } = await this.#block(block);
      const start = block * blockBytes;
      const from = Math.max(offset, start);
      result.set(content.subarray(from - start, end - start), from - offset);
    }
    return result;
  }

  /** Reads all of it. Rejects with LogDamage unless every byte is as it was written. */
  async verify(): Promise<void> {
    for await (const _chunk of this.chunks());
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #block(block: number): Promise<{ content: Uint8Array; checksum: number }> {
    const { blockBytes } = this.#header;
    const contentBytes = Math.min(blockBytes, this.meta.bytes - block * blockBytes);
    const at = snapshotHeaderBytes + block * (blockHeaderBytes + blockBytes);
    const frame = await this.#file.read(at, blockHeaderBytes + contentBytes);
    const checksum = checkBlock(frame, contentBytes, block);
    if (checksum === undefined) throw new LogDamage(this.path, at, `block ${block} is not what was written`);
    return { content: frame.subarray(blockHeaderBytes), checksum };
  }
}

function checkSize(path: string, size: number, header: SnapshotHeader, trailer: SnapshotTrailer): void {
  const blocks = header.blockBytes === 0 ? 0 : Math.ceil(trailer.bytes / header.blockBytes);
  const expected = snapshotHeaderBytes + blocks * blockHeaderBytes + trailer.bytes + trailerBytes;
  if (blocks !== trailer.blocks || size !== expected)
    throw new LogDamage(path, size, `it has ${size} bytes where its trailer asks for ${expected}`);
}

// The agent's memory on disk: keyed records in one journal of checksummed batches. A batch is there whole or not at
// all. File `checkpoints-<n>`; the highest n counts. Frame: length and CRC-32 of the payload (little-endian u32 each),
// then a msgpack list of [key, record or null]. A torn end is cut off; damage before the end is refused.
import { Packr } from "msgpackr";
import type { Disk, DiskFile } from "../kernel/ports.ts";
import { crc32 } from "./crc32.ts";
import { CHECKPOINT_COMPACT_BYTES_MIN, CHECKPOINT_FRAME_BYTES_MAX } from "./limits.ts";

const HEADER_BYTES = 8;
const COMPACT_FACTOR = 4;
const FOLDER = "checkpoints";
const packr = new Packr({ useRecords: false });

/** A key with its packed record, or null to forget it. */
export type Change = readonly [key: string, record: Uint8Array | null];

export function packRecord(record: unknown): Uint8Array {
  return new Uint8Array(packr.pack(record));
}

/** The journal cannot be read: it was damaged after it had been written. */
export class CheckpointDamage extends Error {}

export interface Checkpoints {
  /** What was read at opening: the newest record of every key. */
  readonly recovered: ReadonlyMap<string, unknown>;
  /**
   * Makes the changes durable, all or none. One call at a time. After a rejection it is unknown what is on the disk:
   * the agent must end.
   */
  commit(changes: readonly Change[]): Promise<void>;
  close(): Promise<void>;
}

/** @throws CheckpointDamage, or whatever the disk rejects with */
export async function openCheckpoints(disk: Disk): Promise<Checkpoints> {
  await disk.makeDirectory(FOLDER);
  const generations = (await disk.list(FOLDER)).map(generationOf).filter((n) => n > 0);
  const newest = Math.max(1, ...generations);
  const file = await disk.open(pathOf(newest));
  await disk.syncDirectory(FOLDER);
  const journal = new Journal(disk, file, newest);
  await journal.load();
  await journal.removeOthers();
  return journal;
}

class Journal implements Checkpoints {
  readonly #disk: Disk;
  #file: DiskFile;
  #generation: number;
  #size = 0;
  #liveBytes = 0;
  /** The packed record of every live key, to rewrite the journal from. */
  readonly #live = new Map<string, Uint8Array>();
  recovered: ReadonlyMap<string, unknown> = new Map();

  constructor(disk: Disk, file: DiskFile, generation: number) {
    this.#disk = disk;
    this.#file = file;
    this.#generation = generation;
  }

  async load(): Promise<void> {
    const size = await this.#file.size();
    const bytes = await this.#file.read(0, size);
    const last = this.#readFrames(bytes);
    if (this.#size < size) await this.#file.truncate(this.#size);
    // If its sync had failed, reads would still find it in the operating system's cache, and a later sync would succeed
    // without writing it.
    if (last < this.#size) await this.#file.write(last, bytes.subarray(last, this.#size));
    if (size > 0) await this.#file.sync();
    this.recovered = new Map([...this.#live].map(([key, packed]) => [key, packr.unpack(packed)]));
  }

  async removeOthers(): Promise<void> {
    const current = pathOf(this.#generation);
    const names = (await this.#disk.list(FOLDER)).map((name) => `${FOLDER}/${name}`);
    const others = names.filter((path) => path !== current);
    for (const path of others) await this.#disk.remove(path);
    if (others.length > 0) await this.#disk.syncDirectory(FOLDER);
  }

  async commit(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    for (const [key, record] of changes) this.#remember(key, record);
    const frame = frameOf(changes);
    await this.#file.write(this.#size, frame);
    await this.#file.sync();
    this.#size += frame.length;
    if (this.#wantsCompaction()) await this.#compact();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** @returns where the last whole batch begins */
  #readFrames(bytes: Uint8Array): number {
    let last = 0;
    for (;;) {
      const frame = frameAt(bytes, this.#size);
      if (frame === null) break;
      for (const [key, record] of unpackChanges(frame)) this.#remember(key, record);
      last = this.#size;
      this.#size += HEADER_BYTES + frame.length;
    }
    refuseDamage(bytes, this.#size);
    return last;
  }

  #remember(key: string, record: Uint8Array | null): void {
    this.#liveBytes -= this.#live.get(key)?.length ?? 0;
    if (record === null) this.#live.delete(key);
    else this.#live.set(key, record);
    this.#liveBytes += record?.length ?? 0;
  }

  #wantsCompaction(): boolean {
    return this.#size > CHECKPOINT_COMPACT_BYTES_MIN && this.#size > COMPACT_FACTOR * this.#liveBytes;
  }

  /** Writes a new generation beside the old one; it counts from the rename on. */
  async #compact(): Promise<void> {
    const next = this.#generation + 1;
    const draft = `${FOLDER}/draft`;
    await this.#disk.remove(draft);
    const file = await this.#disk.open(draft);
    const frame = this.#live.size === 0 ? new Uint8Array(0) : frameOf([...this.#live]);
    await file.write(0, frame);
    await file.sync();
    await this.#disk.rename(draft, pathOf(next));
    await this.#disk.syncDirectory(FOLDER);
    await this.#file.close();
    this.#file = file;
    this.#generation = next;
    this.#size = frame.length;
    await this.removeOthers();
  }
}

function pathOf(generation: number): string {
  return `${FOLDER}/checkpoints-${generation}`;
}

function generationOf(name: string): number {
  const match = /^checkpoints-([1-9][0-9]{0,14})$/.exec(name);
  return match === null ? 0 : Number(match[1]);
}

function frameOf(changes: readonly Change[]): Uint8Array {
  const payload = packr.pack(changes);
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  setUint32(frame, 0, payload.length);
  setUint32(frame, 4, crc32(payload));
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Little-endian. */
function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** The payload of the frame at an offset, or null if there is no whole and undamaged one. */
function frameAt(bytes: Uint8Array, offset: number): Uint8Array | null {
  if (offset + HEADER_BYTES > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  const length = view.getUint32(0, true);
  if (length === 0 || length > CHECKPOINT_FRAME_BYTES_MAX) return null;
  const end = offset + HEADER_BYTES + length;
  if (end > bytes.length) return null;
  const payload = bytes.subarray(offset + HEADER_BYTES, end);
  return crc32(payload) === view.getUint32(4, true) ? payload : null;
}

/**
 * A batch is written only after the one before it is durable: what follows the last whole frame is a torn write, unless
 * a whole frame begins somewhere in it.
 */
function refuseDamage(bytes: Uint8Array, from: number): void {
  for (let offset = from + 1; offset + HEADER_BYTES < bytes.length; offset++) {
    if (looksLikeBatch(bytes, offset + HEADER_BYTES) && frameAt(bytes, offset) !== null) {
      throw new CheckpointDamage(
        `checkpoints are damaged at byte ${from}, before the whole batch at ${offset}`,
      );
    }
  }
}

/** A msgpack list whose first item is a pair: spares the checksum of nearly every offset that is no frame's. */
function looksLikeBatch(bytes: Uint8Array, at: number): boolean {
  const marker = bytes[at] ?? 0;
  const skip = marker === 0xdc ? 3 : marker === 0xdd ? 5 : (marker & 0xf0) === 0x90 ? 1 : 0;
  return skip > 0 && bytes[at + skip] === 0x92;
}

function unpackChanges(payload: Uint8Array): readonly Change[] {
  const changes = packr.unpack(payload) as readonly Change[];
  return changes.map(([key, record]) => [key, record === null ? null : new Uint8Array(record)]);
}

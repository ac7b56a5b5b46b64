// The content of one file of a virtual disk: what reads see, what would survive a loss of power, and the writes between.

import type { Random } from "../src/kernel/ports.ts";
import { chance } from "../src/kernel/random.ts";

/** A disk keeps or loses unsynced bytes in this unit. */
export const simSectorBytes = 512;

type Change =
  | { readonly kind: "write"; readonly id: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly id: number; readonly size: number };

/** Bytes that grow. */
class Content {
  #bytes = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(Math.min(offset, this.#size), Math.min(offset + length, this.#size));
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, offset);
    this.#size = Math.max(this.#size, end);
  }

  truncate(size: number): void {
    if (size > this.#size) this.write(size - 1, new Uint8Array(1));
    this.#bytes.fill(0, size);
    this.#size = size;
  }

  flip(offset: number, mask: number): void {
    if (offset < this.#size) this.#bytes[offset] = (this.#bytes[offset] as number) ^ mask;
  }

  apply(change: Change): void {
    if (change.kind === "write") this.write(change.offset, change.bytes);
    else this.truncate(change.size);
  }
}

/** One inode: it lives on while it is open or has a name. */
export class SimFile {
  #durable = new Content();
  #cached = new Content();
  #unsynced: Change[] = [];
  #changes = 0;

  get size(): number {
    return this.#cached.size;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#cached.read(offset, length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#change({ kind: "write", id: ++this.#changes, offset, bytes: bytes.slice() });
  }

  truncate(size: number): void {
    this.#change({ kind: "truncate", id: ++this.#changes, size });
  }

  /** The changes made until now: what a sync that begins now will make durable. */
  mark(): number {
    return this.#changes;
  }

  synced(mark: number): void {
    for (const change of this.#unsynced) if (change.id <= mark) this.#durable.apply(change);
    this.#unsynced = this.#changes === mark ? [] : this.#unsynced.filter((change) => change.id > mark);
  }

  /** A failed sync: the cache says that all is written, the disk never got it, and the next sync will not try again. */
  syncFailed(mark: number): void {
    this.#unsynced = this.#unsynced.filter((change) => change.id > mark);
  }

  /** Loss of power: each unsynced change is kept, lost or, if a write, torn. */
  crash(random: Random): void {
    for (const change of this.#unsynced) this.#settle(change, random);
    this.#unsynced = [];
    this.#cached = new Content();
    this.#cached.write(0, this.#durable.read(0, this.#durable.size));
  }

  /** Decay: changes what is stored, as no write would. */
  flip(offset: number, mask: number): void {
    this.#durable.flip(offset, mask);
    this.#cached.flip(offset, mask);
  }

  #change(change: Change): void {
    this.#cached.apply(change);
    this.#unsynced.push(change);
  }

  #settle(change: Change, random: Random): void {
    if (chance(random, 1 / 3)) return;
    if (change.kind === "truncate" || chance(random, 1 / 2)) {
      this.#durable.apply(change);
      return;
    }
    for (const sector of sectors(change.offset, change.bytes))
      if (chance(random, 1 / 2)) this.#durable.write(sector.offset, sector.bytes);
  }
}

/** The write cut at the borders of sectors. */
function sectors(offset: number, bytes: Uint8Array): { offset: number; bytes: Uint8Array }[] {
  const parts: { offset: number; bytes: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = simSectorBytes - ((offset + at) % simSectorBytes);
    parts.push({ offset: offset + at, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return parts;
}

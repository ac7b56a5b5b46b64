// The content of one file of a virtual disk: what reads see, what would survive a loss of power, and the writes between.

import type { Random } from "../src/kernel/ports.ts";
import { chance } from "../src/kernel/random.ts";

/** A disk keeps or loses unsynced bytes in this unit. */
export const simSectorBytes = 512;

type Change =
  | { readonly kind: "write"; readonly id: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly id: number; readonly size: number };

/** A page of which nothing but zeros was written takes no memory: a log allocates its files long before it fills them. */
const PAGE_BYTES = 16 * simSectorBytes;
const noBytes = new Uint8Array(PAGE_BYTES);

/** Bytes that grow. */
class Content {
  #pages: (Uint8Array | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.#size);
    const bytes = new Uint8Array(Math.max(0, end - offset));
    for (let at = offset; at < end; ) {
      const within = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - within, end - at);
      const page = this.#pages[(at - within) / PAGE_BYTES];
      if (page !== undefined) bytes.set(page.subarray(within, within + count), at - offset);
      at += count;
    }
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    for (let at = offset; at < end; ) {
      const within = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - within, end - at);
      const number = (at - within) / PAGE_BYTES;
      const part = count === bytes.length ? bytes : bytes.subarray(at - offset, at - offset + count);
      if (this.#pages[number] !== undefined || !isEmptyPage(part)) this.#page(number).set(part, within);
      at += count;
    }
    this.#size = Math.max(this.#size, end);
  }

  truncate(size: number): void {
    const within = size % PAGE_BYTES;
    const last = (size - within) / PAGE_BYTES;
    if (size < this.#size) {
      this.#pages.length = Math.min(this.#pages.length, within === 0 ? last : last + 1);
      this.#pages[last]?.fill(0, within);
    }
    this.#size = size;
  }

  flip(offset: number, mask: number): void {
    if (offset >= this.#size) return;
    const within = offset % PAGE_BYTES;
    const page = this.#page((offset - within) / PAGE_BYTES);
    page[within] = (page[within] as number) ^ mask;
  }

  copy(): Content {
    const copy = new Content();
    copy.#pages = this.#pages.map((page) => page?.slice());
    copy.#size = this.#size;
    return copy;
  }

  apply(change: Change): void {
    if (change.kind === "write") this.write(change.offset, change.bytes);
    else this.truncate(change.size);
  }

  #page(number: number): Uint8Array {
    const known = this.#pages[number];
    if (known !== undefined) return known;
    const page = new Uint8Array(PAGE_BYTES);
    while (this.#pages.length < number) this.#pages.push(undefined);
    this.#pages[number] = page;
    return page;
  }
}

function isEmptyPage(bytes: Uint8Array): boolean {
  return bytes.length === PAGE_BYTES && Buffer.compare(bytes, noBytes) === 0;
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
    this.#cached = this.#durable.copy();
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

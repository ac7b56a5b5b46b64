// Reads what packing.ts writes. Entries are short, and every member reads each of them: for such the library's
// preparations cost more than the reading, and its reader, which serves every other use of it as well, is compiled anew
// again and again. This one reads what is usual and leaves all else to the library, damage and texts that are not ASCII
// among it, so that what bytes mean is said in one place.

/** Lists, maps and records within each other. */
const DEPTH_MAX = 64;
/** Texts and field names that were read lately are found again by their bytes: ids stand in thousands of entries. */
const TEXTS_KEPT = 4_096;
const TEXT_BYTES_MAX = 64;
const SHAPES_KEPT = 512;
const UNITS_AT_ONCE = 1_024;
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

const NO_BYTES = new Uint8Array(0);

/** The value is for the library. */
export const NOT_USUAL: unique symbol = Symbol("not usual");

interface Shape {
  /** Of the list of names. */
  readonly bytes: Uint8Array;
  readonly names: readonly string[];
}

/** One at a time. What is read does not depend on what was read before. */
export class UsualReader {
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(TEXTS_KEPT).fill(undefined);
  readonly #shapes: (Shape | undefined)[] = new Array<Shape | undefined>(SHAPES_KEPT).fill(undefined);
  #bytes: Uint8Array = NO_BYTES;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #end = 0;
  #depth = 0;
  /** Names of the records that the value has defined, by their numbers. */
  #records: (readonly string[] | undefined)[] = [];
  #isUsual = true;

  /** @returns the value, or NOT_USUAL if the library has to look at it */
  read(bytes: Uint8Array): unknown {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = 0;
    this.#end = bytes.length;
    this.#depth = 0;
    this.#isUsual = true;
    if (this.#records.length > 0) this.#records = [];
    const value = this.#value();
    this.#bytes = NO_BYTES;
    return this.#isUsual && this.#at === this.#end ? value : NOT_USUAL;
  }

  #value(): unknown {
    if (this.#at >= this.#end) return this.#giveUp();
    const token = this.#bytes[this.#at++] as number;
    if (token < 0x40) return token;
    if (token < 0x80) {
      const names = this.#records[token];
      return names === undefined ? token : this.#record(names);
    }
    if (token < 0x90) return this.#map(token & 0x0f);
    if (token < 0xa0) return this.#list(token & 0x0f);
    if (token < 0xc0) return this.#text(token & 0x1f);
    if (token >= 0xe0) return token - 0x100;
    return this.#marked(token);
  }

  #marked(token: number): unknown {
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#copy(this.#unsigned(1));
      case 0xc5:
        return this.#copy(this.#unsigned(2));
      case 0xcb:
        return this.#float();
      case 0xcc:
        return this.#unsigned(1);
      case 0xcd:
        return this.#unsigned(2);
      case 0xce:
        return this.#unsigned(4);
      case 0xd4:
        return this.#definition();
      case 0xd9:
        return this.#text(this.#unsigned(1));
      case 0xda:
        return this.#text(this.#unsigned(2));
      case 0xdc:
        return this.#list(this.#unsigned(2));
      default:
        return this.#giveUp();
    }
  }

  #giveUp(): undefined {
    this.#isUsual = false;
    this.#at = this.#end;
  }

  /** Whether so many bytes follow. */
  #has(count: number): boolean {
    if (count <= this.#end - this.#at) return true;
    this.#giveUp();
    return false;
  }

  #unsigned(width: 1 | 2 | 4): number {
    if (!this.#has(width)) return 0;
    const at = this.#at;
    this.#at += width;
    if (width === 1) return this.#bytes[at] as number;
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #float(): number {
    if (!this.#has(8)) return 0;
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8);
  }

  #copy(length: number): Uint8Array | undefined {
    if (!this.#has(length)) return undefined;
    this.#at += length;
    return new Uint8Array(this.#bytes.subarray(this.#at - length, this.#at));
  }

  #list(length: number): unknown[] | undefined {
    if (!this.#has(length) || !this.#goesDeeper()) return undefined;
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.#value());
    this.#depth--;
    return items;
  }

  #map(size: number): Map<unknown, unknown> | undefined {
    if (!this.#has(size) || !this.#goesDeeper()) return undefined;
    const map = new Map<unknown, unknown>();
    for (let i = 0; i < size; i++) {
      const key = this.#value();
      map.set(key, this.#value());
    }
    this.#depth--;
    return map;
  }

  #record(names: readonly string[]): Readonly<Record<string, unknown>> | undefined {
    if (!this.#goesDeeper()) return undefined;
    const record: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) record[names[i] as string] = this.#value();
    this.#depth--;
    return record;
  }

  #goesDeeper(): boolean {
    if (this.#depth++ < DEPTH_MAX) return true;
    this.#giveUp();
    return false;
  }

  /** The names of a record's fields, and the first such record. Or `undefined`, which is written in the same way. */
  #definition(): unknown {
    if (!this.#has(2)) return undefined;
    const kind = this.#bytes[this.#at];
    const number = this.#bytes[this.#at + 1] as number;
    this.#at += 2;
    if (kind === 0 && number === 0) return undefined;
    const names = kind === 0x72 && number >= 0x40 && number < 0x80 ? this.#names() : null;
    if (names === null) return this.#giveUp();
    while (this.#records.length <= number) this.#records.push(undefined);
    this.#records[number] = names;
    return this.#record(names);
  }

  #names(): readonly string[] | null {
    const bytes = this.#bytes;
    const start = this.#at;
    const count = (bytes[start] ?? 0) - 0x90;
    if (count < 0 || count > 0x0f) return null;
    let hash = FNV_BASIS;
    let all = 0;
    let at = start + 1;
    for (let i = 0; i < count; i++) {
      const length = (bytes[at] ?? 0) - 0xa0;
      const end = at + 1 + length;
      if (length < 0 || length > 0x1f || end > this.#end) return null;
      for (at++, hash = Math.imul(hash ^ length, FNV_PRIME); at < end; at++) {
        const byte = bytes[at] as number;
        hash = Math.imul(hash ^ byte, FNV_PRIME);
        all |= byte;
      }
    }
    if (all >= 0x80) return null;
    this.#at = at;
    const slot = (hash >>> 0) % SHAPES_KEPT;
    const known = this.#shapes[slot];
    if (known !== undefined && isAt(bytes, start, at, known.bytes)) return known.names;
    return this.#newShape(slot, start, at);
  }

  #newShape(slot: number, start: number, end: number): readonly string[] | null {
    const names: string[] = [];
    for (let at = start + 1; at < end; ) {
      const length = (this.#bytes[at] as number) - 0xa0;
      const name = textOf(this.#bytes, at + 1, at + 1 + length);
      // The library gives it another name.
      if (name === "__proto__") return null;
      names.push(name);
      at += 1 + length;
    }
    this.#shapes[slot] = { bytes: new Uint8Array(this.#bytes.subarray(start, end)), names };
    return names;
  }

  #text(length: number): string | undefined {
    if (!this.#has(length)) return undefined;
    const bytes = this.#bytes;
    const start = this.#at;
    const end = start + length;
    let hash = FNV_BASIS;
    let all = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      hash = Math.imul(hash ^ byte, FNV_PRIME);
      all |= byte;
    }
    if (all >= 0x80) return this.#giveUp();
    this.#at = end;
    if (length > TEXT_BYTES_MAX) return textOf(bytes, start, end);
    const slot = (hash ^ (hash >>> 15)) & (TEXTS_KEPT - 1);
    const known = this.#texts[slot];
    if (known !== undefined && isText(bytes, start, end, known)) return known;
    const text = textOf(bytes, start, end);
    this.#texts[slot] = text;
    return text;
  }
}

/** Of ASCII. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at += UNITS_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + UNITS_AT_ONCE)));
  }
  return text;
}

function isAt(bytes: Uint8Array, start: number, end: number, known: Uint8Array): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}

function isText(bytes: Uint8Array, start: number, end: number, known: string): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

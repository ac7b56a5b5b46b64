// Reading and writing the numbers, texts and bytes of a frame. Whole numbers up to 2^53 travel as float64, which holds
// them exactly; texts as UTF-16 units. A reader never throws: past the end it turns `ok` to false and yields zeros.
import { NAME_UNITS_MAX } from "./limits.ts";

const EMPTY = new Uint8Array(0);

/** Of a float64: the bits of its fraction, what is added to its exponent, and where that stands in its upper half. */
const FRACTION_BITS = 52;
const EXPONENT_BIAS = 1023;
const EXPONENT_UNIT = 2 ** 20;
const WORD = 2 ** 32;
const POWERS_OF_TWO: readonly number[] = Array.from({ length: FRACTION_BITS + 1 }, (_unused, i) => 2 ** i);

export class FrameWriter {
  readonly frame: Uint8Array;
  private at = 0;

  /** @param size the exact length of the frame in bytes */
  constructor(size: number) {
    this.frame = new Uint8Array(size);
  }

  byte(value: number): void {
    this.frame[this.at++] = value;
  }

  uint32(value: number): void {
    const { frame, at } = this;
    frame[at] = value >>> 24;
    frame[at + 1] = value >>> 16;
    frame[at + 2] = value >>> 8;
    frame[at + 3] = value;
    this.at = at + 4;
  }

  /** By hand: most frames are of a few dozen bytes, and a view of their buffer costs more than all else in them. */
  whole(value: number): void {
    if (value === 0) {
      this.at += 8;
      return;
    }
    const exponent = exponentOf(value);
    const scaled = value * (POWERS_OF_TWO[FRACTION_BITS - exponent] as number);
    this.uint32(Math.floor(scaled / WORD) + (exponent + EXPONENT_BIAS - 1) * EXPONENT_UNIT);
    this.uint32(scaled % WORD);
  }

  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.frame.set(value, this.at);
    this.at += value.length;
  }

  text(value: string): void {
    this.byte(value.length);
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      this.byte(unit >>> 8);
      this.byte(unit);
    }
  }

  /** True when exactly the announced size was written. */
  isFull(): boolean {
    return this.at === this.frame.length;
  }
}

/** Of the highest bit that is set. @param value 1 to 2^53 - 1 */
function exponentOf(value: number): number {
  return value < WORD ? 31 - Math.clz32(value) : 63 - Math.clz32(Math.floor(value / WORD));
}

/** Bytes that `text` takes in a frame. @param value at most NAME_UNITS_MAX units */
export function textSize(value: string): number {
  return 1 + 2 * value.length;
}

export function fitsAsName(value: string): boolean {
  return value.length > 0 && value.length <= NAME_UNITS_MAX;
}

export class FrameReader {
  ok = true;
  private readonly frame: Uint8Array;
  private at = 0;

  constructor(frame: Uint8Array) {
    this.frame = frame;
  }

  byte(): number {
    return this.has(1) ? this.next() : 0;
  }

  uint32(): number {
    if (!this.has(4)) return 0;
    return this.uint16() * 0x1_0000 + this.uint16();
  }

  whole(): number {
    if (!this.has(8)) return 0;
    const upper = this.uint32();
    const lower = this.uint32();
    if (upper === 0 && lower === 0) return 0;
    const exponent = Math.floor(upper / EXPONENT_UNIT) - EXPONENT_BIAS;
    // The sign is above the exponent's bits: what is negative is far beyond.
    const scale = POWERS_OF_TWO[FRACTION_BITS - exponent] ?? 0;
    const value = (((upper % EXPONENT_UNIT) + EXPONENT_UNIT) * WORD + lower) / scale;
    if (Number.isSafeInteger(value)) return value;
    this.ok = false;
    return 0;
  }

  /** A view of the frame, not a copy. */
  bytes(): Uint8Array {
    const length = this.uint32();
    if (!this.has(length)) return EMPTY;
    this.at += length;
    return this.frame.subarray(this.at - length, this.at);
  }

  text(): string {
    const length = this.byte();
    if (!this.has(2 * length)) return "";
    let value = "";
    for (let i = 0; i < length; i++) {
      value += String.fromCharCode(this.uint16());
    }
    return value;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) this.ok = false;
    return value === 1;
  }

  /** True when the whole frame was read and nothing was missing. */
  isDone(): boolean {
    return this.ok && this.at === this.frame.length;
  }

  private uint16(): number {
    return this.next() * 0x100 + this.next();
  }

  private next(): number {
    return this.frame[this.at++] as number;
  }

  private has(count: number): boolean {
    if (this.ok && this.at + count <= this.frame.length) return true;
    this.ok = false;
    return false;
  }
}

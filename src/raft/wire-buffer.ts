// Reading and writing the numbers, texts and bytes of a frame. Whole numbers up to 2^53 travel as float64, which holds
// them exactly; texts as UTF-16 units. A reader never throws: past the end it turns `ok` to false and yields zeros.
import { NAME_UNITS_MAX } from "./limits.ts";

const EMPTY = new Uint8Array(0);

export class FrameWriter {
  readonly frame: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  /** @param size the exact length of the frame in bytes */
  constructor(size: number) {
    this.frame = new Uint8Array(size);
    this.view = new DataView(this.frame.buffer);
  }

  byte(value: number): void {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  uint32(value: number): void {
    this.view.setUint32(this.at, value);
    this.at += 4;
  }

  whole(value: number): void {
    this.view.setFloat64(this.at, value);
    this.at += 8;
  }

  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.frame.set(value, this.at);
    this.at += value.length;
  }

  text(value: string): void {
    this.byte(value.length);
    for (let i = 0; i < value.length; i++) {
      this.view.setUint16(this.at, value.charCodeAt(i));
      this.at += 2;
    }
  }

  /** True when exactly the announced size was written. */
  isFull(): boolean {
    return this.at === this.frame.length;
  }
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
  private readonly view: DataView;
  private at = 0;

  constructor(frame: Uint8Array) {
    this.frame = frame;
    this.view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  }

  byte(): number {
    return this.has(1) ? this.view.getUint8(this.at++) : 0;
  }

  uint32(): number {
    if (!this.has(4)) return 0;
    this.at += 4;
    return this.view.getUint32(this.at - 4);
  }

  whole(): number {
    if (!this.has(8)) return 0;
    this.at += 8;
    const value = this.view.getFloat64(this.at - 8);
    if (Number.isSafeInteger(value) && value >= 0) return value;
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
      value += String.fromCharCode(this.view.getUint16(this.at));
      this.at += 2;
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

  private has(count: number): boolean {
    if (this.ok && this.at + count <= this.frame.length) return true;
    this.ok = false;
    return false;
  }
}

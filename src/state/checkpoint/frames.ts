// How the chunks of a snapshot follow each other: a mark that no older format begins with, the format version, then
// frames of a length in four bytes (little-endian) and as many bytes; a length of 0 ends them.
import { joined } from "../joined.ts";
import { FORMAT_VERSION } from "../migrations/index.ts";
import { packValueAfter } from "../packing.ts";

/** The one byte that msgpack never uses: snapshots of format 1 were one packed value. */
export const FRAMES_MARK = 0xc1;
const LENGTH_BYTES = 4;
export const PREAMBLE_BYTES = 1 + LENGTH_BYTES;
/** More than any chunk that is written: a length beyond it is damage. */
const FRAME_BYTES_MAX = 2 ** 30;

export const PREAMBLE: Uint8Array = preambleOf(FORMAT_VERSION);
export const END_OF_FRAMES: Uint8Array = new Uint8Array(LENGTH_BYTES);

/** A value as one frame, written where it was packed. */
export function frameOf(value: unknown): Uint8Array {
  const frame = packValueAfter(LENGTH_BYTES, value);
  new DataView(frame.buffer, frame.byteOffset).setUint32(0, frame.length - LENGTH_BYTES, true);
  return frame;
}

export function preambleOf(version: number): Uint8Array {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  bytes[0] = FRAMES_MARK;
  new DataView(bytes.buffer).setUint32(1, version, true);
  return bytes;
}

/** Cuts frames out of bytes that come in pieces of any length. */
export class FrameSplitter {
  #pieces: Uint8Array[] = [];
  #length = 0;

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** Bytes that are here and not taken. */
  length(): number {
    return this.#length;
  }

  /** The first bytes, which stay; null if there are not as many. */
  peek(length: number): Uint8Array | null {
    if (this.#length < length) return null;
    const first = this.#joined(length);
    return first.subarray(0, length);
  }

  take(length: number): Uint8Array | null {
    const bytes = this.peek(length);
    if (bytes === null) return null;
    const first = this.#pieces[0] ?? bytes;
    if (first.length === length) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(length);
    this.#length -= length;
    return bytes;
  }

  /** The next frame's body, empty for the one that ends them; null if it is not all here; undefined if it is damaged. */
  frame(): Uint8Array | null | undefined {
    const head = this.peek(LENGTH_BYTES);
    if (head === null) return null;
    const length = new DataView(head.buffer, head.byteOffset, LENGTH_BYTES).getUint32(0, true);
    if (length > FRAME_BYTES_MAX) return undefined;
    return this.take(LENGTH_BYTES + length)?.subarray(LENGTH_BYTES) ?? null;
  }

  /** The first piece, made at least that long. */
  #joined(length: number): Uint8Array {
    let first = this.#pieces[0];
    if (first !== undefined && first.length >= length) return first;
    first = joined(this.#pieces);
    this.#pieces = [first];
    return first;
  }
}

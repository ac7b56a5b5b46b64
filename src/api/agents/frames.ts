// Frames on a byte stream: a length of four bytes, big-endian, then that many bytes. Knows no message and no socket.
import { assert } from "../../kernel/assert.ts";

const LENGTH_BYTES = 4;

/** The frame with its length before it, in one piece of memory. */
export function encodeFrame(frame: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + frame.byteLength);
  framed.writeUInt32BE(frame.byteLength, 0);
  framed.set(frame, LENGTH_BYTES);
  return framed;
}

/** Takes bytes in pieces of any size and gives whole frames. After a failure it takes nothing more. */
export class FrameDecoder {
  private readonly frameBytesMax: number;
  private pending: Buffer = Buffer.alloc(0);
  private parts: Uint8Array[] = [];
  private partsBytes = 0;
  /** Bytes that must be there before there is anything to do. */
  private wanted = LENGTH_BYTES;

  constructor(frameBytesMax: number) {
    assert(frameBytesMax > 0, "a frame needs a size", { frameBytesMax });
    this.frameBytesMax = frameBytesMax;
  }

  /** The frames that the bytes complete, or null if a frame is larger than allowed. Frames share the bytes' memory. */
  push(bytes: Uint8Array): readonly Uint8Array[] | null {
    this.parts.push(bytes);
    this.partsBytes += bytes.byteLength;
    if (this.pending.byteLength + this.partsBytes < this.wanted) return [];
    this.gather();
    const frames: Uint8Array[] = [];
    let at = 0;
    while (this.pending.byteLength - at >= LENGTH_BYTES) {
      const length = this.pending.readUInt32BE(at);
      if (length > this.frameBytesMax) return null;
      this.wanted = LENGTH_BYTES + length;
      if (this.pending.byteLength - at < this.wanted) break;
      frames.push(this.pending.subarray(at + LENGTH_BYTES, at + this.wanted));
      at += this.wanted;
      this.wanted = LENGTH_BYTES;
    }
    this.pending = this.pending.subarray(at);
    return frames;
  }

  /** One copy per completed frame at most, however many pieces it came in. */
  private gather(): void {
    const [only] = this.parts;
    this.pending =
      this.pending.byteLength === 0 && this.parts.length === 1 && only !== undefined
        ? Buffer.from(only.buffer, only.byteOffset, only.byteLength)
        : Buffer.concat([this.pending, ...this.parts]);
    this.parts = [];
    this.partsBytes = 0;
  }
}

// Frames on a byte stream: a length of four bytes, big-endian, then that many bytes. Knows no message and no socket;
// agents' connections and the masters' own speak it.

const LENGTH_BYTES = 4;

/** What goes before the frame. */
export function frameLength(frame: Uint8Array): Uint8Array {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(frame.byteLength, 0);
  return length;
}

/** The frame with its length before it, in one piece of memory. */
export function encodeFrame(frame: Uint8Array): Uint8Array {
  return encodeFrames([frame]);
}

/** All frames, each with its length before it, in one piece of memory. */
export function encodeFrames(frames: readonly Uint8Array[]): Uint8Array {
  let size = LENGTH_BYTES * frames.length;
  for (const { byteLength } of frames) size += byteLength;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const frame of frames) {
    at = bytes.writeUInt32BE(frame.byteLength, at);
    bytes.set(frame, at);
    at += frame.byteLength;
  }
  return bytes;
}

/**
 * Cuts a stream of bytes into frames, which may share the bytes' memory. The function it gives answers false when a
 * frame is too long: nothing more is to be given to it.
 * @param bytesMax of one frame; a function is asked at each
 */
export function frameReader(
  bytesMax: number | (() => number),
  onFrame: (frame: Uint8Array) => void,
): (bytes: Uint8Array) => boolean {
  let pending: Buffer[] = [];
  let size = 0;
  let wanted = LENGTH_BYTES;
  let inLength = true;

  function take(count: number): Buffer {
    const first = pending[0];
    if (first !== undefined && first.length >= count) {
      if (first.length === count) pending.shift();
      else pending[0] = first.subarray(count);
      size -= count;
      return first.subarray(0, count);
    }
    const whole = Buffer.concat(pending, size);
    pending = size === count ? [] : [whole.subarray(count)];
    size -= count;
    return whole.subarray(0, count);
  }

  return (bytes) => {
    pending.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    size += bytes.length;
    while (size >= wanted) {
      const part = take(wanted);
      if (inLength) {
        wanted = part.readUInt32BE();
        if (wanted > (typeof bytesMax === "number" ? bytesMax : bytesMax())) return false;
      } else {
        wanted = LENGTH_BYTES;
        onFrame(part);
      }
      inLength = !inLength;
    }
    return true;
  };
}

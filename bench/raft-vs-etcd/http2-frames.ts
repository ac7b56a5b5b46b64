// The few frames of HTTP/2 (RFC 9113) that a gRPC client needs, written and read by hand so that the client takes as
// little as can be of the cores that it shares with what it measures.

export const FRAME = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;
/** END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING. */
export const FLAG_END = 1;
export const FLAG_END_HEADERS = 4;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** Flow-control window of a connection before anything is said about it. Bytes. */
export const WINDOW_BYTES_AT_FIRST = 65_535;
export const WINDOW_BYTES_MAX = 2 ** 31 - 1;
export const FRAME_HEAD_BYTES = 9;

const SETTING = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4 } as const;
const SETTING_BYTES = 6;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** A view of what was read. */
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEAD_BYTES);
  return bytes;
}

/** No compression table, so that header blocks need not be decoded in order; windows as large as they can be. */
export function clientSettings(): Buffer {
  const settings = [
    [SETTING.headerTableSize, 0],
    [SETTING.enablePush, 0],
    [SETTING.initialWindowSize, WINDOW_BYTES_MAX],
  ] as const;
  const payload = Buffer.alloc(settings.length * SETTING_BYTES);
  for (const [i, [name, value]] of settings.entries()) {
    payload.writeUInt16BE(name, i * SETTING_BYTES);
    payload.writeUInt32BE(value, i * SETTING_BYTES + 2);
  }
  return frame(FRAME.settings, 0, 0, payload);
}

/** Allows the other side that many bytes more on the whole connection. */
export function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(FRAME.windowUpdate, 0, 0, payload);
}

/** A header field without Huffman coding and without an entry in the table (RFC 7541, section 6.2.2). */
export function literalHeader(name: number | string, value: string): Buffer {
  return Buffer.concat([typeof name === "number" ? indexedName(name) : literalName(name), text(value)]);
}

/** Of the static table; an index of 15 and more takes a second byte. */
function indexedName(index: number): Buffer {
  return Buffer.from(index < 15 ? [index] : [15, index - 15]);
}

function literalName(name: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name)]);
}

/** Shorter than 127 bytes. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")]);
}

/** Cuts what comes over a connection into frames. */
export function frameCutter(onFrame: (frame: Frame) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0;
    while (all.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + all.readUIntBE(at, 3);
      if (end > all.length) break;
      onFrame({
        type: all.readUInt8(at + 3),
        flags: all.readUInt8(at + 4),
        stream: all.readUInt32BE(at + 5) & 0x7fffffff,
        payload: all.subarray(at + FRAME_HEAD_BYTES, end),
      });
      at = end;
    }
    rest = all.subarray(at);
  };
}

// Bytes for the log and for snapshots: msgpack with in-band record definitions, so that field names stand once in each
// packed value. The same value in the same order of fields gives the same bytes on every machine, whatever was packed
// before: nothing is shared between calls. Maps keep their order, byte strings and bigints their type.
import { Packr, RESERVE_START_SPACE } from "msgpackr";

const packr = new Packr({
  useRecords: true,
  mapsAsObjects: false,
  variableMapSize: true,
  copyBuffers: true,
  useBigIntExtension: true,
  moreTypes: false,
});

export function packValue(value: unknown): Uint8Array {
  const packed = packr.pack(value);
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}

/** The packed value with room for a head in front of it, which is not cleared. */
export function packValueAfter(headBytes: number, value: unknown): Uint8Array {
  const packed = packr.pack(value, RESERVE_START_SPACE | headBytes);
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}

/** @throws Error when the bytes are not a packed value */
export function unpackValue(bytes: Uint8Array): unknown {
  // A view of its own, for the library leaves a property on the array it reads.
  return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

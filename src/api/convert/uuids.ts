// UUIDs: bytes on the wire, lower-case hexadecimal without dashes in the state.

const UUID_BYTES = 16;
const VERSION_MAX = 5;

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** 16 bytes with a version that exists: what Mesos takes for the uuid of a status. */
export function isUuid(bytes: Uint8Array): boolean {
  const version = (bytes[6] ?? 0) >> 4;
  return bytes.byteLength === UUID_BYTES && version >= 1 && version <= VERSION_MAX;
}

// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected 0x82F63B78), eight bytes a step ("slicing-by-8", Kounavis and
// Berry, 2005). Finds every error of one or two bits and every burst up to 32 bits in a record; it is no defence
// against intent.

const reflectedPolynomial = 0x82f63b78;
const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = [0, 1, 2, 3, 4, 5, 6, 7].map((slice) =>
  tables.subarray(slice * 256, slice * 256 + 256),
) as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

/**
 * The checksum of bytes[start, end), in [0, 2^32). With the checksum of what came before as `seed`, it is the checksum
 * of both together.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let crc = ~seed;
  let at = start;
  for (; at + 8 <= end; at += 8) crc = eightBytes(crc, bytes, at);
  for (; at < end; at++) crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function eightBytes(crc: number, bytes: Uint8Array, at: number): number {
  return (
    (t7[(crc ^ (bytes[at] as number)) & 0xff] as number) ^
    (t6[((crc >>> 8) ^ (bytes[at + 1] as number)) & 0xff] as number) ^
    (t5[((crc >>> 16) ^ (bytes[at + 2] as number)) & 0xff] as number) ^
    (t4[((crc >>> 24) ^ (bytes[at + 3] as number)) & 0xff] as number) ^
    (t3[bytes[at + 4] as number] as number) ^
    (t2[bytes[at + 5] as number] as number) ^
    (t1[bytes[at + 6] as number] as number) ^
    (t0[bytes[at + 7] as number] as number)
  );
}

/** Table k gives the effect of a byte that is followed by k zero bytes. */
function makeTables(): Int32Array {
  const all = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ reflectedPolynomial : crc >>> 1;
    all[byte] = crc;
  }
  for (let at = 256; at < all.length; at++) {
    const before = all[at - 256] as number;
    all[at] = (all[before & 0xff] as number) ^ (before >>> 8);
  }
  return all;
}

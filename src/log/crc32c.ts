// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected 0x82F63B78), sixteen bytes a step ("slicing", Kounavis and Berry,
// 2005). Finds every error of one or two bits and every burst up to 32 bits in a record; it is no defence against intent.

const reflectedPolynomial = 0x82f63b78;
const slices = 16;
const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = eightFrom(0);
const [t8, t9, t10, t11, t12, t13, t14, t15] = eightFrom(8);

/**
 * The checksum of bytes[start, end), in [0, 2^32). With the checksum of what came before as `seed`, it is the checksum
 * of both together.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let crc = ~seed;
  let at = start;
  if (end - start >= slices) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (; at + slices <= end; at += slices) {
      const first = firstHalf(crc ^ view.getInt32(at, true), view.getInt32(at + 4, true));
      crc = first ^ secondHalf(view.getInt32(at + 8, true), view.getInt32(at + 12, true));
    }
  }
  for (; at < end; at++) crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function firstHalf(a: number, b: number): number {
  return (
    (t15[a & 0xff] as number) ^
    (t14[(a >>> 8) & 0xff] as number) ^
    (t13[(a >>> 16) & 0xff] as number) ^
    (t12[a >>> 24] as number) ^
    (t11[b & 0xff] as number) ^
    (t10[(b >>> 8) & 0xff] as number) ^
    (t9[(b >>> 16) & 0xff] as number) ^
    (t8[b >>> 24] as number)
  );
}

function secondHalf(c: number, d: number): number {
  return (
    (t7[c & 0xff] as number) ^
    (t6[(c >>> 8) & 0xff] as number) ^
    (t5[(c >>> 16) & 0xff] as number) ^
    (t4[c >>> 24] as number) ^
    (t3[d & 0xff] as number) ^
    (t2[(d >>> 8) & 0xff] as number) ^
    (t1[(d >>> 16) & 0xff] as number) ^
    (t0[d >>> 24] as number)
  );
}

/** Table k gives the effect of a byte that is followed by k zero bytes. */
function makeTables(): Int32Array {
  const all = new Int32Array(slices * 256);
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

type Tables = readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** A table each, for a look-up in one of its own is faster than one at an offset. */
function eightFrom(first: number): Tables {
  const table = (slice: number) => tables.subarray(slice * 256, slice * 256 + 256);
  return [
    table(first),
    table(first + 1),
    table(first + 2),
    table(first + 3),
    table(first + 4),
    table(first + 5),
    table(first + 6),
    table(first + 7),
  ];
}

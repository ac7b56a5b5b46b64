// CRC-32C against published values and against the definition, bit by bit.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32c } from "../../../src/log/index.ts";

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("crc32c", () => {
  // The check value of the CRC catalogue, and the vectors of RFC 3720, appendix B.4.
  it.each([
    [new TextEncoder().encode("123456789"), 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  ])("gives the published value", (bytes, expected) => {
    expect(crc32c(bytes, 0, bytes.length)).toBe(expected);
  });

  it("agrees with its definition and can be continued", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const at = Math.min(cut, bytes.length);
        const first = crc32c(bytes, 0, at);
        expect(crc32c(bytes, at, bytes.length, first)).toBe(bitByBit(bytes));
      }),
    );
  });
});

// Numbers in frames: whole numbers are float64 in network order, as they have been from the first version on.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameReader, FrameWriter } from "../../../src/raft/wire-buffer.ts";

const whole = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(),
  fc.nat({ max: 52 }).map((power) => 2 ** power),
);

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

describe("a whole number in a frame", () => {
  it("is a float64 in network order", () => {
    fc.assert(
      fc.property(whole, (value) => {
        const writer = new FrameWriter(8);
        writer.whole(value);
        expect(new DataView(writer.frame.buffer).getFloat64(0)).toBe(value);
        expect(new FrameReader(writer.frame).whole()).toBe(value);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is refused unless it is one, not negative and exact", () => {
    const any = fc.oneof(fc.double(), fc.maxSafeInteger(), whole, fc.constantFrom(2 ** 53, 2 ** 60, 0.5, -1));
    fc.assert(
      fc.property(any, (value) => {
        fc.pre(!Object.is(value, -0));
        const frame = new Uint8Array(8);
        new DataView(frame.buffer).setFloat64(0, value);
        const reader = new FrameReader(frame);
        expect(reader.whole()).toBe(isWhole(value) ? value : 0);
        expect(reader.isDone()).toBe(isWhole(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it("is refused in a frame that ends within it", () => {
    const reader = new FrameReader(new Uint8Array(7));
    expect(reader.whole()).toBe(0);
    expect(reader.ok).toBe(false);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareIds } from "../../../src/allocator/order.ts";
import { compareFractions } from "../../../src/allocator/shares.ts";

const whole = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.maxSafeInteger().map((n) => Math.abs(n) + 1),
);
const weight = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1_000_000_000 }));
const fraction = fc.record({ amount: fc.oneof(fc.constant(0), whole), total: whole, weight });
type Fraction = Parameters<typeof compareFractions>[0];

function exactly(a: Fraction, b: Fraction): number {
  const left = BigInt(a.amount) * BigInt(b.total) * BigInt(b.weight);
  const right = BigInt(b.amount) * BigInt(a.total) * BigInt(a.weight);
  return left < right ? -1 : left > right ? 1 : 0;
}

describe("compareFractions", () => {
  it("is exact for any two", () => {
    fc.assert(
      fc.property(fraction, fraction, (a, b) => {
        expect(Math.sign(compareFractions(a, b))).toBe(exactly(a, b));
      }),
      { numRuns: 2_000 },
    );
  });

  it("is exact for two that are as close as can be", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 2 ** 50 }), fc.integer({ min: -2, max: 2 }), (n, off) => {
        const a = { amount: n, total: n + 1, weight: 1 };
        const b = { amount: n + 1 + off, total: n + 2, weight: 1 };
        expect(Math.sign(compareFractions(a, b))).toBe(exactly(a, b));
        expect(Math.sign(compareFractions(b, a))).toBe(exactly(b, a));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("compareIds", () => {
  it("orders by the number at the end, then by text", () => {
    const ids = ["b-S2", "a-S2", "S10", "S9", "x", "S09", "S123456789012345678901"];
    expect(ids.sort(compareIds)).toEqual(["x", "a-S2", "b-S2", "S09", "S9", "S10", "S123456789012345678901"]);
  });
});

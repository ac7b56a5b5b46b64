// The bound on packed bytes is never below what packing gives.
import fc from "fast-check";
import { expect, test } from "vitest";
import { packedBytesAtMost } from "../../../src/state/packed-size.ts";
import { packValue } from "../../../src/state/packing.ts";

const leaf = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.bigInt({ min: -(2n ** 100n), max: 2n ** 100n }),
  fc.uint8Array({ maxLength: 300 }),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(fc.string({ maxLength: 12 }), tie("value"), { maxKeys: 6 }),
    fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 4 }).map((pairs) => new Map(pairs)),
  ),
}));

test("no value packs into more bytes than the bound", () => {
  fc.assert(
    fc.property(value, (one) => {
      expect(packedBytesAtMost(one)).toBeGreaterThanOrEqual(packValue(one).length);
    }),
    { numRuns: 500 },
  );
});

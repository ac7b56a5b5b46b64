// The quick reader of packed values reads what the library reads, and nothing else.
import fc from "fast-check";
import { Packr } from "msgpackr";
import { expect, test } from "vitest";
import { packValue, unpackValue } from "../../../src/state/packing.ts";
import { NOT_USUAL, UsualReader } from "../../../src/state/unpacking.ts";

const library = new Packr({
  useRecords: true,
  mapsAsObjects: false,
  variableMapSize: true,
  copyBuffers: true,
  useBigIntExtension: true,
  moreTypes: false,
});

const text = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom("kind", "frameworkId", "TaskLaunched", "", "\ufeffbom"),
);
const name = fc.oneof(fc.constantFrom("kind", "id", "time", "1", "ä"), fc.string({ maxLength: 40 }));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, undefined, true, false, 0, -1, -33, 64, 127, 128, 65_536, 2 ** 40, 0.5, -(2 ** 33)),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.bigInt(),
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(name, tie("value"), { maxKeys: 18 }),
    fc.array(fc.tuple(text, tie("value"))).map((pairs) => new Map(pairs)),
    fc.array(fc.record({ kind: text, id: tie("value") }), { maxLength: 8 }),
  ),
}));

test("what was packed is read as the library reads it", () => {
  const reader = new UsualReader();
  fc.assert(
    fc.property(value, (one) => {
      const bytes = packValue(one);
      const expected: unknown = library.unpack(new Uint8Array(bytes));
      const read = reader.read(bytes);
      if (read !== NOT_USUAL) expect(read).toStrictEqual(expected);
      expect(unpackValue(bytes)).toStrictEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});

test("usual values are not left to the library", () => {
  const reader = new UsualReader();
  const event = { kind: "TaskLaunched", id: "t".repeat(100), at: 2 ** 41, cells: [1, 200, 70_000, -1, null] };
  const entry = [
    3,
    2 ** 41,
    [event, { ...event, wire: new Uint8Array([1, 2]) }, new Map([["a", undefined]])],
  ];
  expect(reader.read(packValue(entry))).toStrictEqual(entry);
});

test("of bytes that are damaged it reads nothing that the library does not read", () => {
  const reader = new UsualReader();
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 });
  fc.assert(
    fc.property(value, damage, fc.nat(), (one, flips, cut) => {
      const packed = packValue(one);
      const bytes = packed.slice(0, cut % 3 === 0 ? cut % (packed.length + 1) : packed.length);
      for (const [at, mask] of flips) {
        const place = at % Math.max(1, bytes.length);
        bytes[place] = (bytes[place] ?? 0) ^ mask;
      }
      const read = reader.read(bytes);
      if (read !== NOT_USUAL) expect(read).toStrictEqual(library.unpack(new Uint8Array(bytes)));
    }),
    { numRuns: 5_000 },
  );
});

test("byte strings are copies, also out of a Buffer", () => {
  const bytes = Buffer.from(packValue([new Uint8Array([1, 2, 3])]));
  const [copy] = new UsualReader().read(bytes) as [Uint8Array];
  bytes.fill(0);
  expect(copy).toStrictEqual(new Uint8Array([1, 2, 3]));
});

// The writer against protobufjs' own: the same calls give the same bytes.
import fc from "fast-check";
import protobuf from "protobufjs/minimal.js";
import { expect, it } from "vitest";
import { ProtobufWriter } from "../../../src/contract/protobuf-writer.ts";

type Step =
  | { readonly kind: "uint" | "int" | "double"; readonly value: number }
  | { readonly kind: "bigInt"; readonly value: bigint }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "message"; readonly steps: readonly Step[] };

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ unit: "grapheme-ascii", minLength: 60, maxLength: 300 }),
);
const { step } = fc.letrec<{ step: Step }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 4 },
    fc.record({ kind: fc.constant("uint" as const), value: fc.maxSafeNat() }),
    fc.record({ kind: fc.constant("int" as const), value: fc.maxSafeInteger() }),
    fc.record({ kind: fc.constant("double" as const), value: fc.double() }),
    fc.record({
      kind: fc.constant("bigInt" as const),
      value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    }),
    fc.record({ kind: fc.constant("text" as const), value: text }),
    fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 3_000 }) }),
    fc.record({ kind: fc.constant("message" as const), steps: fc.array(tie("step"), { maxLength: 8 }) }),
  ),
}));

function write(writer: ProtobufWriter, steps: readonly Step[]): void {
  for (const each of steps) {
    if (each.kind === "message") {
      const lengthAt = writer.beginMessage();
      write(writer, each.steps);
      writer.endMessage(lengthAt);
    } else if (each.kind === "bigInt") writer.bigInt(each.value);
    else if (each.kind === "text") writer.text(each.value);
    else if (each.kind === "bytes") writer.bytes(each.value);
    else writer[each.kind](each.value);
  }
}

function writeByLibrary(writer: protobuf.Writer, steps: readonly Step[]): void {
  for (const each of steps) {
    if (each.kind === "message") {
      writer.fork();
      writeByLibrary(writer, each.steps);
      writer.ldelim();
    } else if (each.kind === "bigInt") {
      const low = Number(BigInt.asIntN(32, each.value));
      writer.int64(new protobuf.util.Long(low, Number(BigInt.asIntN(32, each.value >> 32n))));
    } else if (each.kind === "text") writer.string(each.value);
    else if (each.kind === "bytes") writer.bytes(each.value);
    else if (each.kind === "double") writer.double(each.value);
    else writer.int64(each.value);
  }
}

it("writes what protobufjs writes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const own = new ProtobufWriter();
      write(own, steps);
      const library = new protobuf.Writer();
      writeByLibrary(library, steps);
      expect(Buffer.from(own.finish())).toEqual(Buffer.from(library.finish()));
    }),
  );
});

it.each([0x7f, 0x80, 0x3fff, 0x4000, 0x4_0000])("a message of %i bytes has its length before it", (size) => {
  const own = new ProtobufWriter();
  own.uint(1);
  const lengthAt = own.beginMessage();
  for (let i = 0; i < size; i++) own.uint(i & 0x7f);
  own.endMessage(lengthAt);
  own.uint(2);
  const reader = protobuf.Reader.create(own.finish());
  expect(reader.uint32()).toBe(1);
  expect(reader.bytes()).toEqual(Buffer.from(Array.from({ length: size }, (_, i) => i & 0x7f)));
  expect(reader.uint32()).toBe(2);
  expect(reader.pos).toBe(reader.len);
});

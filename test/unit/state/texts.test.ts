// Bytes as texts, and texts in memory of their own, say what they said before.
import fc from "fast-check";
import { expect, it } from "vitest";
import { bytesOf, encodedOf } from "../../../src/kernel/encoded.ts";
import { ownText } from "../../../src/kernel/own-text.ts";

it("bytes come back from the text that they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(50), (piece, times) => {
      const bytes = new Uint8Array(piece.length * times).map((_, at) => piece[at % piece.length] ?? 0);
      const text = encodedOf(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("latin1"));
      expect(bytesOf(text)).toEqual(bytes);
    }),
  );
});

it("a text of its own is the same text, whatever its characters and its length", () => {
  const texts = fc.oneof(fc.string({ maxLength: 100 }), fc.string({ unit: "binary", maxLength: 40 }));
  fc.assert(
    fc.property(texts, fc.constantFrom(1, 1, 1, 300), (text, times) => {
      const long = text.repeat(times);
      expect(ownText(long)).toBe(long);
    }),
  );
});

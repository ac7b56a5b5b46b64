// RecordIO: records come out as they went in, however the stream is cut, and a bad stream is an error that stays.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRecord, RecordDecoder } from "../../../src/contract/record-io.ts";
import { InvariantError } from "../../../src/kernel/assert.ts";

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function pieces(stream: Uint8Array, lengths: readonly number[]): readonly Uint8Array[] {
  const cut: Uint8Array[] = [];
  let at = 0;
  for (const length of [...lengths, stream.length]) {
    cut.push(stream.subarray(at, at + length));
    at += length;
  }
  return cut;
}

describe("encodeRecord", () => {
  it("puts the decimal length and a newline before the bytes", () => {
    expect(Buffer.from(encodeRecord(bytes("hello world!"))).toString()).toBe("12\nhello world!");
  });

  it("knows no empty record", () => {
    expect(() => encodeRecord(bytes(""))).toThrow(InvariantError);
  });
});

describe("RecordDecoder", () => {
  it("gives the records of a stream cut in any way", () => {
    const records = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
    const cuts = fc.array(fc.nat({ max: 30 }), { maxLength: 20 });
    fc.assert(
      fc.property(records, cuts, (sent, lengths) => {
        const decoder = new RecordDecoder();
        const stream = new Uint8Array(Buffer.concat(sent.map(encodeRecord)));
        const got: Uint8Array[] = [];
        for (const piece of pieces(stream, lengths)) {
          const result = decoder.push(piece);
          if (result.ok) got.push(...result.value);
        }
        expect(got.map((record) => [...record])).toEqual(sent.map((record) => [...record]));
        expect(decoder.isBetweenRecords()).toBe(true);
      }),
    );
  });

  it("knows whether a record has begun", () => {
    const decoder = new RecordDecoder();
    expect(decoder.isBetweenRecords()).toBe(true);
    decoder.push(bytes("1"));
    expect(decoder.isBetweenRecords()).toBe(false);
    decoder.push(bytes("\n"));
    expect(decoder.isBetweenRecords()).toBe(false);
    decoder.push(bytes("x"));
    expect(decoder.isBetweenRecords()).toBe(true);
  });

  it("gives records that are copies", () => {
    const piece = bytes("3\nabc");
    const result = new RecordDecoder().push(piece);
    piece.fill(0);
    expect(result).toEqual({ ok: true, value: [bytes("abc")] });
  });

  it.each([
    ["\n", "a record's length is missing"],
    ["0\n", "a record of length 0"],
    ["-1\nx", "a record's length is no number"],
    ["1a\nx", "a record's length is no number"],
    ["11\nhello world", "a record of 11 bytes, of which 10 are allowed"],
    ["99999999999999999\n", "a record's length is too long"],
  ])("refuses %j, for good", (stream, error) => {
    const decoder = new RecordDecoder(10);
    const outcomes = [...bytes(stream)].map((byte) => decoder.push(new Uint8Array([byte])));
    expect(outcomes.at(-1)).toEqual({ ok: false, error });
    expect(decoder.push(bytes("1\nx"))).toEqual({ ok: false, error });
  });
});

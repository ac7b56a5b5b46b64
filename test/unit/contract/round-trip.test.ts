// Both encodings carry every message of the schema, and carry the same; nothing that comes from outside makes them throw.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../../../src/contract/codec.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import type { MessageDescriptor, MessageType, UntypedMessage } from "../../../src/contract/schema.ts";
import { arbitraryMessage, withJsonDefaults } from "./arbitrary-messages.ts";

type Untyped = MessageType<UntypedMessage>;
const types: readonly MessageDescriptor[] = Object.values(messageTypes);
const tops: readonly MessageDescriptor[] = [
  messageTypes.SchedulerCall,
  messageTypes.SchedulerEvent,
  messageTypes.ExecutorCall,
  messageTypes.ExecutorEvent,
  messageTypes.MasterCall,
  messageTypes.MasterResponse,
  messageTypes.MasterEvent,
  messageTypes.AgentCall,
  messageTypes.AgentResponse,
  messageTypes.AgentProcessIO,
];

const anyType: fc.Arbitrary<Untyped> = fc.oneof(fc.constantFrom(...types), fc.constantFrom(...tops));
const typed = anyType.chain((type) => arbitraryMessage(type).map((message) => ({ type, message })));

describe("arbitrary messages", () => {
  it("are the same after protobuf", () => {
    fc.assert(
      fc.property(typed, ({ type, message }) => {
        expect(decodeProtobuf(type, encodeProtobuf(type, message))).toEqual({ ok: true, value: message });
      }),
      { numRuns: 250 },
    );
  });

  it("are the same after JSON, but for the defaults that JSON spells out", () => {
    fc.assert(
      fc.property(typed, ({ type, message }) => {
        const value = withJsonDefaults(type, message);
        expect(decodeJson(type, encodeJson(type, message))).toEqual({ ok: true, value });
      }),
      { numRuns: 250 },
    );
  });

  it("are written as the same JSON whether they came by JSON or protobuf", () => {
    fc.assert(
      fc.property(typed, ({ type, message }) => {
        const text = encodeJson(type, message);
        const byProtobuf = decodeProtobuf(type, encodeProtobuf(type, message));
        const byJson = decodeJson(type, text);
        expect(byProtobuf.ok && encodeJson(type, byProtobuf.value)).toBe(text);
        expect(byJson.ok && encodeJson(type, byJson.value)).toBe(text);
      }),
      { numRuns: 150 },
    );
  });

  it("are JSON that any parser reads", () => {
    fc.assert(
      fc.property(typed, ({ type, message }) => {
        expect(JSON.parse(encodeJson(type, message))).toBeTypeOf("object");
      }),
      { numRuns: 100 },
    );
  });
});

describe("hostile input", () => {
  const damage = fc.tuple(typed, fc.nat(), fc.nat({ max: 255 }), fc.boolean());

  it("damaged protobuf gives a message or an error, and never throws", () => {
    fc.assert(
      fc.property(damage, ([{ type, message }, at, byte, cut]) => {
        const bytes = encodeProtobuf(type, message).slice();
        const place = at % Math.max(1, bytes.length);
        if (place < bytes.length) bytes[place] = byte;
        const read = decodeProtobuf(type, cut ? bytes.subarray(0, place) : bytes);
        if (read.ok) expect(decodeProtobuf(type, encodeProtobuf(type, read.value))).toEqual(read);
        else expect(read.error).toMatch(/^Failed to parse body into \w+ protobuf$/);
      }),
      { numRuns: 400 },
    );
  });

  it("any bytes give a message or an error, and never throw", () => {
    fc.assert(
      fc.property(anyType, fc.uint8Array({ maxLength: 64 }), (type, bytes) => {
        const read = decodeProtobuf(type, bytes);
        if (read.ok) expect(encodeProtobuf(type, read.value).length).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 800 },
    );
  });

  it("damaged JSON gives a message or an error, and never throws", () => {
    fc.assert(
      fc.property(damage, ([{ type, message }, at, byte, cut]) => {
        const text = encodeJson(type, message);
        const place = at % text.length;
        const rest = cut ? "" : text.slice(place + 1);
        const read = decodeJson(type, text.slice(0, place) + String.fromCharCode(byte) + rest);
        if (read.ok) expect(decodeJson(type, encodeJson(type, read.value)).ok).toBe(true);
        else expect(read.error).toMatch(/^Failed to (parse body into JSON|convert JSON into \w+ protobuf): /);
      }),
      { numRuns: 400 },
    );
  });

  it("JSON of the wrong types gives a message or an error, and never throws", () => {
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom("7", "true", "Infinity", "NaN", 1e300, -1, 1.5, [[]], [null]),
    );
    fc.assert(
      fc.property(typed, fc.nat(), junk, ({ type, message }, at, value) => {
        const fields = Object.keys(message);
        const wrong = {
          ...JSON.parse(encodeJson(type, message)),
          [String(fields[at % fields.length])]: value,
        };
        const read = decodeJson(type, JSON.stringify(wrong));
        if (read.ok) expect(decodeProtobuf(type, encodeProtobuf(type, read.value))).toEqual(read);
      }),
      { numRuns: 800 },
    );
  });
});

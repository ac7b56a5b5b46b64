// The rules of Mesos' encodings, one by one (reference, section h, and the surprises found in the recordings).
import { describe, expect, it } from "vitest";
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../../../src/contract/codec.ts";
import { JSON_DEPTH_MAX, PROTOBUF_DEPTH_MAX } from "../../../src/contract/limits.ts";
import { messageTypes as types } from "../../../src/contract/message-types.ts";
import type { MessageDescriptor, MessageType } from "../../../src/contract/schema.ts";
import { type ContainerID, enumNumbers } from "../../../src/contract/types.ts";
import { InvariantError } from "../../../src/kernel/assert.ts";

function read<Message>(type: MessageType<Message>, json: unknown): Message | string {
  const result = decodeJson(type, typeof json === "string" ? json : JSON.stringify(json));
  return result.ok ? result.value : result.error;
}

function untyped(type: MessageDescriptor): MessageType<unknown> {
  return type;
}

type Refusal = readonly [string, MessageDescriptor, unknown, string];

const framework = { user: "root", name: "x" };

describe("JSON as it is written", () => {
  it("spells out explicit defaults that are not deprecated", () => {
    expect(encodeJson(types.FrameworkInfo, framework)).toBe(
      '{"user":"root","name":"x","failover_timeout":0.0,"checkpoint":false}',
    );
    expect(encodeJson(types.EnvironmentVariable, { name: "A" })).toBe('{"name":"A","type":"VALUE"}');
  });

  it("gives doubles a decimal point, and infinities and NaN as text", () => {
    const scalar = (value: number) => encodeJson(types.ValueScalar, { value });
    expect(scalar(2)).toBe('{"value":2.0}');
    expect(scalar(-0)).toBe('{"value":-0.0}');
    expect(scalar(0.1)).toBe('{"value":0.1}');
    expect(scalar(1e300)).toBe('{"value":1e+300}');
    expect(scalar(Number.POSITIVE_INFINITY)).toBe('{"value":"Infinity"}');
    expect(scalar(Number.NEGATIVE_INFINITY)).toBe('{"value":"-Infinity"}');
    expect(scalar(Number.NaN)).toBe('{"value":"NaN"}');
  });

  it("gives 64-bit integers as bare numbers, exactly", () => {
    const nanoseconds = 1_795_387_654_208_038_017n;
    expect(encodeJson(types.TimeInfo, { nanoseconds })).toBe('{"nanoseconds":1795387654208038017}');
    expect(read(types.TimeInfo, '{"nanoseconds":1795387654208038017}')).toEqual({ nanoseconds });
  });

  it("gives bytes as base64", () => {
    expect(encodeJson(types.UUID, { value: new Uint8Array([255, 254, 1]) })).toBe('{"value":"//4B"}');
  });

  it("leaves out empty lists and maps, but for the lists that Mesos always writes", () => {
    expect(encodeJson(types.Labels, { labels: [] })).toBe("{}");
    expect(encodeJson(types.OfferFiltersResourceQuantities, { quantities: {} })).toBe("{}");
    expect(encodeJson(types.MasterResponseGetExecutors, {})).toBe('{"executors":[]}');
  });

  it("refuses a message of ours that does not fit its type", () => {
    const wrong = (type: string) => encodeJson(types.ValueRange, JSON.parse(`{"begin":${type},"end":1}`));
    expect(() => wrong("-1")).toThrow(InvariantError);
    expect(() => wrong("0.5")).toThrow(InvariantError);
    expect(() => encodeJson(types.ValueRange, JSON.parse("{}"))).toThrow(InvariantError);
    expect(() => encodeProtobuf(types.ValueRange, JSON.parse("{}"))).toThrow(InvariantError);
    expect(() => encodeProtobuf(types.SchedulerCall, JSON.parse('{"type":"constructor"}'))).toThrow(
      InvariantError,
    );
  });
});

describe("JSON as it is read", () => {
  it("ignores unknown fields and takes null as not set", () => {
    expect(read(types.FrameworkInfo, { ...framework, nonsense: { a: [1] }, principal: null })).toEqual(
      framework,
    );
  });

  it("takes numbers and booleans that come as text", () => {
    expect(read(types.ValueRange, { begin: "31000", end: "32000" })).toEqual({ begin: 31000, end: 32000 });
    expect(read(types.FrameworkInfo, { ...framework, checkpoint: "true" })).toEqual({
      ...framework,
      checkpoint: true,
    });
    expect(read(types.ValueScalar, { value: "1.5" })).toEqual({ value: 1.5 });
    expect(read(types.ValueScalar, { value: "-Infinity" })).toEqual({ value: Number.NEGATIVE_INFINITY });
    expect(read(types.TimeInfo, { nanoseconds: "9223372036854775807" })).toEqual({
      nanoseconds: 2n ** 63n - 1n,
    });
  });

  it("takes a lone value for a list", () => {
    expect(read(types.FrameworkInfo, { ...framework, roles: "ads" })).toEqual({
      ...framework,
      roles: ["ads"],
    });
  });

  it("drops an unknown name of an optional enum, refuses that of a required one", () => {
    expect(read(types.SchedulerCall, { type: "revive" })).toEqual({});
    expect(read(types.Attribute, { name: "a", type: "NONE" })).toBe(
      "Failed to convert JSON into Attribute protobuf: Failed to find enum for 'NONE'",
    );
    expect(read(types.SchedulerCall, { type: "toString" })).toEqual({});
  });

  it("keeps the last of the fields of a oneof", () => {
    const capability = { mount: {}, access_mode: { mode: "SINGLE_NODE_WRITER" }, block: {} };
    expect(read(types.VolumeSourceCSIVolumeVolumeCapability, capability)).toEqual({
      access_mode: { mode: "SINGLE_NODE_WRITER" },
      block: {},
    });
  });

  it("takes a map's key for what it is, whatever its name", () => {
    const text = '{"quantities":{"__proto__":{"value":1},"constructor":{"value":2}}}';
    const value = read(types.OfferFiltersResourceQuantities, text) as { quantities: object };
    expect(Object.keys(value.quantities)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value.quantities)).toBe(Object.prototype);
    const bytes = encodeProtobuf(types.OfferFiltersResourceQuantities, value as never);
    const again = decodeProtobuf(types.OfferFiltersResourceQuantities, bytes);
    expect(again.ok && Object.keys(again.value.quantities ?? {})).toEqual(["__proto__", "constructor"]);
    expect(encodeJson(types.OfferFiltersResourceQuantities, value as never)).toBe(
      '{"quantities":{"__proto__":{"value":1.0},"constructor":{"value":2.0}}}',
    );
    expect(({} as Record<string, unknown>).value).toBeUndefined();
  });

  it.each([
    [
      "a duration as text",
      types.MasterCallDrainAgent,
      { agent_id: { value: "a" }, max_grace_period: "2s" },
      "Not expecting a JSON string for field 'max_grace_period'",
    ],
    [
      "a list where none is",
      types.FrameworkID,
      { value: ["a"] },
      "Not expecting a JSON array for field 'value'",
    ],
    [
      "an object for a scalar",
      types.FrameworkID,
      { value: {} },
      "Not expecting a JSON object for field 'value'",
    ],
    [
      "a boolean for text",
      types.FrameworkID,
      { value: true },
      "Not expecting a JSON boolean for field 'value'",
    ],
    [
      "a list for a map",
      types.OfferFiltersResourceQuantities,
      { quantities: [] },
      "Not expecting a JSON array for field 'quantities'",
    ],
    [
      "a number for a map",
      types.OfferFiltersResourceQuantities,
      { quantities: 1 },
      "Not expecting a JSON number for field 'quantities'",
    ],
    [
      "a bare number in a map of messages",
      types.OfferFiltersResourceQuantities,
      { quantities: { cpus: 1 } },
      "Not expecting a JSON number for field 'value'",
    ],
    [
      "text that is no number",
      types.ValueScalar,
      { value: "x" },
      "Failed to parse 'x' as a JSON number for field 'value': syntax error at line 1 near: x",
    ],
    [
      "not a number",
      types.ValueScalar,
      { value: "NaN" },
      "Failed to parse 'NaN' as a JSON number for field 'value': syntax error at line 1 near: NaN",
    ],
    [
      "text of another type",
      types.ValueScalar,
      { value: "true" },
      "Failed to parse 'true' as a JSON number for field 'value': Unexpected JSON type parsed",
    ],
    [
      "text that is no boolean",
      types.FrameworkInfo,
      { ...framework, checkpoint: "1" },
      "Failed to parse '1' as a JSON boolean for field 'checkpoint': Unexpected JSON type parsed",
    ],
    ["a negative unsigned number", types.ValueRange, { begin: -1, end: 1 }, "Value out of range"],
    ["a port beyond 32 bits", types.Address, { port: 2 ** 31 }, "Value out of range"],
    ["an integer beyond 2^53", types.ValueRange, '{"begin":0,"end":9007199254740993}', "Value out of range"],
    [
      "nanoseconds beyond 64 bits",
      types.TimeInfo,
      '{"nanoseconds":9223372036854775808}',
      "Value out of range",
    ],
    ["a double beyond a double", types.ValueScalar, '{"value":1e999}', "Value out of range"],
    ["two missing fields", types.ValueRange, {}, "Missing required fields: begin, end"],
  ] satisfies readonly Refusal[])("refuses %s", (_name, descriptor, json, reason) => {
    const type = untyped(descriptor);
    const name = type.fullName.split(".").at(-1);
    expect(read(type, json)).toBe(`Failed to convert JSON into ${name} protobuf: ${reason}`);
  });

  it("names missing fields by their whole path", () => {
    const operations = [{ launch: { task_infos: [{ name: "t", task_id: {}, agent_id: { value: "a" } }] } }];
    expect(read(types.SchedulerCall, { accept: { operations } })).toBe(
      "Failed to convert JSON into Call protobuf: Missing required fields: accept.operations[0].launch.task_infos[0].task_id.value",
    );
  });

  it("bounds the nesting", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(read(types.SchedulerCall, `{"unknown":${nested(JSON_DEPTH_MAX - 1)}}`)).toEqual({});
    expect(read(types.SchedulerCall, `{"unknown":${nested(JSON_DEPTH_MAX)}}`)).toMatch(/JSON: Nested deeper/);
    expect(read(types.SchedulerCall, nested(100_000))).toMatch(/JSON: Nested deeper/);
  });

  it("takes text of ten megabytes, and refuses it where it does not belong", () => {
    const long = "x".repeat(10 * 1024 * 1024);
    expect(read(types.FrameworkID, { value: long })).toEqual({ value: long });
    expect((read(types.ValueScalar, { value: long }) as string).length).toBeLessThan(1024);
    expect((read(types.SchedulerCall, long) as string).length).toBeLessThan(1024);
    expect(read(types.TimeInfo, `{"nanoseconds":${"9".repeat(1024 * 1024)}}`)).toMatch(/Value out of range/);
  });
});

describe("protobuf as it is read", () => {
  const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
  const call = (text: string) => decodeProtobuf(types.SchedulerCall, hex(text));
  const refused = { ok: false, error: "Failed to parse body into Call protobuf" };

  it("skips unknown fields, groups, unknown enum values and fields of another wire type", () => {
    expect(call("1005 b0060f")).toEqual({ ok: true, value: { type: "REVIVE" } });
    expect(call("1005 b306 0801 b406")).toEqual({ ok: true, value: { type: "REVIVE" } });
    expect(call("107f")).toEqual({ ok: true, value: {} });
    expect(call("1005 1200")).toEqual({ ok: true, value: { type: "REVIVE" } });
  });

  it("merges a message that comes in pieces", () => {
    const pieces = hex("0a03 0a0161 0a00");
    expect(decodeProtobuf(types.SchedulerCall, pieces)).toEqual({
      ok: true,
      value: { framework_id: { value: "a" } },
    });
    const range = hex("1202 0801 1202 1002");
    expect(decodeProtobuf(types.Labels, hex("0a03 0a0161"))).toEqual({
      ok: true,
      value: { labels: [{ key: "a" }] },
    });
    expect(decodeProtobuf(types.Value, hex("0800 1209 09000000000000f03f"))).toEqual({
      ok: true,
      value: { type: "SCALAR", scalar: { value: 1 } },
    });
    expect(decodeProtobuf(types.Value, range).ok).toBe(false);
  });

  it("takes numbers of a list packed or one by one", () => {
    const statuses = { port: 80, statuses: [200, 404] };
    expect(decodeProtobuf(types.HealthCheckHTTPCheckInfo, hex("0850 20c801 209403"))).toEqual({
      ok: true,
      value: statuses,
    });
    expect(decodeProtobuf(types.HealthCheckHTTPCheckInfo, hex("0850 2204c8019403"))).toEqual({
      ok: true,
      value: statuses,
    });
  });

  it("gives a map's entry without value the empty one", () => {
    expect(
      decodeProtobuf(types.VolumeSourceCSIVolumeStaticProvisioning, hex("0a0176 1204 1a020801 2a03 0a016b")),
    ).toEqual({
      ok: true,
      value: {
        volume_id: "v",
        volume_capability: { access_mode: { mode: "SINGLE_NODE_WRITER" } },
        volume_context: { k: "" },
      },
    });
  });

  it("refuses what is cut off, has impossible lengths or ends a group that never began", () => {
    expect(call("10")).toEqual(refused);
    expect(call("0a05 0a0161")).toEqual(refused);
    expect(call("0affffffff07")).toEqual(refused);
    expect(call("0a03 0a0561")).toEqual(refused);
    expect(call("0c")).toEqual(refused);
    expect(call("00")).toEqual(refused);
    expect(call("10ffffffffffffffffffffff01")).toEqual(refused);
  });

  it("refuses a message without its required fields, and required enums that are unknown", () => {
    expect(call("0a00")).toEqual(refused);
    expect(decodeProtobuf(types.Attribute, hex("0a0161 107f")).ok).toBe(false);
  });

  it("refuses integers beyond 2^53, but for nanoseconds", () => {
    const value = 2 ** 53;
    const big = encodeProtobuf(types.TimeInfo, { nanoseconds: BigInt(value) });
    expect(decodeProtobuf(types.TimeInfo, big)).toEqual({
      ok: true,
      value: { nanoseconds: 9007199254740992n },
    });
    expect(decodeProtobuf(types.RLimitInfoRLimit, hex("10 80808080808080 10")).ok).toBe(false);
    expect(decodeProtobuf(types.RLimitInfoRLimit, hex("10 ffffffffffffff0f"))).toEqual({
      ok: true,
      value: { hard: Number.MAX_SAFE_INTEGER },
    });
  });

  it("bounds the nesting of messages and of unknown groups", () => {
    const nested = (levels: number) => {
      let id: ContainerID = { value: "leaf" };
      for (let level = 0; level < levels; level++) id = { value: "x", parent: id };
      return encodeProtobuf(types.ContainerID, id);
    };
    expect(decodeProtobuf(types.ContainerID, nested(PROTOBUF_DEPTH_MAX)).ok).toBe(true);
    expect(decodeProtobuf(types.ContainerID, nested(PROTOBUF_DEPTH_MAX + 1)).ok).toBe(false);
    expect(call("b306".repeat(100_000))).toEqual(refused);
  });

  it("keeps no hold of the bytes it was given", () => {
    const bytes = encodeProtobuf(types.UUID, { value: new Uint8Array([1, 2, 3]) });
    const read = decodeProtobuf(types.UUID, bytes);
    bytes.fill(0);
    expect(read).toEqual({ ok: true, value: { value: new Uint8Array([1, 2, 3]) } });
  });

  it("gives bytes of the same kind whether a Buffer or an array came in", () => {
    const bytes = encodeProtobuf(types.UUID, { value: new Uint8Array([1, 2, 3]) });
    const read = decodeProtobuf(types.UUID, Buffer.from(bytes));
    expect(read.ok && read.value.value.constructor).toBe(Uint8Array);
  });
});

describe("enums", () => {
  it("have their numbers at run time", () => {
    expect(enumNumbers.TaskState.TASK_STAGING).toBe(6);
    expect(Object.keys(enumNumbers.OperationState)).toHaveLength(10);
    expect(Object.keys(enumNumbers.TaskStatusReason)).toHaveLength(35);
  });
});

it("half of a surrogate pair in JSON becomes the replacement character, as it would on its way through the log", () => {
  const half = decodeJson(types.TaskID, '{"value":"a\\ud800b"}');
  expect(half).toEqual({ ok: true, value: { value: "a\ufffdb" } });
  const whole = decodeJson(types.TaskID, '{"value":"\\ud83d\\ude00"}');
  expect(whole).toEqual({ ok: true, value: { value: "\u{1f600}" } });
});

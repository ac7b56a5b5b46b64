// Statuses as they are carried: what a master reads of them, and that nothing is lost or believed that is not there.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STATUSES_PER_FRAME_MAX } from "../../../src/contract/agent-protocol.ts";
import { decodeProtobuf, encodeProtobuf } from "../../../src/contract/codec.ts";
import {
  decodeStatus,
  type EncodedStatus,
  encodeStatus,
  readStatus,
} from "../../../src/contract/encoded-status.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import { isCanonical } from "../../../src/contract/protobuf-scan.ts";
import { decodeReports, encodeReports, isReportsFrame } from "../../../src/contract/status-reports.ts";
import type { TaskState, TaskStatus } from "../../../src/contract/types.ts";
import { arbitraryMessage } from "./arbitrary-messages.ts";

const type = messageTypes.TaskStatus;
const anyStatus = (arbitraryMessage(type) as unknown as fc.Arbitrary<TaskStatus>).map((status) => ({
  ...status,
  task_id: { value: `t${status.task_id.value}` },
  ...(status.uuid === undefined ? {} : { uuid: status.uuid.slice(0, 16) }),
}));
const reports = fc.array(
  fc.record({
    frameworkId: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
    latestState: fc.constantFrom<TaskState>("TASK_STARTING", "TASK_RUNNING", "TASK_UNKNOWN"),
    status: anyStatus,
  }),
  { minLength: 1, maxLength: 4 },
);

function plain({ bytes, data }: EncodedStatus) {
  return [[...bytes], data === null ? null : [...data]];
}

function read(status: TaskStatus) {
  const { bytes, data } = encodeStatus(status);
  return readStatus(Buffer.from(bytes), data);
}

describe("a status in bytes", () => {
  it("is the same message after it was carried", () => {
    fc.assert(
      fc.property(anyStatus, (status) => {
        const carried = read(status);
        if (!carried.ok) throw new Error(carried.error);
        const sent = decodeProtobuf(type, encodeProtobuf(type, status));
        const { data, ...rest } = sent.ok ? sent.value : status;
        const decoded = decodeStatus(carried.value.status);
        expect(decoded).toEqual({ ok: true, value: data === undefined ? rest : { ...rest, data } });
      }),
    );
  });

  it("gives the facts that are in it", () => {
    fc.assert(
      fc.property(anyStatus, (status) => {
        const carried = read(status);
        const { timestamp, uuid } = status;
        const sent = decodeProtobuf(type, encodeProtobuf(type, status));
        expect(carried).toMatchObject({
          ok: true,
          value: {
            facts: {
              taskId: sent.ok && sent.value.task_id.value,
              state: status.state,
              uuid: uuid === undefined ? null : Buffer.from(uuid).toString("hex"),
              timestamp: timestamp === undefined || !(Math.abs(timestamp) <= 8.64e12) ? null : timestamp,
            },
          },
        });
      }),
    );
  });

  it("that brings its data within it has it beside it", () => {
    const status = { task_id: { value: "t" }, state: "TASK_RUNNING", data: new Uint8Array([1, 2]) } as const;
    const carried = readStatus(Buffer.from(encodeProtobuf(type, status)), null);
    expect(carried.ok && [...(carried.value.status.data ?? [])]).toEqual([1, 2]);
    expect(carried.ok && decodeStatus(carried.value.status)).toEqual({ ok: true, value: status });
  });

  it("with a field that nobody knows is taken without it", () => {
    const bytes = encodeProtobuf(type, { task_id: { value: "t" }, state: "TASK_RUNNING" });
    const carried = readStatus(Buffer.concat([bytes, Uint8Array.of(0xfa, 0x07, 0x01, 0x41)]), null);
    expect(carried.ok && [...carried.value.status.bytes]).toEqual([...bytes]);
  });

  it.each([1e16, -1e16, 1e300, Number.MAX_VALUE, Number.NaN])(
    "says no time that is none: %d",
    (timestamp) => {
      const carried = read({ task_id: { value: "t" }, state: "TASK_RUNNING", timestamp });
      expect(carried).toMatchObject({ ok: true, value: { facts: { timestamp: null } } });
    },
  );

  it("has text that is UTF-8, whatever came", () => {
    const bytes = Buffer.from(
      encodeProtobuf(type, { task_id: { value: "t" }, state: "TASK_RUNNING", message: "text" }),
    );
    bytes[bytes.indexOf("text") + 1] = 0xff;
    const carried = readStatus(bytes, null);
    const decoded = decodeProtobuf(type, bytes);
    expect(carried.ok && decodeStatus(carried.value.status)).toEqual(decoded);
    expect(carried.ok && Buffer.from(carried.value.status.bytes).includes("t\ufffdxt")).toBe(true);
  });

  it.each([
    [
      "with a uuid that is none",
      encodeProtobuf(type, { task_id: { value: "t" }, state: "TASK_RUNNING", uuid: new Uint8Array(17) }),
    ],
    ["nothing", Uint8Array.of()],
    ["no task id", encodeProtobuf(type, { task_id: { value: "" }, state: "TASK_RUNNING" })],
    ["half of one", encodeProtobuf(type, { task_id: { value: "t" }, state: "TASK_RUNNING" }).subarray(0, 4)],
  ])("that is %s is an error", (_, bytes) => {
    expect(readStatus(Buffer.from(bytes), null).ok).toBe(false);
  });
});

describe("bytes that look canonical", () => {
  it("are a message for the decoder too, and what the encoder writes of it", () => {
    const shortMessages = fc.tuple(anyStatus, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 3 }));
    fc.assert(
      fc.property(shortMessages, ([status, spoilt]) => {
        const bytes = Buffer.from(encodeStatus(status).bytes);
        for (const [at, byte] of spoilt) if (at < bytes.length) bytes[at] = byte;
        if (!isCanonical(type, bytes)) return;
        expect(decodeProtobuf(type, bytes).ok).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a tag that takes more bytes than it needs", [0xaa, 0x00]],
    ["a tag beyond 32 bits, whose lower bits are a field's", [0xaa, 0x80, 0x80, 0x80, 0x80, 0x01]],
  ])("have not %s", (_, tag) => {
    const head = encodeProtobuf(type, { task_id: { value: "t" }, state: "TASK_RUNNING" });
    const message = (begin: readonly number[]) => Uint8Array.from([...head, ...begin, 3, 0x0a, 1, 0x61]);
    expect(isCanonical(type, message([0x2a]))).toBe(true);
    expect(isCanonical(type, message(tag))).toBe(false);
  });

  it("are those of an agent's usual status", () => {
    const status: TaskStatus = {
      task_id: { value: "t1" },
      state: "TASK_RUNNING",
      message: "ä",
      agent_id: { value: "a" },
      timestamp: 1.5,
      executor_id: { value: "t1" },
      source: "SOURCE_EXECUTOR",
      uuid: new Uint8Array(16),
      container_status: {
        container_id: { value: "c" },
        network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: "10.0.0.1" }] }],
        executor_pid: 4_000_000,
      },
    };
    expect(isCanonical(type, encodeStatus(status).bytes)).toBe(true);
  });
});

describe("a frame of reports", () => {
  it("brings what was reported", () => {
    fc.assert(
      fc.property(reports, (sent) => {
        const frame = encodeReports(sent);
        expect(isReportsFrame(frame)).toBe(true);
        const received = decodeReports(frame) ?? [];
        expect(received.map(({ frameworkId, latestState }) => [frameworkId, latestState])).toEqual(
          sent.map(({ frameworkId, latestState }) => [frameworkId, latestState]),
        );
        expect(received.map(({ status }) => plain(status))).toEqual(
          sent.map(({ status }) => plain(encodeStatus(status))),
        );
      }),
    );
  });

  it("is none if it is cut anywhere, or longer, or whatever else", () => {
    const one = { frameworkId: "f", latestState: "TASK_RUNNING" } as const;
    const frame = encodeReports([
      { ...one, status: { task_id: { value: "t" }, state: "TASK_RUNNING", data: new Uint8Array(3) } },
    ]);
    for (let end = 0; end < frame.length; end++) expect(decodeReports(frame.subarray(0, end))).toBeNull();
    expect(decodeReports(Buffer.concat([frame, Uint8Array.of(0)]))).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const read = decodeReports(Uint8Array.of(0xc1, ...bytes));
        expect(read === null || read.length > 0).toBe(true);
      }),
    );
  });

  it("holds no more than a master takes", () => {
    const one = {
      frameworkId: "f",
      latestState: "TASK_RUNNING",
      status: { task_id: { value: "t" }, state: "TASK_RUNNING" },
    } as const;
    const all = Array.from({ length: STATUSES_PER_FRAME_MAX }, () => one);
    expect(decodeReports(encodeReports(all))).toHaveLength(STATUSES_PER_FRAME_MAX);
    expect(decodeReports(encodeReports([...all, one]))).toBeNull();
  });
});

// The UPDATE that is put together from a status' bytes says what the encoder would say.
import fc from "fast-check";
import { expect, it } from "vitest";
import { statusAfter, statusToWire } from "../../../src/api/convert/statuses.ts";
import { updateRecord } from "../../../src/api/scheduler/update-record.ts";
import { decodeProtobuf } from "../../../src/contract/codec.ts";
import { encodeStatus } from "../../../src/contract/encoded-status.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import { RecordDecoder } from "../../../src/contract/record-io.ts";
import type { TaskStatus } from "../../../src/contract/types.ts";
import { encodedOf } from "../../../src/kernel/encoded.ts";
import { encodedStatusOf, statusOf } from "../state/cluster.ts";

function held(status: TaskStatus) {
  const { bytes, data } = encodeStatus(status);
  return encodedStatusOf(status.state, null, 1, bytes, data ?? undefined);
}

/** As it is after a checkpoint. */
function heldAsText(status: TaskStatus) {
  const inBytes = held(status);
  return { ...inBytes, wire: encodedOf(inBytes.wire as Uint8Array) };
}

it("has the status with its data, whatever their lengths", () => {
  fc.assert(
    fc.property(fc.nat(40_000), fc.nat(300), fc.boolean(), (dataBytes, textLength, hasData) => {
      const status: TaskStatus = {
        task_id: { value: "t" },
        state: "TASK_RUNNING",
        message: "m".repeat(textLength),
        ...(hasData ? { data: new Uint8Array(dataBytes).fill(7) } : {}),
      };
      for (const same of [held(status), heldAsText(status)]) {
        const record = updateRecord(same);
        const bytes = Buffer.alloc(3 + (record?.byteLength ?? 0));
        expect(record?.write(bytes, 3)).toBe(bytes.length);
        const records = new RecordDecoder().push(bytes.subarray(3));
        const [event] = records.ok ? records.value : [];
        const decoded = decodeProtobuf(messageTypes.SchedulerEvent, event ?? new Uint8Array(0));
        expect(decoded).toEqual({ ok: true, value: { type: "UPDATE", update: { status } } });
        expect(statusToWire(same)).toEqual(status);
      }
    }),
  );
});

it("is for encoded statuses only", () => {
  expect(updateRecord(statusOf("TASK_RUNNING", null, 1))).toBeNull();
});

it("a status of the master has health, checks and container of the one before (reconcile-explicit)", () => {
  const before: TaskStatus = {
    task_id: { value: "t" },
    state: "TASK_RUNNING",
    healthy: true,
    message: "mine",
    container_status: { executor_pid: 7 },
  };
  const own = statusOf("TASK_RUNNING", null, 1);
  const expected = { ...statusToWire(own), healthy: true, container_status: { executor_pid: 7 } };
  expect(statusAfter(own, held(before))).toEqual(expected);
  expect(statusAfter(own, { ...own, wire: { ...before } })).toEqual(expected);
  expect(statusAfter(own, undefined)).toEqual(own.wire);
});

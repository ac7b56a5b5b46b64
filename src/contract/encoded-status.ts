// A TaskStatus as the bytes in which it travels from its agent through the log to the framework. On the way nobody needs
// it whole: a master reads the few fields by which it decides and carries the rest. `data` lies beside the bytes, for it
// is dropped once a status is history (trap 40).
import { err, ok, type Result } from "../kernel/result.ts";
import { decodeProtobuf, encodeProtobuf } from "./codec.ts";
import { messageTypes } from "./message-types.ts";
import { isCanonical, LENGTH_DELIMITED, ProtobufScan } from "./protobuf-scan.ts";
import { enumNumbers, type TaskState, type TaskStatus } from "./types.ts";

export interface EncodedStatus {
  /** The TaskStatus in protobuf, without `data`. */
  readonly bytes: Uint8Array;
  readonly data: Uint8Array | null;
}

/** What a master reads of a status. */
export interface StatusFacts {
  readonly taskId: string;
  readonly state: TaskState;
  /** Lower-case hexadecimal. */
  readonly uuid: string | null;
  /** Seconds since the epoch; null also for one that is no number or no time. */
  readonly timestamp: number | null;
}

export interface ReadStatus {
  readonly facts: StatusFacts;
  readonly status: EncodedStatus;
}

/** Field numbers of mesos.v1.TaskStatus. */
const TASK_ID = 1;
const STATE = 2;
const DATA = 3;
const TIMESTAMP = 6;
const UUID = 11;

const UUID_BYTES_MAX = 16;
/** What a Date can hold. Their milliseconds, and the difference of two, are exact. */
const TIMESTAMP_SECONDS_MAX = 8.64e12;

const stateNames = new Map(
  Object.entries(enumNumbers.TaskState).map(([name, number]) => [number as number, name as TaskState]),
);

/** The enum's value with the number, if there is one. */
export function taskStateOf(number: number): TaskState | undefined {
  return stateNames.get(number);
}

export function encodeStatus(status: TaskStatus): EncodedStatus {
  const { data, ...rest } = status;
  return { bytes: encodeProtobuf(messageTypes.TaskStatus, rest), data: data ?? null };
}

export function decodeStatus({ bytes, data }: EncodedStatus): Result<TaskStatus, string> {
  const status = decodeProtobuf(messageTypes.TaskStatus, bytes);
  return !status.ok || data === null ? status : ok({ ...status.value, data });
}

/**
 * The facts of a status that has come in. The bytes are taken as they are if our own encoder could have written them, as
 * agents do; else they are decoded and encoded anew, or are an error.
 */
export function readStatus(bytes: Buffer, data: Uint8Array | null): Result<ReadStatus, string> {
  const facts = isCanonical(messageTypes.TaskStatus, bytes) ? factsOf(bytes) : null;
  return facts === null ? readForeign({ bytes, data }) : ok({ facts, status: { bytes, data } });
}

function readForeign(status: EncodedStatus): Result<ReadStatus, string> {
  const decoded = decodeStatus(status);
  if (!decoded.ok) return decoded;
  const anew = encodeStatus(decoded.value);
  const facts = factsOf(Buffer.from(anew.bytes));
  return facts === null
    ? err("a status without a task's id, or with a uuid that is none")
    : ok({ facts, status: anew });
}

/** Of a canonical message; null if it has no task id, too long a uuid, or brings its data with it. */
function factsOf(bytes: Buffer): StatusFacts | null {
  let taskId = "";
  let state: TaskState | undefined;
  let uuid: string | null = null;
  let timestamp: number | null = null;
  for (const scan = new ProtobufScan(bytes); scan.at < bytes.length; ) {
    const tag = scan.varint();
    const end = (tag & 7) === LENGTH_DELIMITED ? scan.varint() + scan.at : 0;
    const start = scan.at;
    switch (tag >>> 3) {
      case TASK_ID:
        taskId = idWithin(bytes, start, end);
        break;
      case STATE:
        state = stateNames.get(bytes[start] as number);
        break;
      case DATA:
        return null;
      case TIMESTAMP:
        timestamp = timeOf(bytes.readDoubleLE(start));
        break;
      case UUID:
        if (end - start > UUID_BYTES_MAX) return null;
        uuid = bytes.toString("hex", start, end);
        break;
    }
    if (end > 0) scan.at = end;
    else scan.skip(tag & 7);
  }
  return taskId === "" || state === undefined ? null : { taskId, state, uuid, timestamp };
}

/** NaN is none either. */
function timeOf(seconds: number): number | null {
  return Math.abs(seconds) <= TIMESTAMP_SECONDS_MAX ? seconds : null;
}

/** The text in a message that has no other field. */
function idWithin(bytes: Buffer, start: number, end: number): string {
  const scan = new ProtobufScan(bytes, start + 1);
  const length = scan.varint();
  return bytes.toString("utf8", end - length, end);
}

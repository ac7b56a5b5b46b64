// The frame in which an agent reports statuses to its master, the most frequent one: laid out by hand, so that a status is
// carried and not unpacked. A tag that no msgpack value begins with; then each report: u8 number of the latest state, u8
// length of the framework's id, u32 length of the status, u32 length of its data plus one (0: it has none), big-endian,
// and the three in that order.

import type { StatusReport } from "./agent-protocol.ts";
import { STATUSES_PER_FRAME_MAX } from "./agent-protocol.ts";
import {
  type EncodedStatus,
  encodeStatus,
  type ReadStatus,
  readStatus,
  taskStateOf,
} from "./encoded-status.ts";
import type { TaskState } from "./types.ts";
import { enumNumbers } from "./types.ts";

export interface ReceivedReport extends ReadStatus {
  readonly frameworkId: string;
  readonly latestState: TaskState;
}

const TAG = 0xc1;
const HEAD_BYTES = 10;

/** @throws RangeError for a framework's id of more than 255 bytes, which no master gives */
export function encodeReports(reports: readonly StatusReport[]): Uint8Array {
  const parts = reports.map((report) => ({ ...report, encoded: encodeStatus(report.status) }));
  let size = 1;
  for (const { frameworkId, encoded } of parts) size += reportBytes(frameworkId, encoded);
  const frame = Buffer.allocUnsafe(size);
  let at = frame.writeUInt8(TAG, 0);
  for (const { frameworkId, latestState, encoded } of parts) {
    at = writeReport(frame, at, frameworkId, enumNumbers.TaskState[latestState], encoded);
  }
  return frame;
}

export function isReportsFrame(frame: Uint8Array): boolean {
  return frame[0] === TAG;
}

/**
 * The reports; null if the frame is not whole or holds too many. Statuses are views of a copy of the frame, which holds
 * little else; a small one is in Node's pool, for an allocation of its own costs ten times as much.
 */
export function decodeReports(frame: Uint8Array): readonly ReceivedReport[] | null {
  const bytes = Buffer.allocUnsafe(frame.byteLength);
  bytes.set(frame);
  const reports: ReceivedReport[] = [];
  let at = 1;
  while (at + HEAD_BYTES <= bytes.length && reports.length < STATUSES_PER_FRAME_MAX) {
    const idAt = at + HEAD_BYTES;
    const statusAt = idAt + bytes.readUInt8(at + 1);
    const dataAt = statusAt + bytes.readUInt32BE(at + 2);
    const dataLength = bytes.readUInt32BE(at + 6);
    const end = dataAt + Math.max(dataLength - 1, 0);
    const latestState = taskStateOf(bytes.readUInt8(at));
    if (latestState === undefined || statusAt === idAt || end > bytes.length) return null;
    const data = dataLength === 0 ? null : bytes.subarray(dataAt, end);
    const read = readStatus(bytes.subarray(statusAt, dataAt), data);
    if (!read.ok) return null;
    reports.push({ frameworkId: bytes.toString("utf8", idAt, statusAt), latestState, ...read.value });
    at = end;
  }
  return at === bytes.length && reports.length > 0 ? reports : null;
}

function reportBytes(frameworkId: string, { bytes, data }: EncodedStatus): number {
  return HEAD_BYTES + Buffer.byteLength(frameworkId) + bytes.length + (data?.length ?? 0);
}

/** @returns where the next report goes */
function writeReport(
  frame: Buffer,
  start: number,
  frameworkId: string,
  latestState: number,
  { bytes, data }: EncodedStatus,
): number {
  const idBytes = frame.write(frameworkId, start + HEAD_BYTES, "utf8");
  frame.writeUInt8(latestState, start);
  frame.writeUInt8(idBytes, start + 1);
  frame.writeUInt32BE(bytes.length, start + 2);
  frame.writeUInt32BE(data === null ? 0 : data.length + 1, start + 6);
  const statusAt = start + HEAD_BYTES + idBytes;
  frame.set(bytes, statusAt);
  if (data !== null) frame.set(data, statusAt + bytes.length);
  return statusAt + bytes.length + (data?.length ?? 0);
}

// A status on its way from the socket into the cluster: in memory of its own, and not larger than the log takes.
import { decodeStatus, type EncodedStatus, encodeStatus } from "../../contract/encoded-status.ts";
import type { ReceivedReport } from "../../contract/status-reports.ts";
import { STATUS_BYTES_MAX, STATUS_TEXT_CHARACTERS_MAX } from "../limits.ts";

/** The report without a hold on the frame that brought it. */
export function ownReport(report: ReceivedReport): ReceivedReport {
  const { bytes, data } = report.status;
  const size = bytes.length + (data?.length ?? 0);
  return {
    ...report,
    status: size > STATUS_BYTES_MAX ? cutStatus(report.status) : copied(bytes, data, size),
  };
}

/** In one piece, small ones out of Node's pool: an allocation of their own costs ten times as much. */
function copied(bytes: Uint8Array, data: Uint8Array | null, size: number): EncodedStatus {
  const memory = Buffer.allocUnsafe(size);
  memory.set(bytes);
  if (data !== null) memory.set(data, bytes.length);
  const view = (start: number, length: number) =>
    new Uint8Array(memory.buffer, memory.byteOffset + start, length);
  return { bytes: view(0, bytes.length), data: data === null ? null : view(bytes.length, data.length) };
}

/** Without what makes it large. */
function cutStatus(status: EncodedStatus): EncodedStatus {
  const decoded = decodeStatus(status);
  if (!decoded.ok) return { ...status, data: null };
  const { data: _data, labels: _labels, limitation: _limitation, ...rest } = decoded.value;
  return encodeStatus({ ...rest, message: (rest.message ?? "").slice(0, STATUS_TEXT_CHARACTERS_MAX) });
}

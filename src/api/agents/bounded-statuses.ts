// A status on its way into the cluster is not larger than the log takes.
import { decodeStatus, type EncodedStatus, encodeStatus } from "../../contract/encoded-status.ts";
import { STATUS_BYTES_MAX, STATUS_TEXT_CHARACTERS_MAX } from "../limits.ts";

export function boundedStatus(status: EncodedStatus): EncodedStatus {
  return status.bytes.length + (status.data?.length ?? 0) > STATUS_BYTES_MAX ? cutStatus(status) : status;
}

/** Without what makes it large. */
function cutStatus(status: EncodedStatus): EncodedStatus {
  const decoded = decodeStatus(status);
  if (!decoded.ok) return { ...status, data: null };
  const { data: _data, labels: _labels, limitation: _limitation, ...rest } = decoded.value;
  return encodeStatus({ ...rest, message: (rest.message ?? "").slice(0, STATUS_TEXT_CHARACTERS_MAX) });
}

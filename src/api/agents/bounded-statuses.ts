// A status on its way into the cluster is not larger than the log takes.
import { decodeStatus, type EncodedStatus, encodeStatus } from "../../contract/encoded-status.ts";
import type { TaskStatus } from "../../contract/types.ts";
import { STATUS_BYTES_MAX, STATUS_TEXT_CHARACTERS_MAX } from "../limits.ts";

export function boundedStatus(status: EncodedStatus): EncodedStatus {
  return isTooLarge(status) ? cutStatus(status) : status;
}

function isTooLarge({ bytes, data }: EncodedStatus): boolean {
  return bytes.length + (data?.length ?? 0) > STATUS_BYTES_MAX;
}

/** Without what makes it large; of one that is still too large only what says how the task is. */
function cutStatus(status: EncodedStatus): EncodedStatus {
  const decoded = decodeStatus(status);
  if (!decoded.ok) return { ...status, data: null };
  const { data: _data, labels: _labels, limitation: _limitation, ...rest } = decoded.value;
  const message = (rest.message ?? "").slice(0, STATUS_TEXT_CHARACTERS_MAX);
  const cut = encodeStatus({ ...rest, message });
  return isTooLarge(cut) ? encodeStatus({ ...bareOf(rest), message }) : cut;
}

function bareOf({ task_id, state, source, reason, timestamp, uuid }: TaskStatus): TaskStatus {
  return {
    task_id,
    state,
    ...(source === undefined ? {} : { source }),
    ...(reason === undefined ? {} : { reason }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(uuid === undefined ? {} : { uuid }),
  };
}

// Whether an executor's call is well formed, checked in Mesos' order and told in its words (recorded: executor/error-*).
import type { ExecutorCall, TaskStatus } from "../contract/types.ts";

const UUID_BYTES = 16;
/** Byte that holds the version in its upper half (RFC 9562). */
const VERSION_BYTE = 6;
const VERSION_RANDOM = 4;

/** Null if nothing is wrong. */
export function executorCallFault(call: ExecutorCall): string | null {
  switch (call.type) {
    case undefined:
      return expecting("type");
    case "UPDATE":
      return call.update === undefined ? expecting("update") : statusFault(call, call.update.status);
    case "MESSAGE":
      return call.message === undefined ? expecting("message") : null;
    default:
      return null;
  }
}

function statusFault(call: ExecutorCall, status: TaskStatus): string | null {
  const executorId = call.executor_id.value;
  const sender = `executor ${executorId} of framework ${call.framework_id.value}`;
  if (status.uuid === undefined) return expecting("uuid");
  if (!isRandomUuid(status.uuid)) return "Not a valid UUID";
  if (status.executor_id !== undefined && status.executor_id.value !== executorId) {
    return `ExecutorID in Call: ${executorId} does not match ExecutorID in TaskStatus: ${status.executor_id.value}`;
  }
  if (status.source !== "SOURCE_EXECUTOR") {
    return `Received Call from ${sender} with invalid source, expecting 'SOURCE_EXECUTOR'`;
  }
  return status.state === "TASK_STAGING" ? `Received TASK_STAGING from ${sender} which is not allowed` : null;
}

function isRandomUuid(uuid: Uint8Array): boolean {
  return uuid.length === UUID_BYTES && (uuid[VERSION_BYTE] ?? 0) >> 4 === VERSION_RANDOM;
}

/** Of a SUBSCRIBE without its message; which executors may leave it out is for `executorCall`. */
export const SUBSCRIBE_MISSING = `Failed to validate Executor::Call: ${expecting("subscribe")}`;

function expecting(field: string): string {
  return `Expecting '${field}' to be present`;
}

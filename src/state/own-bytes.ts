// Statuses come as views of more memory: of the entry that brought them, on a leader of a pool. That makes them cheap while
// they are many and most are soon replaced, but a small one must not keep a large entry alive for as long as its task
// lives, and two objects and memory outside of the heap for each are too much for a million. So each checkpoint, which looks
// at every task anyway, makes texts of those that are left. Snapshots hold no other.
import { bytesOf, encodedOf } from "../kernel/encoded.ts";
import { ownText } from "../kernel/own-text.ts";
import type { Task, TaskStatus } from "./model.ts";

/** Memory beyond its own that a status' data may hold on to. Bytes. */
const SHARED_BYTES_MAX = 64;

/** What the task says stays as it is. A state that is frozen belongs to a tool and is left alone. */
export function ownStatuses(task: Task): void {
  if (Object.isFrozen(task) || Object.isFrozen(task.statuses)) return;
  // An array that has grown has room for seventeen.
  if (task.statuses.some(isForeign)) task.statuses = task.statuses.map(owned);
  if (task.unacknowledged !== null && isForeign(task.unacknowledged)) {
    task.unacknowledged = owned(task.unacknowledged);
  }
  shareUuid(task);
}

/** What was acknowledged last is, as a rule, the newest status: one text for both. */
export function shareUuid(task: Task): void {
  const uuid = task.statuses.at(-1)?.uuid ?? null;
  if (uuid !== null && task.acknowledgedUuid === uuid) task.acknowledgedUuid = uuid;
}

/** The task as a snapshot holds it; the same one if it is like that already. */
export function withOwnStatuses(task: Task): Task {
  const { statuses, unacknowledged } = task;
  if (!statuses.some(isForeign) && (unacknowledged === null || !isForeign(unacknowledged))) return task;
  return {
    ...task,
    statuses: statuses.map(owned),
    unacknowledged: unacknowledged === null ? null : owned(unacknowledged),
  };
}

/** As events carry it: agents' in bytes. */
export function statusInBytes(status: TaskStatus): TaskStatus {
  return typeof status.wire === "string" ? { ...status, wire: bytesOf(status.wire) } : status;
}

function isForeign({ wire, data }: TaskStatus): boolean {
  return wire instanceof Uint8Array || (data !== undefined && holdsMore(data));
}

function holdsMore({ buffer, byteLength }: Uint8Array): boolean {
  return buffer.byteLength - byteLength > SHARED_BYTES_MAX;
}

function owned(status: TaskStatus): TaskStatus {
  if (!isForeign(status)) return status;
  const { state, at, wire, data } = status;
  const uuid = status.uuid === null ? null : ownText(status.uuid);
  const own = wire instanceof Uint8Array ? encodedOf(wire) : wire;
  return data === undefined
    ? { state, uuid, at, wire: own }
    : { state, uuid, at, wire: own, data: new Uint8Array(data) };
}

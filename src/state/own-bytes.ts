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
  const own = ownedOf(task);
  // An array that has grown has room for seventeen.
  if (own !== null) Object.assign(task, own);
  shareUuid(task);
}

/** What was acknowledged last is, as a rule, the newest status: one text for both. */
export function shareUuid(task: Task): void {
  const uuid = task.statuses.at(-1)?.uuid ?? null;
  if (uuid !== null && task.acknowledgedUuid === uuid) task.acknowledgedUuid = uuid;
}

/** The task as a snapshot holds it; the same one if it is like that already. */
export function withOwnStatuses(task: Task): Task {
  const own = ownedOf(task);
  return own === null ? task : { ...task, ...own };
}

/** Null if there is nothing to do. */
function ownedOf({ statuses, unacknowledged }: Task): Pick<Task, "statuses" | "unacknowledged"> | null {
  if (!statuses.some(isForeign) && (unacknowledged === null || !isForeign(unacknowledged))) return null;
  const own = statuses.map((status) => owned(status));
  return { statuses: own, unacknowledged: ownedLast(unacknowledged, statuses.at(-1), own.at(-1)) };
}

/** What is not acknowledged is, as a rule, the newest status, and then they are one or have one text. */
function ownedLast(status: TaskStatus | null, last?: TaskStatus, own?: TaskStatus): TaskStatus | null {
  if (status === null || last === undefined || own === undefined) return status && owned(status);
  if (status === last) return own;
  return owned(status, status.wire === last.wire ? own.wire : undefined);
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

/** @param text what its bytes are as a text, if that is known */
function owned(status: TaskStatus, text?: TaskStatus["wire"]): TaskStatus {
  if (!isForeign(status)) return status;
  const { state, at, wire, data } = status;
  const uuid = status.uuid === null ? null : ownText(status.uuid);
  const own = text ?? (wire instanceof Uint8Array ? encodedOf(wire) : wire);
  return data === undefined
    ? { state, uuid, at, wire: own }
    : { state, uuid, at, wire: own, data: new Uint8Array(data) };
}

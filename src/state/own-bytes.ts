// Statuses come as views of more memory: of the entry that brought them, on a leader of a pool. That makes them cheap while
// they are many and most are soon replaced, but a small one must not keep a large entry alive for as long as its task
// lives. So each checkpoint, which looks at every task anyway, gives those that are left memory of their own.
import type { Task, TaskStatus } from "./model.ts";

/** Memory beyond its own that a status may hold on to. Bytes. */
const SHARED_BYTES_MAX = 64;

/** What the task says stays as it is. A state that is frozen belongs to a tool and is left alone. */
export function ownStatuses(task: Task): void {
  if (Object.isFrozen(task) || Object.isFrozen(task.statuses)) return;
  for (const [at, status] of task.statuses.entries()) {
    if (isView(status)) task.statuses[at] = owned(status);
  }
  if (task.unacknowledged !== null && isView(task.unacknowledged)) {
    task.unacknowledged = owned(task.unacknowledged);
  }
}

function isView({ wire, data }: TaskStatus): boolean {
  return (wire instanceof Uint8Array && holdsMore(wire)) || (data !== undefined && holdsMore(data));
}

function holdsMore({ buffer, byteLength }: Uint8Array): boolean {
  return buffer.byteLength - byteLength > SHARED_BYTES_MAX;
}

function owned({ state, uuid, at, wire, data }: TaskStatus): TaskStatus {
  const own = wire instanceof Uint8Array ? new Uint8Array(wire) : wire;
  return data === undefined
    ? { state, uuid, at, wire: own }
    : { state, uuid, at, wire: own, data: new Uint8Array(data) };
}

// One ordered stream of updates per task (trap 2): the first unacknowledged update is in flight, the others wait. It is
// sent again 10 s later, then at doubling intervals, and at once after every registration.
import type { TaskStatus } from "../contract/types.ts";
import { type Core, forgetTask, perform, saveTask } from "./core.ts";
import { STATUS_RETRY_MS_MAX, STATUS_RETRY_MS_MIN, UPDATES_PENDING_MAX } from "./limits.ts";
import { isTerminal, type TaskRecord, taskKey } from "./records.ts";
import { hexOf, toldOfDraining } from "./statuses.ts";
import { releaseVolumes } from "./volumes.ts";

/** Appends an update; nothing may follow a terminal one. False if it was refused. */
export function enqueue(core: Core, task: TaskRecord, given: TaskStatus): boolean {
  if (isTerminal(task.state)) return false;
  const status = toldOfDraining(core, task, given);
  if (task.updates.length >= UPDATES_PENDING_MAX && !isTerminal(status.state)) return false;
  task.updates.push(status);
  task.state = status.state;
  saveTask(core, task);
  if (task.updates.length === 1) sendFirst(core, task, STATUS_RETRY_MS_MIN);
  if (isTerminal(status.state)) releaseVolumes(core, task.volumes);
  return true;
}

export function acknowledge(core: Core, task: TaskRecord, uuid: Uint8Array): void {
  const first = task.updates[0];
  if (first === undefined || hexOf(first.uuid) !== hexOf(uuid)) return;
  task.updates.shift();
  if (isTerminal(first.state)) {
    forgetTask(core, task);
    return;
  }
  saveTask(core, task);
  if (task.updates.length > 0) {
    sendFirst(core, task, STATUS_RETRY_MS_MIN);
    return;
  }
  core.retryMs.delete(keyOf(task));
  core.deadlines.clear(`retry:${keyOf(task)}`);
}

/** When the deadline `retry:<task key>` has passed. */
export function retry(core: Core, key: string): void {
  const task = core.tasks.get(key);
  if (task === undefined || task.updates.length === 0) return;
  const last = core.retryMs.get(key) ?? STATUS_RETRY_MS_MIN;
  sendFirst(core, task, Math.min(2 * last, STATUS_RETRY_MS_MAX));
}

/** A master that has taken the agent on is told at once what is not acknowledged. */
export function resendAll(core: Core): void {
  for (const task of core.tasks.values()) {
    if (task.updates.length > 0) sendFirst(core, task, STATUS_RETRY_MS_MIN);
  }
}

function sendFirst(core: Core, task: TaskRecord, retryMs: number): void {
  const status = task.updates[0];
  if (status === undefined) return;
  const key = keyOf(task);
  perform(core, {
    do: "send",
    frame: { kind: "status", frameworkId: task.frameworkId, status, latestState: task.state },
  });
  core.retryMs.set(key, retryMs);
  core.deadlines.set(`retry:${key}`, core.now.monotonicMs + retryMs);
}

function keyOf(task: TaskRecord): string {
  return taskKey(task.frameworkId, task.taskId);
}

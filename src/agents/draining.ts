// The agent is to be emptied (MN08): every task is killed and none is taken. What is told of their end says why: see
// statuses.ts. The order is in the records, so that it holds across a restart; the master repeats it at every registration.
import type { DrainOrder } from "../contract/agent-protocol.ts";
import type { KillPolicy } from "../contract/types.ts";
import { type Core, containerOf, saveDrain } from "./core.ts";
import { durationMs } from "./durations.ts";
import { killTask } from "./ending.ts";
import { isTerminal, type TaskRecord } from "./records.ts";

/** @param order null when there is an end of that */
export function drain(core: Core, order: DrainOrder | null): void {
  if (order === null && core.drain === null) return;
  saveDrain(core, order);
  if (order === null) return;
  for (const task of [...core.tasks.values()]) {
    if (!isTerminal(task.state))
      killTask(core, task.frameworkId, task.taskId, boundedPolicy(core, task, order));
  }
}

/** Null where the task's own grace is short enough. That of an executor is not known unless its task says it. */
function boundedPolicy(core: Core, task: TaskRecord, { maxGracePeriod }: DrainOrder): KillPolicy | null {
  if (maxGracePeriod === undefined) return null;
  const container = containerOf(core, task);
  const otherwiseMs = container?.executor === null ? container.graceMs : Number.POSITIVE_INFINITY;
  const ownMs = durationMs(task.info.kill_policy?.grace_period, otherwiseMs);
  return ownMs <= durationMs(maxGracePeriod, 0) ? null : { grace_period: maxGracePeriod };
}

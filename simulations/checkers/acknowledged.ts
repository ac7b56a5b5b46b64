// Every acknowledged command survives: what a client was told is done is in the log at that moment. That it stays there is
// for committed-log.ts.
import { type Check, checkOf } from "./check.ts";
import type { TaskLedger } from "./task-ledger.ts";

const check: Check = checkOf("acknowledged");

/** The cluster has answered 202 to a launch: it is in the log, one way or the other. */
export function checkAccepted(ledger: TaskLedger, frameworkId: string, taskIds: readonly string[]): void {
  for (const taskId of taskIds) {
    const { launchedAt, refused } = ledger.of(frameworkId, taskId);
    check(launchedAt !== null || refused, "an acknowledged launch is not in the log", () => ({
      frameworkId,
      taskId,
    }));
  }
}

// Invariant 4: what one client sends cannot stop the master. A process may end because its disk failed, and for no other
// reason; nothing throws and no promise is left rejected.
import { type Check, CheckFailure, checkOf } from "./check.ts";

const check: Check = checkOf("masters-stay-up");

/** A process has ended by itself. @param diskFailed the simulator let its disk fail */
export function endedByItself(who: string, reason: string, diskFailed: boolean): void {
  check(diskFailed, "a process ended by itself", () => ({ who, reason }));
}

/** Something was thrown that nobody caught. */
export function threw(who: string, error: unknown): CheckFailure {
  if (error instanceof CheckFailure) return error;
  const stack = error instanceof Error ? error.stack : String(error);
  return new CheckFailure("masters-stay-up", "something was thrown and not caught", { who, error: stack });
}

/** A client got an answer that no master should give. */
export function answered(call: string, status: number, body: string): void {
  check(EXPECTED_STATUSES.has(status), "an unexpected answer", () => ({ call, status, body }));
}

const EXPECTED_STATUSES: ReadonlySet<number> = new Set([202, 307, 400, 403, 503]);

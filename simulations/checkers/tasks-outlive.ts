// Invariant 5: tasks outlive the agent process and every master. A container ends by itself, because somebody asked for
// its end, or with its machine; what it came to reaches its framework, is true, and is never taken back.
import type { TaskState, TaskStatus } from "../../src/contract/types.ts";
import { isTerminal } from "../../src/state/statuses.ts";
import type { SimContainer } from "../sim-runtime.ts";
import { type Check, checkOf } from "./check.ts";
import { summaryOf } from "./nothing-twice.ts";
import { describeStatus, hexOf, type TaskFacts, type TaskLedger } from "./task-ledger.ts";

const check: Check = checkOf("tasks-outlive");

export function checkSignal(ledger: TaskLedger, container: SimContainer): void {
  const { frameworkId, taskId, machine } = container;
  const asked =
    ledger.of(frameworkId, taskId).killAsked ||
    ledger.isRemoved(frameworkId) ||
    ledger.tornDown.has(frameworkId);
  check(asked, "a container is killed and nobody asked for it", () => ({ frameworkId, taskId, machine }));
}

/** The agent cleans up only what has ended. */
export function checkRemoval(container: SimContainer): void {
  const { frameworkId, taskId, machine, waitStatus } = container;
  check(waitStatus !== null, "a running container is removed", () => ({ frameworkId, taskId, machine }));
}

/** A framework has received an update. @param knowsPartitions TASK_LOST means more than one thing to others (trap 8) */
export function checkStatus(
  ledger: TaskLedger,
  frameworkId: string,
  status: TaskStatus,
  knowsPartitions: boolean,
): void {
  const facts = ledger.of(frameworkId, status.task_id.value);
  const uuid = hexOf(status.uuid);
  const told = () => ({ frameworkId, ended: facts.ended, told: describeStatus(status) });
  if (uuid !== null) {
    check(facts.updates.has(uuid), "an update is told that is not committed", told);
    facts.received.add(uuid);
  }
  if (facts.launchedAt === null && status.reason === "REASON_RECONCILIATION") return;
  if (isAboutTheCall(status, facts) || isPreview(status, facts)) return;
  if (isForgotten(status)) {
    if (facts.endedByMaster) facts.ended ??= { state: status.state, uuid };
    const known = facts.ended !== null || ledger.isRemoved(frameworkId);
    check(known, "the cluster forgot a task whose end its framework does not know", told);
    return;
  }
  if (facts.ended !== null) {
    check(isTerminal(status.state), "the end of a task is taken back", told);
    const same = facts.ended.uuid === uuid || uuid === null || facts.ended.uuid === null;
    check(same && facts.ended.state === status.state, "a task ends a second time in another way", told);
    return;
  }
  const mayComeBack = !knowsPartitions && isUnreachable(status);
  if (isTerminal(status.state) && !mayComeBack) facts.ended = { state: status.state, uuid };
}

/**
 * Of a task that was unreachable the master tells at once what its agent says (trap 10), by itself and when it is asked;
 * the agent's own updates follow, from the first that was not acknowledged.
 */
function isPreview({ uuid, reason, state }: TaskStatus, facts: TaskFacts): boolean {
  if (uuid !== undefined || FORGOTTEN.has(state)) return false;
  if (reason === "REASON_AGENT_REREGISTERED") return true;
  return reason === "REASON_RECONCILIATION" && isTerminal(state) && !isEndLogged(facts);
}

function isEndLogged({ endedByMaster, updates }: TaskFacts): boolean {
  return endedByMaster || [...updates.values()].some((state) => isTerminal(state as TaskState));
}

/** What a framework that does not know partitions is told of a task whose agent is silent. */
function isUnreachable({ state, unreachable_time }: TaskStatus): boolean {
  return state === "TASK_LOST" && unreachable_time !== undefined;
}

/** Of an ACCEPT that was sent twice the second one comes too late; that says nothing of the task. */
function isAboutTheCall(status: TaskStatus, facts: TaskFacts): boolean {
  const { reason } = status;
  return facts.repeated && (reason === "REASON_INVALID_OFFERS" || reason === "REASON_TASK_INVALID");
}

/** Reconciliation knows nothing of a task whose end has been acknowledged, or that never was. */
function isForgotten(status: TaskStatus): boolean {
  if (status.unreachable_time !== undefined) return false;
  return status.reason === "REASON_RECONCILIATION" && FORGOTTEN.has(status.state);
}

const FORGOTTEN: ReadonlySet<string> = new Set(["TASK_UNKNOWN", "TASK_GONE", "TASK_LOST"]);

/** At the end: every update has arrived, and what the framework believes is what happened. */
export function checkOutcomes(ledger: TaskLedger): void {
  for (const facts of ledger.tasks.values()) {
    if (facts.launchedAt === null || ledger.isRemoved(facts.frameworkId) || facts.ended === null) continue;
    const summary = () => summaryOf(facts);
    if (facts.ended.uuid !== null) {
      const missing = [...facts.updates.keys()].filter((uuid) => !facts.received.has(uuid));
      check(missing.length === 0, "an update was never delivered", summary);
    }
    check(isTrue(facts), "the reported end is not what happened", summary);
  }
}

function isTrue({ containers, ended, lostPower, killAsked }: TaskFacts): boolean {
  const [container] = containers;
  if (container === undefined) return ended?.state !== "TASK_FINISHED";
  if (lostPower) return ended?.state !== "TASK_FINISHED" || container.waitStatus === 0;
  if (container.waitStatus === null) return false;
  if (container.signalled) return killAsked && ended?.state === "TASK_KILLED";
  if (killAsked && ended?.state === "TASK_KILLED") return true;
  return ended?.state === (container.waitStatus === 0 ? "TASK_FINISHED" : "TASK_FAILED");
}

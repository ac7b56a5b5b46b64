// Invariant 2: no resource is offered or used twice, no task is launched twice, no task is lost.

import type { HistoryEntry } from "../../src/master/types.ts";
import { checkInvariants } from "../../src/state/check-invariants.ts";
import type { TaskStatusUpdated } from "../../src/state/events.ts";
import type { ClusterState } from "../../src/state/model.ts";
import type { SimContainer, SimRuntime } from "../sim-runtime.ts";
import { type Check, CheckFailure, checkOf } from "./check.ts";
import type { TaskFacts, TaskLedger } from "./task-ledger.ts";

const check: Check = checkOf("nothing-twice");

export interface MachineSize {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** Before the ledger takes the entry. */
export function checkLaunches(ledger: TaskLedger, { index, events }: HistoryEntry): void {
  for (const event of events) {
    if (event.kind === "TaskStatusUpdated") checkUpdate(ledger, index, event);
    if (event.kind !== "TaskLaunched") continue;
    const { frameworkId, taskId } = event;
    const { launchedAt } = ledger.of(frameworkId, taskId);
    check(launchedAt === null, "a task is launched twice in the log", () => ({
      ...event,
      index,
      launchedAt,
    }));
  }
}

/** An agent repeats an update until it is acknowledged, to one leader after the other; it counts once. */
function checkUpdate(ledger: TaskLedger, index: number, event: TaskStatusUpdated): void {
  const { frameworkId, taskId, status } = event;
  const known = status.uuid !== null && ledger.of(frameworkId, taskId).updates.has(status.uuid);
  check(!known, "a status update is taken twice in the log", () => ({ ...event, index }));
}

/** Nothing is offered or used twice in what the cluster knows. */
export function checkState(state: ClusterState): void {
  try {
    checkInvariants(state);
  } catch (error) {
    throw new CheckFailure("nothing-twice", String(error), { events: state.eventCount });
  }
}

/** A container has started: it is the task's only one, its launch is committed, and the machine has room for it. */
export function checkStart(
  ledger: TaskLedger,
  container: SimContainer,
  runtime: SimRuntime,
  size: MachineSize,
): void {
  const { frameworkId, taskId, machine } = container;
  const facts = ledger.of(frameworkId, taskId);
  const where = () => ({
    taskId,
    frameworkId,
    machine,
    before: facts.containers.map((each) => each.machine),
  });
  check(facts.launchedAt !== null, "a task runs whose launch is not committed", where);
  check(facts.containers.length === 0, "a task is started twice", where);
  facts.containers.push(container);
  checkRoom(ledger, runtime, size, machine);
}

/** Containers of a removed framework end within their grace, while what they held is free again (trap 24). */
function checkRoom(ledger: TaskLedger, runtime: SimRuntime, size: MachineSize, machine: string): void {
  const running = runtime.running().filter(({ frameworkId }) => !ledger.isRemoved(frameworkId));
  const cpuMillis = running.reduce((all, { spec }) => all + spec.limits.cpuMillis, 0);
  const memoryBytes = running.reduce((all, { spec }) => all + spec.limits.memoryBytes, 0);
  check(
    cpuMillis <= size.cpuMillis && memoryBytes <= size.memoryBytes,
    "tasks use more than their machine has",
    () => ({ machine, used: { cpuMillis, memoryBytes }, size, tasks: running.map(({ taskId }) => taskId) }),
  );
}

/**
 * At the end: no launched task of a framework that is still there is without an end that the framework knows.
 * @param stranded tasks that are unreachable for ever; none of them has run
 */
export function checkNoneLost(ledger: TaskLedger, stranded: ReadonlySet<string>): void {
  for (const facts of ledger.tasks.values()) {
    if (facts.launchedAt === null || ledger.isRemoved(facts.frameworkId)) continue;
    if (stranded.has(facts.taskId) && facts.containers.length === 0) continue;
    check(facts.ended !== null, "a task was lost", () => summaryOf(facts));
  }
}

export function summaryOf(facts: TaskFacts): Readonly<Record<string, unknown>> {
  const { containers, updates, received, ...rest } = facts;
  return {
    ...rest,
    containers: containers.map(({ machine, waitStatus, signalled }) => ({ machine, waitStatus, signalled })),
    updates: [...updates].map(([uuid, state]) => `${state}${received.has(uuid) ? "" : " (not received)"}`),
  };
}

// What must hold when a lab has been through its faults: what clients saw has an order, what they were promised is
// there, all logs are one log, and every task ended once.
import assert from "node:assert/strict";
import {
  checkLinearizable,
  type Operation,
  type Verdict,
} from "../../simulations/checkers/linearizability.ts";
import { flagByFlag, flagsModel, registerModel } from "../../simulations/checkers/linearizability-models.ts";
import { showWitness } from "../../simulations/checkers/linearizability-witness.ts";
import { isOver, type TaskStatus } from "../../src/frameworks/sdk/index.ts";
import { EXIT } from "../../src/host/exit-codes.ts";
import { commonIndex, type MemberLog, readMember, rebuild, stateAt } from "../support/rebuild.ts";
import { goesBack, readLedger, terminalStates } from "../support/task-ledger.ts";
import { tepui } from "../support/tepui.ts";
import type { ClientReport } from "./client-report.ts";
import type { JobReport } from "./job-report.ts";
import { dataFolder, MASTERS } from "./lab.ts";

type EndOfClient = Extract<ClientReport, { readonly kind: "end" }>;

export interface Findings {
  readonly operations: number;
  readonly unanswered: number;
  readonly tasks: number;
  /** Index up to which all logs were compared. */
  readonly index: number;
  /** False if the order of all flags together was not found within the limit of the search. */
  readonly wholeChecked: boolean;
}

/** @param folder with the masters' data directories, all of them stopped */
export async function checkAll(
  folder: string,
  clients: readonly EndOfClient[],
  job: JobReport,
): Promise<Findings> {
  assert.deepEqual(
    clients.flatMap(({ problems }) => problems),
    [],
  );
  const registers = clients.flatMap((client) => client.registers);
  const flags = clients.flatMap((client) => client.flags);
  expectOrder(registerModel(), registers, checkLinearizable(registerModel(), registers));
  const whole = checkLinearizable(flagsModel, flags);
  if (whole.ok !== true) {
    // Of single flags a wrong history is easier to read, and a long one to search.
    const single = flagByFlag(flags);
    expectOrder(registerModel(), single, checkLinearizable(registerModel(), single));
  }
  if (whole.ok === false) throw new Error(showWitness(flagsModel, whole.witness));
  await Promise.all(MASTERS.map((host) => verifyLog(dataFolder(folder, host))));
  const logs = await Promise.all(MASTERS.map((host) => readMember(`${folder}/${host}`, "data")));
  const index = checkLogs(logs);
  checkPromises(logs, index, flags);
  await checkTasks(`${folder}/ledger`, job);
  const all = [...registers, ...flags];
  return {
    operations: all.length,
    unanswered: all.filter(({ answer }) => answer === null).length,
    tasks: job.outcomes.length,
    index,
    wholeChecked: whole.ok === true,
  };
}

function expectOrder<State, In, Out>(
  model: Parameters<typeof showWitness<State, In, Out>>[0],
  history: readonly Operation<In, Out>[],
  verdict: Verdict<In, Out>,
): void {
  if (verdict.ok === false) throw new Error(showWitness(model, verdict.witness));
  assert.equal(verdict.ok, true, `the search was given up among ${history.length} operations`);
}

/** As an operator would: checksums, continuity and digests, by the command. */
async function verifyLog(directory: string): Promise<void> {
  const { code, stdout, stderr } = await tepui(["log", "verify", directory]);
  assert.equal(code, EXIT.done, `${directory}: ${stdout} ${stderr}`);
}

/** Entries at the same index are the same, and so is the state that they lead to. */
function checkLogs(logs: readonly MemberLog[]): number {
  const index = commonIndex(logs);
  const [first, ...others] = logs;
  if (first === undefined) throw new Error("there are no logs");
  const entries = new Map(first.entries.map((entry) => [entry.index as number, entry]));
  const state = rebuild(first, index);
  for (const other of others) {
    for (const entry of other.entries) {
      const same = entry.index > index ? undefined : entries.get(entry.index);
      if (same === undefined) continue;
      assert.equal(entry.term, same.term, `term of entry ${entry.index} of ${other.name}`);
      assert.equal(Buffer.compare(entry.payload, same.payload), 0, `entry ${entry.index} of ${other.name}`);
    }
    assert.equal(Buffer.compare(rebuild(other, index), state), 0, `the state of ${other.name} at ${index}`);
  }
  return index;
}

/** A flag whose setting was answered is there unless somebody asked to clear it; one that was cleared is not. */
function checkPromises(logs: readonly MemberLog[], index: number, flags: EndOfClient["flags"]): void {
  const [log] = logs;
  if (log === undefined) return;
  const present = new Set([...stateAt(log, index).frameworks.values()].map(({ spec }) => spec.name));
  const clears = flags.filter(({ input }) => input.kind === "clear");
  const named = (operations: EndOfClient["flags"]) =>
    new Set(operations.flatMap(({ input }) => (input.kind === "list" ? [] : [input.flag])));
  const maybeCleared = named(clears);
  const cleared = named(clears.filter(({ answer }) => answer !== null));
  const set = named(flags.filter(({ input, answer }) => input.kind === "set" && answer !== null));
  for (const flag of set) if (!maybeCleared.has(flag)) assert(present.has(flag), `${flag} was promised`);
  for (const flag of cleared) assert(!present.has(flag), `${flag} was cleared`);
}

/** Ends of a launch that was lost on its way, which may happen to each attempt. The ledger has to agree. */
const NEVER_RAN: ReadonlySet<string> = new Set(["TASK_UNKNOWN", "TASK_DROPPED"]);

/** Every task that was launched has one end, and ran once at the most; every task of the job succeeded or failed as told. */
async function checkTasks(folder: string, job: JobReport): Promise<void> {
  assert.deepEqual(job.errors, []);
  for (const { id, state } of job.outcomes) {
    const expected = id.startsWith("bad") ? "TASK_FAILED" : "TASK_FINISHED";
    assert(state === expected || NEVER_RAN.has(state), `${id} ended as ${state}`);
  }
  const runs = await readLedger(folder);
  const told = new Map(job.statuses);
  for (const taskId of job.launched) {
    const statuses = withoutForgetting(told.get(taskId) ?? []);
    const lines = runs.get(taskId) ?? [];
    const ends = terminalStates(statuses);
    const story = JSON.stringify({ taskId, told: statuses.map(({ state }) => state), lines });
    const ran = ends[0] === "TASK_FINISHED" || ends[0] === "TASK_FAILED";
    assert.equal(ends.length, 1, story);
    assert(!goesBack(statuses), story);
    assert.equal(lines.length, ran ? 1 : 0, story);
  }
  for (const taskId of runs.keys()) assert(job.launched.includes(taskId), taskId);
}

/** Asked about a task whose end is known and acknowledged, the cluster says that it knows none. */
function withoutForgetting(statuses: readonly TaskStatus[]): readonly TaskStatus[] {
  const first = statuses.findIndex(isOver);
  return statuses.filter(
    ({ state, reason }, i) => i <= first || state !== "TASK_UNKNOWN" || reason !== "REASON_RECONCILIATION",
  );
}

// Clients that read the cluster's state by way of any master that believes to lead, as operators' calls do, and keep what
// they saw for the check of linearizability: launches are writes, lists of a framework's tasks are reads.
import type { FrameworkId } from "../src/kernel/ids.ts";
import type { Random } from "../src/kernel/ports.ts";
import { between, pick } from "../src/kernel/random.ts";
import type { Master } from "../src/master/types.ts";
import type { ClusterState } from "../src/state/model.ts";
import { type Check, checkOf } from "./checkers/check.ts";
import { checkLinearizable } from "./checkers/linearizability.ts";
import { type FlagsInput, flagsModel } from "./checkers/linearizability-models.ts";
import type { TaskLedger } from "./checkers/task-ledger.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import { History, type PendingCall } from "./history.ts";
import type { MasterMachine } from "./machines.ts";
import type { Range } from "./sim-disk.ts";

const check: Check = checkOf("linearizability");
/** Between two reads. */
const READ_MS: Range = { low: 10, high: 500 };
/** Reads kept: what grows with them is the time that the check takes. */
const READS_MAX = 400;
const SEARCH_STEPS_MAX = 200_000;

export interface ReaderParts {
  readonly loop: EventLoop;
  readonly random: Random;
  readonly masters: readonly MasterMachine[];
  readonly ledger: TaskLedger;
}

type Seen = readonly string[] | null;

export class Reader {
  readonly #parts: ReaderParts;
  readonly #history = new History<FlagsInput, Seen>();
  readonly #life: Life = { name: "reader", alive: true };
  /** The first call with which a task was launched. */
  readonly #launches = new Map<string, PendingCall<Seen>>();
  #reads = 0;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  start(): void {
    const { loop, random } = this.#parts;
    loop.schedule(between(random, READ_MS.low, READ_MS.high) * 1_000, this.#life, () => {
      this.#read();
      if (this.#reads < READS_MAX) this.start();
    });
  }

  /** A framework is about to ask for a launch. */
  launches(frameworkId: string, taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      if (this.#launches.has(taskId)) continue;
      const call = this.#history.call(frameworkId, frameworkId, { kind: "set", flag: taskId });
      this.#launches.set(taskId, call);
    }
  }

  /** The cluster has answered that it is done. */
  launched(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#launches.get(taskId)?.answered(null);
  }

  check(): void {
    const { ledger } = this.#parts;
    const operations = this.#history.operations().filter(({ key, input }) => {
      if (ledger.isRemoved(key) || ledger.tornDown.has(key)) return false;
      return input.kind !== "set" || ledger.of(key, input.flag).launchedAt !== null;
    });
    const verdict = checkLinearizable(flagsModel, operations, SEARCH_STEPS_MAX);
    check(verdict.ok !== false, "no order of the calls explains what clients were told", () => ({
      witness: verdict.ok === false ? verdict.witness : null,
    }));
  }

  #read(): void {
    const { masters, random } = this.#parts;
    const leaders = masters.filter(({ master }) => master?.status().ready === true);
    const master = leaders.length === 0 ? null : pick(random, leaders).master;
    if (master === null) return;
    const ids = [...master.state().frameworks.keys()];
    if (ids.length === 0) return;
    this.#reads += 1;
    void this.#ask(master, pick(random, ids));
  }

  async #ask(master: Master, frameworkId: FrameworkId): Promise<void> {
    const call = this.#history.call("reader", frameworkId, { kind: "list" });
    const seen = tasksOf(master.state(), frameworkId);
    if (await master.settled()) call.answered(seen);
    else call.refused();
  }
}

function tasksOf(state: ClusterState, id: FrameworkId): readonly string[] {
  const framework = state.frameworks.get(id);
  if (framework === undefined) return [];
  const { tasks, unreachableTasks, completedTasks } = framework;
  return [...tasks.keys(), ...unreachableTasks.keys(), ...completedTasks.map(({ id: taskId }) => taskId)];
}

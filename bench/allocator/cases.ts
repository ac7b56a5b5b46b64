// The cases measured in each cell, and whether each did what it is to measure.
import { type Allocation, type AllocatorState, allocate, hold, recover } from "../../src/allocator/index.ts";
import { OFFERS_PER_CYCLE_MAX } from "../../src/state/limits.ts";
import {
  addAgents,
  allDeclined,
  allFree,
  type Cell,
  carryOut,
  cycle,
  firstTask,
  NOW,
  nearlyFull,
  type Task,
  withFrameworks,
} from "./clusters.ts";
import { heapBytes, median, middle, type Taken, timeOf } from "./measure.ts";

export interface Figures {
  readonly addAll: Taken;
  readonly allFree: Taken;
  /** Null if there would be too many filters for this machine. */
  readonly declined: Taken | null;
  readonly full: Taken;
  readonly oneFreed: Taken;
  /** The longest call of those that a master makes to offer all agents, milliseconds of CPU time. */
  readonly longestCall: number;
  readonly memoryGiB: number | null;
}

const FILTERS_COUNT_MAX = 20_000_000;

export function measureCell(cell: Cell, runs: number): Figures {
  const prepared = allFree(cell);
  const all = median(
    runs,
    () => prepared,
    (state) => expectOffers(state, cell),
  );
  const full = nearlyFull(cell);
  return {
    addAll: median(
      runs,
      () => withFrameworks(cell),
      (state) => addAgents(state, cell),
    ),
    allFree: all,
    full: median(runs, () => full, expectNothing),
    oneFreed: oneFreed(runs, full, cell),
    longestCall: longestCall(runs, cell),
    ...declinedFigures(cell, runs),
  };
}

function declinedFigures(cell: Cell, runs: number): Pick<Figures, "declined" | "memoryGiB"> {
  if (cell.agents * cell.frameworks > FILTERS_COUNT_MAX) return { declined: null, memoryGiB: null };
  const before = heapBytes();
  const state = allDeclined(cell);
  const memoryGiB = (heapBytes() - before) / 2 ** 30;
  return { memoryGiB, declined: median(runs, () => state, expectNothing) };
}

/** One agent's task ends again and again, and what was offered then is taken back before the next time. */
class OneTask {
  readonly #state: AllocatorState;
  readonly #task: Task;
  #offered: readonly Allocation[] | null = null;

  constructor(state: AllocatorState, task: Task) {
    this.#state = state;
    this.#task = task;
  }

  runs(): void {
    if (this.#offered === null) return;
    for (const { frameworkId, role, agentId, resources } of this.#offered) {
      recover(this.#state, frameworkId, role, agentId, resources);
    }
    hold(this.#state, ...this.#task);
  }

  endsAndIsOffered(): void {
    recover(this.#state, ...this.#task);
    this.#offered = cycle(this.#state);
    carryOut(this.#state, this.#offered);
  }
}

function oneFreed(runs: number, state: AllocatorState, cell: Cell): Taken {
  const task = new OneTask(state, firstTask(cell));
  return median(
    runs,
    () => task.runs(),
    () => task.endsAndIsOffered(),
  );
}

/** As a master does it: each call of the median run, the longest of them. */
function longestCall(runs: number, cell: Cell): number {
  const byCall: number[][] = [];
  for (let run = 0; run < runs; run++) {
    for (const [call, taken] of callsOf(allFree(cell)).entries()) {
      byCall[call] ??= [];
      byCall[call].push(taken);
    }
  }
  return Math.max(...byCall.map(middle));
}

/** A bounded number of offers, which are carried out, and so on until there is nothing more. */
function callsOf(state: AllocatorState): readonly number[] {
  const calls: number[] = [];
  for (;;) {
    let offers: readonly Allocation[] = [];
    const { cpu } = timeOf(() => {
      offers = allocate(state, NOW, { offersMax: OFFERS_PER_CYCLE_MAX });
    });
    calls.push(cpu);
    if (offers.length === 0) return calls;
    carryOut(state, offers);
  }
}

function expectNothing(state: AllocatorState): void {
  const { length } = cycle(state);
  if (length > 0) throw new Error(`${length} offers where nothing is to be offered`);
}

function expectOffers(state: AllocatorState, cell: Cell): void {
  const { length } = cycle(state);
  // Quotas of roles without frameworks hold agents back.
  if (length < (cell.roles > 1 ? 1 : cell.agents))
    throw new Error(`only ${length} offers of ${cell.agents} agents`);
}

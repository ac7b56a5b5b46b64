// The cases measured in each cell, and whether each did what it is to measure.
import { type Allocation, type AllocatorState, hold, recover } from "../../src/allocator/index.ts";
import {
  addAgents,
  allDeclined,
  allFree,
  type Cell,
  cycle,
  firstTask,
  nearlyFull,
  Offering,
  type Task,
  withFrameworks,
} from "./clusters.ts";
import { heapBytes, median, middle, type Taken, timeOf } from "./measure.ts";

export interface Figures {
  readonly addAll: Taken;
  readonly allFree: Taken;
  /** Null if there is no memory for so many filters. */
  readonly declined: Taken | null;
  readonly full: Taken;
  readonly oneFreed: Taken;
  /** The longest slice of those in which a master offers all agents, and how many there are. Milliseconds of CPU time. */
  readonly longestSlice: number;
  readonly slices: number;
  /** The same in a process that has only begun, with code that is not compiled yet. */
  readonly longestCold: number;
  readonly memoryGiB: number | null;
}

/** Measured: what a filter takes with its places in the indexes. */
const FILTER_BYTES = 400;
/** What else a cell takes, and room for the collector to work. */
const OTHER_BYTES = 2 ** 30;

/** What a cell with all declined takes. */
export function bytesNeeded({ agents, frameworks }: Cell): number {
  return agents * frameworks * FILTER_BYTES + OTHER_BYTES;
}

/** @param hasRoom whether there is memory for all declined */
export function measureCell(cell: Cell, runs: number, hasRoom: boolean): Figures {
  const longestCold = Math.max(...slicesOf(allFree(cell)));
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
    ...offeringAll(runs, cell),
    longestCold,
    ...(hasRoom ? declinedFigures(cell, runs) : { declined: null, memoryGiB: null }),
  };
}

function declinedFigures(cell: Cell, runs: number): Pick<Figures, "declined" | "memoryGiB"> {
  const before = heapBytes();
  const state = allDeclined(cell);
  const memoryGiB = (heapBytes() - before) / 2 ** 30;
  return { memoryGiB, declined: median(runs, () => state, expectNothing) };
}

/** One agent's task ends again and again, and what was offered then is taken back before the next time. */
class OneTask {
  readonly #state: AllocatorState;
  readonly #task: Task;
  readonly #offering = new Offering();
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
    this.#offered = this.#offering.cycle(this.#state);
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

/** Each slice of the median run, the longest of them. */
function offeringAll(runs: number, cell: Cell): Pick<Figures, "longestSlice" | "slices"> {
  const bySlice: number[][] = [];
  for (let run = 0; run < runs; run++) {
    for (const [slice, taken] of slicesOf(allFree(cell)).entries()) {
      bySlice[slice] ??= [];
      bySlice[slice].push(taken);
    }
  }
  return { longestSlice: Math.max(...bySlice.map(middle)), slices: bySlice.length };
}

function slicesOf(state: AllocatorState): readonly number[] {
  const taken: number[] = [];
  new Offering().cycle(state, (make) => {
    let offers: readonly Allocation[] = [];
    const { cpu } = timeOf(() => {
      offers = make();
    });
    taken.push(cpu);
    return offers;
  });
  return taken;
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

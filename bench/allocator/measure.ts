// Measuring: medians over runs by the clock and in CPU time of the process, which a busy machine does not stretch.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Milliseconds. */
export interface Taken {
  readonly cpu: number;
  readonly wall: number;
}

/** Short work is run more often, so that it is measured as in a master that has been running for some time. */
const SHORT_WORK_MS = 300;
const SHORT_WORK_RUNS_MAX = 101;

/** Each run on a state prepared for it, which is not measured. */
export function median<S>(runs: number, prepare: () => S, measured: (state: S) => void): Taken {
  const taken: Taken[] = [];
  let sum = 0;
  while (taken.length < runs || (sum < SHORT_WORK_MS && taken.length < SHORT_WORK_RUNS_MAX)) {
    const state = prepare();
    const each = timeOf(() => measured(state));
    taken.push(each);
    sum += each.cpu;
  }
  return { cpu: middle(taken.map(({ cpu }) => cpu)), wall: middle(taken.map(({ wall }) => wall)) };
}

export function timeOf(work: () => void): Taken {
  const before = process.cpuUsage();
  const started = performance.now();
  work();
  const wall = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1_000, wall };
}

export function middle(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

/** Bytes of the heap in use after a full collection. */
export function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

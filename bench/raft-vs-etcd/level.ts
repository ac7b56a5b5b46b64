// What a number of writers in flight get done in a stretch of time, how long each write took, and what it cost in CPU time.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../pipeline/figures.ts";
import type { Running, Tally } from "../pipeline/rounds.ts";

/** Of /proc/<pid>/stat; the same on every Linux that Node runs on. */
const CLOCK_TICKS_PER_SECOND = 100;
const UTIME_AFTER_NAME = 11;

export interface Level {
  readonly writesPerSecond: number;
  /** Of single writes, from sending to the answer. Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Cores in use: by the members together, and by this process. */
  readonly memberCores: number;
  readonly clientCores: number;
}

export interface LevelOptions {
  readonly pids: readonly number[];
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

export async function measureLevel(
  { pids, seconds, warmUpSeconds }: LevelOptions,
  start: (tally: Tally) => Running,
): Promise<Level> {
  let latencies: number[] = [];
  const running = start({ count: (startedAt) => void latencies.push(performance.now() - startedAt) });
  await sleep(warmUpSeconds * 1000);
  const before = await sample(pids);
  latencies = [];
  await sleep(seconds * 1000);
  const ascending = Float64Array.from(latencies).sort();
  const after = await sample(pids);
  const passed = after.at - before.at;
  await running.stop();
  return {
    writesPerSecond: ascending.length / passed,
    p50: quantile(ascending, 0.5),
    p99: quantile(ascending, 0.99),
    memberCores: (after.members - before.members) / passed,
    clientCores: (after.client - before.client) / passed,
  };
}

/** CPU seconds used so far, and seconds on the monotonic clock. */
async function sample(pids: readonly number[]) {
  const at = performance.now() / 1000;
  const members = await Promise.all(pids.map(cpuSeconds));
  const { user, system } = process.cpuUsage();
  return { at, members: members.reduce((sum, each) => sum + each, 0), client: (user + system) / 1e6 };
}

async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME_AFTER_NAME]) + Number(fields[UTIME_AFTER_NAME + 1])) / CLOCK_TICKS_PER_SECOND;
}

/** The middle one; of two the greater. */
export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

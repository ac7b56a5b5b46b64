// `npm run sim`: runs seeds one after the other until one fails, and says how to run that one again.
import { parseArgs } from "node:util";
import { BENCH_TICKS, type BenchKind, benchOptions } from "./bench.ts";
import type { CheckFailure } from "./checkers/check.ts";
import { banner, swarmOptions, TICK_MS } from "./options.ts";
import { DEFAULT_TICKS, raftSwarm } from "./raft-world/options.ts";
import { RaftWorld } from "./raft-world/world.ts";
import { type Printer, type RunResult, World } from "./world.ts";

const HELP = `Usage: npm run sim -- [options]
  --seed S      seed of the first run: any text; runs of one seed are equal (default: drawn and printed)
  --ticks N     ticks of ${TICK_MS} ms of virtual time with faults, before all is healed (default: drawn by the seed)
  --runs N      successive seeds, S, S+1 … (default: 1)
  --world W     cluster: whole clusters; raft: members alone with clients of registers (default: cluster)
  --verbose     print every line of the trace
  --bench       the fixed run by which speed is measured (default: ${BENCH_TICKS} ticks, one hour)
  --idle        with --bench: next to no work
  --calm        with --bench: without faults
  --help        this`;

interface Arguments {
  readonly seed: bigint | string;
  readonly ticks: number | null;
  readonly runs: number;
  readonly verbose: boolean;
  readonly bench: BenchKind | null;
  readonly members: boolean;
}

interface Totals {
  runs: number;
  virtualMs: number;
  events: number;
  readonly startedMs: number;
  readonly startedCpuMs: number;
}

async function main(): Promise<number> {
  const given = readArguments();
  if (given === null) return 2;
  const totals: Totals = {
    runs: 0,
    virtualMs: 0,
    events: 0,
    startedMs: performance.now(),
    startedCpuMs: cpuMs(),
  };
  let current: World | RaftWorld | null = null;
  let interrupted = false;
  process.once("SIGINT", () => {
    interrupted = true;
    current?.interrupt();
  });
  for (let i = 0; i < given.runs && !interrupted; i++) {
    const seed = seedAfter(given.seed, i);
    current = worldOf(seed, given);
    if (given.runs === 1) console.log(`SEED=${seed}\n${banner(current.options)}`);
    const begunCpuMs = cpuMs();
    const result = await current.run();
    count(totals, result);
    if (result.failure !== null) return report(seed, current, result, result.failure);
    if (!result.interrupted) progress(seed, result, speed(result.tick * TICK_MS, begunCpuMs));
  }
  summarize(totals);
  return interrupted ? 130 : 0;
}

function worldOf(seed: string, { ticks, bench, members, verbose }: Arguments): World | RaftWorld {
  const printer = verbose ? print : null;
  if (members) return new RaftWorld(raftSwarm(seed, ticks ?? DEFAULT_TICKS), printer);
  const options = bench === null ? swarmOptions(seed, ticks) : benchOptions(ticks ?? BENCH_TICKS, bench);
  return new World(options, printer);
}

function readArguments(): Arguments | null {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      ticks: { type: "string" },
      runs: { type: "string" },
      world: { type: "string", default: "cluster" },
      verbose: { type: "boolean", default: false },
      bench: { type: "boolean", default: false },
      idle: { type: "boolean", default: false },
      calm: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const ticks = values.ticks === undefined ? null : Number(values.ticks);
  const runs = Number(values.runs ?? 1);
  const isValid =
    (ticks === null || (Number.isSafeInteger(ticks) && ticks > 0)) && Number.isSafeInteger(runs) && runs > 0;
  if (values.help || !isValid || !["cluster", "raft"].includes(values.world)) {
    console.log(HELP);
    return null;
  }
  const seed = values.seed ?? String(Math.floor(Math.random() * 0x1_0000_0000));
  return {
    seed: /^\d+$/.test(seed) ? BigInt(seed) : seed,
    ticks,
    runs,
    verbose: values.verbose,
    bench: values.bench ? { idle: values.idle, calm: values.calm } : null,
    members: values.world === "raft",
  };
}

function seedAfter(seed: bigint | string, i: number): string {
  if (typeof seed === "bigint") return String(seed + BigInt(i));
  return i === 0 ? seed : `${seed}-${i}`;
}

const print: Printer = (tick, who, what, facts) => {
  console.log(`${String(tick).padStart(7)} ${who.padEnd(8)} ${what} ${textOf(facts())}`);
};

function count(totals: Totals, { tick, events }: RunResult): void {
  totals.runs += 1;
  totals.virtualMs += tick * TICK_MS;
  totals.events += events;
}

function progress(seed: string, { tick, hash, counts }: RunResult, howFast: string): void {
  const { committed, terms, launched, written } = counts;
  const work = launched === undefined ? `${written} writes` : `${launched} tasks`;
  console.log(
    `seed ${seed}: ${tick} ticks, ${work}, ${committed} entries, ${terms} terms, trace ${hash}, ${howFast}`,
  );
}

function report(seed: string, world: World | RaftWorld, result: RunResult, failure: CheckFailure): number {
  const { options } = world;
  console.log(`\nFAILED: ${failure.message}`);
  console.log(`  checker ${failure.checker}, tick ${result.tick}, trace ${result.hash}`);
  for (const [name, value] of Object.entries(failure.facts)) console.log(`  ${name}: ${factText(value)}`);
  console.log(`Parameters:\n${banner(options)}`);
  console.log(`Happened: ${textOf(result.counts)}`);
  console.log(
    `Run it again: npm run sim --${world instanceof RaftWorld ? " --world raft" : ""} --seed ${seed} --ticks ${options.ticks}`,
  );
  return 1;
}

function summarize(totals: Totals): void {
  const virtualS = Math.round(totals.virtualMs / 1_000);
  const realS = ((performance.now() - totals.startedMs) / 1_000).toFixed(1);
  console.log(
    `${totals.runs} seeds, ${virtualS} s of virtual time in ${realS} s: ${speed(totals.virtualMs, totals.startedCpuMs)}, ${totals.events} events`,
  );
}

/** Of this thread's own processor time: what other programs take of the core meanwhile is not the simulator's. */
function speed(virtualMs: number, sinceCpuMs: number): string {
  return `${Math.round(virtualMs / Math.max(1, cpuMs() - sinceCpuMs))} times real time`;
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function factText(value: unknown): string {
  return typeof value === "string" ? value : textOf(value);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part) => (typeof part === "bigint" ? String(part) : part)) ?? "";
}

process.exitCode = await main();

// `npm run sim:soak`: seeds on all cores, for some minutes, for so many seeds, or until Ctrl-C. What fails is kept in
// simulations/seeds, and the next seed is run.
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runCrew } from "./crew.ts";
import { countOf, loadProgress, newProgress, noteDone, type Progress, saveProgress } from "./progress.ts";
import type { Report, Task } from "./run.ts";
import { keepSeed } from "./seed-files.ts";

const HELP = `Usage: npm run sim:soak -- [options]
  --minutes N   stop after so many minutes of real time (default: only when told to, by Ctrl-C)
  --seeds N     run exactly N different seeds
  --from S      the first seed, a whole number; the others follow it (default: drawn)
  --ticks N     ticks of faults in each run (default: drawn by the seed)
  --threads N   (default: as many as there are cores)
  --resume F    keep what is done in this file, and go on from there if it exists
  --help        this`;

/** How often a line of progress is printed, and the file of --resume written. */
const REPORT_EVERY_MS = 10_000;
/** Seeds that are drawn leave room for as many as anybody will run after them. */
const DRAWN_SEEDS_MAX = 2 ** 40;

interface Arguments {
  readonly minutes: number;
  readonly seeds: number;
  readonly from: bigint;
  readonly ticks: number | null;
  readonly threads: number;
  readonly resume: string | null;
}

class Soak {
  readonly #given: Arguments;
  readonly #progress: Progress;
  readonly #startedMs = performance.now();
  readonly #realMsBefore: number;
  /** The next offset to give out. */
  #next: number;
  #stopped = false;
  #reportedMs = performance.now();

  constructor(given: Arguments) {
    this.#given = given;
    const found = given.resume === null ? null : loadProgress(given.resume);
    this.#progress = found ?? newProgress(commitHash(), given.from, given.seeds);
    this.#realMsBefore = this.#progress.realMs;
    this.#next = this.#progress.done;
  }

  async run(): Promise<number> {
    const { threads, minutes } = this.#given;
    const { from, commit } = this.#progress;
    console.log(`seeds from ${from} on ${threads} threads, commit ${commit}; Ctrl-C ends it`);
    const stop = (): void => {
      if (this.#stopped) process.exit(130);
      this.#stopped = true;
      console.log("ends with the seeds that are under way; once more ends it at once");
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    const timer = Number.isFinite(minutes) ? setTimeout(stop, minutes * 60_000) : null;
    await runCrew({ threads, nextTask: () => this.#nextTask(), done: (report) => this.#done(report) });
    if (timer !== null) clearTimeout(timer);
    this.#save();
    console.log(this.#summary());
    return this.#progress.failed.length === 0 ? 0 : 1;
  }

  #nextTask(): Task | null {
    const { ahead, seeds, from } = this.#progress;
    while (ahead.has(this.#next)) this.#next += 1;
    if (this.#stopped || this.#next >= seeds) return null;
    const seed = String(BigInt(from) + BigInt(this.#next++));
    return { seed, ticks: this.#given.ticks };
  }

  #done(report: Report): void {
    const { from, commit } = this.#progress;
    noteDone(this.#progress, Number(BigInt(report.seed) - BigInt(from)), report);
    if (report.failure !== null) {
      const { checker, message, tick } = report.failure;
      console.log(`FAILED seed ${report.seed}: ${checker}: ${message}, tick ${tick}`);
      console.log(`  kept in ${keepSeed(report, commit)}`);
      console.log(`  npm run sim -- --seed ${report.seed} --ticks ${report.ticks}`);
    }
    if (performance.now() - this.#reportedMs < REPORT_EVERY_MS) return;
    this.#reportedMs = performance.now();
    this.#save();
    console.log(this.#summary());
  }

  #save(): void {
    this.#progress.realMs = this.#realMsBefore + performance.now() - this.#startedMs;
    if (this.#given.resume !== null) saveProgress(this.#given.resume, this.#progress);
  }

  #summary(): string {
    const { virtualMs, realMs, failed, seeds, from } = this.#progress;
    const count = countOf(this.#progress);
    const hours = (virtualMs / 3_600_000).toFixed(2);
    const rate = Math.round(virtualMs / Math.max(1, realMs));
    const left = seeds < DRAWN_SEEDS_MAX && count < seeds ? ` of ${seeds}` : "";
    const failures = failed.length === 0 ? "none failed" : `${failed.length} failed: ${failed.join(" ")}`;
    return `${count}${left} seeds from ${from}, ${hours} h of virtual time in ${(realMs / 60_000).toFixed(1)} min (${rate} times real time), ${failures}`;
  }
}

function readArguments(): Arguments | null {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      minutes: text,
      seeds: text,
      from: text,
      ticks: text,
      threads: text,
      resume: text,
      help: { type: "boolean", default: false },
    },
  });
  const numbers = {
    minutes: Number(values.minutes ?? Number.POSITIVE_INFINITY),
    seeds: Number(values.seeds ?? DRAWN_SEEDS_MAX),
    ticks: values.ticks === undefined ? null : Number(values.ticks),
    threads: Number(values.threads ?? availableParallelism()),
  };
  const from = values.from ?? String(Math.floor(Math.random() * 0x1_0000_0000));
  const areValid = Object.values(numbers).every((value) => value === null || value > 0) && /^\d+$/.test(from);
  if (values.help || !areValid) {
    console.log(HELP);
    return null;
  }
  return { ...numbers, from: BigInt(from), resume: values.resume ?? null };
}

function commitHash(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

const given = readArguments();
process.exitCode = given === null ? 2 : await new Soak(given).run();

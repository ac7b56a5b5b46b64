// Snapshots beside the work and starts from them, with 1,000,000 tasks on 10,000 agents of 100 frameworks: how long a
// restart takes (reading snapshot and log, restoring, replaying), and what a checkpoint does to the event loop while
// entries are applied at a steady rate. The real log on a real disk; no network; the masters' settings of V8, unless
// others are given in front. With --folder the snapshot and log are kept there for the next run, which works on a copy.
// Usage: node --max-old-space-size=14000 bench/state/snapshots.ts [--tasks N] [--entry EVENTS] [--rate EVENTS/S] [--checkpoints N] [--folder KEPT]
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHistogram, type Histogram, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { nodeClock } from "../../src/host/node-clock.ts";
import { createNodeDisk } from "../../src/host/node-disk.ts";
import { nodeHash } from "../../src/host/node-hash.ts";
import { applyV8Settings } from "../../src/host/v8-settings.ts";
import { asId, asIndex, asTerm } from "../../src/kernel/ids.ts";
import { openLog } from "../../src/log/index.ts";
import { Checkpoints } from "../../src/master/checkpoints.ts";
import { LogStorage } from "../../src/master/log-storage.ts";
import { createReplica, type Replica } from "../../src/master/replica.ts";
import { stateFrom } from "../../src/master/restoring.ts";
import type { Entry } from "../../src/raft/index.ts";
import { votersOnly } from "../../src/raft/membership.ts";

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "1000000" },
    entry: { type: "string", default: "100" },
    rate: { type: "string", default: "5000" },
    folder: { type: "string" },
    checkpoints: { type: "string", default: "3" },
  },
});
const EVENTS_PER_ENTRY = Number(values.entry);
const READ_BYTES = 1 << 20;
/** How long the event loop is watched without a checkpoint. */
const QUIET_MS = 3_000;

function seconds(since: number): number {
  return (performance.now() - since) / 1_000;
}

function say(what: string, figure: string): void {
  console.log(`${what.padEnd(46)} ${figure}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function delays(histogram: Histogram): string {
  const ms = (nanoseconds: number) => `${(nanoseconds / 1e6).toFixed(1)} ms`;
  return `p50 ${ms(histogram.percentile(50))}, p99 ${ms(histogram.percentile(99))}, longest ${ms(histogram.max)}`;
}

/** CPU time of this thread in milliseconds, garbage collection on it included; other processes do not count. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/**
 * What the work does to the event loop: how late a timer of 1 ms fires, on the clock, and how much CPU time this thread
 * spends between two of its firings, which a busy machine does not change.
 */
async function watched<Value>(work: () => Promise<Value>): Promise<{ value: Value; delay: string }> {
  const clock = monitorEventLoopDelay({ resolution: 1 });
  const spent = createHistogram();
  const pauses = createHistogram();
  let before = threadMs();
  const probe = setInterval(() => {
    const now = threadMs();
    spent.record(Math.max(1, Math.round((now - before) * 1e6)));
    before = now;
  }, 1);
  clock.enable();
  await turn(5);
  clock.reset();
  spent.reset();
  const collected = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.record(Math.max(1, Math.round(duration * 1e6)));
  });
  collected.observe({ entryTypes: ["gc"] });
  const value = await work();
  await turn(5);
  clock.disable();
  collected.disconnect();
  clearInterval(probe);
  const gc = `garbage collections: ${pauses.count}, longest ${(pauses.max / 1e6).toFixed(0)} ms by the clock`;
  return { value, delay: `CPU time of a turn ${delays(spent)}; late by the clock ${delays(clock)}; ${gc}` };
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

async function* bytesOf(storage: LogStorage): AsyncGenerator<Uint8Array> {
  const meta = storage.snapshot();
  for (let offset = 0; meta !== undefined; ) {
    const bytes = (await storage.readSnapshotChunk(meta, offset, READ_BYTES)) ?? new Uint8Array(0);
    yield bytes;
    offset += bytes.length;
    if (bytes.length < READ_BYTES) return;
  }
}

function apply(replica: Replica, entries: readonly Entry[]): number {
  const before = replica.state().eventCount;
  for (const { index, payload } of entries) replica.applyEntry(index, payload);
  return replica.state().eventCount - before;
}

/** Entries at a steady rate, a tick's worth in each turn of the loop, and a wait if they do not last. */
async function paced(replica: Replica, entries: readonly Entry[], until: () => boolean): Promise<number> {
  const started = performance.now();
  let at = 0;
  while (!until()) {
    const due = Math.floor((seconds(started) * Number(values.rate)) / EVENTS_PER_ENTRY);
    for (; at < due && at < entries.length; at++) apply(replica, entries.slice(at, at + 1));
    await turn(1);
  }
  return at;
}

/** @returns how many of the entries were applied meanwhile */
async function checkpoint(replica: Replica, storage: LogStorage, entries: readonly Entry[]): Promise<number> {
  let bytes = 0;
  let ended: number | null = null;
  let saved: Promise<void> = Promise.resolve();
  const started = performance.now();
  let longestChunk = 0;
  async function* measured(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      longestChunk = Math.max(longestChunk, chunk.length);
      yield chunk;
    }
  }
  const slices = createHistogram();
  const checkpoints = new Checkpoints(
    {
      replica: timed(replica, slices),
      clock: nodeClock,
      async save(index, chunks) {
        const meta = { index, term: asTerm(1), membership: votersOnly([asId("m1")]) };
        saved = storage.writeSnapshot(meta, measured(chunks));
        await saved;
      },
      onDigest: () => {
        ended = seconds(started);
      },
      onFailure: (error) => {
        throw error;
      },
    },
    asIndex(0),
  );
  const { value: applied, delay } = await watched(() => {
    const began = threadMs();
    checkpoints.due(true);
    say("checkpoint begun in", `${(threadMs() - began).toFixed(1)} ms of CPU`);
    checkpoints.onCommitted(replica.index());
    return paced(replica, entries, () => ended !== null);
  });
  await saved;
  say(
    "checkpoint under load",
    `${(ended ?? Number.NaN).toFixed(1)} s, ${megabytes(bytes)}, ${applied} entries meanwhile`,
  );
  say("largest chunk", megabytes(longestChunk));
  say("its slices", `${slices.count}, CPU time ${delays(slices)}`);
  say("event loop during it", delay);
  return applied;
}

/** Records the CPU time of each slice of its checkpoints. */
function timed(replica: Replica, slices: Histogram & { record(value: number): void }): Replica {
  return {
    ...replica,
    checkpoint() {
      const checkpoint = replica.checkpoint();
      return {
        ...checkpoint,
        next() {
          const before = threadMs();
          const chunk = checkpoint.next();
          slices.record(Math.max(1, Math.round((threadMs() - before) * 1e6)));
          return chunk;
        },
      };
    },
  };
}

/** A folder with the snapshot and the log, to be removed: opening the log and a new snapshot change it. */
async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tepui-bench-state-"));
  const kept = values.folder ?? folder;
  if (!existsSync(join(kept, "log"))) {
    const script = new URL("write-log.ts", import.meta.url).pathname;
    const arguments_ = ["--max-old-space-size=12000", script, kept, values.tasks, values.entry];
    execFileSync(process.execPath, arguments_, { stdio: "inherit" });
  }
  if (kept !== folder) await cp(kept, folder, { recursive: true });
  return folder;
}

async function main(): Promise<void> {
  say("settings of V8", applyV8Settings().join(" "));
  const folder = await dataFolder();
  let started = performance.now();
  let cpuStarted = threadMs();
  const opened = await openLog({ disk: createNodeDisk(folder), directory: "log" });
  const storage = await LogStorage.open(opened);
  const reading = seconds(started);
  const readingCpu = (threadMs() - cpuStarted) / 1_000;
  const { entries } = storage.recovered;
  say(
    "log opened and read",
    `${reading.toFixed(2)} s, ${entries.length} entries, snapshot ${megabytes(opened.snapshot?.bytes ?? 0)}`,
  );
  started = performance.now();
  cpuStarted = threadMs();
  const { value: state, delay } = await watched(() => stateFrom(bytesOf(storage), nodeClock));
  say(
    "state restored",
    `${seconds(started).toFixed(2)} s, ${((threadMs() - cpuStarted) / 1_000).toFixed(2)} s of CPU`,
  );
  say("event loop during it", delay);
  const replica = createReplica(
    (index) => {
      throw new Error(`diverged at ${index}`);
    },
    { intervalEntries: Number.MAX_SAFE_INTEGER, newHash: nodeHash },
  );
  replica.reset(asIndex(1), state);
  say(
    "memory",
    `${megabytes(process.memoryUsage().heapUsed)} heap used, ${megabytes(process.memoryUsage().rss)} resident`,
  );
  const rest = entries.slice(1);
  const half = Math.floor(rest.length / 2);
  started = performance.now();
  cpuStarted = threadMs();
  const events = apply(replica, rest.slice(0, half));
  const replaying = seconds(started);
  const replayCpu = (threadMs() - cpuStarted) / 1_000;
  const share = half / rest.length;
  say(
    "replay (decode and evolve)",
    `${Math.round(events / replaying)} events/s (${events} in ${replaying.toFixed(2)} s); ${Math.round(events / replayCpu)} a second of CPU`,
  );
  const whole = Math.round(events / (replaying + reading * share));
  const wholeCpu = Math.round(events / (replayCpu + readingCpu * share));
  say("with its share of the opening of the log", `${whole} events/s; ${wholeCpu} a second of CPU`);
  const quietEntries = Math.ceil((QUIET_MS / 1_000) * (Number(values.rate) / EVENTS_PER_ENTRY));
  const quiet = await watched(() => {
    const end = performance.now() + QUIET_MS;
    return paced(replica, rest.slice(half, half + quietEntries), () => performance.now() > end);
  });
  say("event loop without a checkpoint", quiet.delay);
  let applied = half + quiet.value;
  for (let i = 0; i < Number(values.checkpoints); i++) {
    applied += await checkpoint(replica, storage, rest.slice(applied));
    say(
      "memory",
      `${megabytes(process.memoryUsage().heapUsed)} heap used, ${megabytes(process.memoryUsage().rss)} resident`,
    );
  }
  await storage.close();
  await rm(folder, { recursive: true });
}

await main();

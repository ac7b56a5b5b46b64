// Snapshots beside the work and starts from them, with 1,000,000 tasks on 10,000 agents of 100 frameworks: how long a
// restart takes (reading snapshot and log, restoring, replaying), and what a checkpoint does to the event loop while
// entries are applied at a steady rate. The real log on a real disk; no network.
// Usage: node --max-old-space-size=12000 bench/state/snapshots.ts [--tasks N] [--entry EVENTS] [--rate EVENTS/S]
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { nodeClock } from "../../src/host/node-clock.ts";
import { createNodeDisk } from "../../src/host/node-disk.ts";
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
    rate: { type: "string", default: "10000" },
    folder: { type: "string" },
  },
});
const EVENTS_PER_ENTRY = Number(values.entry);
const READ_BYTES = 1 << 20;

function seconds(since: number): number {
  return (performance.now() - since) / 1_000;
}

function say(what: string, figure: string): void {
  console.log(`${what.padEnd(46)} ${figure}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function delays(histogram: ReturnType<typeof monitorEventLoopDelay>): string {
  const ms = (nanoseconds: number) => `${(nanoseconds / 1e6).toFixed(1)} ms`;
  return `p50 ${ms(histogram.percentile(50))}, p99 ${ms(histogram.percentile(99))}, longest ${ms(histogram.max)}`;
}

/** How late the event loop is while the work goes on; the timer's own period of 1 ms is in the figures. */
async function watched<Value>(work: () => Promise<Value>): Promise<{ value: Value; delay: string }> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await turn(5);
  histogram.reset();
  const value = await work();
  await turn(5);
  histogram.disable();
  return { value, delay: delays(histogram) };
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

async function* bytesOf(storage: LogStorage): AsyncGenerator<Uint8Array> {
  for (let offset = 0; ; ) {
    const bytes = await storage.readSnapshotChunk(offset, READ_BYTES);
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

/** Entries at a steady rate, a tick's worth in each turn of the loop. */
async function paced(replica: Replica, entries: readonly Entry[], until: () => boolean): Promise<number> {
  const started = performance.now();
  let at = 0;
  while (!until() && at < entries.length) {
    const due = Math.floor((seconds(started) * Number(values.rate)) / EVENTS_PER_ENTRY);
    for (; at < due && at < entries.length; at++) apply(replica, entries.slice(at, at + 1));
    await turn(1);
  }
  return at;
}

async function checkpoint(replica: Replica, storage: LogStorage, entries: readonly Entry[]): Promise<void> {
  let bytes = 0;
  let ended: number | null = null;
  const started = performance.now();
  let longestChunk = 0;
  async function* measured(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      longestChunk = Math.max(longestChunk, chunk.length);
      yield chunk;
    }
  }
  const checkpoints = new Checkpoints(
    {
      replica,
      clock: nodeClock,
      async save(index, chunks) {
        const meta = { index, term: asTerm(1), membership: votersOnly([asId("m1")]) };
        await storage.writeSnapshot(meta, measured(chunks));
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
    const began = performance.now();
    checkpoints.due(true);
    say("checkpoint begun in", `${(performance.now() - began).toFixed(1)} ms`);
    checkpoints.onCommitted(replica.index());
    return paced(replica, entries, () => ended !== null);
  });
  say(
    "checkpoint under load",
    `${(ended ?? Number.NaN).toFixed(1)} s, ${megabytes(bytes)}, ${applied} entries meanwhile`,
  );
  say("largest chunk", megabytes(longestChunk));
  say("event loop delay during it", delay);
}

async function main(): Promise<void> {
  const folder = values.folder ?? (await mkdtemp(join(tmpdir(), "tepui-bench-state-")));
  if (values.folder === undefined) {
    const script = new URL("write-log.ts", import.meta.url).pathname;
    const arguments_ = ["--max-old-space-size=12000", script, folder, values.tasks, values.entry];
    execFileSync(process.execPath, arguments_, { stdio: "inherit" });
  }
  let started = performance.now();
  const opened = await openLog({ disk: createNodeDisk(folder), directory: "log" });
  const storage = await LogStorage.open(opened);
  const reading = seconds(started);
  const { entries } = storage.recovered;
  say(
    "log opened and read",
    `${reading.toFixed(2)} s, ${entries.length} entries, snapshot ${megabytes(opened.snapshot?.bytes ?? 0)}`,
  );
  started = performance.now();
  const { value: state, delay } = await watched(() => stateFrom(bytesOf(storage), nodeClock));
  say("state restored", `${seconds(started).toFixed(2)} s; event loop delay ${delay}`);
  const replica = createReplica(
    (index) => {
      throw new Error(`diverged at ${index}`);
    },
    { intervalEntries: Number.MAX_SAFE_INTEGER },
  );
  replica.reset(asIndex(1), state);
  say(
    "memory",
    `${megabytes(process.memoryUsage().heapUsed)} heap used, ${megabytes(process.memoryUsage().rss)} resident`,
  );
  const rest = entries.slice(1);
  const half = Math.floor(rest.length / 2);
  started = performance.now();
  const cpu = process.cpuUsage();
  const events = apply(replica, rest.slice(0, half));
  const replaying = seconds(started);
  const { user, system } = process.cpuUsage(cpu);
  const share = reading * (half / rest.length);
  say(
    "replay (decode and evolve)",
    `${Math.round(events / replaying)} events/s (${events} in ${replaying.toFixed(2)} s; ${((user + system) / 1e6).toFixed(2)} s of CPU)`,
  );
  say("replay with the reading of the log", `${Math.round(events / (replaying + share))} events/s`);
  const quiet = await watched(() => paced(replica, rest.slice(half, half + 200), () => false));
  say("event loop delay without a checkpoint", quiet.delay);
  await checkpoint(replica, storage, rest.slice(half + 200));
  say(
    "memory",
    `${megabytes(process.memoryUsage().heapUsed)} heap used, ${megabytes(process.memoryUsage().rss)} resident`,
  );
  await storage.close();
  if (values.folder === undefined) await rm(folder, { recursive: true });
}

await main();

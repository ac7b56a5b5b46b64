// Tepui beside etcd on this machine: three members of each, data on the same disk, fsync on, in turn in one run; then what
// has no like in etcd: events of large commands, failover, memory. docs/performance.md says what the figures mean.
// Usage: npm run bench:etcd -- [--only writes,events,failover,memory] [--rounds N] [--seconds N] [--no-check-perf]
//        [--kills N] [--events N] [--json]
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { ensureDebianPackages } from "../../src/host/debian-packages.ts";
import { syncLatencies } from "../pipeline/cluster.ts";
import { quantile } from "../pipeline/figures.ts";
import { type Attempts, createAttempts } from "./attempts.ts";
import { type Cleanup, createCleanup } from "./cleanup.ts";
import { measureEvents } from "./events.ts";
import { measureFailover } from "./failover.ts";
import { measureMemory } from "./memory.ts";
import { isMet, type Results, targetsOf, textOf } from "./report.ts";
import { measureWrites } from "./writes.ts";

const PARTS = ["writes", "events", "failover", "memory"] as const;
const WARM_UP_SECONDS = 1;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: PARTS.join(",") },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    "no-check-perf": { type: "boolean", default: false },
    kills: { type: "string", default: "50" },
    events: { type: "string", default: "1000000" },
    json: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const cleanup = createCleanup();
  let ending = false;
  const end = async (code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    await cleanup.run();
    process.exit(code);
  };
  const giveUp = (reason: unknown): void => {
    if (!ending) console.error(reason);
    void end(1);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, giveUp);
  const attempts = createAttempts(cleanup, progress);
  process.on("uncaughtException", (error) => {
    if (!attempts.take(error)) giveUp(error);
  });
  try {
    const results = await measure(cleanup, attempts);
    const targets = targetsOf(results).map((target) => ({ ...target, met: isMet(target) }));
    console.log(values.json ? JSON.stringify({ ...results, targets }, null, 2) : textOf(results));
    await end(0);
  } catch (error) {
    giveUp(error);
  }
}

async function measure(cleanup: Cleanup, attempts: Attempts): Promise<Results> {
  const wanted = values.only.split(",");
  const unknown = wanted.find((each) => !PARTS.some((part) => part === each));
  if (unknown !== undefined) throw new Error(`there is no part '${unknown}': ${PARTS.join(", ")}`);
  const rounds = Number(values.rounds);
  const timing = { rounds, seconds: Number(values.seconds), warmUpSeconds: WARM_UP_SECONDS };
  const before = await machine();
  const part = async <Figures>(name: string, run: () => Promise<Figures>): Promise<Figures | null> => {
    if (!wanted.includes(name)) return null;
    progress(`${name} (load average ${loads()})`);
    return await run();
  };
  const writes = await part("writes", async () => {
    await ensureDebianPackages(["etcd-server", "etcd-client"]);
    const options = { ...timing, withCheckPerf: !values["no-check-perf"], progress };
    return await measureWrites(options, cleanup, attempts);
  });
  const events = await part("events", () => attempts.run(() => measureEvents(timing, cleanup)));
  const failover = await part("failover", () =>
    attempts.run(() => measureFailover(Number(values.kills), cleanup)),
  );
  const memory = await part("memory", () =>
    attempts.run(() =>
      measureMemory(Number(values.events), cleanup, (sample) => progress(JSON.stringify(sample))),
    ),
  );
  return { machine: `${before}; at the end ${loads()}`, writes, events, failover, memory };
}

async function machine(): Promise<string> {
  const syncs = await syncLatencies(tmpdir());
  const [middle, p99] = [0.5, 0.99].map((part) => quantile(syncs, part).toFixed(2));
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim()}), Node ${process.version}`,
    `write and fdatasync of 4 KiB: median ${middle} ms, p99 ${p99} ms`,
    `load average at the start ${loads()}`,
  ].join("; ");
}

function loads(): string {
  return loadavg()
    .map((load) => load.toFixed(1))
    .join(" ");
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();

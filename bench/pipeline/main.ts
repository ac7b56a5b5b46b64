// The way of a command through three real masters on this machine: from the network through decide, Raft with fdatasync
// on each member, and evolve, to the effect or answer that comes back to this process. Prints rates, latencies, and the
// CPU time per event of each member; docs/performance.md says what they mean.
// Usage: npm run bench:pipeline -- [--seconds N] [--rounds N] [--only statuses|calls|launches] [--profile]
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type BenchCluster, startBenchCluster, syncLatencies } from "./cluster.ts";
import { capacity, type Figures, quantile, table } from "./figures.ts";
import { readProfile, type Spent, spentIn } from "./profile.ts";
import { measureRounds, type Running, type Tally } from "./rounds.ts";
import { callLoop, launchLoop, type Stage, setStage, statusLoop } from "./workloads.ts";

const TARGET_EVENTS_PER_SECOND = 50_000;
const IN_FLIGHT = [1, 64, 1000];
const WARM_UP_SECONDS = 1;
const ROOMS_SHOWN_FROM = 0.005;
const FUNCTIONS_SHOWN = 25;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1.5" },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    profile: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const cluster = await startBenchCluster(values.profile);
  let ending = false;
  const giveUp = (reason: unknown): void => {
    if (ending) return;
    ending = true;
    console.error(reason);
    void cluster.remove().finally(() => process.exit(1));
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, giveUp);
  process.on("uncaughtException", giveUp);
  await measureAndShow(cluster).catch(giveUp);
  if (ending) return;
  ending = true;
  await cluster.remove();
  process.exit();
}

async function measureAndShow(cluster: BenchCluster): Promise<void> {
  console.log(await machine(cluster));
  const pids = { leader: cluster.leader.pid() ?? 0, follower: cluster.followers[0]?.pid() ?? 0 };
  const stage = await setStage(cluster.leader.api);
  const figures = await measureAll(cluster, stage);
  stage.close();
  console.log(table(figures));
  for (const each of figures.slice(-1)) console.log(comparison(each));
  console.log(`load average at the end: ${loads()}`);
  if (values.profile) await showProfiles(cluster, pids, figures);
}

async function measureAll(cluster: BenchCluster, stage: Stage): Promise<readonly Figures[]> {
  const figures: Figures[] = [];
  const measure = async (way: string, inFlight: number, start: (tally: Tally) => Running): Promise<void> => {
    figures.push({ way, inFlight, rounds: await rounds(cluster, start) });
  };
  for (const inFlight of isWanted("statuses") ? IN_FLIGHT : []) {
    await measure("status of an agent to UPDATE", inFlight, (tally) => statusLoop(stage, inFlight, tally));
  }
  for (const inFlight of isWanted("calls") ? IN_FLIGHT : []) {
    await measure("KILL to 202", inFlight, (tally) => callLoop(stage, inFlight, tally));
  }
  if (isWanted("launches")) {
    const launching = await launchLoop(stage);
    await measure("ACCEPT of 100 tasks to 202", stage.agents.length, launching);
  }
  return figures;
}

function rounds(cluster: BenchCluster, start: (tally: Tally) => Running) {
  const seconds = Number(values.seconds);
  return measureRounds(
    { cluster, rounds: Number(values.rounds), seconds, warmUpSeconds: WARM_UP_SECONDS },
    start,
  );
}

function isWanted(name: string): boolean {
  return values.only === undefined || values.only === name;
}

async function machine(cluster: BenchCluster): Promise<string> {
  const syncs = await syncLatencies(cluster.dataDirectory);
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim()}), Node ${process.version}, load average ${loads()}`,
    `4 KiB write and fdatasync: median ${quantile(syncs, 0.5).toFixed(2)} ms, p99 ${quantile(syncs, 0.99).toFixed(2)} ms`,
    `medians of ${values.rounds} rounds of ${values.seconds} s; CPU time in µs of each member and of this client`,
  ].join("\n");
}

function comparison(figures: Figures): string {
  const part = capacity(figures) / TARGET_EVENTS_PER_SECOND;
  return `${figures.way}: ${(part * 100).toFixed(0)} % of ${TARGET_EVENTS_PER_SECOND} events/s on two cores`;
}

function loads(): string {
  return loadavg()
    .map((load) => load.toFixed(1))
    .join(" ");
}

async function showProfiles(
  cluster: BenchCluster,
  pids: { readonly leader: number; readonly follower: number },
  figures: readonly Figures[],
): Promise<void> {
  await cluster.stopProcesses();
  for (const [member, pid] of Object.entries(pids)) {
    const profile = await readProfile(cluster.profiles, pid);
    for (const { way, inFlight, rounds } of figures) {
      if (inFlight === 1) continue;
      console.log(`\n${member}, ${way}, ${inFlight} in flight`);
      console.log(spentText(spentIn(profile, rounds)));
    }
  }
}

function spentText({ rooms, functions, busy }: Spent): string {
  const line = ([name, part]: readonly [string, number]): string =>
    `${(part * 100).toFixed(1).padStart(6)} %  ${name}`;
  return [
    `busy ${(busy * 100).toFixed(0)} % of the time; of that:`,
    ...rooms.filter(([, part]) => part >= ROOMS_SHOWN_FROM).map(line),
    "  busiest functions:",
    ...functions.slice(0, FUNCTIONS_SHOWN).map(line),
  ].join("\n");
}

await main();

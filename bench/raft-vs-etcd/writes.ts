// 1 KB writes from outside the members, each answered after its commit: etcd and Tepui in turn, round after round.
import type { BenchCluster } from "../pipeline/cluster.ts";
import { startBenchCluster } from "../pipeline/cluster.ts";
import { closedLoop, type Running, type Tally } from "../pipeline/rounds.ts";
import { callLoop, fail, setStage, statusLoop } from "../pipeline/workloads.ts";
import type { Attempts } from "./attempts.ts";
import { type CheckPerf, checkPerf } from "./check-perf.ts";
import type { Cleanup } from "./cleanup.ts";
import { type EtcdCluster, startEtcd } from "./etcd-cluster.ts";
import { PutConnection, putRequest } from "./grpc-puts.ts";
import { type Level, measureLevel, median } from "./level.ts";

export const WRITERS = [1, 64, 1000] as const;
export type Way =
  | "etcd, our client"
  | "Tepui, agents' connections"
  | "Tepui, HTTP calls"
  | "Tepui, HTTP calls, a connection each";

const VALUE_BYTES = 1024;
const KEY_BYTES = 32;
/** The same on both sides: so many writes are in flight on each connection, if there are as many writers. */
const WRITERS_PER_CONNECTION = 16;
/**
 * A KILL carries no payload but ids. One of 255 characters of three bytes, which is the longest that Mesos takes, makes
 * a call of 1.1 KB and leaves 0.95 KB in the log.
 */
const LONG_ID_PREFIX = "界".repeat(246);

export interface WritesOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Runs `etcdctl check perf` in each round: a minute each. */
  readonly withCheckPerf: boolean;
  progress(text: string): void;
}

export interface WritesRow {
  readonly way: Way;
  readonly writers: number;
  /** Medians of the rounds. */
  readonly level: Level;
}

export interface Writes {
  readonly etcdVersion: string;
  readonly rows: readonly WritesRow[];
  /** Of each round. */
  readonly checkPerf: readonly CheckPerf[];
}

/** One measurement: a peer, a way, a number of writers. */
interface Measured {
  readonly way: Way;
  readonly writers: number;
  readonly level: Level;
}

export async function measureWrites(
  options: WritesOptions,
  cleanup: Cleanup,
  attempts: Attempts,
): Promise<Writes> {
  const measured: Measured[] = [];
  const perf: CheckPerf[] = [];
  let etcdVersion = "";
  for (let round = 1; round <= options.rounds; round++) {
    options.progress(`round ${round} of ${options.rounds}: etcd`);
    const etcd = await attempts.run(() => etcdRound(options, cleanup));
    etcdVersion = etcd.version;
    measured.push(...etcd.measured);
    if (etcd.perf !== null) perf.push(etcd.perf);
    options.progress(`round ${round} of ${options.rounds}: Tepui`);
    measured.push(...(await attempts.run(() => tepuiRound(options, cleanup))));
  }
  return { etcdVersion, rows: medians(measured), checkPerf: perf };
}

async function etcdRound(options: WritesOptions, cleanup: Cleanup) {
  const etcd = await startEtcd(cleanup);
  const measured = await etcdLevels(etcd, options);
  const perf = options.withCheckPerf ? await checkPerf(etcd) : null;
  if (options.withCheckPerf && perf === null) options.progress("check perf gave up: too many errors");
  await etcd.remove();
  return { version: etcd.version, measured, perf };
}

async function tepuiRound(options: WritesOptions, cleanup: Cleanup): Promise<readonly Measured[]> {
  const tepui = await startBenchCluster(false);
  const remove = cleanup.add(tepui.remove);
  const measured = await tepuiLevels(tepui, options);
  await remove();
  return measured;
}

async function etcdLevels(etcd: EtcdCluster, options: WritesOptions): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const writers of WRITERS) {
    const count = Math.ceil(writers / WRITERS_PER_CONNECTION);
    const connections = Array.from({ length: count }, () => new PutConnection(etcd.leader, fail));
    const start = (tally: Tally): Running => puts(connections, writers, tally);
    const level = await measureLevel({ ...options, pids: etcd.pids }, start);
    measured.push({ way: "etcd, our client", writers, level });
    for (const connection of connections) connection.close();
  }
  return measured;
}

/** Each writer has a key of its own, as each task has a status of its own. */
function puts(connections: readonly PutConnection[], writers: number, tally: Tally): Running {
  const value = Buffer.alloc(VALUE_BYTES, "v");
  const requests = Array.from({ length: writers }, (_, i) =>
    putRequest(`bench/${i}`.padEnd(KEY_BYTES, "-"), value),
  );
  return closedLoop(writers, tally, 1, (slot, done) => {
    const request = requests[slot];
    if (request !== undefined) connections[slot % connections.length]?.send(request, done);
  });
}

async function tepuiLevels(tepui: BenchCluster, options: WritesOptions): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  const pids = [tepui.leader, ...tepui.followers].map((each) => each.pid() ?? 0);
  const data = Buffer.alloc(VALUE_BYTES, "v");
  const agents = await setStage(tepui.leader.api);
  for (const writers of WRITERS) {
    const level = await measureLevel({ ...options, pids }, (tally) =>
      statusLoop(agents, writers, tally, data),
    );
    measured.push({ way: "Tepui, agents' connections", writers, level });
  }
  agents.close();
  const http = await setStage(tepui.leader.api, { idPrefix: LONG_ID_PREFIX });
  for (const writers of WRITERS) {
    const calls = (perConnection: number) =>
      measureLevel({ ...options, pids }, (tally) => callLoop(http, writers, tally, perConnection));
    measured.push({ way: "Tepui, HTTP calls", writers, level: await calls(WRITERS_PER_CONNECTION) });
    if (writers === 1) continue;
    measured.push({ way: "Tepui, HTTP calls, a connection each", writers, level: await calls(1) });
  }
  http.close();
  return measured;
}

function medians(measured: readonly Measured[]): readonly WritesRow[] {
  const groups = new Map<string, Measured[]>();
  for (const one of measured) {
    const key = `${one.way}, ${one.writers}`;
    const same = groups.get(key);
    if (same === undefined) groups.set(key, [one]);
    else same.push(one);
  }
  return [...groups.values()].flatMap((same) => {
    const levels = same.map(({ level }) => level);
    return same.slice(0, 1).map(({ way, writers }) => ({ way, writers, level: medianLevel(levels) }));
  });
}

function medianLevel(levels: readonly Level[]): Level {
  const of = (value: (level: Level) => number): number => median(levels.map(value));
  return {
    writesPerSecond: of((level) => level.writesPerSecond),
    p50: of((level) => level.p50),
    p99: of((level) => level.p99),
    memberCores: of((level) => level.memberCores),
    clientCores: of((level) => level.clientCores),
  };
}

// 1 KB writes from outside the members, each answered after its commit: etcd and Tepui in turn, round after round.
import type { BenchCluster } from "../pipeline/cluster.ts";
import { startBenchCluster } from "../pipeline/cluster.ts";
import { closedLoop, type Running, type Tally } from "../pipeline/rounds.ts";
import { callLoop, fail, setStage, statusLoop } from "../pipeline/workloads.ts";
import { type CheckPerf, checkPerf } from "./check-perf.ts";
import type { Cleanup } from "./cleanup.ts";
import { type EtcdCluster, startEtcd } from "./etcd-cluster.ts";
import { PutConnection, putRequest } from "./grpc-puts.ts";
import { type Level, measureLevel, median } from "./level.ts";

export const WRITERS = [1, 64, 1000] as const;
export type Way = "etcd, our client" | "Tepui, agents' connections" | "Tepui, HTTP calls";

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

type Rounds = Map<string, { readonly way: Way; readonly writers: number; readonly levels: Level[] }>;

export async function measureWrites(options: WritesOptions, cleanup: Cleanup): Promise<Writes> {
  const rounds: Rounds = new Map();
  const perf: CheckPerf[] = [];
  let etcdVersion = "";
  for (let round = 1; round <= options.rounds; round++) {
    options.progress(`round ${round} of ${options.rounds}: etcd`);
    const etcd = await startEtcd();
    const removeEtcd = cleanup.add(etcd.remove);
    etcdVersion = etcd.version;
    await etcdLevels(etcd, options, rounds);
    if (options.withCheckPerf) perf.push(await checkPerf(etcd));
    await removeEtcd();
    options.progress(`round ${round} of ${options.rounds}: Tepui`);
    const tepui = await startBenchCluster(false);
    const removeTepui = cleanup.add(tepui.remove);
    await tepuiLevels(tepui, options, rounds);
    await removeTepui();
  }
  const rows = [...rounds.values()].map(({ way, writers, levels }) => ({
    way,
    writers,
    level: medianLevel(levels),
  }));
  return { etcdVersion, rows, checkPerf: perf };
}

async function etcdLevels(etcd: EtcdCluster, options: WritesOptions, rounds: Rounds): Promise<void> {
  for (const writers of WRITERS) {
    const count = Math.ceil(writers / WRITERS_PER_CONNECTION);
    const connections = Array.from({ length: count }, () => new PutConnection(etcd.leader, fail));
    const start = (tally: Tally): Running => puts(connections, writers, tally);
    add(rounds, "etcd, our client", writers, await measureLevel({ ...options, pids: etcd.pids }, start));
    for (const connection of connections) connection.close();
  }
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

async function tepuiLevels(tepui: BenchCluster, options: WritesOptions, rounds: Rounds): Promise<void> {
  const pids = [tepui.leader, ...tepui.followers].map((each) => each.pid() ?? 0);
  const data = Buffer.alloc(VALUE_BYTES, "v");
  const agents = await setStage(tepui.leader.api);
  for (const writers of WRITERS) {
    const level = await measureLevel({ ...options, pids }, (tally) =>
      statusLoop(agents, writers, tally, data),
    );
    add(rounds, "Tepui, agents' connections", writers, level);
  }
  agents.close();
  const http = await setStage(tepui.leader.api, { idPrefix: LONG_ID_PREFIX });
  for (const writers of WRITERS) {
    const level = await measureLevel({ ...options, pids }, (tally) => callLoop(http, writers, tally));
    add(rounds, "Tepui, HTTP calls", writers, level);
  }
  http.close();
}

function add(rounds: Rounds, way: Way, writers: number, level: Level): void {
  const key = `${way} ${writers}`;
  const known = rounds.get(key);
  if (known === undefined) rounds.set(key, { way, writers, levels: [level] });
  else known.levels.push(level);
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

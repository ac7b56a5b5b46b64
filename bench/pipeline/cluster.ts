// Three masters as processes of their own, for the benchmark: found ready, watched for the CPU time that they use, gone
// with their data at the end.
import { mkdir, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type LocalProcess, startLocalCluster } from "../../src/host/local-cluster.ts";

const MASTERS = 3;
/** Where ports are looked for that nobody listens on, so that no other cluster is measured; below those of clients. */
const FIRST_PORT = 12_000;
const LAST_PORT = 16_000;
const PORTS_NEEDED = 30;
const POLL_MS = 50;
const PATIENCE_MS = 20_000;
const SYNCS = 200;
const SYNC_BYTES = 4096;
/** Of /proc/<pid>/stat; the same on every Linux that Node runs on. */
const CLOCK_TICKS_PER_SECOND = 100;
const UTIME_AFTER_NAME = 11;

export interface BenchCluster {
  readonly dataDirectory: string;
  readonly leader: LocalProcess;
  readonly followers: readonly LocalProcess[];
  /** CPU profiles are in it once `stopProcesses` is done. */
  readonly profiles: string;
  /** The masters end in good order; their data stays. */
  stopProcesses(): Promise<void>;
  /** Nothing is left of them. */
  remove(): Promise<void>;
}

/**
 * @param profiled each master writes a CPU profile when it ends
 * @param nodeFlags for each master's Node
 */
export async function startBenchCluster(
  profiled: boolean,
  nodeFlags: readonly string[] = [],
): Promise<BenchCluster> {
  const port = await freePort();
  const dataDirectory = await mkdtemp(join(tmpdir(), "tepui-bench-pipeline-"));
  const profiles = join(dataDirectory, "profiles");
  await mkdir(profiles);
  const profiling = profiled ? ["--cpu-prof", `--cpu-prof-dir=${profiles}`] : [];
  const main = join(import.meta.dirname, "../../src/cli/main.ts");
  const cluster = await startLocalCluster({
    command: [process.execPath, "--disable-warning=ExperimentalWarning", ...profiling, ...nodeFlags, main],
    masters: MASTERS,
    agents: 0,
    port,
    dataDirectory,
    masterFlags: [],
    agentFlags: [],
    cpus: 0,
    mem: 0,
    logsToTerminal: false,
  });
  const stopProcesses = () => cluster.stop({ keepTasks: true });
  const remove = async (): Promise<void> => {
    await stopProcesses();
    await rm(dataDirectory, { recursive: true, force: true });
  };
  try {
    const leader = await findLeader(cluster.masters);
    const followers = cluster.masters.filter((each) => each !== leader);
    return { dataDirectory, leader, followers, profiles, stopProcesses, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The first of thirty ports in a row on which nobody listens. */
export async function freePort(): Promise<number> {
  for (let port = FIRST_PORT; port < LAST_PORT; port += PORTS_NEEDED) {
    const taken = await Promise.all(Array.from({ length: PORTS_NEEDED }, (_, i) => isTaken(port + i)));
    if (!taken.includes(true)) return port;
  }
  throw new Error("no free ports");
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(true));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(false)));
  });
}

async function findLeader(masters: readonly LocalProcess[]): Promise<LocalProcess> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    for (const master of masters) {
      const answer = await fetch(`http://${master.api}/tepui/v1/status`).catch(() => null);
      const status = answer === null ? {} : ((await answer.json()) as { readonly ready?: boolean });
      if (status.ready === true) return master;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`no master leads after ${PATIENCE_MS} ms`);
}

/** User and system time of a process since it began. Microseconds, in steps of ten thousand. */
export async function cpuMicros(process: LocalProcess): Promise<number> {
  const stat = await readFile(`/proc/${process.pid()}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[UTIME_AFTER_NAME]) + Number(fields[UTIME_AFTER_NAME + 1]);
  return (ticks / CLOCK_TICKS_PER_SECOND) * 1e6;
}

/** Durations of writing 4 KiB and fdatasync, one after the other, ascending. Milliseconds. */
export async function syncLatencies(directory: string): Promise<readonly number[]> {
  const path = join(directory, "sync-probe");
  const file = await open(path, "w");
  const bytes = Buffer.alloc(SYNC_BYTES, 1);
  const times: number[] = [];
  for (let i = 0; i < SYNCS; i++) {
    const start = performance.now();
    await file.write(bytes, 0, bytes.length, i * bytes.length);
    await file.datasync();
    times.push(performance.now() - start);
  }
  await file.close();
  await rm(path);
  return times.toSorted((a, b) => a - b);
}

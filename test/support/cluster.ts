// A real cluster for tests: own processes, own ports, own folder, gone at the end. The processes are those of
// `tepui up`; only the example job is missing.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalCluster, type LocalProcess, startLocalCluster } from "../../src/host/local-cluster.ts";

const root = join(import.meta.dirname, "..", "..");
const FIRST_PORT = 20_000;
const LAST_PORT = 30_000;
const PORTS_PER_CLUSTER = 100;
const PATIENCE_MS = 30_000;
/** Of a member's log, in the error of a cluster that does not come up. */
const LOG_LINES_SHOWN = 8;

export interface TestClusterOptions {
  readonly masters?: number;
  readonly agents?: number;
  readonly cpus?: number;
  readonly mem?: number;
  readonly masterFlags?: readonly string[];
  readonly agentFlags?: readonly string[];
  /** Folder of an earlier cluster, to be taken up again. */
  readonly dataDirectory?: string;
  readonly port?: number;
}

export interface TestCluster extends LocalCluster {
  readonly port: number;
  readonly dataDirectory: string;
  /** `host:port` of every master's API. */
  readonly apis: readonly string[];
  /**
   * Waits until a master leads and all agents are registered; gives the leader's process. @throws Error with the end of
   * its log if a member has ended by itself
   */
  ready(): Promise<LocalProcess>;
  leader(): Promise<LocalProcess>;
  /** Stops everything and removes the folder, unless TEPUI_TEST_KEEP=1 asks to keep it. */
  destroy(): Promise<void>;
}

export const TEPUI_COMMAND: readonly string[] = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  join(root, "src/cli/main.ts"),
];

export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "tepui-test-")));
  const port = options.port ?? (await freePorts());
  const cluster = await startLocalCluster({
    command: TEPUI_COMMAND,
    masters: options.masters ?? 3,
    agents: options.agents ?? 1,
    port,
    dataDirectory,
    masterFlags: ["--log-level", "debug", ...(options.masterFlags ?? [])],
    agentFlags: ["--log-level", "debug", "--runtime", "process", ...(options.agentFlags ?? [])],
    cpus: options.cpus ?? 4,
    mem: options.mem ?? 1024,
    logsToTerminal: false,
  });
  const fallen: LocalProcess[] = [];
  cluster.onUnexpectedExit((member) => void fallen.push(member));
  return Object.assign(cluster, {
    port,
    dataDirectory,
    apis: cluster.masters.map(({ api }) => api),
    leader: () => leaderOf(cluster),
    ready: () => readyLeader(cluster, dataDirectory, fallen),
    async destroy() {
      await cluster.stop({ keepTasks: false });
      if (process.env.TEPUI_TEST_KEEP !== "1") await rm(dataDirectory, { recursive: true, force: true });
    },
  });
}

export interface MasterStatus {
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

export async function statusOf(master: LocalProcess): Promise<MasterStatus> {
  return (await getJson(`http://${master.api}/tepui/v1/status`)) as MasterStatus;
}

/** Waits until all masters have applied the same entries. */
export async function caughtUp(cluster: LocalCluster): Promise<void> {
  await eventually("all masters to be at the same entry", async () => {
    const all = await Promise.all(cluster.masters.map(statusOf));
    return new Set(all.map(({ appliedIndex }) => appliedIndex)).size === 1;
  });
}

export async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** A call of the operator API, for instance. */
export async function postJson(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Polls until the probe gives something; its errors count as "not yet". `story` adds to the error what was seen. */
export async function eventually<Value>(
  what: string,
  probe: () => Promise<Value | undefined | false> | Value | undefined | false,
  patienceMs = PATIENCE_MS,
  story: () => string = () => "",
): Promise<Value> {
  const deadline = Date.now() + patienceMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`waited ${patienceMs} ms for ${what} ${story()}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function leaderOf(cluster: LocalCluster): Promise<LocalProcess> {
  return eventually("a leader", () => leaderNow(cluster));
}

async function leaderNow(cluster: LocalCluster): Promise<LocalProcess | undefined> {
  for (const master of cluster.masters) {
    if (master.pid() === undefined) continue;
    const status = await getJson(`http://${master.api}/tepui/v1/status`).catch(() => undefined);
    if ((status as { ready?: boolean } | undefined)?.ready === true) return master;
  }
  return undefined;
}

async function readyLeader(
  cluster: LocalCluster,
  dataDirectory: string,
  fallen: readonly LocalProcess[],
): Promise<LocalProcess> {
  const found = await eventually("all agents to be registered", async () => {
    if (fallen[0] !== undefined) return fallen[0];
    const leader = await leaderNow(cluster);
    if (leader === undefined) return undefined;
    const state = (await getJson(`http://${leader.api}/state`)) as { slaves: { active: boolean }[] };
    return state.slaves.filter(({ active }) => active).length >= cluster.agents.length ? leader : undefined;
  });
  if (!fallen.includes(found)) return found;
  throw new Error(`${found.name} ended by itself:\n${await logTail(dataDirectory, found)}`);
}

async function logTail(dataDirectory: string, member: LocalProcess): Promise<string> {
  const text = await readFile(join(dataDirectory, "logs", `${member.name}.log`), "utf8");
  return text.split("\n").slice(-LOG_LINES_SHOWN).join("\n");
}

/** The first of a run of ports that nobody listens on. */
export async function freePorts(): Promise<number> {
  const slots = Math.floor((LAST_PORT - FIRST_PORT) / PORTS_PER_CLUSTER);
  const start = process.pid % slots;
  for (let i = 0; i < slots; i++) {
    const port = FIRST_PORT + ((start + i) % slots) * PORTS_PER_CLUSTER;
    if (await isFree(port)) return port;
  }
  throw new Error("no free ports");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

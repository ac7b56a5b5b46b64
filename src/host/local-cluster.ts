// A whole cluster on this machine, each member an own process: what `tepui up` runs and what tests kill. It starts,
// stops, kills and restarts processes; it knows nothing of what they say to each other.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

/** How far the ports of one member are from those of the next. */
const PORT_STEP = 10;
const AGENT_PORT_OFFSET = 1;
const RAFT_PORT_OFFSET = 2;
const PORT_MAX = 65_535;
/** A process that has not ended so long after being asked to is killed. Milliseconds. */
const STOP_PATIENCE_MS = 15_000;
/** SIGUSR1 is said again after this time: before a process listens for it Node takes it for itself. Milliseconds. */
const LEAVE_REPEAT_MS = 1_000;
/** The ports that the agents share among themselves for their tasks (Mesos' default range). */
const TASK_PORTS = { begin: 31_000, end: 32_000 };

export interface LocalClusterOptions {
  /** Program and arguments before the words of the `tepui` command. */
  readonly command: readonly string[];
  readonly masters: number;
  readonly agents: number;
  /** Masters' APIs at P, P+10, …; agents at P+1, P+11, …; Raft at P+2, P+12, … */
  readonly port: number;
  readonly dataDirectory: string;
  /** Further flags for every master, for every agent. */
  readonly masterFlags: readonly string[];
  readonly agentFlags: readonly string[];
  /** CPUs and megabytes that each agent offers. */
  readonly cpus: number;
  readonly mem: number;
  /** Members' log lines go to the terminal; otherwise to files in the data directory. */
  readonly logsToTerminal: boolean;
}

export interface LocalProcess {
  readonly kind: "master" | "agent";
  /** `m1`, `a2`. */
  readonly name: string;
  /** `host:port` of its API. */
  readonly api: string;
  /** Of the current process, while there is one. */
  pid(): number | undefined;
  start(): void;
  /** Sends the signal and waits until the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface LocalCluster {
  readonly masters: readonly LocalProcess[];
  readonly agents: readonly LocalProcess[];
  /** Stops all processes; tasks are killed first unless they are to be kept for a later start. */
  stop(options: { readonly keepTasks: boolean }): Promise<void>;
  /** Calls back when a process ends that nobody asked to. */
  onUnexpectedExit(action: (process: LocalProcess, code: number | null, signal: string | null) => void): void;
}

/** @throws Error that names the members whose ports are taken */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  await assertPortsFree(options);
  await mkdir(join(options.dataDirectory, "logs"), { recursive: true });
  const watchers: ((process: LocalProcess, code: number | null, signal: string | null) => void)[] = [];
  const unexpected = (process: LocalProcess, code: number | null, signal: string | null): void => {
    for (const watcher of watchers) watcher(process, code, signal);
  };
  let stopping = false;
  const watch = { unexpected, mayStart: () => !stopping };
  const masters = times(options.masters, (i) => master(options, i, watch));
  const agents = times(options.agents, (i) => agent(options, i, watch));
  for (const process of [...masters, ...agents]) process.start();
  return {
    masters,
    agents,
    async stop({ keepTasks }) {
      stopping = true;
      await Promise.all(agents.map((each) => each.end(keepTasks ? "SIGTERM" : "SIGUSR1")));
      await Promise.all(masters.map((each) => each.end("SIGTERM")));
    },
    onUnexpectedExit: (action) => void watchers.push(action),
  };
}

interface Watch {
  unexpected(process: LocalProcess, code: number | null, signal: string | null): void;
  /** False once the cluster is being stopped: what starts then would be left behind. */
  mayStart(): boolean;
}

/** A member would end at once, or another cluster be taken for ours. */
async function assertPortsFree(options: LocalClusterOptions): Promise<void> {
  const wanted = [
    ...times(options.masters, (i) => [`m${i + 1}`, options.port + i * PORT_STEP] as const),
    ...times(options.masters, (i) => [`m${i + 1}`, options.port + i * PORT_STEP + RAFT_PORT_OFFSET] as const),
    ...times(options.agents, (i) => [`a${i + 1}`, options.port + i * PORT_STEP + AGENT_PORT_OFFSET] as const),
  ];
  const problems: string[] = [];
  for (const [name, port] of wanted) {
    if (port > PORT_MAX) problems.push(`${name} would need port ${port}, beyond ${PORT_MAX}`);
    else if (!(await isFree(port))) problems.push(`port ${port} for ${name} is taken`);
  }
  if (problems.length > 0) throw new Error(`${problems.join("; ")}; choose others with --port`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function master(options: LocalClusterOptions, i: number, watch: Watch): LocalProcess {
  const name = `m${i + 1}`;
  const members = times(
    options.masters,
    (k) => `m${k + 1}=${address(options, k, RAFT_PORT_OFFSET)},${address(options, k, 0)}`,
  );
  const words = [
    "master",
    "--id",
    name,
    "--member",
    members.join(";"),
    "--data-dir",
    join(options.dataDirectory, name),
  ];
  return localProcess(options, {
    kind: "master",
    name,
    api: address(options, i, 0),
    words: [...words, ...options.masterFlags],
    watch,
  });
}

function agent(options: LocalClusterOptions, i: number, watch: Watch): LocalProcess {
  const name = `a${i + 1}`;
  const masters = times(options.masters, (k) => address(options, k, 0)).join(",");
  const api = address(options, i, AGENT_PORT_OFFSET);
  const words = ["agent", "--master", masters, "--listen", "127.0.0.1", "--port", api.split(":")[1] ?? ""];
  words.push("--work-dir", join(options.dataDirectory, name), "--resources", resources(options, i));
  return localProcess(options, {
    kind: "agent",
    name,
    api,
    words: [...words, ...options.agentFlags],
    watch,
  });
}

function resources(options: LocalClusterOptions, i: number): string {
  const share = Math.floor((TASK_PORTS.end - TASK_PORTS.begin + 1) / options.agents);
  const begin = TASK_PORTS.begin + i * share;
  return `cpus:${options.cpus};mem:${options.mem};disk:10240;ports:[${begin}-${begin + share - 1}]`;
}

interface ProcessPlan {
  readonly kind: LocalProcess["kind"];
  readonly name: string;
  readonly api: string;
  readonly words: readonly string[];
  readonly watch: Watch;
}

function localProcess(options: LocalClusterOptions, plan: ProcessPlan): LocalProcess {
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let asked = false;
  const self: LocalProcess = {
    kind: plan.kind,
    name: plan.name,
    api: plan.api,
    pid: () => (child?.exitCode === null && child.signalCode === null ? child.pid : undefined),
    start() {
      if (!plan.watch.mayStart()) return;
      asked = false;
      const started = launch(options, plan);
      child = started;
      ended = new Promise((resolve) => {
        const onEnd = (code: number | null, signal: string | null): void => {
          if (!asked) plan.watch.unexpected(self, code, signal);
          resolve();
        };
        started.once("exit", onEnd);
        // It could not be started at all: no exit follows.
        started.once("error", () => onEnd(null, null));
      });
    },
    async end(signal) {
      asked = true;
      const target = child;
      if (target === undefined || self.pid() === undefined) return;
      target.kill(signal);
      const timer = setTimeout(() => target.kill("SIGKILL"), STOP_PATIENCE_MS);
      const again = setInterval(() => signal === "SIGUSR1" && target.kill(signal), LEAVE_REPEAT_MS);
      await ended;
      clearTimeout(timer);
      clearInterval(again);
    },
  };
  return self;
}

/** In a group of its own, so that Ctrl-C reaches it only through us; the channel tells it if we die. */
function launch(options: LocalClusterOptions, plan: ProcessPlan): ChildProcess {
  const [program = "", ...before] = options.command;
  const output = options.logsToTerminal ? "inherit" : "pipe";
  const child = spawn(program, [...before, ...plan.words], {
    stdio: ["ignore", output, output, "ipc"],
    detached: true,
    env: withoutConfig(process.env),
  });
  if (!options.logsToTerminal) {
    const file = createWriteStream(join(options.dataDirectory, "logs", `${plan.name}.log`), { flags: "a" });
    file.on("error", (error) => process.stderr.write(`tepui: log of ${plan.name}: ${error.message}\n`));
    child.stdout?.pipe(file, { end: false });
    child.stderr?.pipe(file, { end: false });
    child.once("close", () => file.end());
  }
  return child;
}

/** The config file of the command that starts us says nothing of its members. */
function withoutConfig(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { TEPUI_CONFIG: _own, ...rest } = env;
  return rest;
}

function address(options: LocalClusterOptions, i: number, offset: number): string {
  return `127.0.0.1:${options.port + i * PORT_STEP + offset}`;
}

function times<Item>(count: number, make: (i: number) => Item): Item[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

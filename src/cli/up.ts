// `tepui up`: a cluster of real processes on this machine, and the example job on it.
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { EXIT } from "../host/exit-codes.ts";
import { type LocalCluster, startLocalCluster } from "../host/local-cluster.ts";
import { LOG_LEVELS, type LogLevel } from "../host/pino-tracer.ts";
import { chooseRuntime, type PreparedRuntime } from "../host/prepare-runtime.ts";
import { DEFAULT_PORT, parsePort } from "./common-settings.ts";
import { runPiJob, waitForLeader } from "./pi-job.ts";
import { type Setting, wholeNumber, withSettings } from "./settings.ts";
import { untilStopped } from "./stopping.ts";

const settings: readonly Setting[] = [
  {
    flags: "--masters <n>",
    description: "masters to start; an odd number",
    default: 3,
    parse: wholeNumber(1, 9),
  },
  { flags: "--agents <n>", description: "agents to start", default: 2, parse: wholeNumber(0, 50) },
  {
    flags: "--port <p>",
    description: "first port: masters at P, P+10, …, agents at P+1, P+11, …, Raft at P+2, P+12, …",
    default: DEFAULT_PORT,
    parse: parsePort,
  },
  {
    flags: "--data-dir <path>",
    description: "folder for logs and sandboxes, kept; without it a temporary one",
  },
  {
    flags: "--runtime <runtime>",
    description: "what runs the tasks; auto: containerd where it is installed, else process",
    default: "auto",
    choices: ["auto", "containerd", "process"],
  },
  {
    flags: "--example <name>",
    description: "job to run: pi (killing the leading master halfway), or none",
    default: "pi",
    choices: ["pi", "none"],
  },
  { flags: "--once", description: "end when the job is done, with code 0 if it succeeded" },
  {
    flags: "--log-level <level>",
    description: "show the members' log lines of this level on; silent writes them to <data-dir>/logs",
    default: "silent",
    choices: LOG_LEVELS,
  },
];

interface UpFlags {
  readonly masters: number;
  readonly agents: number;
  readonly port: number;
  readonly dataDir?: string;
  readonly runtime: "auto" | "containerd" | "process";
  readonly example: "pi" | "none";
  readonly once?: boolean;
  readonly logLevel: LogLevel;
}

export function upCommand(): Command {
  const command = new Command("up").description(
    "start a cluster on this machine and run the example job on it",
  );
  return withSettings(command, settings).action(up);
}

async function up(flags: UpFlags): Promise<void> {
  const startedMs = performance.now();
  const stopAsked = untilStopped();
  const dataDirectory =
    flags.dataDir === undefined ? await mkdtemp(join(tmpdir(), "tepui-")) : resolve(flags.dataDir);
  const runtime = await chooseRuntime(flags.runtime, dataDirectory);
  try {
    await upWith(runtime, { flags, dataDirectory, startedMs, stopAsked });
  } finally {
    await runtime.close();
    const failed = process.exitCode === EXIT.failed;
    if (flags.dataDir === undefined && !failed) await rm(dataDirectory, { recursive: true, force: true });
  }
  print("Stopped; no task is left.");
  process.exit();
}

interface UpRun {
  readonly flags: UpFlags;
  readonly dataDirectory: string;
  readonly startedMs: number;
  readonly stopAsked: ReturnType<typeof untilStopped>;
}

/** Sets the process' exit code; all members have ended when it resolves. */
async function upWith(runtime: PreparedRuntime, { flags, dataDirectory, ...run }: UpRun): Promise<void> {
  const cluster = await startLocalCluster(clusterOptions(flags, dataDirectory, runtime));
  cluster.onUnexpectedExit((member, code, signal) => {
    print(
      `\n${member.name} ended by itself (${signal ?? `code ${code}`}); its log: ${dataDirectory}/logs/${member.name}.log`,
    );
  });
  printMembers(cluster, runtime, dataDirectory);
  try {
    const outcome = await Promise.race([work(flags, cluster, runtime, run.startedMs), run.stopAsked]);
    if (outcome === "done" && flags.once !== true) {
      print("\nThe cluster stays up. Ctrl-C stops it and kills its tasks.");
      await run.stopAsked;
    }
    if (outcome !== "done") process.exitCode = EXIT.interrupted;
  } catch (error) {
    print(`\nThe job failed: ${error instanceof Error ? error.message : String(error)}`);
    print(`The members' logs are in ${dataDirectory}/logs.`);
    process.exitCode = EXIT.failed;
  }
  print("\nStopping …");
  await cluster.stop({ keepTasks: false });
}

async function work(
  flags: UpFlags,
  cluster: LocalCluster,
  runtime: PreparedRuntime,
  startedMs: number,
): Promise<"done"> {
  if (flags.example === "pi" && flags.agents > 0)
    await runPiJob({ cluster, image: runtime.image, startedMs });
  else await waitForLeader(cluster.masters.map(({ api }) => api));
  return "done";
}

function clusterOptions(
  flags: UpFlags,
  dataDirectory: string,
  runtime: PreparedRuntime,
): Parameters<typeof startLocalCluster>[0] {
  const logsToTerminal = flags.logLevel !== "silent";
  const logFlags = [
    "--log-level",
    logsToTerminal ? flags.logLevel : "info",
    "--log-format",
    logsToTerminal ? "text" : "json",
  ];
  return {
    command: [process.execPath, ...process.execArgv, process.argv[1] ?? ""],
    masters: flags.masters,
    agents: flags.agents,
    port: flags.port,
    dataDirectory,
    masterFlags: logFlags,
    agentFlags: [...logFlags, ...runtime.agentFlags],
    cpus: Math.max(2, cpus().length),
    mem: Math.floor(totalmem() / 1024 / 1024 / 2 / Math.max(1, flags.agents)),
    logsToTerminal,
  };
}

function printMembers(cluster: LocalCluster, runtime: PreparedRuntime, dataDirectory: string): void {
  for (const { kind, name, api } of [...cluster.masters, ...cluster.agents])
    print(`${kind.padEnd(6)} ${name}  http://${api}`);
  print(`tasks run as ${runtime.description}; data in ${dataDirectory}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

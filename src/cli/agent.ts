// `tepui agent`: one agent of a cluster.
import { Command } from "commander";
import { parseAttributes } from "../host/agent-resources.ts";
import { readDomain } from "../host/domain.ts";
import { createTracer, type LogLevel } from "../host/pino-tracer.ts";
import { DEFAULT_CONTAINERD_ADDRESS, type RunningAgent, runAgent } from "../host/run-agent.ts";
import { domainSetting, logSettings, mastersSetting, parsePort } from "./common-settings.ts";
import { type Setting, withSettings } from "./settings.ts";
import { untilStopped } from "./stopping.ts";

const settings: readonly Setting[] = [
  mastersSetting,
  {
    flags: "--port <port>",
    description: "port of the agent's HTTP side, for executors and files",
    default: 5051,
    parse: parsePort,
  },
  {
    flags: "--listen <host>",
    description: "address to listen on, also told to tasks and frameworks unless --ip says another",
    default: "127.0.0.1",
  },
  {
    flags: "--ip <address>",
    description: "address that tasks and frameworks are told",
    defaultText: "that of --listen",
  },
  { flags: "--hostname <name>", description: "name that offers show", defaultText: "the machine's" },
  {
    flags: "--work-dir <path>",
    description: "folder for checkpoints and sandboxes; kept between starts",
    default: "tepui-agent",
  },
  {
    flags: "--runtime <runtime>",
    description: "what runs tasks",
    default: "process",
    choices: ["process", "containerd"],
  },
  {
    flags: "--containerd-address <path>",
    description: "containerd's socket",
    default: DEFAULT_CONTAINERD_ADDRESS,
  },
  { flags: "--containerd-namespace <name>", description: "namespace in containerd", default: "tepui" },
  {
    flags: "--containerd-snapshotter <name>",
    description: "snapshotter of containerd",
    defaultText: "overlayfs where it works, else native",
  },
  {
    flags: "--resources <text>",
    description:
      'resources to offer, such as "cpus:4;mem:8192;disk:20000;ports:[31000-32000]"; mem and disk in MB',
    defaultText: "what the machine has",
  },
  domainSetting,
  { flags: "--attributes <text>", description: 'attributes, such as "rack:r1;zone:z1"', default: "" },
  ...logSettings,
];

interface AgentFlags {
  readonly master: readonly string[];
  readonly port: number;
  readonly listen: string;
  readonly ip?: string;
  readonly hostname?: string;
  readonly workDir: string;
  readonly runtime: "process" | "containerd";
  readonly containerdAddress: string;
  readonly containerdNamespace: string;
  readonly containerdSnapshotter?: string;
  readonly resources?: string;
  readonly attributes: string;
  readonly domain?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: string;
}

export function agentCommand(): Command {
  const command = new Command("agent").description(
    "run one agent in the foreground; SIGTERM leaves its tasks running, SIGUSR1 kills them and leaves the cluster",
  );
  return withSettings(command, settings).action(run);
}

async function run(flags: AgentFlags): Promise<void> {
  // Listened for from the first moment: a signal that comes during the start is not lost.
  const endAsked = Promise.race([untilLeaveAsked(), untilStopped()]);
  const agent = await runAgent({
    masters: flags.master,
    listenHost: flags.listen,
    port: flags.port,
    ip: flags.ip ?? (flags.listen === "0.0.0.0" ? null : flags.listen),
    hostname: flags.hostname ?? null,
    workDirectory: flags.workDir,
    runtime: runtimeOf(flags),
    resources: flags.resources ?? null,
    attributes: parseAttributes(flags.attributes),
    domain: flags.domain === undefined ? null : readDomain(flags.domain),
    tracer: createTracer({
      level: flags.logLevel,
      name: `agent ${flags.port}`,
      pretty: flags.logFormat === "text",
    }),
  });
  await end(agent, await endAsked);
}

/** The signal may come more than once. */
function untilLeaveAsked(): Promise<"leave"> {
  return new Promise((resolve) => process.on("SIGUSR1", () => resolve("leave")));
}

async function end(agent: RunningAgent, cause: string): Promise<void> {
  // Whoever started us is gone without a word: its tasks have no owner any more.
  if (cause === "leave" || cause === "orphaned") await agent.shutdown();
  else await agent.stop();
  process.exit();
}

function runtimeOf(flags: AgentFlags): Parameters<typeof runAgent>[0]["runtime"] {
  if (flags.runtime === "process") return { kind: "process" };
  return {
    kind: "containerd",
    address: flags.containerdAddress,
    namespace: flags.containerdNamespace,
    snapshotter: flags.containerdSnapshotter ?? null,
  };
}

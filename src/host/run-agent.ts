// One agent as a process: real clock, disk, network and containers under the supervisor, its HTTP side beside it.
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Agent, createAgent } from "../agents/agent.ts";
import { type DetectedMachine, detectMachine } from "../agents/edge/detect.ts";
import { type AgentHttp, startAgentHttp } from "../agents/edge/http.ts";
import { folderSandboxes } from "../agents/edge/sandboxes.ts";
import { folderVolumes } from "../agents/edge/volumes.ts";
import type { Runtime } from "../agents/runtime.ts";
import { runtimeByImage } from "../agents/runtimes/by-image.ts";
import { createContainerdRuntime } from "../agents/runtimes/containerd/containerd-runtime.ts";
import { createProcessRuntime } from "../agents/runtimes/process/process-runtime.ts";
import type { Attribute } from "../contract/types.ts";
import type { Tracer } from "../kernel/ports.ts";
import type { FaultDomain } from "../state/model.ts";
import { agentResources } from "./agent-resources.ts";
import { domainInfo } from "./domain.ts";
import { EXIT } from "./exit-codes.ts";
import { lockFolder, sayHowLocked } from "./folder-lock.ts";
import { nodeClock } from "./node-clock.ts";
import { createNodeDisk } from "./node-disk.ts";
import { nodeRandom } from "./node-random.ts";
import { createUpgradeDialer } from "./upgrade-network.ts";
import { packageVersion } from "./version.ts";

export { DEFAULT_CONTAINERD_ADDRESS } from "../agents/runtimes/containerd/containerd-runtime.ts";

export interface AgentConfig {
  /** `host:port` of the masters. */
  readonly masters: readonly string[];
  /** Address to listen on. */
  readonly listenHost: string;
  readonly port: number;
  /** What tasks, executors and frameworks are told; detected when null. */
  readonly ip: string | null;
  readonly hostname: string | null;
  readonly workDirectory: string;
  readonly runtime: RuntimeConfig;
  /** Text of `--resources`; detected when null. */
  readonly resources: string | null;
  readonly attributes: readonly Attribute[];
  /** Where the machine stands (RV14); null for no domain. */
  readonly domain?: FaultDomain | null;
  readonly tracer: Tracer;
}

export type RuntimeConfig =
  | { readonly kind: "process" }
  | {
      readonly kind: "containerd";
      readonly address: string;
      readonly namespace: string;
      readonly snapshotter: string | null;
    };

export interface RunningAgent {
  /** Tasks go on. */
  stop(): Promise<void>;
  /** Kills the tasks and leaves the cluster for good. */
  shutdown(): Promise<void>;
}

/** Where a sandbox is seen inside a container with an image (SB03). */
const SANDBOX_MOUNT = "/mnt/mesos/sandbox";

/** @throws FolderInUse, RuntimeFailure if the runtime cannot be used, Error if a port is taken */
export async function runAgent(config: AgentConfig): Promise<RunningAgent> {
  const workDirectory = resolve(config.workDirectory);
  await mkdir(join(workDirectory, "meta"), { recursive: true });
  const lock = await lockFolder(workDirectory);
  sayHowLocked(lock, workDirectory, config.tracer);
  const machine = await detectMachine(workDirectory);
  const agent = agentOf(config, machine, workDirectory);
  const http = await startAgentHttp({
    agent,
    version: packageVersion(),
    tracer: config.tracer,
    host: config.listenHost,
    port: config.port,
    workDirectory,
  });
  try {
    await agent.start();
  } catch (error) {
    await http.close();
    await lock.release();
    throw error;
  }
  config.tracer.info("agent started", { port: http.port, runtime: config.runtime.kind });
  return {
    stop: () => stop(agent, http).then(lock.release),
    shutdown: () => shutdown(agent, http).then(lock.release),
  };
}

function agentOf(config: AgentConfig, machine: DetectedMachine, workDirectory: string): Agent {
  return createAgent({
    clock: nodeClock,
    random: nodeRandom(),
    network: createUpgradeDialer(),
    disk: createNodeDisk(join(workDirectory, "meta")),
    runtime: runtimeOf(config, join(workDirectory, "runtime")),
    sandboxes: folderSandboxes(workDirectory),
    volumes: folderVolumes(workDirectory),
    tracer: config.tracer,
    masters: config.masters,
    version: packageVersion(),
    settings: {
      info: {
        hostname: config.hostname ?? machine.hostname,
        port: config.port,
        resources: agentResources(machine, config.resources),
        ...(config.attributes.length === 0 ? {} : { attributes: config.attributes }),
        ...(config.domain == null ? {} : { domain: domainInfo(config.domain) }),
      },
      ip: config.ip ?? machine.ip,
      port: config.port,
      sandboxMount: SANDBOX_MOUNT,
    },
    onEnd: ({ reason, failed }) => {
      config.tracer.info("agent ended", { reason });
      process.exit(failed ? EXIT.diskFailed : EXIT.done);
    },
  });
}

function runtimeOf(config: AgentConfig, directory: string): Runtime {
  const { runtime, tracer } = config;
  const plain = createProcessRuntime({ directory: join(directory, "process"), tracer, clock: nodeClock });
  if (runtime.kind === "process") return plain;
  const images = createContainerdRuntime({
    address: runtime.address,
    namespace: runtime.namespace,
    ...(runtime.snapshotter === null ? {} : { snapshotter: runtime.snapshotter }),
    directory: join(directory, "containerd"),
    tracer,
    clock: nodeClock,
  });
  return runtimeByImage(images, plain);
}

async function stop(agent: Agent, http: AgentHttp): Promise<void> {
  await agent.stop();
  await http.close();
}

async function shutdown(agent: Agent, http: AgentHttp): Promise<void> {
  await agent.shutdown();
  await http.close();
}

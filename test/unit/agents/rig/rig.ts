// One machine, one master, and agents that come and go on it.
import { createAgent } from "../../../../src/agents/agent.ts";
import type { Agent, AgentSettings } from "../../../../src/agents/agent-types.ts";
import type { Sandboxes } from "../../../../src/agents/ports.ts";
import type { RuntimeName } from "../../../../src/agents/runtime.ts";
import type { RunTask } from "../../../../src/contract/agent-protocol.ts";
import type { ExecutorInfo, FrameworkInfo, TaskInfo } from "../../../../src/contract/types.ts";
import { silentTracer } from "../../../../src/kernel/ports.ts";
import { seededRandom } from "../../../../src/kernel/random.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { MemoryVolumes } from "./memory-volumes.ts";
import { ScriptedMaster } from "./scripted-master.ts";
import { ScriptedMachine } from "./scripted-runtime.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const FRAMEWORK = "cluster-0001";

export const framework: FrameworkInfo = {
  user: "root",
  name: "test",
  id: { value: FRAMEWORK },
  checkpoint: true,
  capabilities: [{ type: "PARTITION_AWARE" }, { type: "MULTI_ROLE" }],
  roles: ["dev"],
};

export const settings: AgentSettings = {
  info: {
    hostname: "host-1",
    port: 5051,
    resources: [{ name: "cpus", type: "SCALAR", scalar: { value: 4 } }],
  },
  ip: "10.0.0.1",
  port: 5051,
  sandboxMount: "/mnt/mesos/sandbox",
};

export interface RigOptions {
  readonly seed?: number;
  readonly runtime?: RuntimeName;
  readonly settings?: Partial<AgentSettings>;
  readonly masters?: readonly string[];
}

export class Rig {
  readonly clock = new VirtualClock();
  readonly machine = new ScriptedMachine(this.clock);
  readonly master = new ScriptedMaster(this.clock);
  readonly disk = new MemoryDisk();
  readonly volumes = new MemoryVolumes(this.disk);
  readonly ends: { readonly reason: string; readonly failed: boolean }[] = [];
  readonly sandboxes: string[] = [];
  readonly removedSandboxes: string[] = [];
  #starts = 0;
  #alive = { yes: false };
  readonly #options: RigOptions;

  constructor(options: RigOptions = {}) {
    this.#options = options;
  }

  /** An agent as of a fresh process; any older one is dead. */
  newAgent(): Agent {
    this.kill();
    const life = { yes: true };
    this.#alive = life;
    const isAlive = () => life.yes;
    return createAgent({
      clock: {
        wallMs: () => this.clock.wallMs(),
        monotonicMs: () => this.clock.monotonicMs(),
        after: (delayMs, action) => this.clock.after(delayMs, () => life.yes && action()),
      },
      random: seededRandom(`${this.#options.seed ?? 1}-${this.#starts++}`),
      network: this.master.network(isAlive),
      disk: this.disk.mount(isAlive),
      runtime: this.machine.runtime(isAlive, this.#options.runtime),
      sandboxes: this.#sandboxes(),
      volumes: this.volumes.mount(isAlive),
      tracer: silentTracer,
      masters: this.#options.masters ?? ["m1:5050"],
      version: "0.1.0",
      settings: { ...settings, ...this.#options.settings },
      onEnd: (end) => this.ends.push(end),
    });
  }

  /** SIGKILL: nothing that the agent had begun goes on. */
  kill(): void {
    this.#alive.yes = false;
  }

  async startAgent(): Promise<Agent> {
    const agent = this.newAgent();
    const started = agent.start();
    await this.clock.advance(10);
    await started;
    await this.clock.advance(10);
    return agent;
  }

  async run(frame: RunTask): Promise<void> {
    this.master.send(frame);
    await this.clock.advance(20);
  }

  #sandboxes(): Sandboxes {
    return {
      absolute: (path) => `/var/lib/agent/${path}`,
      create: async (path) => {
        this.sandboxes.push(path);
        return `/var/lib/agent/${path}`;
      },
      remove: async (path) => void this.removedSandboxes.push(path),
    };
  }
}

export function commandTask(taskId: string, script: string, more: Partial<TaskInfo> = {}): TaskInfo {
  return {
    name: taskId,
    task_id: { value: taskId },
    agent_id: { value: "cluster-S0" },
    resources: [
      { name: "cpus", type: "SCALAR", scalar: { value: 0.5 }, allocation_info: { role: "dev" } },
      { name: "mem", type: "SCALAR", scalar: { value: 64 }, allocation_info: { role: "dev" } },
    ],
    command: { value: script },
    ...more,
  };
}

export function runCommand(taskId: string, script: string, more: Partial<TaskInfo> = {}): RunTask {
  return { kind: "run", framework, task: commandTask(taskId, script, more) };
}

export function executorInfo(executorId: string, more: Partial<ExecutorInfo> = {}): ExecutorInfo {
  return { executor_id: { value: executorId }, command: { value: "run" }, ...more };
}

export function runInExecutor(taskId: string, executor: ExecutorInfo): RunTask {
  const { command: _none, ...task } = commandTask(taskId, "");
  return { kind: "run", framework, task: { ...task, executor } };
}

export function seconds(value: number): { readonly nanoseconds: bigint } {
  return { nanoseconds: BigInt(Math.round(value * 1000)) * 1_000_000n };
}

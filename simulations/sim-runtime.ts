// Containers of one machine, running in virtual time: the twin of containerd behind the Runtime port. They outlive the
// agent process; a loss of power ends them all without a trace.
import type { ContainerExit, ContainerSpec, ContainerStarted, Runtime } from "../src/agents/runtime.ts";
import { RuntimeFailure } from "../src/agents/runtime.ts";
import type { ContainerId } from "../src/kernel/ids.ts";
import type { Random } from "../src/kernel/ports.ts";
import { between, chance } from "../src/kernel/random.ts";
import type { EventLoop, Life } from "./event-loop.ts";

/** What a simulated command does is in its environment. */
export const COMMAND_VARIABLES = {
  /** How long it runs. Milliseconds. */
  runMs: "SIM_RUN_MS",
  exitCode: "SIM_EXIT_CODE",
  /** From SIGTERM to its end; -1 for a command that takes no notice. Milliseconds. */
  termMs: "SIM_TERM_MS",
} as const;

export interface SimContainer {
  readonly id: ContainerId;
  readonly machine: string;
  readonly frameworkId: string;
  readonly taskId: string;
  readonly spec: ContainerSpec;
  readonly pid: number;
  readonly life: Life;
  /** Null while it runs. */
  waitStatus: number | null;
  /** The agent has asked for its end. */
  signalled: boolean;
}

export interface RuntimeFaults {
  readonly launchMs: { readonly low: number; readonly high: number };
  /** 0 to 1. */
  readonly launchFailure: number;
}

export interface ContainerObserver {
  started(container: SimContainer): void;
  signalled(container: SimContainer, signal: "SIGTERM" | "SIGKILL"): void;
  ended(container: SimContainer, cause: "exit" | "power"): void;
  removed(container: SimContainer): void;
}

/** What a broken runtime does: for tests of the checkers. */
export interface RuntimeSabotage {
  /** Containers of which it loses all trace when they have started. */
  forgets?: (container: SimContainer) => boolean;
  /** Containers that it starts twice. */
  repeats?: (container: SimContainer) => boolean;
  /** The wait status that it reports, given the true one. */
  misreports?: (waitStatus: number) => number;
}

interface Mounted {
  readonly life: Life;
  handler: ((exit: ContainerExit) => void) | null;
  /** What this process of the agent has started or taken over: their ends are reported to it. */
  readonly watched: Set<ContainerId>;
}

const SIGNAL_NUMBERS = { SIGTERM: 15, SIGKILL: 9 } as const;

export interface RuntimeParts {
  readonly machine: string;
  readonly loop: EventLoop;
  readonly random: Random;
  readonly observer: ContainerObserver;
  faults: RuntimeFaults;
}

export class SimRuntime {
  readonly containers = new Map<ContainerId, SimContainer>();
  readonly #parts: RuntimeParts;
  #mounted: Mounted | null = null;
  #nextPid = 100;
  readonly sabotage: RuntimeSabotage = {};

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
  }

  setFaults(faults: RuntimeFaults): void {
    this.#parts.faults = faults;
  }

  /** The runtime as a newly started process of the agent sees it. */
  mount(life: Life): Runtime {
    const mounted: Mounted = { life, handler: null, watched: new Set() };
    this.#mounted = mounted;
    return {
      name: "process",
      start: async (handler) => {
        mounted.handler = handler;
      },
      launch: (spec) => this.#launch(mounted, spec),
      recover: (id) => this.#recover(mounted, id),
      signal: async (id, signal) => this.#signal(id, signal),
      remove: async (id) => this.#remove(id),
      list: async () => [...this.containers.keys()],
      stop: async () => {
        mounted.handler = null;
      },
    };
  }

  loseAll(): void {
    for (const container of this.containers.values()) {
      container.life.alive = false;
      // Also of one that has exited: the runtime's record of it is gone with the rest.
      this.#parts.observer.ended(container, "power");
    }
    this.containers.clear();
  }

  running(): readonly SimContainer[] {
    return [...this.containers.values()].filter(({ waitStatus }) => waitStatus === null);
  }

  /** What has not started when the agent's process ends does not start. */
  #launch(mounted: Mounted, spec: ContainerSpec): Promise<ContainerStarted> {
    const { loop, random, faults } = this.#parts;
    const fails = chance(random, faults.launchFailure);
    const delayUs = between(random, faults.launchMs.low * 1_000, faults.launchMs.high * 1_000);
    return new Promise((resolve, reject) => {
      loop.schedule(delayUs, mounted.life, () => {
        if (fails) reject(new RuntimeFailure("launch-failed", "the simulation lets it fail"));
        else resolve(this.#begin(mounted, spec));
      });
    });
  }

  #begin(mounted: Mounted, spec: ContainerSpec): ContainerStarted {
    const { loop, observer, machine } = this.#parts;
    const container: SimContainer = {
      id: spec.id,
      machine,
      frameworkId: spec.environment.MESOS_FRAMEWORK_ID ?? "",
      taskId: spec.environment.MESOS_TASK_ID ?? "",
      spec,
      pid: this.#nextPid++,
      life: { name: `container ${spec.id}`, alive: true },
      waitStatus: null,
      signalled: false,
    };
    this.containers.set(spec.id, container);
    mounted.watched.add(spec.id);
    observer.started(container);
    const exitCode = Number(spec.environment[COMMAND_VARIABLES.exitCode] ?? 0);
    const runMs = Number(spec.environment[COMMAND_VARIABLES.runMs] ?? 0);
    loop.schedule(runMs * 1_000, container.life, () => this.#end(container, exitCode * 256));
    if (this.sabotage.forgets?.(container)) this.#vanish(container);
    if (this.sabotage.repeats?.(container)) observer.started(container);
    return { id: spec.id, pid: container.pid };
  }

  #vanish(container: SimContainer): void {
    container.life.alive = false;
    this.containers.delete(container.id);
  }

  #end(container: SimContainer, waitStatus: number): void {
    if (container.waitStatus !== null) return;
    container.waitStatus = waitStatus;
    container.life.alive = false;
    this.#parts.observer.ended(container, "exit");
    this.#report(container);
  }

  #report(container: SimContainer): void {
    const { loop } = this.#parts;
    const mounted = this.#mounted;
    const { waitStatus, id } = container;
    if (mounted === null || waitStatus === null || !mounted.watched.has(id)) return;
    const reported = this.sabotage.misreports?.(waitStatus) ?? waitStatus;
    loop.schedule(0, mounted.life, () => mounted.handler?.({ id, waitStatus: reported, outOfMemory: false }));
  }

  async #recover(mounted: Mounted, id: ContainerId): Promise<ContainerStarted | "gone"> {
    const container = this.containers.get(id);
    if (container === undefined) return "gone";
    mounted.watched.add(id);
    this.#report(container);
    return { id, pid: container.pid };
  }

  #signal(id: ContainerId, signal: "SIGTERM" | "SIGKILL"): void {
    const container = this.containers.get(id);
    if (container === undefined || container.waitStatus !== null) return;
    container.signalled = true;
    this.#parts.observer.signalled(container, signal);
    const termMs = Number(container.spec.environment[COMMAND_VARIABLES.termMs] ?? 0);
    if (signal === "SIGTERM" && termMs < 0) return;
    const delayUs = signal === "SIGKILL" ? 1_000 : termMs * 1_000;
    this.#parts.loop.schedule(delayUs, container.life, () => this.#end(container, SIGNAL_NUMBERS[signal]));
  }

  #remove(id: ContainerId): void {
    const container = this.containers.get(id);
    if (container === undefined) return;
    this.#parts.observer.removed(container);
    container.life.alive = false;
    this.containers.delete(id);
  }
}

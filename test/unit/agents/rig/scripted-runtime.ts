// Containers of a machine that outlives the agents on it. What a container does is written in its command:
//   `run`            runs until it is signalled        `stubborn`  runs until SIGKILL
//   `exit:<code>`    ends at once                      `exit:<code>:<ms>`  ends after a time
//   `oom`            ends by the memory limit          `fail:<code>`  cannot be launched
//   `slow:<ms>`      takes that long to launch, then runs
//   `undying:<ms>`   the same, and no signal ends it, as in a system call that does not return

import {
  type ContainerExit,
  type ContainerSpec,
  type Runtime,
  RuntimeFailure,
  type RuntimeFailureCode,
  type RuntimeName,
  type VolumeMount,
} from "../../../../src/agents/runtime.ts";
import { asId, type ContainerId } from "../../../../src/kernel/ids.ts";
import type { VirtualClock } from "./virtual-clock.ts";

interface Container {
  readonly spec: ContainerSpec;
  readonly pid: number;
  exit: ContainerExit | null;
  watcher: ((exit: ContainerExit) => void) | null;
}

const never = new Promise<never>(() => undefined);

export class ScriptedMachine {
  readonly clock: VirtualClock;
  readonly containers = new Map<ContainerId, Container>();
  /** Every container that ever ran, in order. */
  readonly launched: ContainerSpec[] = [];
  /** What running containers were shown, in order. */
  readonly attached: VolumeMount[] = [];
  /** Volumes cannot be shown for this reason. */
  attachFault: string | null = null;
  readonly signals: { readonly id: ContainerId; readonly signal: string; readonly atMs: number }[] = [];
  #nextPid = 100;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  /** The runtime of one start of the agent. */
  runtime(isAlive: () => boolean, name: RuntimeName = "process"): Runtime {
    let handler: (exit: ContainerExit) => void = () => undefined;
    const report = (exit: ContainerExit) => {
      if (isAlive()) handler(exit);
    };
    const whileAlive = <Value>(work: () => Value | Promise<Value>): Promise<Value> =>
      isAlive() ? Promise.resolve().then(work) : never;
    return {
      name,
      start: (given) =>
        whileAlive(() => {
          handler = given;
        }),
      launch: (spec) => whileAlive(() => this.#launch(spec, isAlive, report)),
      attach: (_spec, volumes) => whileAlive(() => this.#attach(volumes)),
      recover: (id) => whileAlive(() => this.#recover(id, report)),
      signal: (id, signal) => whileAlive(() => this.#signal(id, signal)),
      remove: (id) => whileAlive(() => this.#remove(id)),
      list: () => whileAlive(() => [...this.containers.keys()]),
      stop: () => whileAlive(() => undefined),
    };
  }

  /** Ends a running container from outside. */
  end(id: ContainerId, waitStatus: number, outOfMemory = false): void {
    const container = this.containers.get(id);
    if (container === undefined || container.exit !== null) return;
    container.exit = { id, waitStatus, outOfMemory };
    container.watcher?.(container.exit);
  }

  /** As after a reboot of the machine: no trace of any container. */
  forgetAll(): void {
    this.containers.clear();
  }

  #attach(volumes: readonly VolumeMount[]): void {
    if (this.attachFault !== null) throw new RuntimeFailure("volume-unavailable", this.attachFault);
    this.attached.push(...volumes);
  }

  running(): readonly ContainerId[] {
    return [...this.containers].filter(([, { exit }]) => exit === null).map(([id]) => id);
  }

  async #launch(spec: ContainerSpec, isAlive: () => boolean, report: (exit: ContainerExit) => void) {
    const [verb = "", first = "", second] = (spec.argv.at(-1) ?? "").split(":");
    if (verb === "fail") throw new RuntimeFailure(first as RuntimeFailureCode, `scripted ${first}`);
    if (verb === "slow" || verb === "undying")
      await new Promise<void>((done) => this.clock.after(Number(first), done));
    if (!isAlive()) return never;
    this.launched.push(spec);
    const pid = this.#nextPid++;
    this.containers.set(spec.id, { spec, pid, exit: null, watcher: report });
    if (verb === "oom") this.clock.after(1, () => this.end(spec.id, 9, true));
    if (verb === "exit" && second === undefined) this.end(spec.id, Number(first) * 256);
    else if (verb === "exit") this.clock.after(Number(second), () => this.end(spec.id, Number(first) * 256));
    return { id: spec.id, pid };
  }

  #recover(id: ContainerId, report: (exit: ContainerExit) => void) {
    const container = this.containers.get(id);
    if (container === undefined) return "gone" as const;
    container.watcher = report;
    const { exit } = container;
    if (exit !== null) this.clock.after(0, () => report(exit));
    return { id, pid: container.pid };
  }

  #signal(id: ContainerId, signal: "SIGTERM" | "SIGKILL"): void {
    this.signals.push({ id, signal, atMs: this.clock.monotonicMs() });
    const stubborn = this.containers.get(id)?.spec.argv.at(-1)?.startsWith("stubborn") === true;
    if (signal === "SIGTERM" && stubborn) return;
    if (this.containers.get(id)?.spec.argv.at(-1)?.startsWith("undying") === true) return;
    this.end(id, signal === "SIGTERM" ? 15 : 9);
  }

  #remove(id: ContainerId): void {
    if (this.containers.get(id)?.exit === null) return;
    this.containers.delete(id);
  }
}

export function containerId(value: string): ContainerId {
  return asId<ContainerId>(value);
}

// What goes wrong in a simulated world, when and for how long. Every fault has an end of its own, and `heal` ends them
// all: after it nothing goes wrong any more.
import type { Random } from "../src/kernel/ports.ts";
import { below, between, chance, pick } from "../src/kernel/random.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import type { AgentMachine, FrameworkMachine, Machine, MasterMachine } from "./machines.ts";
import { FAULT_KINDS, type FaultKind, type SimOptions } from "./options.ts";
import type { Range } from "./sim-disk.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { Trace } from "./trace.ts";

export interface FaultParts {
  readonly options: SimOptions;
  readonly loop: EventLoop;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly trace: Trace;
  readonly masters: readonly MasterMachine[];
  readonly agents: readonly AgentMachine[];
  readonly frameworks: readonly FrameworkMachine[];
}

export class Faults {
  /** How often each has happened. */
  readonly counts = new Map<FaultKind, number>();
  readonly #parts: FaultParts;
  readonly #life: Life = { name: "faults", alive: true };
  readonly #inject: Readonly<Record<FaultKind, () => void>>;

  constructor(parts: FaultParts) {
    const { masters, agents, frameworks } = parts;
    this.#parts = parts;
    this.#inject = {
      "master-killed": () => this.#down(masters, (machine) => machine.kill()),
      "master-power-lost": () => this.#down(masters, (machine) => machine.losePower()),
      "master-stopped": () => this.#stop(masters),
      "master-disk-fails": () => this.#failDisk(this.#one(masters)),
      "master-disk-hangs": () => this.#hangDisk(this.#one(masters)),
      "agent-killed": () => this.#down(agents, (machine) => machine.kill()),
      "agent-power-lost": () => this.#down(agents, (machine) => machine.losePower()),
      "agent-stopped": () => this.#stop(agents),
      "agent-disk-fails": () => this.#failDisk(this.#one(agents)),
      "framework-crashes": () => this.#down(frameworks, (machine) => machine.kill()),
      "master-isolated": () => this.#isolate(this.#one(masters), masters),
      "masters-split": () => this.#split(),
      "one-way-cut": () => this.#cutOneWay(),
      "agent-cut-off": () => this.#isolate(this.#one(agents), masters),
      "framework-cut-off": () => this.#isolate(this.#one(frameworks), masters),
      "path-slow": () => this.#slowPath(),
      "connection-broken": () => void parts.network.breakOne(),
      "clock-stepped": () => this.#stepClock(),
    };
  }

  start(): void {
    for (const kind of FAULT_KINDS) this.#schedule(kind);
  }

  /** Everything is mended, and everybody is started again. */
  heal(): void {
    const { network, masters, agents, frameworks, trace } = this.#parts;
    this.#life.alive = false;
    trace.line("faults", "all is healed");
    network.healAll();
    for (const machine of [...masters, ...agents, ...frameworks]) {
      machine.disk.failNoMore();
      machine.disk.resume();
      machine.start();
    }
  }

  /** A process that ended in another way than by a fault is started again. */
  restart(machine: Machine): void {
    const { loop, options, random } = this.#parts;
    const life = this.#life.alive ? this.#life : afterwards;
    loop.schedule(between(random, options.downMs.low, options.downMs.high) * 1_000, life, () =>
      machine.start(),
    );
  }

  #schedule(kind: FaultKind): void {
    const { loop, options, random } = this.#parts;
    const mean = options.faultEveryMs[kind];
    if (mean === undefined) return;
    const wait = -Math.log(1 - below(random, 1_000_000) / 1_000_000) * mean;
    loop.schedule(wait * 1_000, this.#life, () => {
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      this.#inject[kind]();
      this.#schedule(kind);
    });
  }

  #later(range: Range, action: () => void): void {
    const { loop, random } = this.#parts;
    loop.schedule(between(random, range.low, range.high) * 1_000, this.#life, action);
  }

  #one<Item>(items: readonly Item[]): Item {
    return pick(this.#parts.random, items);
  }

  #down<Some extends Machine>(machines: readonly Some[], end: (machine: Some) => void): void {
    const machine = this.#one(machines);
    if (!machine.isUp) return;
    end(machine);
    this.#later(this.#parts.options.downMs, () => machine.start());
  }

  #stop(machines: readonly (MasterMachine | AgentMachine)[]): void {
    const machine = this.#one(machines);
    if (machine.isUp) machine.stop(() => this.restart(machine));
  }

  #failDisk(machine: Machine): void {
    machine.diskFails = true;
    this.#parts.trace.line(machine.name, "the disk is about to fail");
    machine.disk.failNoMore();
    machine.disk.failNext(pick(this.#parts.random, ["write", "sync"]));
  }

  #hangDisk(machine: MasterMachine): void {
    this.#parts.trace.line(machine.name, "the disk hangs");
    machine.disk.stall();
    this.#later(this.#parts.options.cutMs, () => machine.disk.resume());
  }

  #isolate(machine: Machine, others: readonly Machine[]): void {
    for (const other of others) if (other !== machine) this.#cutBothWays(machine, other);
  }

  #split(): void {
    const { masters, random } = this.#parts;
    const sides = masters.map(() => chance(random, 1 / 2));
    for (const [i, one] of masters.entries()) {
      for (const [k, other] of masters.entries())
        if (i < k && sides[i] !== sides[k]) this.#cutBothWays(one, other);
    }
  }

  #cutOneWay(): void {
    const { masters, agents, frameworks } = this.#parts;
    const from = this.#one([...masters, ...agents, ...frameworks]);
    const to = this.#one(masters);
    if (from === to) return;
    const [one, other] = chance(this.#parts.random, 1 / 2) ? [from, to] : [to, from];
    this.#cut(one, other);
  }

  #cutBothWays(one: Machine, other: Machine): void {
    this.#cut(one, other);
    this.#cut(other, one);
  }

  #cut(from: Machine, to: Machine): void {
    const { network, trace, options } = this.#parts;
    trace.line("network", `cut ${from.name} to ${to.name}`);
    network.cut(from.name, to.name);
    this.#later(options.cutMs, () => {
      trace.line("network", `mended ${from.name} to ${to.name}`);
      network.mend(from.name, to.name);
    });
  }

  #slowPath(): void {
    const { masters, agents, network, random, options } = this.#parts;
    const from = this.#one([...masters, ...agents]);
    const to = this.#one(masters);
    network.slow(from.name, to.name, between(random, 10, 200));
    this.#later(options.cutMs, () => network.slow(from.name, to.name, 1));
  }

  #stepClock(): void {
    const { masters, agents, random, options } = this.#parts;
    const machine = this.#one([...masters, ...agents]);
    const most = Math.max(10, options.clockOffsetMsMax);
    machine.oscillator.wallOffsetMs += below(random, 2 * most + 1) - most;
  }
}

/** For processes that end when faults are over. */
const afterwards: Life = { name: "restart", alive: true };

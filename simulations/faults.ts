// What goes wrong in a simulated world, when and for how long. Every fault has an end of its own; what ends them all at
// once, for a part of the machines or for everybody, is in healing.ts.
import type { Random } from "../src/kernel/ports.ts";
import { below, between, chance, pick } from "../src/kernel/random.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import { beginFaults } from "./fault-schedule.ts";
import type { AgentMachine, FrameworkMachine, Machine, MasterMachine } from "./machines.ts";
import type { Operator } from "./operator.ts";
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
  readonly operator: Operator;
  readonly masters: readonly MasterMachine[];
  readonly agents: readonly AgentMachine[];
  readonly frameworks: readonly FrameworkMachine[];
}

/** Disk operations after which a process crashes at the latest, and turns of its promises after one of them. */
const CRASH_OPERATIONS_MAX = 40;
const CRASH_TURNS_MAX = 40;
/** What a disk that is getting full has left. */
const ROOM_BYTES_MAX = 20_000;

export class Faults {
  /** How often each has happened. */
  readonly counts = new Map<FaultKind, number>();
  readonly #parts: FaultParts;
  readonly #life: Life = { name: "faults", alive: true };
  readonly #inject: Readonly<Record<FaultKind, () => void>>;

  constructor(parts: FaultParts) {
    const { masters, agents, frameworks, operator } = parts;
    this.#parts = parts;
    this.#inject = {
      "master-killed": () => this.#down(masters, (machine) => machine.kill()),
      "master-power-lost": () => this.#down(masters, (machine) => machine.losePower()),
      "master-stopped": () => this.#stop(masters),
      "master-disk-fails": () => this.#failDisk(this.#one(masters)),
      "master-disk-hangs": () => this.#hangDisk(this.#one(masters)),
      "master-disk-full": () => this.#fillDisk(this.#one(masters)),
      "master-crashes-at-disk": () => this.#crashAtDisk(this.#one(masters)),
      "master-paused": () => this.#pause(this.#one(masters)),
      "master-slow": () => this.#slowDown(this.#one(masters)),
      "master-rots": () => this.#loseData("sector"),
      "master-wiped": () => this.#loseData("all"),
      "leader-transferred": () => operator.transfer(),
      "member-replaced": () => operator.replaceOne(),
      "agent-killed": () => this.#down(agents, (machine) => machine.kill()),
      "agent-power-lost": () => this.#down(agents, (machine) => machine.losePower()),
      "agent-stopped": () => this.#stop(agents),
      "agent-disk-fails": () => this.#failDisk(this.#one(agents)),
      "agent-disk-full": () => this.#fillDisk(this.#one(agents)),
      "agent-crashes-at-disk": () => this.#crashAtDisk(this.#one(agents)),
      "agent-paused": () => this.#pause(this.#one(agents)),
      "framework-crashes": () => this.#down(frameworks, (machine) => machine.kill()),
      "master-isolated": () => this.#isolate(this.#one(masters)),
      "masters-split": () => this.#split(),
      "one-way-cut": () => this.#cutOneWay(),
      "agent-cut-off": () => this.#isolate(this.#one(agents)),
      "framework-cut-off": () => this.#isolate(this.#one(frameworks)),
      "path-slow": () => this.#slowPath(),
      "connection-broken": () => void parts.network.breakOne(),
      "clock-stepped": () => this.#stepClock(),
    };
  }

  start(): void {
    const { loop, options, random } = this.#parts;
    const { counts } = this;
    const schedule = { loop, random, counts, everyMs: options.faultEveryMs, life: this.#life };
    beginFaults({ ...schedule, inject: this.#inject }, FAULT_KINDS);
  }

  /** Nothing new goes wrong; what is wrong stays so. */
  stop(): void {
    this.#life.alive = false;
  }

  /** A process that ended in another way than by a fault is started again, by whoever looks after its machine. */
  restart(machine: Machine): void {
    if (machine.isAbandoned) return;
    const { loop, options, random } = this.#parts;
    const life = this.#life.alive ? this.#life : afterwards;
    loop.schedule(between(random, options.downMs.low, options.downMs.high) * 1_000, life, () => {
      if (!machine.isAbandoned) machine.start();
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
    machine.hasFailed = true;
    this.#parts.trace.line(machine.name, "the disk is about to fail");
    machine.disk.failNoMore();
    machine.disk.failNext(pick(this.#parts.random, ["write", "sync"]));
  }

  #hangDisk(machine: MasterMachine): void {
    this.#parts.trace.line(machine.name, "the disk hangs");
    machine.disk.stall();
    this.#later(this.#parts.options.cutMs, () => machine.disk.resume());
  }

  #fillDisk(machine: Machine): void {
    const { trace, random, options } = this.#parts;
    machine.diskFails = true;
    machine.hasFailed = true;
    trace.line(machine.name, "the disk is nearly full");
    machine.disk.setFaults({ capacityBytes: machine.disk.usedBytes() + below(random, ROOM_BYTES_MAX) });
    this.#later(options.cutMs, () => machine.disk.setFaults({ capacityBytes: options.disk.capacityBytes }));
  }

  #crashAtDisk(machine: Machine): void {
    const { random, options } = this.#parts;
    const losesPower = chance(random, 1 / 2);
    const { life } = machine;
    machine.disk.interrupt({
      operations: below(random, CRASH_OPERATIONS_MAX),
      moment: pick(random, ["before", "within", "after"]),
      turns: below(random, CRASH_TURNS_MAX),
      action: () => {
        if (life === null || machine.life !== life) return;
        if (losesPower) machine.losePower();
        else machine.kill();
        this.#later(options.downMs, () => machine.start());
      },
    });
  }

  #pause(machine: Machine): void {
    const { random, options } = this.#parts;
    machine.pause(between(random, options.cutMs.low, options.cutMs.high));
  }

  #slowDown(machine: Machine): void {
    const { masters, network, random, options } = this.#parts;
    const factor = between(random, 5, 50);
    const setSpeed = (times: number, latencyMs: Range): void => {
      for (const other of masters) {
        network.slow(machine.name, other.name, times);
        network.slow(other.name, machine.name, times);
      }
      machine.disk.setFaults({ latencyMs });
    };
    setSpeed(factor, { low: 1, high: factor });
    this.#later(options.cutMs, () => setSpeed(1, options.disk.latencyMs));
  }

  /** Never of so many members that nobody is left who knows what was committed. */
  #loseData(loss: "sector" | "all"): void {
    const { masters, operator, options } = this.#parts;
    const machine = this.#one(masters);
    const damaged = masters.filter(({ damage, joining }) => damage !== "none" || joining);
    const most = Math.floor((masters.length - 1) / 2);
    if (operator.isReplacing() || damaged.length >= most || machine.damage !== "none") return;
    machine.loseData(loss);
    this.#later(options.downMs, () => machine.start());
  }

  #isolate(machine: Machine): void {
    for (const other of this.#parts.masters) if (other !== machine) this.#cutBothWays(machine, other);
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

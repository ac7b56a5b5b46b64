// What goes wrong in a world of members alone, when and for how long; then which majority is healed and what the others
// are left in, and at last all is healed.
import type { Random } from "../../src/kernel/ports.ts";
import { below, between, chance, pick } from "../../src/kernel/random.ts";
import type { MembershipChange } from "../../src/raft/index.ts";
import type { EventLoop, Life } from "../event-loop.ts";
import { beginFaults } from "../fault-schedule.ts";
import type { Range } from "../sim-disk.ts";
import type { SimNetwork } from "../sim-network.ts";
import type { Trace } from "../trace.ts";
import { addressOf, type MemberMachine } from "./member.ts";
import { FAULT_KINDS, type FaultKind, type RaftWorldOptions } from "./options.ts";

export interface RaftFaultParts {
  readonly options: RaftWorldOptions;
  readonly loop: EventLoop;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly trace: Trace;
  readonly members: readonly MemberMachine[];
}

/** From an election to the blow that its winner gets. */
const COUP_MS: Range = { low: 0, high: 80 };
/** From a transfer to the cut between the two. */
const TRANSFER_CUT_MS: Range = { low: 0, high: 10 };
/** From a vote to the blow that its giver gets, and how long that keeps it down. */
const STRIKE_MS: Range = { low: 0, high: 10 };
const SHORT_DOWN_MS: Range = { low: 1, high: 60 };

/** What a member outside the healed majority is left in. */
const CONDITIONS = ["down", "disk-hangs", "isolated", "deaf", "mute", "half-cut", "well"] as const;

export class RaftFaults {
  /** How often each has happened. */
  readonly counts = new Map<FaultKind, number>();
  readonly #parts: RaftFaultParts;
  readonly #life: Life = { name: "faults", alive: true };
  #begun = false;
  readonly #inject: Readonly<Record<FaultKind, () => void>>;

  constructor(parts: RaftFaultParts) {
    this.#parts = parts;
    this.#inject = {
      killed: () => this.#down((machine) => machine.kill()),
      "power-lost": () => this.#down((machine) => machine.losePower()),
      stopped: () => this.#stop(),
      "disk-fails": () => this.#failDisk(this.#one()),
      "disk-full": () => this.#fillDisk(this.#one()),
      "disk-hangs": () => this.#hangDisk(this.#one()),
      isolated: () => this.#isolate(this.#one()),
      split: () => this.#split(),
      "one-way-cut": () => this.#cutOneWay(),
      "path-slow": () => this.#slowPath(),
      "connection-broken": () => void parts.network.breakOne(),
      "clock-stepped": () => this.#stepClock(this.#one()),
      transfer: () => this.#transfer(),
      snapshot: () => this.#one().saveSnapshot(),
      "member-added": () => this.#change("add-learner"),
      "member-promoted": () => this.#change("promote"),
      "member-removed": () => this.#change("remove"),
    };
  }

  start(): void {
    this.#begun = true;
    const { loop, options, random } = this.#parts;
    const { counts } = this;
    const schedule = { loop, random, counts, everyMs: options.faultEveryMs, life: this.#life };
    beginFaults({ ...schedule, inject: this.#inject }, FAULT_KINDS);
  }

  /** Strikes a new leader, now and then, while it has not yet settled in. */
  coup(machine: MemberMachine): void {
    const { random, options } = this.#parts;
    if (!this.#strikes(options.coups)) return;
    const blow = pick(random, [
      () => this.#end(machine, () => machine.kill()),
      () => this.#end(machine, () => machine.losePower()),
      () => this.#isolate(machine),
    ]);
    this.#later(COUP_MS, blow);
  }

  /** Strikes a member that has voted, now and then, and lets it come back at once: it must remember. */
  struck(machine: MemberMachine): void {
    if (!this.#strikes(this.#parts.options.struckVoters)) return;
    this.#later(STRIKE_MS, () => this.#end(machine, () => machine.kill(), SHORT_DOWN_MS));
  }

  #strikes(probability: number): boolean {
    return this.#begun && this.#life.alive && chance(this.#parts.random, probability);
  }

  /** No fault begins or ends from here on. The core is well; each other member is left as the seed says. */
  healCore(core: ReadonlySet<MemberMachine>): void {
    const { network, members, random, trace } = this.#parts;
    this.#life.alive = false;
    network.healAll();
    for (const machine of members) {
      const condition = core.has(machine) ? "well" : pick(random, CONDITIONS);
      trace.line(machine.name, `left ${condition}`);
      this.#leave(machine, condition);
    }
  }

  healAll(): void {
    const { network, members, trace } = this.#parts;
    this.#life.alive = false;
    trace.line("faults", "all is healed");
    network.healAll();
    for (const machine of members) this.#mend(machine);
  }

  /** A process that ended in another way than by a fault is started again. */
  restart(machine: MemberMachine): void {
    const { loop, options, random } = this.#parts;
    const life = this.#life.alive ? this.#life : afterwards;
    loop.schedule(between(random, options.downMs.low, options.downMs.high) * 1_000, life, () =>
      machine.start(),
    );
  }

  #leave(machine: MemberMachine, condition: (typeof CONDITIONS)[number]): void {
    const { members, network, random } = this.#parts;
    if (condition === "down") {
      machine.kill();
      return;
    }
    this.#mend(machine);
    if (condition === "disk-hangs") machine.disk.stall();
    for (const other of members) {
      if (other === machine) continue;
      const half = condition === "half-cut" && chance(random, 1 / 2);
      if (half || condition === "isolated" || condition === "deaf") network.cut(other.name, machine.name);
      if (half || condition === "isolated" || condition === "mute") network.cut(machine.name, other.name);
    }
  }

  #mend(machine: MemberMachine): void {
    machine.disk.failNoMore();
    machine.disk.setFaults({ capacityBytes: Number.POSITIVE_INFINITY });
    machine.disk.resume();
    machine.start();
  }

  #later(range: Range, action: () => void): void {
    const { loop, random } = this.#parts;
    loop.schedule(between(random, range.low, range.high) * 1_000, this.#life, action);
  }

  #one(): MemberMachine {
    const { members, random, options } = this.#parts;
    const leaders = members.filter(({ process }) => process?.node.status().role === "leader");
    return pick(random, leaders.length > 0 && chance(random, options.atLeader) ? leaders : members);
  }

  #down(end: (machine: MemberMachine) => void): void {
    const machine = this.#one();
    this.#end(machine, () => end(machine));
  }

  #end(machine: MemberMachine, end: () => void, downMs = this.#parts.options.downMs): void {
    if (!machine.isUp) return;
    end();
    this.#later(downMs, () => machine.start());
  }

  #stop(): void {
    const machine = this.#one();
    if (machine.isUp) machine.stop(() => this.restart(machine));
  }

  /** Now and then the old leader hears nothing of the new one that it has made. */
  #transfer(): void {
    const { members, random } = this.#parts;
    const from = this.#one();
    const to = pick(random, members);
    from.process?.node.transferLeadership(to === from ? undefined : to.id);
    if (to === from || !chance(random, 1 / 2)) return;
    this.#later(TRANSFER_CUT_MS, () => this.#cut(to, from));
  }

  /** An operator asks a leader, or who believes to be one, for a change of the membership that makes sense to it. */
  #change(kind: MembershipChange["kind"]): void {
    const { members, random, trace } = this.#parts;
    const leaders = members.filter(({ process }) => process?.node.status().role === "leader");
    const node = leaders.length === 0 ? undefined : pick(random, leaders).process?.node;
    if (node === undefined) return;
    const { voters, learners } = node.status().membership;
    const isFit = ({ id }: MemberMachine): boolean => {
      if (kind === "promote") return learners.includes(id);
      return (voters.includes(id) || learners.includes(id)) === (kind === "remove");
    };
    const fit = members.filter(isFit);
    if (fit.length === 0) return;
    const { id, name } = pick(random, fit);
    const contact = { raftAddress: addressOf(name), apiAddress: name };
    trace.line(name, `asked to ${kind}`);
    node.changeMembership(kind === "add-learner" ? { kind, id, contact } : { kind, id }).then(
      (membership) => trace.line(name, `done: ${kind}`, () => membership),
      (error: unknown) => trace.line(name, `not done: ${kind}`, () => String(error)),
    );
  }

  #failDisk(machine: MemberMachine): void {
    const operation = pick(this.#parts.random, ["write", "sync"] as const);
    this.#parts.trace.line(machine.name, "the disk is about to fail", () => ({ operation }));
    machine.diskFails = true;
    machine.disk.failNoMore();
    machine.disk.failNext(operation);
  }

  #fillDisk(machine: MemberMachine): void {
    this.#parts.trace.line(machine.name, "the disk is full");
    machine.diskFails = true;
    machine.disk.setFaults({ capacityBytes: 0 });
    this.#later(this.#parts.options.cutMs, () =>
      machine.disk.setFaults({ capacityBytes: Number.POSITIVE_INFINITY }),
    );
  }

  #hangDisk(machine: MemberMachine): void {
    this.#parts.trace.line(machine.name, "the disk hangs");
    machine.disk.stall();
    this.#later(this.#parts.options.cutMs, () => machine.disk.resume());
  }

  #isolate(machine: MemberMachine): void {
    for (const other of this.#parts.members) if (other !== machine) this.#cutBothWays(machine, other);
  }

  #split(): void {
    const { members, random } = this.#parts;
    const sides = members.map(() => chance(random, 1 / 2));
    for (const [i, one] of members.entries()) {
      for (const [k, other] of members.entries())
        if (i < k && sides[i] !== sides[k]) this.#cutBothWays(one, other);
    }
  }

  #cutOneWay(): void {
    const { members, random } = this.#parts;
    const one = this.#one();
    const other = pick(random, members);
    if (chance(random, 1 / 2)) this.#cut(one, other);
    else this.#cut(other, one);
  }

  #cutBothWays(one: MemberMachine, other: MemberMachine): void {
    this.#cut(one, other);
    this.#cut(other, one);
  }

  #cut(from: MemberMachine, to: MemberMachine): void {
    const { network, trace, options } = this.#parts;
    if (from === to) return;
    trace.line("network", `cut ${from.name} to ${to.name}`);
    network.cut(from.name, to.name);
    this.#later(options.cutMs, () => {
      trace.line("network", `mended ${from.name} to ${to.name}`);
      network.mend(from.name, to.name);
    });
  }

  #slowPath(): void {
    const { network, random, options } = this.#parts;
    const from = this.#one();
    const to = this.#one();
    network.slow(from.name, to.name, between(random, 10, 200));
    this.#later(options.cutMs, () => network.slow(from.name, to.name, 1));
  }

  #stepClock(machine: MemberMachine): void {
    const { random, options } = this.#parts;
    const most = Math.max(10, options.clockOffsetMsMax);
    machine.oscillator.wallOffsetMs += below(random, 2 * most + 1) - most;
  }
}

/** For processes that end when faults are over. */
const afterwards: Life = { name: "restart", alive: true };

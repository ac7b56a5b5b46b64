// A machine with one Raft member on it: the production's driver, log and storage over the virtual disk, network and
// clocks, under a state machine of registers.
import { asId, asIndex, type LogIndex, type MemberId } from "../../src/kernel/ids.ts";
import type { Tracer } from "../../src/kernel/ports.ts";
import { below, seededRandom } from "../../src/kernel/random.ts";
import { openLog } from "../../src/log/index.ts";
import { LogStorage } from "../../src/master/log-storage.ts";
import { createRaftNode, isOwn, type RaftNode, type RoleStatus } from "../../src/raft/index.ts";
import type { RaftLog } from "../checkers/raft-log.ts";
import type { EventLoop, Life } from "../event-loop.ts";
import { type Oscillator, SimClock } from "../sim-clock.ts";
import { SimDisk } from "../sim-disk.ts";
import type { SimNetwork } from "../sim-network.ts";
import type { Trace } from "../trace.ts";
import type { RaftWorldOptions } from "./options.ts";
import { RegisterMachine } from "./register-machine.ts";
import { type StorageWatcher, watchedStorage } from "./watched-storage.ts";

const RAFT_PORT = 5070;

export interface MemberParts {
  readonly options: RaftWorldOptions;
  readonly loop: EventLoop;
  readonly network: SimNetwork;
  readonly trace: Trace;
  readonly log: RaftLog;
  /** Runs a check in the name of a member: what it throws is a failure of the run. */
  guard(action: () => void): void;
  /** A member has won an election. */
  leads(machine: MemberMachine): void;
  /** A process has ended without having been killed. */
  endedByItself(machine: MemberMachine, reason: string): void;
}

interface Process {
  readonly life: Life;
  readonly registers: RegisterMachine;
  readonly node: RaftNode;
}

export class MemberMachine {
  readonly name: string;
  readonly id: MemberId;
  readonly disk: SimDisk;
  readonly oscillator: Oscillator;
  life: Life | null = null;
  process: Process | null = null;
  /** The simulator lets its disk fail now and then. */
  diskFails = false;
  readonly #parts: MemberParts;
  #starts = 0;

  constructor(name: string, parts: MemberParts) {
    const { options, loop } = parts;
    const random = seededRandom(`${options.seed} machine ${name}`);
    const ppm = below(random, 2 * options.clockDriftPpmMax + 1) - options.clockDriftPpmMax;
    const wallOffsetMs = below(random, 2 * options.clockOffsetMsMax + 1) - options.clockOffsetMsMax;
    this.name = name;
    this.id = asId<MemberId>(name);
    this.#parts = parts;
    this.oscillator = { rate: 1 + ppm / 1_000_000, wallOffsetMs };
    const clock = new SimClock({ loop, life: { name, alive: true }, oscillator: this.oscillator, random });
    this.disk = new SimDisk({
      random: seededRandom(`${options.seed} disk ${name}`),
      clock,
      faults: options.disk,
    });
  }

  get isFounder(): boolean {
    const { members } = this.#parts.options;
    return foundersOf({ members }).some(({ id }) => id === this.id);
  }

  get isUp(): boolean {
    return this.life !== null;
  }

  start(): void {
    if (this.life !== null) return;
    const life: Life = { name: this.name, alive: true };
    this.life = life;
    this.#starts += 1;
    this.#parts.trace.line(this.name, "process started");
    this.#parts.network.isLit(this.name);
    this.#boot(life).catch((error: unknown) => this.#ended(life, String(error)));
  }

  /** SIGKILL: the machine runs on, with what the process had written in its cache. */
  kill(): void {
    const { life } = this;
    if (life === null) return;
    this.#parts.trace.line(this.name, "process killed");
    this.#end(life);
    this.disk.kill();
    this.#parts.network.processEnded(life);
  }

  losePower(): void {
    const { life } = this;
    this.#parts.trace.line(this.name, "power lost");
    if (life !== null) {
      this.#end(life);
      this.#parts.network.wentDark(this.name, life);
    }
    this.disk.crash();
  }

  /** SIGTERM: the process ends in good order, unless it is killed meanwhile. */
  stop(stopped: () => void): void {
    const { life, process } = this;
    if (life === null || process === null) return;
    this.#parts.trace.line(this.name, "process asked to stop");
    const onStopped = (): void => {
      if (!life.alive) return;
      this.kill();
      stopped();
    };
    process.node.stop().then(onStopped, (error: unknown) => this.#ended(life, String(error)));
  }

  saveSnapshot(): void {
    const { process } = this;
    if (process === null || process.registers.index === 0) return;
    const { life, registers, node } = process;
    const pieces = [...registers.snapshot(this.#parts.options.snapshotPadBytes)];
    node
      .saveSnapshot(asIndex(registers.index), pieces)
      .catch((error: unknown) => this.#ended(life, String(error)));
  }

  async #boot(life: Life): Promise<void> {
    const { options, loop, network } = this.#parts;
    const random = seededRandom(`${options.seed} process ${this.name} ${this.#starts}`);
    const clock = new SimClock({ loop, life, oscillator: this.oscillator, random });
    const tracer = this.#tracer();
    const opened = await openLog({
      disk: this.disk.mount(),
      directory: "log",
      limits: options.log,
      tracer,
    });
    const storage = await LogStorage.open(opened);
    const { recovered } = storage;
    const registers = this.#registers();
    const node = createRaftNode({
      self: this.id,
      members: this.isFounder ? foundersOf(options) : [],
      address: addressOf(this.name),
      clusterName: "simulated",
      recovered,
      clock,
      random,
      network: network.port(this.name, life),
      storage: watchedStorage(storage, recovered, this.#storageWatcher()),
      stateMachine: registers,
      tracer,
      tuning: options.raft,
      onFatal: (reason) => this.#ended(life, reason),
    });
    this.process = { life, registers, node };
    await node.start();
  }

  #storageWatcher(): StorageWatcher {
    const { log, guard } = this.#parts;
    return {
      written: (entries, termBefore) => guard(() => log.written(this.name, entries, termBefore)),
      durable: (entries) => log.quorum.durable(this.name, entries),
      covered: (index) => log.quorum.covered(this.name, index),
    };
  }

  #registers(): RegisterMachine {
    const { log, guard, options } = this.#parts;
    const reached = (index: LogIndex, digest: number): void =>
      guard(() => log.reached(this.name, index, digest));
    const observer = {
      applied: (index: LogIndex, digest: number) => {
        reached(index, digest);
        if (index % options.snapshotEvery === 0) this.saveSnapshot();
      },
      restored: reached,
      roleChanged: ({ role, ready }: RoleStatus) => {
        if (role === "leader" && !ready) this.#parts.leads(this);
      },
    };
    return new RegisterMachine(observer, isOwn);
  }

  #ended(life: Life, reason: string): void {
    if (!life.alive) return;
    this.#parts.endedByItself(this, reason);
    this.kill();
  }

  #tracer(): Tracer {
    const line =
      (level: string) =>
      (event: string, facts: Readonly<Record<string, unknown>> = {}): void =>
        this.#parts.trace.line(this.name, event, () => ({ level, ...facts }));
    return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  }

  #end(life: Life): void {
    life.alive = false;
    this.life = null;
    this.process = null;
  }
}

export function nameOf(i: number): string {
  return `m${i + 1}`;
}

/** Where the others reach the member of this name. */
export function addressOf(name: string): string {
  return `${name}:${RAFT_PORT}`;
}

function foundersOf({ members }: Pick<RaftWorldOptions, "members">) {
  return Array.from({ length: members }, (_, i) => ({
    id: asId<MemberId>(nameOf(i)),
    address: addressOf(nameOf(i)),
  }));
}

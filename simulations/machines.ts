// The machines of a simulated cluster: what outlives a process (disk, clocks, containers) and how processes are started
// on them and end. Which code runs as a process is the production's own.

import { type Agent, createAgent } from "../src/agents/agent.ts";
import { asId, type MemberId } from "../src/kernel/ids.ts";
import type { Clock, Random, Tracer } from "../src/kernel/ports.ts";
import { below, seededRandom } from "../src/kernel/random.ts";
import { readHardStateFile } from "../src/log/index.ts";
import { createMaster, type MasterMember } from "../src/master/master.ts";
import type { Master } from "../src/master/types.ts";
import { ECHO } from "./echo-compressor.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import { AGENT_PORT, MasterEdge } from "./master-edge.ts";
import type { SimOptions } from "./options.ts";
import { type Oscillator, SimClock } from "./sim-clock.ts";
import { SimDisk } from "./sim-disk.ts";
import { type FrameworkObserver, type FrameworkStore, SimFramework } from "./sim-framework.ts";
import type { SimNetwork } from "./sim-network.ts";
import { type ContainerObserver, SimRuntime } from "./sim-runtime.ts";
import { SimVolumes } from "./sim-volumes.ts";
import type { Trace } from "./trace.ts";

/** Of the disk that is reserved on each agent from the beginning: its role and its size. Megabytes. */
export const STATIC_DISK = { role: "batch", megabytes: 64 } as const;
const FRAMEWORK_PORT = 5060;
const RAFT_PORT = 5070;
export const LOG_DIRECTORY = "log";

/** What a member traces when its role changes: Raft's part, and that it takes commands. */
const ROLE_EVENTS: ReadonlySet<string> = new Set(["raft.role", "leading"]);

/** Of each agent, beside what is reserved. */
const DISK_MEGABYTES = 4_096;

export interface WorldParts {
  readonly options: SimOptions;
  readonly loop: EventLoop;
  readonly network: SimNetwork;
  readonly trace: Trace;
  /** A process is about to be ended: what it has done until now counts. */
  ending(machine: Machine): void;
  /** A process has ended without having been killed. */
  endedByItself(machine: Machine, reason: string): void;
}

/** A host with at most one process. */
export abstract class Machine {
  readonly name: string;
  readonly disk: SimDisk;
  readonly oscillator: Oscillator;
  life: Life | null = null;
  /** It is broken for good: nobody starts it again. */
  isAbandoned = false;
  /** The simulator lets its disk fail now and then. */
  diskFails = false;
  /** It has let it fail, or lose what it held, at some time: files of the archive may be missing. */
  hasFailed = false;
  protected readonly world: WorldParts;
  #starts = 0;
  /** Has been asked to stop and has not ended yet. */
  #stopping: Life | null = null;

  constructor(name: string, world: WorldParts) {
    const { options, loop } = world;
    const random = seededRandom(`${options.seed} machine ${name}`);
    const ppm = below(random, 2 * options.clockDriftPpmMax + 1) - options.clockDriftPpmMax;
    const wallOffsetMs = below(random, 2 * options.clockOffsetMsMax + 1) - options.clockOffsetMsMax;
    this.name = name;
    this.world = world;
    this.oscillator = { rate: 1 + ppm / 1_000_000, wallOffsetMs };
    const clock = new SimClock({ loop, life: { name, alive: true }, oscillator: this.oscillator, random });
    this.disk = new SimDisk({
      random: seededRandom(`${options.seed} disk ${name}`),
      clock,
      faults: options.disk,
    });
  }

  get isUp(): boolean {
    return this.life !== null;
  }

  start(): void {
    if (this.life !== null) return;
    const life: Life = { name: this.name, alive: true };
    this.life = life;
    this.#starts += 1;
    this.world.trace.line(this.name, "process started");
    this.world.network.isLit(this.name);
    const random = seededRandom(`${this.world.options.seed} process ${this.name} ${this.#starts}`);
    const clock = new SimClock({ loop: this.world.loop, life, oscillator: this.oscillator, random });
    this.run(life, clock, random);
  }

  /** SIGSTOP for a while, then SIGCONT. */
  pause(ms: number): void {
    const { life } = this;
    const { loop, trace } = this.world;
    if (life === null) return;
    trace.line(this.name, `paused for ${ms} ms`);
    life.pausedUntil = loop.now + ms * 1_000;
    this.disk.stall("pause");
    loop.schedule(ms * 1_000, { name: this.name, alive: true }, () => {
      if (life.alive && (life.pausedUntil ?? 0) <= loop.now) this.disk.resume("pause");
    });
  }

  /** SIGKILL: the machine runs on, with what the process had written in its cache. */
  kill(): void {
    const { life } = this;
    if (life === null) return;
    this.world.trace.line(this.name, "process killed");
    this.#end(life);
    this.disk.kill();
    this.world.network.processEnded(life);
  }

  /** SIGTERM: the process ends in good order, unless it is killed meanwhile. A second one ends it at once. */
  stop(stopped: () => void): void {
    const { life } = this;
    if (life === null) return;
    this.world.trace.line(this.name, "process asked to stop");
    if (this.#stopping === life) {
      this.kill();
      stopped();
      return;
    }
    this.#stopping = life;
    const onStopped = (): void => {
      if (!life.alive) return;
      this.kill();
      stopped();
    };
    this.close().then(onStopped, (error: unknown) => this.ended(life, String(error)));
  }

  losePower(): void {
    const { life } = this;
    this.world.trace.line(this.name, "power lost");
    if (life !== null) {
      this.#end(life);
      this.world.network.wentDark(this.name, life);
    }
    this.disk.crash();
  }

  protected abstract run(life: Life, clock: Clock, random: Random): void;
  protected abstract forget(): void;
  protected abstract close(): Promise<void>;

  protected ended(life: Life, reason: string): void {
    if (!life.alive) return;
    this.world.endedByItself(this, reason);
    this.kill();
  }

  protected tracer(): Tracer {
    const line =
      (level: string) =>
      (event: string, facts: Readonly<Record<string, unknown>> = {}): void =>
        this.world.trace.line(this.name, event, () => ({ level, ...facts }));
    return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  }

  #end(life: Life): void {
    this.world.ending(this);
    life.alive = false;
    this.life = null;
    this.forget();
  }
}

export function membersOf(options: SimOptions): readonly MasterMember[] {
  return Array.from({ length: options.masters }, (_, i) => {
    const name = `m${i + 1}`;
    return {
      id: asId<MemberId>(name),
      raftAddress: `${name}:${RAFT_PORT}`,
      apiAddress: `${name}:${AGENT_PORT}`,
    };
  });
}

export class MasterMachine extends Machine {
  master: Master | null = null;
  /** Its part in the cluster may be another since the checkers looked last. */
  roleChanged = false;
  /** It was started anew with an empty disk, to be added to the cluster by the operator. */
  joining = false;
  /**
   * What its disk has lost. suspected: a sector, until it has opened its log; healing: that, until the other members have
   * made up for it; amnesia: everything, which takes all of the others (docs/decisions/0023). A founder begins with that.
   * The fault model allows losses of a minority at a time.
   */
  damage: "none" | "suspected" | "healing" | "amnesia" = "amnesia";

  #foundDamage = false;

  /** Its power is lost, and something of what its disk held: a sector of a file, or all of it. */
  loseData(loss: "sector" | "all"): void {
    this.losePower();
    if (loss === "all") this.disk.wipe();
    const where = loss === "all" ? "everything" : this.disk.rot();
    this.world.trace.line(this.name, `lost ${where}`);
    this.hasFailed = true;
    if (where !== null) this.damage = loss === "all" ? "amnesia" : "suspected";
  }

  override kill(): void {
    super.kill();
    void this.#lookWhetherHealed();
  }

  override losePower(): void {
    super.losePower();
    void this.#lookWhetherHealed();
  }

  /** A new machine under an old name. */
  replace(): void {
    this.losePower();
    this.disk.wipe();
    this.joining = true;
    this.hasFailed = true;
    this.damage = "none";
    this.world.trace.line(this.name, "replaced");
    this.start();
  }

  protected run(life: Life, clock: Clock, random: Random): void {
    this.#boot(life, clock, random).catch((error: unknown) => this.ended(life, String(error)));
  }

  protected async close(): Promise<void> {
    await this.master?.stop();
  }

  protected forget(): void {
    this.master = null;
  }

  async #boot(life: Life, clock: Clock, random: Random): Promise<void> {
    const { options, network } = this.world;
    const tracer = this.#watched(this.tracer());
    const port = network.port(this.name, life);
    const members = membersOf(options);
    // If this opening is interrupted, nobody tells whether the loss has been found.
    const isSuspected = this.damage === "suspected";
    if (isSuspected) this.damage = "healing";
    this.#foundDamage = false;
    const master = await createMaster({
      self: asId<MemberId>(this.name),
      members: this.joining ? members.filter(({ id }) => id === this.name) : members,
      joining: this.joining,
      clusterName: "simulated",
      settings: options.settings,
      policy: () => options.policy,
      clock,
      random,
      network: port,
      disk: this.disk.mount(),
      directory: LOG_DIRECTORY,
      ...(options.archive === null ? {} : { archive: { ...options.archive, clock, compressor: ECHO } }),
      tracer,
      onFatal: (reason) => this.ended(life, reason),
      tuning: {
        raft: options.raft,
        log: options.log,
        snapshotIntervalEntries: options.snapshotIntervalEntries,
      },
    });
    const edge = new MasterEdge({ master, clock, random, tracer, name: this.name });
    master.attach(edge);
    await port.listen(`${this.name}:${AGENT_PORT}`, (connection) => edge.agents.accept(connection));
    await port.listen(`${this.name}:${FRAMEWORK_PORT}`, (connection) => edge.frameworks.accept(connection));
    if (isSuspected && !this.#foundDamage && !(await this.#isHealing())) this.damage = "none";
    this.master = master;
    await master.start();
  }

  /** It may have ended before what it had said was durable: that it has made up for its loss. */
  async #lookWhetherHealed(): Promise<void> {
    const { newest } = await readHardStateFile(this.disk.asItIs(), LOG_DIRECTORY);
    if (this.damage === "none" && newest?.hardState.healing === true) this.damage = "healing";
  }

  /** A slot that was lost may have been the one that said that an earlier loss is made up for. */
  async #isHealing(): Promise<boolean> {
    const { newest } = await readHardStateFile(this.disk.mount(), LOG_DIRECTORY);
    return newest?.hardState.healing === true;
  }

  #watched(tracer: Tracer): Tracer {
    return {
      ...tracer,
      info: (event, facts) => {
        if (ROLE_EVENTS.has(event)) this.roleChanged = true;
        if (event === "raft.healed" || facts?.role === "leader") this.damage = "none";
        tracer.info(event, facts);
      },
      error: (event, facts) => {
        if (event === "log.damageCut") this.#foundDamage = true;
        tracer.error(event, facts);
      },
    };
  }
}

export class AgentMachine extends Machine {
  agent: Agent | null = null;
  readonly runtime: SimRuntime;
  readonly volumes: SimVolumes;

  constructor(name: string, world: WorldParts, observer: ContainerObserver) {
    super(name, world);
    const { options, loop } = world;
    this.volumes = new SimVolumes(loop, seededRandom(`${options.seed} volumes ${name}`));
    this.runtime = new SimRuntime({
      machine: name,
      loop,
      random: seededRandom(`${options.seed} runtime ${name}`),
      observer,
      faults: { launchMs: { low: 1, high: 200 }, launchFailure: options.workload.launchFailure },
    });
  }

  override losePower(): void {
    super.losePower();
    this.runtime.loseAll();
  }

  protected run(life: Life, clock: Clock, random: Random): void {
    const { options, network } = this.world;
    const agent = createAgent({
      clock,
      random,
      network: network.port(this.name, life),
      disk: this.disk.mount(),
      runtime: this.runtime.mount(life),
      sandboxes: {
        create: async (path) => `/var/lib/tepui/${path}`,
        absolute: (path) => `/var/lib/tepui/${path}`,
        remove: async () => undefined,
      },
      volumes: this.volumes.mount(life),
      tracer: this.tracer(),
      masters: membersOf(options).map(({ apiAddress }) => apiAddress),
      version: "0.0.0",
      settings: this.#settings(),
      onEnd: ({ reason }) => this.ended(life, reason),
    });
    this.agent = agent;
    agent.start().catch((error: unknown) => this.ended(life, String(error)));
  }

  protected async close(): Promise<void> {
    await this.agent?.stop();
  }

  protected forget(): void {
    this.agent = null;
  }

  #settings() {
    const { agentCpus, agentMem, operationsEveryMs, workload } = this.world.options;
    const hasOperations = operationsEveryMs !== null || workload.operations > 0;
    const scalar = (name: string, value: number) => ({ name, type: "SCALAR" as const, scalar: { value } });
    return {
      info: {
        hostname: this.name,
        port: 5051,
        resources: [
          scalar("cpus", agentCpus),
          scalar("mem", agentMem),
          ...(hasOperations
            ? [
                scalar("disk", DISK_MEGABYTES),
                { ...scalar("disk", STATIC_DISK.megabytes), role: STATIC_DISK.role },
              ]
            : []),
        ],
      },
      ip: "127.0.0.1",
      port: 5051,
      sandboxMount: "/mnt/mesos/sandbox",
    };
  }
}

export class FrameworkMachine extends Machine {
  framework: SimFramework | null = null;
  readonly store: FrameworkStore;
  readonly #observer: FrameworkObserver;
  readonly #number: number;
  #draining = false;

  constructor(number: number, world: WorldParts, observer: FrameworkObserver) {
    super(`f${number}`, world);
    this.#number = number;
    this.#observer = observer;
    this.store = {
      name: this.name,
      id: null,
      generation: 0,
      launched: 0,
      tasks: new Map(),
      reservations: new Map(),
    };
  }

  drain(): void {
    this.#draining = true;
    this.framework?.drain();
  }

  protected run(life: Life, clock: Clock, random: Random): void {
    const { options, network } = this.world;
    const framework = new SimFramework({
      store: this.store,
      clock,
      random,
      network: network.port(this.name, life),
      masters: new Map(membersOf(options).map(({ id }) => [id, `${id}:${FRAMEWORK_PORT}`])),
      workload: options.workload,
      habit: options.habits[this.#number % options.habits.length] ?? "usual",
      observer: this.#observer,
      encoding: this.#number % 2 === 0 ? "json" : "protobuf",
      knowsPartitions: this.#number % 4 !== 3,
      role: this.#number % 3 === 0 ? "eng/ads" : "batch",
    });
    this.framework = framework;
    framework.isDraining = this.#draining;
    framework.start();
  }

  protected async close(): Promise<void> {}

  protected forget(): void {
    this.framework = null;
  }
}

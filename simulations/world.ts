// A whole cluster in one process under virtual time, and the three phases of its life: one in which everything may go
// wrong and nothing may be lost; one in which a core is healed and has to come right although the rest stays broken; and
// one in which all is healed and everything has to come right.
import { describeEvent } from "../src/debugger/describe.ts";
import { seededRandom } from "../src/kernel/random.ts";
import { ENTRY_BYTES_MAX } from "../src/raft/index.ts";
import { checkAccepted } from "./checkers/acknowledged.ts";
import { checkHistory } from "./checkers/archived-history.ts";
import { CheckFailure } from "./checkers/check.ts";
import { CommittedLog } from "./checkers/committed-log.ts";
import { checkKeptOut } from "./checkers/kept-out.ts";
import { LogMatching } from "./checkers/log-matching.ts";
import { answered, endedByItself, threw } from "./checkers/masters-stay-up.ts";
import { NoStarvation } from "./checkers/no-starvation.ts";
import { checkLaunches, checkNoneLost, checkStart, checkState } from "./checkers/nothing-twice.ts";
import { OneLeader } from "./checkers/one-leader.ts";
import { checkQuotaLimits } from "./checkers/quota-limits.ts";
import { RaftWire } from "./checkers/raft-wire.ts";
import { SameState } from "./checkers/same-state.ts";
import { TaskLedger } from "./checkers/task-ledger.ts";
import { checkOutcomes, checkRemoval, checkSignal, checkStatus } from "./checkers/tasks-outlive.ts";
import { VolumeData } from "./checkers/volumes.ts";
import { CoreWatch, strandedTasks, whyNotAtRest } from "./convergence.ts";
import { Drainer } from "./drainer.ts";
import { EventLoop, type Life, type LoopWatcher, type ScheduledEvent } from "./event-loop.ts";
import { type FaultParts, Faults } from "./faults.ts";
import { checkOwnReservations } from "./framework-operations.ts";
import { coreTicks, drawCore, healAll, healCore, mayHaveCore } from "./healing.ts";
import {
  AgentMachine,
  FrameworkMachine,
  LOG_DIRECTORY,
  type Machine,
  MasterMachine,
  type WorldParts,
} from "./machines.ts";
import { Operator } from "./operator.ts";
import { type SimOptions, TICK_MS } from "./options.ts";
import { Reader } from "./reader.ts";
import { Reserver } from "./reserver.ts";
import { Reweigher } from "./reweigher.ts";
import type { FrameworkObserver } from "./sim-framework.ts";
import { SimNetwork } from "./sim-network.ts";
import type { ContainerObserver } from "./sim-runtime.ts";
import { Trace } from "./trace.ts";

export interface RunResult {
  readonly failure: CheckFailure | null;
  /** Tick at which the run ended. */
  readonly tick: number;
  /** Of everything that happened. */
  readonly hash: string;
  readonly events: number;
  readonly interrupted: boolean;
  readonly counts: Readonly<Record<string, number>>;
}

/** A line of the trace. @param tick when */
export type Printer = (tick: number, who: string, what: string, facts: () => unknown) => void;

/** How a disk that the simulator lets fail says so. */
const DISK_ERROR = /EIO|ENOSPC/;
/** More than any frame between members may have. */
const FRAME_BYTES_MAX = 2 * ENTRY_BYTES_MAX;
const TICK_US = TICK_MS * 1_000;
const FOUNDING_TICKS_MAX = 3_000;
/** How often the members' states are compared and the invariants worked out. */
const SAMPLE_TICKS = 500;
/** Whole states are compared again when the log has grown by so much: what it costs in all stays a part of the run. */
const COMPARE_GROWTH = 1.2;
const COMPARE_EVENTS_MIN = 50;
/** Until a healed cluster is held to be fair, and for how long it is, beside the time of its optimistic offers. */
const SETTLING_TICKS = 2_000;
const FAIRNESS_MS = 60_000;
/** How often a healed cluster is asked whether it is at rest. */
const REST_TICKS = 50;

export class World {
  readonly options: SimOptions;
  readonly loop = new EventLoop();
  readonly trace: Trace;
  readonly network: SimNetwork;
  readonly masters: readonly MasterMachine[];
  readonly agents: readonly AgentMachine[];
  readonly frameworks: readonly FrameworkMachine[];
  readonly ledger = new TaskLedger();
  readonly #volumeData = new VolumeData();
  readonly replayed: SameState;
  readonly log: CommittedLog;
  readonly leaders = new OneLeader();
  readonly #noStarvation = new NoStarvation();
  readonly #faults: Faults;
  readonly #faultParts: FaultParts;
  readonly #operator: Operator;
  readonly #reader: Reader;
  readonly #reweigher: Reweigher | null;
  readonly #drainer: Drainer | null;
  readonly #reserver: Reserver | null;
  readonly #byName: ReadonlyMap<string, MasterMachine>;
  readonly #life: Life = { name: "world", alive: true };
  #failure: CheckFailure | null = null;
  #interrupted = false;
  #compareAfterEvents = 0;

  constructor(options: SimOptions, print: Printer | null = null) {
    const { seed, masters, agents, frameworks } = options;
    this.options = options;
    this.trace = new Trace(
      print === null ? null : (who, what, facts) => print(this.tick(), who, what, facts),
    );
    const { loop, trace } = this;
    this.network = new SimNetwork({ loop, trace, random: seededRandom(`${seed} network`), options });
    this.replayed = new SameState(options.snapshotIntervalEntries);
    this.log = new CommittedLog((entry) => {
      for (const event of entry.events)
        trace.line("log", `${entry.index} ${event.kind}`, () => describeEvent(event));
      checkLaunches(this.ledger, entry);
      this.ledger.committed(entry);
      this.replayed.committed(entry);
      checkQuotaLimits(this.replayed.state, entry);
      checkKeptOut(this.replayed.state, entry);
      this.#noStarvation.committed(this.replayed.state, entry, this.#ms());
    });
    const parts = this.#parts();
    this.masters = times(masters, (i) => new MasterMachine(`m${i + 1}`, parts));
    this.agents = times(agents, (i) => new AgentMachine(`a${i + 1}`, parts, this.#containerObserver()));
    this.frameworks = times(frameworks, (i) => new FrameworkMachine(i + 1, parts, this.#frameworkObserver()));
    this.#byName = new Map(this.masters.map((machine) => [machine.name, machine]));
    const shared = { loop, trace, masters: this.masters, ledger: this.ledger };
    this.#operator = new Operator({ ...shared, random: seededRandom(`${seed} operator`) });
    this.#reader = new Reader({ ...shared, random: seededRandom(`${seed} reader`) });
    const { dutyEveryMs } = options;
    const drainer = seededRandom(`${seed} drainer`);
    this.#drainer =
      dutyEveryMs === null ? null : new Drainer({ ...shared, random: drainer, everyMs: dutyEveryMs });
    const { weightsEveryMs: everyMs } = options;
    this.#reweigher =
      everyMs === null
        ? null
        : new Reweigher({ ...shared, random: seededRandom(`${seed} reweigher`), everyMs });
    this.#reserver =
      options.operationsEveryMs === null
        ? null
        : new Reserver({
            ...shared,
            random: seededRandom(`${seed} reserver`),
            everyMs: options.operationsEveryMs,
          });
    this.#faultParts = {
      ...shared,
      options,
      operator: this.#operator,
      network: this.network,
      random: seededRandom(`${seed} faults`),
      agents: this.agents,
      frameworks: this.frameworks,
    };
    this.#faults = new Faults(this.#faultParts);
    this.#watchMembers();
  }

  tick(): number {
    return Math.floor(this.loop.now / TICK_US);
  }

  /** Ends the run soon; its result says that it was interrupted. */
  interrupt(): void {
    this.#interrupted = true;
    this.loop.stop();
  }

  async run(): Promise<RunResult> {
    this.#boot();
    if (!this.options.faultsFromTheStart) await this.#found();
    this.#faults.start();
    await this.#runUntil(this.tick() + this.options.ticks);
    this.#faults.stop();
    this.#reweigher?.stop();
    this.#drainer?.stop();
    this.#reserver?.stop();
    if (!this.#isOver() && !this.#operator.isReplacing() && mayHaveCore(this)) await this.#healCore();
    if (!this.#isOver()) await this.#beFair();
    if (!this.#isOver()) await this.#comeToRest();
    if (!this.#isOver()) this.#guard(() => this.#checkEnd());
    if (!this.#isOver()) await this.#checkHistories();
    return this.#result();
  }

  #boot(): void {
    const random = seededRandom(`${this.options.seed} boot`);
    for (const machine of [...this.masters, ...this.agents, ...this.frameworks]) {
      this.loop.schedule(random.uint32() % 1_000_000, this.#life, () => machine.start());
    }
    if (this.options.readsAreChecked) this.#reader.start();
    this.#reweigher?.start();
    this.#drainer?.start();
    this.#reserver?.start();
    this.#sample();
  }

  /** A cluster is founded when all its members have met: with faults from the start that may take all of a run. */
  async #found(): Promise<void> {
    const whyNot = (): string | null => (this.log.highest > 0 ? null : "nothing is committed");
    await this.#until(whyNot, FOUNDING_TICKS_MAX, "a cluster without faults is not founded");
  }

  #sample(): void {
    this.loop.schedule(SAMPLE_TICKS * TICK_US, this.#life, () => {
      this.#guard(() => this.#compareStates());
      this.#guard(() => this.#volumeData.look(this.agents));
      this.#sample();
    });
  }

  #compareStates(): void {
    const { state } = this.replayed;
    if (state.eventCount < this.#compareAfterEvents) return;
    this.#compareAfterEvents = Math.ceil(state.eventCount * COMPARE_GROWTH) + COMPARE_EVENTS_MIN;
    checkState(state);
    for (const { name, master } of this.masters) if (master !== null) this.replayed.compare(name, master);
  }

  async #healCore(): Promise<void> {
    const core = drawCore(this.#faultParts.random, this);
    healCore(this.#faultParts, core);
    const watch = new CoreWatch(core);
    await this.#until(
      () => watch.whyNotRight(),
      coreTicks(this.options),
      "a healed core does not come right",
    );
  }

  /** All is healed and frameworks go on as they are: nobody is starved by what others hold. */
  async #beFair(): Promise<void> {
    const { optimisticAfterMs } = this.options.policy;
    if (optimisticAfterMs === null) return;
    healAll(this.#faultParts);
    await this.#runUntil(this.tick() + SETTLING_TICKS);
    this.#noStarvation.watch();
    const end = this.tick() + (FAIRNESS_MS + optimisticAfterMs) / TICK_MS;
    while (!this.#isOver() && this.tick() < end) {
      await this.#runUntil(this.tick() + REST_TICKS);
      const isLed = this.masters.some(({ master }) => {
        const status = master?.status();
        return status?.ready === true && status.commitIndex === status.lastIndex;
      });
      this.#guard(() => this.#noStarvation.look(this.replayed.state, this.#ms(), isLed));
    }
  }

  #ms(): number {
    return this.loop.now / 1_000;
  }

  async #comeToRest(): Promise<void> {
    healAll(this.#faultParts);
    for (const framework of this.frameworks) framework.drain();
    const why = (): string | null =>
      this.#operator.whyNotDone() ?? this.#drainer?.whyNotDone(this.replayed.state) ?? whyNotAtRest(this);
    await this.#until(why, this.options.convergenceTicks, "a healed cluster does not come to rest");
  }

  /** Runs until nothing is missing any more. @param ticks after which it is a failure */
  async #until(whyNot: () => string | null, ticks: number, message: string): Promise<void> {
    const limit = this.tick() + ticks;
    let why: string | null = "";
    while (!this.#isOver() && why !== null) {
      await this.#runUntil(this.tick() + REST_TICKS);
      why = whyNot();
      if (why !== null && this.tick() >= limit) this.#fail(new CheckFailure("convergence", message, { why }));
    }
  }

  /** What members say to each other. */
  #watchMembers(): void {
    const wire = new RaftWire(FRAME_BYTES_MAX);
    const matching = new LogMatching();
    this.network.watch = (from, to, frame) => {
      if (!this.#byName.has(from) || !this.#byName.has(to)) return;
      this.#guard(() => {
        wire.arrived(from, to, frame);
        matching.arrived(from, to, frame);
      });
    };
  }

  #checkEnd(): void {
    for (const { name, master } of this.masters) {
      const same = master !== null && this.replayed.compare(name, master);
      if (!same) throw new CheckFailure("same-state", "a member at rest is not where the log is", { name });
    }
    checkState(this.replayed.state);
    checkNoneLost(this.ledger, strandedTasks(this));
    checkOutcomes(this.ledger);
    this.#volumeData.look(this.agents);
    if (this.options.readsAreChecked) this.#reader.check();
    this.#reweigher?.check(this.replayed.state);
    this.#reserver?.check(this.replayed.state);
    for (const { store } of this.frameworks) checkOwnReservations(this.replayed.state, store.reservations);
  }

  async #checkHistories(): Promise<void> {
    const { log, options } = this;
    for (const { name: self, disk, hasFailed } of this.masters) {
      const parts = { self, directory: LOG_DIRECTORY, log, archive: options.archive, hasFailed };
      try {
        await checkHistory({ ...parts, disk: disk.asItIs() });
      } catch (error) {
        this.#fail(threw("checker", error));
      }
    }
  }

  #runUntil(tick: number): Promise<void> {
    return this.loop.run(tick * TICK_US, this.#watcher());
  }

  #watcher(): LoopWatcher {
    return {
      before: (event) => this.#record(event),
      after: ({ name }) => this.#guard(() => this.#observe(name)),
      failed: (error, life) => this.#fail(threw(life.name, error)),
    };
  }

  #record({ at, life }: ScheduledEvent): void {
    this.trace.number(at);
    this.trace.text(life.name);
  }

  #observe(name: string): void {
    const machine = this.#byName.get(name);
    const { life, master } = machine ?? {};
    if (machine === undefined || life == null || master == null) return;
    if (machine.roleChanged) this.leaders.observe(master.status(), this.log.highest);
    machine.roleChanged = false;
    this.log.observe(name, life, master);
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(threw("checker", error));
    }
  }

  #fail(failure: CheckFailure): void {
    this.#failure ??= failure;
    this.loop.stop();
  }

  #isOver(): boolean {
    return this.#failure !== null || this.#interrupted;
  }

  #parts(): WorldParts {
    const { options, loop, network, trace } = this;
    return {
      options,
      loop,
      network,
      trace,
      ending: ({ name }) => this.#guard(() => this.#observe(name)),
      endedByItself: (machine, reason) => this.#endedByItself(machine, reason),
    };
  }

  #endedByItself(machine: Machine, reason: string): void {
    this.trace.line(machine.name, `ended: ${reason}`);
    this.#guard(() => endedByItself(machine.name, reason, machine.diskFails && DISK_ERROR.test(reason)));
    this.#faults.restart(machine);
  }

  #containerObserver(): ContainerObserver {
    const { agentCpus, agentMem } = this.options;
    const size = { cpuMillis: agentCpus * 1_000, memoryBytes: agentMem * 1_024 * 1_024 };
    return {
      started: (container) =>
        this.#guard(() => {
          this.trace.line(container.machine, `started ${container.taskId}`);
          const machine = this.agents.find(({ name }) => name === container.machine);
          if (machine !== undefined) checkStart(this.ledger, container, machine.runtime, size);
        }),
      signalled: (container) => this.#guard(() => checkSignal(this.ledger, container)),
      ended: (container, cause) => {
        this.trace.line(container.machine, `ended ${container.taskId} ${cause} ${container.waitStatus}`);
        const facts = this.ledger.of(container.frameworkId, container.taskId);
        if (cause === "power") facts.lostPower = true;
      },
      removed: (container) => this.#guard(() => checkRemoval(container)),
    };
  }

  #frameworkObserver(): FrameworkObserver {
    const { ledger } = this;
    return {
      asksKill: (frameworkId, taskId) => {
        ledger.of(frameworkId, taskId).killAsked = true;
      },
      tearsDown: (frameworkId) => void ledger.tornDown.add(frameworkId),
      repeats: (frameworkId, taskIds) => {
        for (const taskId of taskIds) ledger.of(frameworkId, taskId).repeated = true;
      },
      launches: (frameworkId, taskIds) => this.#reader.launches(frameworkId, taskIds),
      launchAccepted: (frameworkId, taskIds) => {
        this.#reader.launched(taskIds);
        this.#guard(() => checkAccepted(ledger, frameworkId, taskIds));
      },
      answered: (call, status, body) => this.#guard(() => answered(call, status, body)),
      status: (frameworkId, status, knowsPartitions) => {
        this.trace.line(frameworkId, `told ${status.task_id.value} ${status.state}`, () => status.reason);
        this.#guard(() => checkStatus(ledger, frameworkId, status, knowsPartitions));
      },
    };
  }

  #result(): RunResult {
    const launched = [...this.ledger.tasks.values()].filter(({ launchedAt }) => launchedAt !== null);
    return {
      failure: this.#failure,
      tick: this.tick(),
      hash: this.trace.hash(),
      events: this.loop.events,
      interrupted: this.#interrupted,
      counts: {
        committed: this.log.highest,
        terms: this.leaders.terms(),
        launched: launched.length,
        comparisons: this.replayed.comparisons,
        fairnessLooks: this.#noStarvation.looks,
        operated: this.#reserver?.done ?? 0,
        ...Object.fromEntries(this.#faults.counts),
      },
    };
  }
}

function times<Item>(count: number, make: (i: number) => Item): readonly Item[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

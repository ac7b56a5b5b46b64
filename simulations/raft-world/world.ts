// Raft members alone in one process under virtual time, with clients that read and write registers. Three phases: faults
// on, where nothing may be lost; a majority healed while the others stay as they are, where writes must go on and the
// leader must become stable; everything healed, where all members must become equal.
import { chance, pick, seededRandom } from "../../src/kernel/random.ts";
import { ENTRY_OVERHEAD_BYTES } from "../../src/raft/limits.ts";
import { CheckFailure } from "../checkers/check.ts";
import { DeposedLeaders } from "../checkers/deposed-leaders.ts";
import { endedByItself, threw } from "../checkers/masters-stay-up.ts";
import { RaftLog } from "../checkers/raft-log.ts";
import { RaftWire } from "../checkers/raft-wire.ts";
import { findDisorder } from "../checkers/register-zones.ts";
import { EventLoop, type Life, type LoopWatcher } from "../event-loop.ts";
import { History } from "../history.ts";
import { TICK_MS } from "../options.ts";
import { SimNetwork } from "../sim-network.ts";
import { Trace } from "../trace.ts";
import { RegisterClient, type RegisterHistory } from "./clients.ts";
import { RaftFaults } from "./faults.ts";
import { MemberMachine, nameOf } from "./member.ts";
import { hasFixedMembers, type RaftWorldOptions } from "./options.ts";

export interface RaftRunResult {
  readonly failure: CheckFailure | null;
  /** Tick at which the run ended. */
  readonly tick: number;
  /** Of everything that happened. */
  readonly hash: string;
  readonly events: number;
  readonly interrupted: boolean;
  readonly counts: Readonly<Record<string, number>>;
}

const TICK_US = TICK_MS * 1_000;
/** How often the clients' history is checked. */
const HISTORY_TICKS = 1_000;
/** How often it is looked whether a leader has been deposed. */
const DEPOSED_TICKS = 10;
/** Of longest election timeouts: so long a leader may go on that no majority answers. Clocks and ticks differ a little. */
const DEPOSED_TIMEOUTS_MAX = 3;
/** How often a healed world is looked at. */
const LOOK_TICKS = 20;
/** For so long a healed majority has to keep one term. */
const STABLE_TICKS = 500;
/** So much it has to commit meanwhile, and still be committing at the end: the last entry is no older than this. */
const GROWTH_ENTRIES_MIN = 10;
const GROWTH_TICKS_MAX = 150;
/** Clients go on to other keys so often, so that no key's history grows long. */
const EPOCH_TICKS = 300;
/** Why a disk of the simulator fails. */
const DISK_ERRORS = ["EIO", "ENOSPC"];
/** Of a frame, besides entries: kind, term, positions, a snapshot's membership. */
const FRAME_HEAD_BYTES = 4_096;

export class RaftWorld {
  readonly options: RaftWorldOptions;
  readonly loop = new EventLoop();
  readonly trace: Trace;
  readonly network: SimNetwork;
  readonly members: readonly MemberMachine[];
  readonly clients: readonly RegisterClient[];
  readonly log: RaftLog;
  readonly history: RegisterHistory = new History();
  readonly #faults: RaftFaults;
  readonly #byName: ReadonlyMap<string, MemberMachine>;
  readonly #life: Life = { name: "world", alive: true };
  readonly #deposed: DeposedLeaders;
  #failure: CheckFailure | null = null;
  #interrupted = false;
  #values = 0;

  constructor(
    options: RaftWorldOptions,
    print: ((tick: number, who: string, what: string, facts: () => unknown) => void) | null = null,
  ) {
    const { seed } = options;
    this.options = options;
    this.trace = new Trace(
      print === null ? null : (who, what, facts) => print(this.tick(), who, what, facts),
    );
    const { loop, trace } = this;
    const log = new RaftLog((options.raft.uncommittedBytesMax ?? Infinity) + entryBytesOf(options));
    this.log = log;
    this.#deposed = new DeposedLeaders(
      (DEPOSED_TIMEOUTS_MAX * (options.raft.electionMaxMs ?? Infinity)) / TICK_MS,
    );
    this.network = new SimNetwork({ loop, trace, random: seededRandom(`${seed} network`), options });
    this.#watchWire();
    const parts = {
      options,
      loop,
      trace,
      log,
      network: this.network,
      guard: (action: () => void) => this.#guard(action),
      leads: (machine: MemberMachine) => this.#faults.coup(machine),
      endedByItself: (machine: MemberMachine, reason: string) => this.#endedByItself(machine, reason),
    };
    this.members = times(options.members + options.spares, (i) => new MemberMachine(nameOf(i), parts));
    this.#byName = new Map(this.members.map((machine) => [machine.name, machine]));
    this.clients = times(options.client.clients, (i) => this.#client(i));
    this.#faults = new RaftFaults({
      options,
      loop,
      trace,
      network: this.network,
      random: seededRandom(`${seed} faults`),
      members: this.members,
    });
  }

  tick(): number {
    return Math.floor(this.loop.now / TICK_US);
  }

  /** Ends the run soon; its result says that it was interrupted. */
  interrupt(): void {
    this.#interrupted = true;
    this.loop.stop();
  }

  async run(): Promise<RaftRunResult> {
    await this.#found();
    const end = this.tick() + this.options.ticks;
    while (this.tick() < end && !this.#isOver()) {
      await this.#runUntil(Math.min(this.tick() + HISTORY_TICKS, end));
      this.#checkHistory();
    }
    if (!this.#isOver() && hasFixedMembers(this.options)) await this.#coreGoesOn();
    if (!this.#isOver()) await this.#comeToRest();
    this.#checkHistory();
    return this.#result();
  }

  /** No fault while the members found their cluster: that takes all of them (docs/decisions/0023). */
  async #found(): Promise<void> {
    const random = seededRandom(`${this.options.seed} boot`);
    for (const machine of this.members) {
      this.loop.schedule(random.uint32() % 300_000, this.#life, () => machine.start());
    }
    await this.#untilEqual();
    if (this.#isOver()) return;
    for (const client of this.clients) client.start();
    this.#faults.start();
    this.#lookForDeposed();
  }

  #lookForDeposed(): void {
    this.loop.schedule(DEPOSED_TICKS * TICK_US, this.#life, () => {
      const up = this.members.flatMap(({ process }) => (process === null ? [] : [process.node.status()]));
      this.#guard(() => this.#deposed.look(this.tick(), up));
      this.#lookForDeposed();
    });
  }

  #client(i: number): RegisterClient {
    const { options, loop, history, members } = this;
    return new RegisterClient({
      name: `c${i + 1}`,
      loop,
      history,
      members,
      random: seededRandom(`${options.seed} client ${i}`),
      options: options.client,
      nextValue: () => ++this.#values,
      epoch: () => Math.floor(this.tick() / EPOCH_TICKS),
    });
  }

  /** Writes go on being committed, and the term stays for a while. */
  async #coreGoesOn(): Promise<void> {
    const core = this.#majority();
    this.#faults.healCore(core);
    const start = { tick: this.tick(), committed: this.log.highest };
    let term = { value: -1, since: start.tick };
    let grown = { to: start.committed, at: start.tick };
    while (!this.#isOver()) {
      await this.#runUntil(this.tick() + LOOK_TICKS);
      const at = this.tick();
      const value = Math.max(...[...core].map(({ process }) => process?.node.status().term ?? 0));
      if (value !== term.value) term = { value, since: at };
      if (this.log.highest > grown.to) grown = { to: this.log.highest, at };
      const isStable = at - term.since >= STABLE_TICKS;
      const goesOn = grown.to - start.committed >= GROWTH_ENTRIES_MIN && at - grown.at <= GROWTH_TICKS_MAX;
      if (isStable && goesOn) return;
      if (at - start.tick >= this.options.coreTicks)
        this.#failLiveness("a healed majority does not go on", { isStable, goesOn });
    }
  }

  async #comeToRest(): Promise<void> {
    this.#faults.healAll();
    for (const client of this.clients) client.stop();
    await this.#untilEqual();
  }

  async #untilEqual(): Promise<void> {
    const limit = this.tick() + this.options.convergenceTicks;
    while (!this.#isOver()) {
      await this.#runUntil(this.tick() + LOOK_TICKS);
      const why = this.#whyNotEqual();
      if (why === null) return;
      if (this.tick() >= limit) this.#failLiveness("healed members do not become equal", { why });
    }
  }

  #whyNotEqual(): string | null {
    const statuses = this.members.map(({ id, process }) => ({ id, status: process?.node.status() }));
    const leader = statuses.find(({ status }) => status?.ready === true)?.status;
    if (leader === undefined) return "no leader";
    const { voters, outgoing, learners } = leader.membership;
    if (outgoing.length > 0) return "a change of membership is under way";
    for (const { id, status } of statuses) {
      if (!voters.includes(id) && !learners.includes(id)) continue;
      if (status?.applied !== leader.last || status.commit !== leader.last)
        return `${id} has applied ${status?.applied}, not ${leader.last}`;
    }
    return null;
  }

  /** Half of the time without the leader, if there is one: a leader can do more harm than others. */
  #majority(): ReadonlySet<MemberMachine> {
    const random = seededRandom(`${this.options.seed} core`);
    const rest = [...this.members];
    const core = new Set<MemberMachine>();
    const leader = rest.findIndex(({ process }) => process?.node.status().role === "leader");
    if (leader >= 0 && chance(random, 1 / 2)) rest.splice(leader, 1);
    while (core.size * 2 <= this.members.length) {
      const machine = pick(random, rest);
      rest.splice(rest.indexOf(machine), 1);
      core.add(machine);
    }
    return core;
  }

  #watchWire(): void {
    const { raft } = this.options;
    const entryBytes = entryBytesOf(this.options);
    const bytes = Math.max(raft.messageBytesMax ?? 0, raft.snapshotChunkBytes ?? 0);
    const wire = new RaftWire(bytes + entryBytes + FRAME_HEAD_BYTES);
    this.network.tamper = (from, to, frame) => {
      this.#guard(() => {
        if (wire.arrived(from, to, frame) === "vote") this.#voted(from);
      });
      return frame;
    };
  }

  #voted(name: string): void {
    const machine = this.#byName.get(name);
    if (machine !== undefined) this.#faults.struck(machine);
  }

  #checkHistory(): void {
    if (this.#failure !== null) return;
    const disorder = findDisorder(this.history.operations());
    if (disorder !== null) this.#fail(new CheckFailure("linearizability", disorder.why, { ...disorder }));
  }

  #runUntil(tick: number): Promise<void> {
    return this.loop.run(tick * TICK_US, this.#watcher());
  }

  #watcher(): LoopWatcher {
    return {
      before: ({ at, life }) => {
        this.trace.number(at);
        this.trace.text(life.name);
      },
      after: (life) => this.#guard(() => this.#observe(life)),
      failed: (error, life) => this.#fail(threw(life.name, error)),
    };
  }

  #observe({ name }: Life): void {
    const process = this.#byName.get(name)?.process;
    if (process != null) this.log.observe(process.life, process.node);
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(threw("checker", error));
    }
  }

  #failLiveness(message: string, facts: Readonly<Record<string, unknown>>): void {
    const members = this.members.map(({ name, process }) => {
      const { role, term, commit, last } = process?.node.status() ?? {};
      return { name, role, term, commit, last };
    });
    this.#fail(new CheckFailure("convergence", message, { ...facts, members }));
  }

  #fail(failure: CheckFailure): void {
    this.#failure ??= failure;
    this.loop.stop();
  }

  #isOver(): boolean {
    return this.#failure !== null || this.#interrupted;
  }

  #endedByItself(machine: MemberMachine, reason: string): void {
    this.trace.line(machine.name, `ended: ${reason}`);
    const diskFailed = machine.diskFails && DISK_ERRORS.some((code) => reason.includes(code));
    this.#guard(() => endedByItself(machine.name, reason, diskFailed));
    this.#faults.restart(machine);
  }

  #result(): RaftRunResult {
    return {
      failure: this.#failure,
      tick: this.tick(),
      hash: this.trace.hash(),
      events: this.loop.events,
      interrupted: this.#interrupted,
      counts: {
        committed: this.log.highest,
        terms: this.log.terms(),
        operations: this.history.operations().length,
        written: this.clients.reduce((sum, { written }) => sum + written, 0),
        ...Object.fromEntries(this.#faults.counts),
      },
    };
  }
}

/** The largest entry of a client, as Raft counts its bytes. */
function entryBytesOf({ client }: RaftWorldOptions): number {
  return client.payloadBytes.high + 64 + ENTRY_OVERHEAD_BYTES;
}

function times<Item>(count: number, make: (i: number) => Item): readonly Item[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

// Random histories on a disk that loses power at any moment, against the model: what was acknowledged is there, what
// was never written is not, and what was in flight is there up to some point in the order of the calls.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import type { HardState, LogEntry, LogPoint, OpenedLog, SnapshotMeta } from "../../../src/log/index.ts";
import { LogFailure } from "../../../src/log/index.ts";
import { entry, Machine, stateAt, vote } from "./fixture.ts";
import type { Change, State } from "./model.ts";
import { apply, emptyState, essence, lastIndex, termAt, withSnapshot } from "./model.ts";

type Command =
  | {
      readonly kind: "append";
      readonly count: number;
      readonly back: number;
      readonly newTerm: boolean;
      readonly bytes: number;
    }
  | { readonly kind: "vote" }
  | { readonly kind: "steps"; readonly count: number }
  | { readonly kind: "flush" }
  | { readonly kind: "snapshot"; readonly at: number; readonly steps: number }
  | { readonly kind: "install"; readonly ahead: number; readonly steps: number }
  | { readonly kind: "compact"; readonly steps: number }
  | { readonly kind: "fail"; readonly operation: "write" | "sync" }
  | {
      readonly kind: "rot";
      readonly file: number;
      readonly at: number;
      readonly bit: number;
      readonly power: boolean;
    }
  | { readonly kind: "crash" }
  | { readonly kind: "kill" };

const steps = fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(14));
const rot: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant("rot" as const),
  file: fc.nat(),
  at: fc.nat(),
  bit: fc.nat(7),
  power: fc.boolean(),
});
const commands: fc.WeightedArbitrary<Command>[] = [
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      count: fc.integer({ min: 1, max: 4 }),
      back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(5)),
      newTerm: fc.boolean(),
      bytes: fc.oneof(fc.nat(60), fc.integer({ min: 400, max: 1500 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("vote" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("steps" as const), count: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("snapshot" as const), at: fc.nat(9), steps }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("install" as const),
      ahead: fc.integer({ min: -3, max: 9 }),
      steps,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("compact" as const), steps }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("fail" as const),
      operation: fc.constantFrom("write" as const, "sync" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("kill" as const) }) },
];
const command = fc.oneof(...commands);
const commandOrRot = fc.oneof(...commands, { weight: 3, arbitrary: rot });

/** Plays commands against a log and its model. */
class History {
  readonly #machine: Machine;
  #opened: OpenedLog;
  /** What the last start found. */
  #found: State;
  /** Changes since then, in order, and how many of them are acknowledged. */
  #changes: Change[] = [];
  #acknowledged = 0;
  /** Every entry that was ever given to the log, as index, term and length. */
  readonly #written = new Set<string>();
  #snapshotsBegun: LogPoint[] = [];
  #snapshotAcknowledged: SnapshotMeta | undefined;
  #covered = 0;
  #term = 1;
  #outstanding: Promise<void>[] = [];
  #failed = false;
  #mayRot = false;

  constructor(machine: Machine, opened: OpenedLog) {
    this.#machine = machine;
    this.#opened = opened;
    this.#found = emptyState;
  }

  async play(next: Command): Promise<void> {
    if (next.kind === "append") this.#append(next);
    else if (next.kind === "vote") this.#issue([{ kind: "hardState", hardState: vote(++this.#term, "a") }]);
    else if (next.kind === "steps") await this.#steps(next.count);
    else if (next.kind === "flush") await this.#flush();
    else if (next.kind === "snapshot") await this.#snapshot(next.at, next.steps);
    else if (next.kind === "install") await this.#install(next.ahead, next.steps);
    else if (next.kind === "compact") await this.#compact(next.steps);
    else if (next.kind === "fail") await this.#fail(next.operation);
    else if (next.kind === "rot") await this.#rot(next);
    else await this.restart(next.kind);
  }

  async restart(how: "crash" | "kill"): Promise<void> {
    if (how === "crash") this.#machine.sim.crash();
    else this.#machine.sim.kill();
    this.#opened = await this.#machine.open(this.#mayRot ? "cut" : "refuse");
    if (this.#opened.hardState.healing) await this.#checkHealing();
    else await this.#check();
  }

  /** One bit anywhere, then the end of the process: the next start may find that something durable is gone. */
  async #rot({ file, at, bit, power }: Extract<Command, { kind: "rot" }>): Promise<void> {
    this.#mayRot = true;
    const { sim } = this.#machine;
    const path = sim.paths()[file % sim.paths().length] ?? "";
    sim.corrupt(path, at % Math.max(1, this.#machine.bytesOf(path).length), 1 << bit);
    await this.restart(power ? "crash" : "kill");
  }

  /** What was acknowledged may be gone, but not the vote, and nothing is invented; then a leader makes it good. */
  async #checkHealing(): Promise<void> {
    const { snapshot, entries, hardState, log } = this.#opened;
    const acknowledged = this.#changes.slice(0, this.#acknowledged).reduce(apply, this.#found);
    expect(isReached(hardState, acknowledged.hardState)).toBe(true);
    expect(hardState.term).toBeLessThanOrEqual(this.#now.hardState.term);
    await this.#checkContent();
    for (const { index, term, payload } of entries)
      expect(this.#written).toContain(`${index}/${term}/${payload.length}`);
    const healed = vote(hardState.term, hardState.votedFor, false);
    await this.#machine.run(log.append({ hardState: healed }));
    const first = entries[0]?.index ?? log.lastIndex + 1;
    const base = { index: first - 1, term: log.termAt(asIndex(first - 1)) ?? 0 };
    this.#begin({ hardState: healed, base, entries }, snapshot);
  }

  get #now(): State {
    return this.#changes.reduce(apply, this.#found);
  }

  #append({ count, back, newTerm, bytes }: Extract<Command, { kind: "append" }>): void {
    const state = this.#now;
    const first = Math.max(this.#covered, lastIndex(state) - back) + 1;
    if (first > lastIndex(state) + 1) return;
    if (newTerm || back > 0) this.#term += 1;
    const list = Array.from({ length: count }, (_, at) => entry(first + at, this.#term, bytes));
    const hardState: Change[] = newTerm ? [{ kind: "hardState", hardState: vote(this.#term) }] : [];
    this.#issue([...hardState, ...list.map((each) => ({ kind: "entry" as const, entry: each }))]);
  }

  #issue(changes: readonly Change[]): void {
    if (this.#failed) return;
    const entries: LogEntry[] = [];
    let hardState = undefined as OpenedLog["hardState"] | undefined;
    for (const change of changes) {
      if (change.kind === "entry") entries.push(change.entry);
      if (change.kind === "hardState") hardState = change.hardState;
    }
    for (const { index, term, payload } of entries) this.#written.add(`${index}/${term}/${payload.length}`);
    this.#changes.push(...changes);
    const upTo = this.#changes.length;
    const request = hardState === undefined ? { entries } : { entries, hardState };
    this.#acknowledge(this.#opened.log.append(request), upTo);
  }

  #acknowledge(promise: Promise<void>, upTo: number): void {
    const settled = promise.then(
      () => {
        this.#acknowledged = Math.max(this.#acknowledged, upTo);
      },
      (error: unknown) => {
        expect(error).toBeInstanceOf(LogFailure);
        this.#failed = true;
      },
    );
    this.#outstanding.push(settled);
  }

  async #steps(count: number): Promise<void> {
    for (let step = 0; step < count; step++) if (!(await this.#machine.clock.step())) return;
  }

  async #flush(): Promise<void> {
    await this.#machine.run(Promise.all(this.#outstanding));
    this.#outstanding = [];
  }

  /** Lets a call run to its end, or for some steps and then cuts the power. */
  async #runOrCrash(call: Promise<void>, stepsMax: number): Promise<void> {
    let ended = false;
    const settled = call.then(
      () => {
        ended = true;
      },
      (error: unknown) => {
        expect(error).toBeInstanceOf(LogFailure);
        this.#failed = true;
        ended = true;
      },
    );
    if (stepsMax === Number.POSITIVE_INFINITY) await this.#machine.run(settled);
    else await this.#steps(stepsMax);
    if (!ended) await this.restart("crash");
  }

  async #snapshot(at: number, stepsMax: number): Promise<void> {
    const state = this.#now;
    const index = Math.max(this.#covered + 1, lastIndex(state) - at);
    const term = termAt(state, index);
    if (term === undefined || this.#failed || index <= this.#covered) return;
    await this.#runOrCrash(this.#writeSnapshot({ index: asIndex(index), term: asTerm(term) }), stepsMax);
  }

  async #writeSnapshot(point: LogPoint): Promise<void> {
    this.#snapshotsBegun.push(point);
    this.#covered = point.index;
    const { log } = this.#opened;
    this.#snapshotAcknowledged = await log.writeSnapshot(point, [stateAt(point)]);
  }

  async #install(ahead: number, stepsMax: number): Promise<void> {
    const index = lastIndex(this.#now) + ahead;
    if (this.#failed || index <= this.#covered) return;
    this.#term += 1;
    const point = { index: asIndex(index), term: asTerm(this.#term) };
    await this.#runOrCrash(this.#installSnapshot(point), stepsMax);
  }

  async #installSnapshot(point: LogPoint): Promise<void> {
    const { log } = this.#opened;
    await this.#writeSnapshot(point);
    this.#changes.push({ kind: "reset", point });
    const upTo = this.#changes.length;
    expect(await log.resetTo(point)).toEqual({ keptEntries: false });
    this.#acknowledged = Math.max(this.#acknowledged, upTo);
  }

  async #compact(stepsMax: number): Promise<void> {
    if (this.#failed) return;
    const firstKept = asIndex((this.#snapshotAcknowledged?.index ?? 0) + 1);
    await this.#runOrCrash(this.#opened.log.compact(firstKept), stepsMax);
  }

  async #fail(operation: "write" | "sync"): Promise<void> {
    if (this.#failed) return;
    this.#machine.sim.failNext(operation, ".log");
    this.#issue([{ kind: "hardState", hardState: vote(++this.#term) }]);
    await this.#flush();
    expect(this.#failed).toBe(true);
  }

  /** Compares what a start gave with the model, and goes on from there. */
  async #check(): Promise<void> {
    const { snapshot, entries, hardState, log } = this.#opened;
    this.#checkSnapshot(snapshot);
    await this.#checkContent();
    for (const { index, term, payload } of entries)
      expect(this.#written).toContain(`${index}/${term}/${payload.length}`);
    this.#found = { ...this.#matching(essence({ entries }, snapshot), hardState, snapshot), hardState };
    expect(log.lastIndex).toBe(lastIndex(this.#found));
    this.#begin(this.#found, snapshot);
  }

  #begin(found: State, snapshot: SnapshotMeta | undefined): void {
    this.#found = found;
    this.#changes = [];
    this.#acknowledged = 0;
    this.#outstanding = [];
    this.#failed = false;
    this.#snapshotAcknowledged = snapshot;
    this.#snapshotsBegun = snapshot === undefined ? [] : [snapshot];
    this.#covered = snapshot?.index ?? 0;
  }

  #checkSnapshot(snapshot: SnapshotMeta | undefined): void {
    // A damaged one may be passed over: the entries since an older one are there, as is checked after this.
    if (this.#opened.repaired.some(({ kind }) => kind === "snapshotSkipped")) return;
    expect(snapshot?.index ?? 0).toBeGreaterThanOrEqual(this.#snapshotAcknowledged?.index ?? 0);
    if (snapshot === undefined) return;
    const begun = [...this.#snapshotsBegun, this.#snapshotAcknowledged];
    expect(begun.some((each) => each?.index === snapshot.index && each.term === snapshot.term)).toBe(true);
  }

  async #checkContent(): Promise<void> {
    const reader = await this.#machine.run(this.#opened.log.readSnapshot());
    if (reader === undefined) return;
    const content = await this.#machine.run(reader.read(0, reader.meta.bytes));
    expect([...content]).toEqual([...stateAt(reader.meta)]);
  }

  /**
   * The state after some number of changes, at least all acknowledged ones, that looks like this. The hard state may be
   * ahead of the entries, never behind.
   */
  #matching(found: string, hardState: HardState, snapshot: LogPoint | undefined): State {
    let state = this.#found;
    let first: State | undefined;
    const candidates: string[] = [];
    const final = this.#now.hardState;
    expect(hardState.term).toBeLessThanOrEqual(final.term);
    for (let count = 0; count <= this.#changes.length; count++) {
      const change = this.#changes[count - 1];
      if (change !== undefined) state = apply(state, change);
      if (count < this.#acknowledged) continue;
      const candidate = withSnapshot(state, snapshot);
      if (!isReached(hardState, state.hardState)) continue;
      candidates.push(essence(candidate, snapshot));
      if (candidates.at(-1) !== found) continue;
      first ??= candidate;
      // More than one may look like this behind a snapshot: which it is counts if that snapshot decays.
      if (this.#opened.entries.every(({ index, term }) => termAt(candidate, index) === term))
        return candidate;
    }
    if (first !== undefined) return first;
    expect(candidates).toContain(found);
    return state;
  }
}

/** Votes of a history are never changed within a term. */
function isReached(found: HardState, wanted: HardState): boolean {
  if (found.term !== wanted.term) return found.term > wanted.term;
  return found.votedFor === wanted.votedFor || wanted.votedFor === null;
}

const faults = { latencyMs: { low: 0, high: 3 }, syncLatencyMs: { low: 1, high: 6 } };

async function playAll(seed: number, preallocateBytes: number, all: readonly Command[]): Promise<void> {
  const machine = new Machine(seed, faults, { preallocateBytes });
  const played = new History(machine, await machine.open());
  for (const next of all) await played.play(next);
  await played.restart("crash");
  await played.restart("crash");
}

describe("a log on a disk that loses power", () => {
  const preallocateBytes = fc.constantFrom(0, 2048);
  const size = { minLength: 5, maxLength: 60, size: "max" } as const;

  it("keeps what it acknowledged and invents nothing", async () => {
    await fc.assert(fc.asyncProperty(fc.integer(), preallocateBytes, fc.array(command, size), playAll), {
      numRuns: 200,
    });
  });

  it("and rots as well, keeps its vote, and all it acknowledged unless it says that it is healing", async () => {
    // What is behind a snapshot is told apart only when that snapshot decays.
    const append = { kind: "append", count: 1, back: 0, newTerm: true, bytes: 0 } as const;
    const snapshot = { kind: "snapshot", at: 0, steps: Number.POSITIVE_INFINITY } as const;
    const decay = { kind: "rot", file: 422_372_791, at: 0, bit: 0, power: false } as const;
    const decayed: Command[] = [append, append, snapshot, { kind: "crash" }, decay];
    await fc.assert(fc.asyncProperty(fc.integer(), preallocateBytes, fc.array(commandOrRot, size), playAll), {
      numRuns: 150,
      examples: [[-317_618_286, 0, decayed]],
    });
  });
});

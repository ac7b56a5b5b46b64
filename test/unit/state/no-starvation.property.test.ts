// Property NS-1 (decision 0037): what others merely hold can starve nobody. Against random histories of every command
// there is, and against frameworks that do what starves others under Mesos' offers.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replay } from "../../../src/debugger/replay.ts";
import { asId, type FrameworkId } from "../../../src/kernel/ids.ts";
import type { Offer } from "../../../src/state/model.ts";
import { decodeSnapshot, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars, taskSpec } from "./cluster.ts";
import { clusterAfter, steps, take } from "./random-commands.ts";
import { PatientCluster } from "./waiting.ts";

const patience = fc.constantFrom(0, 1_000, 5_000, 30_000);

describe("over every history", () => {
  it("who had no offer for the operator's time is offered something that it wants, and the invariants hold", () => {
    let served = 0;
    fc.assert(
      fc.property(steps, patience, (all, afterMs) => {
        const cluster = new PatientCluster(afterMs);
        clusterAfter(all, cluster);
        served += cluster.served;
      }),
      { numRuns: 80 },
    );
    expect(served).toBeGreaterThan(100);
  });

  it("gives the same digest when it is replayed from the log's bytes, and from a snapshot at any point", () => {
    fc.assert(
      fc.property(steps, patience, fc.nat(), (all, afterMs, point) => {
        const whole = clusterAfter(all, new PatientCluster(afterMs));
        const replayed = replay(undefined, whole.entries());
        expect(replayed.ok && digest(replayed.value)).toBe(digest(whole.state));
        const cut = point % (all.length + 1);
        const cluster = clusterAfter(all.slice(0, cut), new PatientCluster(afterMs));
        const restored = decodeSnapshot(encodeSnapshot(cluster.state));
        if (!restored.ok) throw new Error(restored.error.message);
        cluster.state = restored.value;
        for (const step of all.slice(cut)) take(cluster, step);
        expect(digest(cluster.state)).toBe(digest(whole.state));
      }),
      { numRuns: 40 },
    );
  });
});

type Habit =
  /** Answers nothing. */
  | "hoards"
  /** Answers after a long time: takes a little, and what it has not used is back at once. */
  | "is-slow"
  /** Declines at once, without a filter. */
  | "churns"
  /** Declines for the five seconds that are the default. */
  | "declines-for-5s"
  /** Takes a crumb of everything at once, and gives it back soon. */
  | "nibbles"
  /** Holds each offer for a little less than the operator's time. */
  | "holds-almost";

const habits = fc.constantFrom<Habit>(
  "hoards",
  "is-slow",
  "churns",
  "declines-for-5s",
  "nibbles",
  "holds-almost",
);

interface Rival {
  readonly id: FrameworkId;
  readonly habit: Habit;
}

const CYCLE_MS = 1_000;
const PATIENCE_MS = 5_000;
const SLOW_MS = 60_000;

class Contest {
  readonly cluster: Cluster;
  readonly victim: FrameworkId;
  /** Times at which the victim was given an offer. */
  readonly offeredAt: number[] = [];
  readonly #rivals: readonly Rival[];
  #tasks = 0;

  constructor(cluster: Cluster, rivals: readonly Habit[], agents: number) {
    this.cluster = cluster;
    for (let n = 0; n < agents; n++) cluster.agent(scalars({ cpus: 4, mem: 1_024 }));
    this.victim = cluster.subscribe({
      roles: [asId("victim")],
      minimums: [{ role: asId("victim"), minimum: [{ cpus: 3_000 }] }],
    });
    this.#becomeBig();
    this.#rivals = rivals.map((habit, n) => ({ habit, id: cluster.subscribe({ roles: [asId(`r${n}`)] }) }));
  }

  /** It uses a part of each agent: its share is the largest, so that its turn comes last. */
  #becomeBig(): void {
    for (const offer of this.cluster.allocate()) {
      this.cluster.accept([offer], [taskSpec(`big-${this.#tasks++}`, offer.agentId, { cpus: 0.9 })]);
    }
  }

  cycle(): void {
    this.cluster.wait(CYCLE_MS);
    this.cluster.do({ kind: "expire" });
    for (const offer of this.cluster.allocate()) {
      if (offer.frameworkId === this.victim) this.offeredAt.push(this.cluster.now);
    }
    for (const rival of this.#rivals) this.#answer(rival);
    const own = this.#offersOf(this.victim).map(({ id }) => id);
    if (own.length > 0) this.cluster.decline(this.victim, own, 0);
  }

  #offersOf(frameworkId: FrameworkId): readonly Offer[] {
    return [...this.cluster.state.offers.values()].filter((offer) => offer.frameworkId === frameworkId);
  }

  #answer({ id, habit }: Rival): void {
    const { cluster } = this;
    const offers = this.#offersOf(id);
    const agedAtLeast = (ms: number) => offers.filter(({ madeAt }) => madeAt + ms <= cluster.now);
    const decline = (some: readonly Offer[], refuseMs: number) => {
      if (some.length > 0)
        cluster.decline(
          id,
          some.map((offer) => offer.id),
          refuseMs,
        );
    };
    if (habit === "churns") decline(offers, 0);
    if (habit === "declines-for-5s") decline(offers, 5_000);
    if (habit === "holds-almost") decline(agedAtLeast(PATIENCE_MS - CYCLE_MS), 0);
    if (habit === "is-slow") for (const offer of agedAtLeast(SLOW_MS)) this.#takeCrumb(id, offer);
    if (habit === "nibbles") for (const offer of offers) this.#takeCrumb(id, offer);
  }

  /** A hundredth of a CPU, for one cycle. */
  #takeCrumb(id: FrameworkId, offer: Offer): void {
    const { cluster } = this;
    if (!cluster.state.offers.has(offer.id)) return;
    const before = [...cluster.framework(id).tasks.keys()];
    for (const task of before) {
      const { uuid } = cluster.status(id, task, "TASK_FINISHED");
      cluster.acknowledge(id, task, uuid);
    }
    cluster.accept([offer], [taskSpec(`crumb-${this.#tasks++}`, offer.agentId, { cpus: 0.01 })]);
  }

  /** The longest time without an offer to the victim. */
  longestGap(): number {
    const times = [...this.offeredAt, this.cluster.now];
    return Math.max(...times.map((at, n) => at - (times[n - 1] ?? at)));
  }
}

function contest(afterMs: number | null, rivals: readonly Habit[], agents: number, cycles: number): Contest {
  const cluster = afterMs === null ? new Cluster() : new PatientCluster(afterMs);
  const made = new Contest(cluster, rivals, agents);
  for (let n = 0; n < cycles; n++) made.cycle();
  return made;
}

describe("a framework that has the largest share and wants most of an agent", () => {
  it.each<readonly [string, readonly Habit[], number]>([
    ["one that hoards", ["hoards"], 1],
    ["one that is slow", ["is-slow"], 1],
    ["churners with smaller shares", ["churns", "churns", "churns"], 2],
    ["two that hold their offers in turn", ["holds-almost", "holds-almost"], 1],
    ["those who nibble and hold", ["nibbles", "holds-almost"], 1],
  ])("is starved by %s as in Mesos, and not with optimistic offers", (_, rivals, agents) => {
    const starved = contest(null, rivals, agents, 100);
    expect(starved.offeredAt.length).toBeLessThanOrEqual(1);
    const fed = contest(PATIENCE_MS, rivals, agents, 100);
    expect(fed.offeredAt.length).toBeGreaterThan(10);
    expect(fed.longestGap()).toBeLessThanOrEqual(PATIENCE_MS + 2 * CYCLE_MS);
  });

  it("is not starved by any of them together, in whatever number", () => {
    fc.assert(
      fc.property(
        fc.array(habits, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(0, PATIENCE_MS),
        (rivals, agents, afterMs) => {
          const { offeredAt } = contest(afterMs, rivals, agents, 25);
          expect(offeredAt.length).toBeGreaterThan(1);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("is not starved by hundreds of frameworks with small shares (eBay's Jenkins masters beside Marathon)", () => {
    const masters = Array.from({ length: 200 }, (): Habit => "declines-for-5s");
    const starved = contest(null, masters, 3, 15);
    expect(starved.offeredAt).toEqual([]);
    const fed = contest(PATIENCE_MS, masters, 3, 15);
    expect(fed.offeredAt.length).toBeGreaterThan(1);
  });
});

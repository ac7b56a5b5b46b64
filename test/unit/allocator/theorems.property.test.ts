// The properties that the DRF paper proves (Ghodsi et al., NSDI 2011: defined in section 3, DRF's in section 6 and table
// 2), on random clusters, over whole runs of cycles. The paper proves them for one pool that can be divided at will.
// Tasks that cannot be divided cost a bounded number of tasks (section 6, "Discrete Resource Allocation"); each test
// says how many and why. `d(i)` is what one task of i takes of i's dominant resource, as a part of the whole.
//
// Two facts carry all of it, on one agent and with one offer a cycle:
// (a) i gets a task only while its share is the lowest of those who have not refused: s(i) <= s(a) + d(i) for every i as
//     long as a has not refused; and a refuses only when, of some resource r, less is free than one of its tasks takes.
// (b) from then on less than that is left of r for everybody together.
// With several agents (a) is true for each agent only: others may go on with agents that a can use no more, and no rule
// of the paper says how far. So what is tested there is (a) itself and Pareto efficiency. With many offers a cycle, or
// frameworks that take more than a task of an offer, shares are apart by what was offered at once: by whole agents.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { availableOn, checkAllocator, contains } from "../../../src/allocator/index.ts";
import { type Amounts, fill, taskShare, total, type User, worth } from "./filling.ts";
import { agent as agentId, res } from "./helpers.ts";

/** For comparing sums of quotients of small whole numbers. */
const ROUNDING = 1e-9;

const demand = fc
  .record({ cpus: fc.nat({ max: 9 }), mem: fc.nat({ max: 9 }) })
  .filter(({ cpus, mem }) => cpus + mem > 0);
const users = fc.array(fc.record({ demand }), { minLength: 2, maxLength: 5 });
const weighted = fc.array(fc.record({ demand, weight: fc.integer({ min: 200, max: 5_000 }) }), {
  minLength: 2,
  maxLength: 5,
});
const pool = fc.record({ cpus: fc.integer({ min: 40, max: 160 }), mem: fc.integer({ min: 40, max: 160 }) });
const cluster = fc.array(
  fc.record({ cpus: fc.integer({ min: 9, max: 40 }), mem: fc.integer({ min: 9, max: 40 }) }),
  { minLength: 2, maxLength: 5 },
);
const runs = { numRuns: 150 };

function sharesOf(all: readonly User[], whole: Amounts): number[] {
  return all.map((user) => taskShare(user.demand, whole));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

describe("on one agent", () => {
  // Section 3: nobody is worse off than with 1/n of the whole. By (a) the shares add up to at most
  // n s(a) + the sum of d(i) without a's own; by a's refusal, to more than 1 - d(a). With weights: w(a) / W instead of 1/n.
  it("sharing incentive: each gets its part of the whole by weight, but for one task of each", () => {
    fc.assert(
      fc.property(pool, weighted, (whole, all) => {
        const { tasks } = fill([whole], all);
        const sizes = sharesOf(all, whole);
        const weights = sum(all.map(({ weight }) => weight));
        for (const [index, { weight }] of all.entries()) {
          const share = (tasks[index] ?? 0) * (sizes[index] ?? 0);
          expect(share).toBeGreaterThanOrEqual((weight / weights) * (1 - sum(sizes)) - ROUNDING);
        }
      }),
      runs,
    );
  });

  // a would run at most s(b) / d(a) tasks with what b has; by (a) that is at most tasks(a) + d(b) / d(a) when a refuses,
  // and by (b) what b takes later of r holds less than one more task of a's.
  it("envy-freeness: nobody could run more with what another has, but for one task of either", () => {
    fc.assert(
      fc.property(pool, users, (whole, all) => {
        const { tasks } = fill([whole], all);
        const sizes = sharesOf(all, whole);
        for (const [a, { demand: mine }] of all.entries()) {
          for (const [b, { demand: other }] of all.entries()) {
            const slack = 1 + (sizes[b] ?? 0) / (sizes[a] ?? 1);
            const couldRun = Math.floor(worth(tasks[b] ?? 0, other, mine) + ROUNDING);
            expect(couldRun).toBeLessThanOrEqual((tasks[a] ?? 0) + slack + ROUNDING);
          }
        }
      }),
      runs,
    );
  });

  // Who asks for something else than it needs gets, of what it needs, no more than before. This and the next compare two
  // runs, in each of which everybody stands within one task of the level at which it would stop if tasks could be divided:
  // so up to two tasks of each. That bound is measured (it held in 10,000 runs, and half of it not always), not proved.
  it("strategy-proofness: a lie about the size of its tasks wins nobody more than two tasks of each", () => {
    fc.assert(
      fc.property(pool, users, fc.nat(), demand, (whole, all, pick, lie) => {
        const liar = pick % all.length;
        const truth = all[liar]?.demand ?? lie;
        const honest = fill([whole], all).tasks[liar] ?? 0;
        const lying = all.map((user, index) => (index === liar ? { demand: lie } : user));
        const gained = Math.floor(worth(fill([whole], lying).tasks[liar] ?? 0, lie, truth) + ROUNDING);
        const slack = 2 * (sum(sharesOf(all, whole)) + taskShare(lie, whole));
        expect((gained - honest) * taskShare(truth, whole)).toBeLessThanOrEqual(slack + ROUNDING);
      }),
      { numRuns: 300 },
    );
  });

  // Table 2: who stays loses nothing when another leaves.
  it("population monotonicity: when one leaves, nobody loses more than two tasks of each", () => {
    fc.assert(
      fc.property(pool, users, (whole, all) => {
        const before = fill([whole], all).tasks;
        const after = fill([whole], all.slice(0, -1)).tasks;
        const sizes = sharesOf(all, whole);
        for (const [index, left] of after.entries()) {
          const lost = ((before[index] ?? 0) - left) * (sizes[index] ?? 0);
          expect(lost).toBeLessThanOrEqual(2 * sum(sizes) + ROUNDING);
        }
      }),
      runs,
    );
  });

  // The one property of table 2 that DRF lacks, and must: nothing that is Pareto-efficient and gives a sharing incentive
  // has it. More CPUs make a CPU-heavy task a smaller share, so its owner takes more of them, and more of the memory.
  it("resource monotonicity does not hold: with more CPUs the second loses 14 tasks, far more than the slack", () => {
    const all = [{ demand: { cpus: 2, mem: 1 } }, { demand: { cpus: 1, mem: 2 } }];
    expect(fill([{ cpus: 2_000, mem: 1_200 }], all).tasks).toEqual([546, 327]);
    expect(fill([{ cpus: 2_200, mem: 1_200 }], all).tasks).toEqual([574, 313]);
  });
});

describe("on several agents", () => {
  it("(a) an agent goes to the lowest weighted share of those who have not refused it, exactly", () => {
    fc.assert(
      fc.property(cluster, weighted, (agents, all) => {
        const whole = total(agents);
        const refused = new Set<string>();
        for (const { user, agent, took, before } of fill(agents, all).turns) {
          const rivals = [...all.keys()].filter((rival) => !refused.has(`${rival} ${agent}`));
          const lower = rivals.filter((rival) => isLower(all, before, rival, user, whole));
          expect(lower).toEqual([]);
          if (!took) refused.add(`${user} ${agent}`);
        }
      }),
      runs,
    );
  });

  it("Pareto efficiency: in the end nobody can have a task more without another's losing one, exactly", () => {
    fc.assert(
      fc.property(cluster, users, (agents, all) => {
        const { state, tasks } = fill(agents, all);
        for (const number of agents.keys()) {
          const free = availableOn(state, agentId(number));
          const fitting = all.filter((user) =>
            contains(free, res(`cpus:${user.demand.cpus};mem:${user.demand.mem}`)),
          );
          expect(fitting).toEqual([]);
        }
        expect(sum(tasks)).toBeGreaterThan(0);
        checkAllocator(state);
      }),
      runs,
    );
  });
});

/** Whether the first's share divided by its weight is less than the other's: in whole numbers. */
function isLower(
  all: readonly User[],
  tasks: readonly number[],
  first: number,
  other: number,
  whole: Amounts,
): boolean {
  const shareTimes = (user: number, weight: number) => {
    const { cpus = 0, mem = 0 } = all[user]?.demand ?? {};
    return (tasks[user] ?? 0) * Math.max(cpus * whole.mem, mem * whole.cpus) * weight;
  };
  return shareTimes(first, all[other]?.weight ?? 1) < shareTimes(other, all[first]?.weight ?? 1);
}

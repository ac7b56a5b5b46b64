// Optimistic offers (decision 0037) keep to what keeps other offers away, and are the same wherever a cycle is cut.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Allocation,
  type AllocatorState,
  addFilter,
  allocate,
  allocateTo,
  beginWaiting,
  type OutstandingOffer,
  SlicedCycles,
  setQuota,
} from "../../../src/allocator/index.ts";
import { agent, at, cluster, framework, res, role } from "./helpers.ts";

const NONE = new Map([
  ["cpus", 0],
  ["mem", 0],
]);

describe("a framework that has refused an agent", () => {
  it("is not shown what is free there when it has waited, if nobody else may have that either", () => {
    const state = cluster(["cpus:4;mem:64"], ["a", "b"]);
    setQuota(state, role("b"), { guarantees: new Map(), limits: NONE });
    addFilter(state, framework(1), role("a"), agent(0), res("cpus:4;mem:64"), at(1_000_000));
    for (const number of [1, 2]) beginWaiting(state, framework(number), at(0));
    const options = { optimisticAfterMs: 1_000, outstanding: () => [] };
    expect(allocate(state, at(5_000), options)).toEqual([]);
    expect(allocate(state, at(1_000_000), options)).toHaveLength(1);
  });
});

const PATIENCE_MS = 1_000;
const NOW = 5_000;
const TOTAL = "cpus:4;mem:64";
const ROLES = ["a", "a/b", "c", "a c", "c/d"];

interface World {
  readonly state: AllocatorState;
  readonly offers: OutstandingOffer[];
}

interface Plan {
  /** For each agent who holds it, if anybody does, and since when. */
  readonly agents: readonly { readonly holder: number | null; readonly madeAt: number }[];
  /** For each framework its roles, since when it waits, and the agents that it has refused. */
  readonly frameworks: readonly {
    readonly roles: number;
    readonly since: number;
    readonly refused: readonly number[];
  }[];
  readonly limit: number | null;
}

const plans: fc.Arbitrary<Plan> = fc.record({
  agents: fc.array(
    fc.record({
      holder: fc.option(fc.nat({ max: 7 }), { freq: 3 }),
      madeAt: fc.constantFrom(0, 3_999, 4_001),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  frameworks: fc.array(
    fc.record({
      roles: fc.nat({ max: ROLES.length - 1 }),
      since: fc.constantFrom(0, 1_000, 4_000, 4_500),
      refused: fc.uniqueArray(fc.nat({ max: 7 }), { maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  limit: fc.option(fc.constantFrom(2_000, 6_000, 9_000)),
});

function worldOf({ agents, frameworks, limit }: Plan): World {
  const roles = frameworks.map((each) => ROLES[each.roles] ?? "c");
  const state = cluster(
    agents.map(() => TOTAL),
    roles,
  );
  if (limit !== null)
    setQuota(state, role("a"), { guarantees: new Map(), limits: new Map([["cpus", limit]]) });
  for (const [index, { since, refused }] of frameworks.entries()) {
    const ids = [framework(index + 1), role(roles[index]?.split(" ")[0] ?? "c")] as const;
    beginWaiting(state, ids[0], at(since));
    for (const n of refused)
      if (n < agents.length)
        addFilter(state, ...ids, agent(n), res(TOTAL), at(refused.length % 3 === 0 ? 4_000 : 9_000));
  }
  const offers: OutstandingOffer[] = [];
  for (const [n, { holder, madeAt }] of agents.entries()) {
    if (holder === null) continue;
    const index = holder % frameworks.length;
    const own = role(roles[index]?.split(" ")[0] ?? "c");
    const held = {
      frameworkId: framework(index + 1),
      role: own,
      agentId: agent(n),
      resources: res("cpus:3;mem:64"),
    };
    carryOut({ state, offers }, [held], madeAt);
  }
  return { state, offers };
}

function carryOut({ state, offers }: World, made: readonly Allocation[], now: number): void {
  for (const each of made) {
    if (each.optimistic !== true)
      allocateTo(state, each.frameworkId, each.role, each.agentId, each.resources);
    offers.push({ ...each, madeAt: at(now) });
  }
}

describe("the slices of a cycle", () => {
  it("show together what one whole cycle shows, and come to an end", () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 60 }), fc.boolean(), (plan, workMax, isSetBack) => {
        const optionsOf = ({ offers }: World) => ({
          optimisticAfterMs: PATIENCE_MS,
          outstanding: () => offers,
          minimum: [{ cpus: 500 }],
        });
        const one = worldOf(plan);
        const whole = allocate(one.state, at(NOW), optionsOf(one));
        const world = worldOf(plan);
        const cycles = new SlicedCycles();
        const all: Allocation[] = [];
        let slices = 0;
        do {
          const options = { ...optionsOf(world), workMax };
          let made = cycles.next(world.state, at(NOW), options, all.length);
          // Not carried out: it comes again.
          if (isSetBack && slices % 3 === 1 && made.length > 0)
            made = cycles.next(world.state, at(NOW), options, all.length);
          carryOut(world, made, NOW);
          all.push(...made);
          slices++;
        } while (cycles.isUnderWay && slices < 1_000);
        expect(cycles.isUnderWay).toBe(false);
        expect(all).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  it("ask no more than so many clients at once, however many have refused all", () => {
    const refused = Array.from({ length: 50 }, (_, n) => n);
    const frameworks = Array.from({ length: 40 }, () => ({ roles: 2, since: 0, refused }));
    const agents = refused.map(() => ({ holder: 0, madeAt: 0 }));
    const { state, offers } = worldOf({ agents, frameworks, limit: null });
    const cycles = new SlicedCycles();
    const options = { optimisticAfterMs: PATIENCE_MS, outstanding: () => offers, workMax: 400 };
    let slices = 0;
    do {
      cycles.next(state, at(NOW), options, 0);
      slices++;
    } while (cycles.isUnderWay);
    expect(slices).toBeGreaterThan(10);
  });
});

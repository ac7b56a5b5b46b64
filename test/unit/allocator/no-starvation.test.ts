// Property NS-1 (decision 0037) where more wait than a cycle may offer to: K = ⌈L / B⌉ cycles, for L who compete and B
// optimistic offers a cycle. The framework that hoards holds every agent for ever; all others wait from the beginning.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Allocation,
  type AllocatorState,
  allocate,
  allocateTo,
  beginWaiting,
  type OutstandingOffer,
  SlicedCycles,
} from "../../../src/allocator/index.ts";
import { agent, at, cluster, framework, res, role } from "./helpers.ts";

const PATIENCE_MS = 1_000;
const HOARDER = 1;

interface World {
  readonly state: AllocatorState;
  readonly offers: OutstandingOffer[];
}

/** The hoarder and so many others, each in a role of its own, and agents that the hoarder holds. */
function hoarded(others: number, agents: number): World {
  const roles = Array.from({ length: others + 1 }, (_, n) => `r${n}`);
  const totals = Array.from({ length: agents }, () => "cpus:4;mem:64");
  const state = cluster(totals, roles);
  const offers: OutstandingOffer[] = [];
  for (let n = 0; n < agents; n++) {
    const held = { frameworkId: framework(HOARDER), role: role("r0"), agentId: agent(n) };
    allocateTo(state, held.frameworkId, held.role, held.agentId, res("cpus:4;mem:64"));
    offers.push({ ...held, resources: res("cpus:4;mem:64"), madeAt: at(0) });
  }
  for (let n = 1; n <= others + 1; n++) beginWaiting(state, framework(n), at(0));
  return { state, offers };
}

function options({ offers }: World, offersMax: number) {
  return { optimisticAfterMs: PATIENCE_MS, outstanding: () => offers, offersMax };
}

function take(world: World, made: readonly Allocation[], now: number): void {
  for (const allocation of made) world.offers.push({ ...allocation, madeAt: at(now) });
}

describe("when all but the hoarder have waited for the operator's time", () => {
  it("each has been offered something within ⌈L / B⌉ cycles, if they keep their offers", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        (others, agents, offersMax) => {
          const world = hoarded(others, agents);
          const seen = new Set<string>();
          const cycles = Math.ceil((others + 1) / offersMax);
          for (let cycle = 0; cycle < cycles; cycle++) {
            const made = allocate(world.state, at(PATIENCE_MS + cycle), options(world, offersMax));
            expect(made.length).toBeLessThanOrEqual(offersMax);
            for (const { frameworkId } of made) seen.add(frameworkId);
            take(world, made, PATIENCE_MS + cycle);
          }
          expect(seen.size).toBe(others);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("and so if those who are offered something decline it at once and wait again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 6 }), (others, offersMax) => {
        const world = hoarded(others, 2);
        const seen = new Set<string>();
        const cycles = Math.ceil((others + 1) / offersMax);
        for (let cycle = 0; cycle < cycles; cycle++) {
          const now = at(PATIENCE_MS + cycle);
          for (const { frameworkId, role: own } of allocate(world.state, now, options(world, offersMax))) {
            seen.add(frameworkId);
            const number = world.state.frameworks.get(frameworkId)?.clients.get(own) ?? 0;
            const client = world.state.clients.get(number);
            if (client !== undefined) client.waitsSince = now;
          }
        }
        expect(seen.size).toBe(others);
      }),
      { numRuns: 100 },
    );
  });
});

describe("cut cycles", () => {
  it("end with the optimistic offers that a whole one makes", () => {
    const world = hoarded(5, 3);
    const whole = allocate(world.state, at(PATIENCE_MS), options(world, 100));
    const cut = new SlicedCycles().next(world.state, at(PATIENCE_MS), options(world, 100), 0);
    expect(cut).toEqual(whole);
    expect(whole.map(({ optimistic }) => optimistic)).not.toContain(undefined);
  });
});

describe("while no optimistic offers are made", () => {
  it("nobody asks which offers are out", () => {
    const world = hoarded(5, 3);
    const outstanding = () => {
      throw new Error("asked");
    };
    expect(allocate(world.state, at(PATIENCE_MS), { outstanding })).toEqual([]);
    expect(allocate(world.state, at(PATIENCE_MS), { outstanding, optimisticAfterMs: null })).toEqual([]);
  });
});

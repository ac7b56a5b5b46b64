// The allocator against the reference over random histories: the same offers after every step, and a state that is
// consistent in itself; copied in the middle, or evolved as Immer's drafts, it is the same state.
import fc from "fast-check";
import { enableMapSet, produce } from "immer";
import { describe, expect, it } from "vitest";
import {
  type AllocatorState,
  allocate,
  allocateTo,
  checkAllocator,
  createAllocatorState,
  format,
} from "../../../src/allocator/index.ts";
import { agent, at, framework, show } from "./helpers.ts";
import { apply, arbitraryStep, MINIMUM_CPUS_MILLIS, type Step, type World } from "./history.ts";
import { type Facts, noFacts, referenceCycle } from "./reference.ts";

enableMapSet();

const beginning: readonly Step[] = ["agent", "framework", "agent", "framework", "agent", "framework"].map(
  (kind) => ({ kind }) as Step,
);
const histories = fc
  .array(arbitraryStep, { minLength: 1, maxLength: 60 })
  .map((steps) => [...beginning, ...steps]);

const ROLES_WITH_QUOTA = [0, 1, 3, 4];
/** Quotas at every level of the tree before anything is offered. */
const historiesWithQuotas = fc
  .tuple(
    fc.tuple(
      ...ROLES_WITH_QUOTA.map((role) =>
        fc.record({
          kind: fc.constant("quota" as const),
          role: fc.constant(role),
          quota: fc.nat({ max: 6 }),
        }),
      ),
    ),
    fc.array(arbitraryStep, { minLength: 1, maxLength: 20 }),
  )
  .map(([quotas, steps]): Step[] => [...quotas, ...beginning, { kind: "framework" }, ...steps]);

/** Two agents with shared volumes, and frameworks that take them in roles below each other. */
const beginningShared: readonly Step[] = [
  ...["agent", "agent", "framework", "framework", "framework", "framework", "framework", "framework"].map(
    (kind) => ({ kind }) as Step,
  ),
  { kind: "resize", n: 0, total: 8 },
  { kind: "resize", n: 1, total: 9 },
];
const historiesWithShared = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant<Step>({ kind: "cycle" }) },
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant("use" as const),
          n: fc.nat({ max: 9 }),
          part: fc.constantFrom(0, 8, 8, 8, 9),
          refuse: fc.constantFrom(0, 0, 3),
        }),
      },
      { weight: 2, arbitrary: arbitraryStep },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("quota" as const),
          role: fc.nat({ max: 4 }),
          quota: fc.constantFrom(0, 6),
        }),
      },
    ),
    { minLength: 5, maxLength: 40 },
  )
  .map((steps): Step[] => [...beginningShared, ...steps]);

function newWorld(): World {
  return { now: 0, nextAgent: 0, nextFramework: 0 };
}

function offersOf(state: AllocatorState, now: number, excluded: readonly string[] = []): string[] {
  const minimum = [{ cpus: MINIMUM_CPUS_MILLIS }];
  return allocate(state, at(now), { minimum, fairShareExcluded: new Set(excluded) }).map(show);
}

/** Of cycles one after the other, each carried out, until there is nothing more to offer. */
function cutOffersOf(state: AllocatorState, now: number, offersMax: number): string[] {
  const all: string[] = [];
  for (;;) {
    const offers = allocate(state, at(now), { minimum: [{ cpus: MINIMUM_CPUS_MILLIS }], offersMax });
    if (offers.length === 0) return all;
    for (const { frameworkId, role, agentId, resources } of offers) {
      allocateTo(state, frameworkId, role, agentId, resources);
    }
    all.push(...offers.map(show));
  }
}

function expected(facts: Facts, now: number): string[] {
  return referenceCycle(facts, now, MINIMUM_CPUS_MILLIS).map(
    (offer) =>
      `${agent(offer.agent)} ${framework(offer.framework)} ${offer.role}: ${format(offer.resources)}`,
  );
}

describe("over any history", () => {
  it.each([
    ["without quotas at first", histories, 300, []],
    ["with memory and GPUs excluded from fair shares", histories, 100, ["mem", "gpus"]],
    ["with quotas", historiesWithQuotas, 30, []],
    ["with shared volumes", historiesWithShared, 100, []],
  ])(
    "the offers are the reference's and the state is consistent, after every step: %s",
    (_, all, numRuns, excluded) => {
      fc.assert(
        fc.property(all, (steps) => {
          const [state, facts, world] = [createAllocatorState(), { ...noFacts(), excluded }, newWorld()];
          for (const step of steps) {
            apply(state, facts, world, step);
            expect(offersOf(state, world.now, excluded)).toEqual(expected(facts, world.now));
            checkAllocator(state);
          }
        }),
        { numRuns },
      );
    },
  );

  it("a cycle cut into several gives the same offers, without quotas", () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 3 }), (steps, offersMax) => {
        const [state, facts, world] = [createAllocatorState(), noFacts(), newWorld()];
        for (const step of steps.filter(({ kind }) => kind !== "quota")) apply(state, facts, world, step);
        const whole = offersOf(state, world.now);
        expect(cutOffersOf(state, world.now, offersMax)).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  it("a copy of the state has the same future", () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 60 }), (steps, cut) => {
        const [state, facts, world] = [createAllocatorState(), noFacts(), newWorld()];
        for (const step of steps.slice(0, cut)) apply(state, facts, world, step);
        const [copy, copiedFacts, copiedWorld] = structuredClone([state, facts, world] as const);
        for (const step of steps.slice(cut)) {
          apply(state, facts, world, step);
          apply(copy, copiedFacts, copiedWorld, step);
          expect(offersOf(copy, world.now)).toEqual(offersOf(state, world.now));
        }
        expect(copy).toEqual(state);
      }),
      { numRuns: 100 },
    );
  });

  it("Immer's drafts come to the same state, and leave the one before as it was", () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const [state, facts, world] = [createAllocatorState(), noFacts(), newWorld()];
        const [draftFacts, draftWorld] = [noFacts(), newWorld()];
        let drafted = createAllocatorState();
        for (const step of steps) {
          const before = drafted;
          const copy = structuredClone(before);
          drafted = produce(before, (draft) => apply(draft as AllocatorState, draftFacts, draftWorld, step));
          expect(before).toEqual(copy);
          apply(state, facts, world, step);
        }
        expect(drafted).toEqual(state);
      }),
      { numRuns: 60 },
    );
  });
});

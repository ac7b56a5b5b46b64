// What one slice of a cycle may cost, and when a cycle is over.
import { describe, expect, it } from "vitest";
import {
  type Allocation,
  type AllocatorState,
  addAgent,
  addFilter,
  allocate,
  allocateTo,
  ConstraintCache,
  recover,
  SlicedCycles,
} from "../../../src/allocator/index.ts";
import { BEHIND_SLICES_MAX, NEW_AGENTS_PER_SLICE_MAX } from "../../../src/allocator/limits.ts";
import { agent, at, cluster, framework, res, show, star } from "./helpers.ts";

const FRAMEWORKS = 50;
const AGENTS = 20;

/** Every framework but the last has refused every agent for long. */
function refusedByAllButOne(): AllocatorState {
  const agents = Array.from({ length: AGENTS }, () => "cpus:1;mem:64");
  const state = cluster(
    agents,
    Array.from({ length: FRAMEWORKS }, () => "*"),
  );
  for (let number = 1; number < FRAMEWORKS; number++) {
    for (let place = 0; place < AGENTS; place++) {
      addFilter(state, framework(number), star, agent(place), res("cpus:1;mem:64"), at(1_000));
    }
  }
  return state;
}

function carryOut(state: AllocatorState, made: readonly Allocation[]): void {
  for (const { frameworkId, role, agentId, resources } of made) {
    allocateTo(state, frameworkId, role, agentId, resources);
  }
}

/** @returns what each slice has made */
function slices(state: AllocatorState, workMax: number): readonly (readonly Allocation[])[] {
  const [cycles, all]: [SlicedCycles, (readonly Allocation[])[]] = [new SlicedCycles(), []];
  do {
    const made = cycles.next(state, at(0), { workMax }, all.flat().length);
    carryOut(state, made);
    all.push(made);
  } while (cycles.isUnderWay);
  return all;
}

describe("a slice", () => {
  it("ends when so much was asked, however little it has made", () => {
    const state = refusedByAllButOne();
    const whole = allocate(state, at(0)).map(show);
    const made = slices(state, 200);
    expect(made.flat().map(show)).toEqual(whole);
    expect(whole).toHaveLength(AGENTS);
    expect(Math.max(...made.map(({ length }) => length))).toBeLessThanOrEqual(1 + 200 / FRAMEWORKS);
  });

  it("asks at least one agent's worth, so that every cycle ends", () => {
    const made = slices(refusedByAllButOne(), 1);
    expect(made.flat()).toHaveLength(AGENTS);
    expect(made.length).toBeLessThanOrEqual(2 * AGENTS);
  });

  it("puts only so many agents in order that no cycle has seen before", () => {
    const state = cluster([], ["*"]);
    const number = 2 * NEW_AGENTS_PER_SLICE_MAX + 1;
    for (let place = 0; place < number; place++) addAgent(state, agent(place), res("mem:1"));
    const cycles = new SlicedCycles();
    expect(cycles.next(state, at(0), { workMax: number }, 0)).toEqual([]);
    expect(cycles.isUnderWay).toBe(true);
    cycles.next(state, at(0), { workMax: number }, 0);
    cycles.next(state, at(0), { workMax: 2 * number }, 0);
    expect(cycles.isUnderWay).toBe(false);
  });
});

describe("a cycle", () => {
  it("is over when each agent had its turn, though its framework declines all at once and without a filter", () => {
    const state = cluster(
      Array.from({ length: AGENTS }, () => "cpus:1;mem:64"),
      ["*"],
    );
    const cycles = new SlicedCycles();
    let turn = 0;
    let count = 0;
    do {
      const made = cycles.next(state, at(0), { offersMax: 3 }, turn);
      turn += made.length;
      carryOut(state, made);
      for (const { frameworkId, role, agentId, resources } of made) {
        recover(state, frameworkId, role, agentId, resources);
      }
      count++;
    } while (cycles.isUnderWay && count < 100);
    expect(turn).toBe(AGENTS);
  });
});

describe("a cycle in which constraints take long to evaluate", () => {
  it("goes on without who asks for them after some slices: nobody holds up the offers of all others", () => {
    const agents = 100;
    const state = cluster(
      Array.from({ length: agents }, () => "cpus:1;mem:64"),
      ["a", "b"],
    );
    const facts = { hostname: "h", region: null, zone: null, attributes: [] };
    const constraints = [
      [{ selector: { kind: "hostname" }, predicate: { kind: "text-equals", value: "h" } }],
    ] as const;
    const requirements = {
      cache: new ConstraintCache({ workMax: 1 }),
      factsOf: () => facts,
      requirementsOf: (frameworkId: string) =>
        frameworkId === framework(1) ? { constraints, minimum: null } : null,
    };
    const cycles = new SlicedCycles();
    const made: Allocation[] = [];
    let slicesMade = 0;
    do {
      const slice = cycles.next(state, at(0), { requirements }, made.length);
      carryOut(state, slice);
      made.push(...slice);
      slicesMade++;
    } while (cycles.isUnderWay && slicesMade < 1_000);
    expect(slicesMade).toBeLessThanOrEqual(BEHIND_SLICES_MAX + 2);
    expect(made).toHaveLength(agents);
  });
});

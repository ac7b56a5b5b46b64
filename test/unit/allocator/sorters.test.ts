// Sorters (AL01, AL02) and names that do not count in fair shares (AL09).
import { describe, expect, it } from "vitest";
import {
  type AllocateOptions,
  type AllocatorState,
  allocate,
  explain,
  hold,
  setWeight,
} from "../../../src/allocator/index.ts";
import { agent, at, cluster, framework, res, role, show } from "./helpers.ts";

const AGENTS = 2_000;
const RANDOM: AllocateOptions = { roleSorter: "random", frameworkSorter: "random", seed: "c-O7" };

function agents(): string[] {
  return Array.from({ length: AGENTS }, () => "cpus:1;mem:64");
}

/** How many of the agents each framework or role is offered. */
function counts(
  state: AllocatorState,
  options: AllocateOptions,
  by: "role" | "frameworkId",
): Map<string, number> {
  const found = new Map<string, number>();
  for (const allocation of allocate(state, at(0), options)) {
    found.set(allocation[by], (found.get(allocation[by]) ?? 0) + 1);
  }
  return found;
}

/** Five standard deviations of a binomial distribution on each side. */
function expectPart(count: number | undefined, part: number): void {
  const slack = 5 * Math.sqrt(AGENTS * part * (1 - part));
  expect(count).toBeGreaterThan(AGENTS * part - slack);
  expect(count).toBeLessThan(AGENTS * part + slack);
}

describe("the random sorter", () => {
  it("draws roles by their weights, whatever they hold", () => {
    const state = cluster([...agents(), "cpus:5000"], ["a", "b", "c"]);
    setWeight(state, role("b"), 2_000);
    setWeight(state, role("c"), 5_000);
    hold(state, framework(3), role("c"), agent(AGENTS), res("cpus:5000"));
    const found = counts(state, RANDOM, "role");
    expectPart(found.get("a"), 1 / 8);
    expectPart(found.get("b"), 2 / 8);
    expectPart(found.get("c"), 5 / 8);
  });

  it("draws level by level down the tree: below a role, its own frameworks count as one more of weight 1", () => {
    const state = cluster(agents(), ["eng", "eng/ads", "ops"]);
    setWeight(state, role("eng/ads"), 3_000);
    const found = counts(state, RANDOM, "role");
    expectPart(found.get("ops"), 1 / 2);
    expectPart(found.get("eng"), 1 / 8);
    expectPart(found.get("eng/ads"), 3 / 8);
  });

  it("draws the frameworks of a role as equals", () => {
    const state = cluster(agents(), ["a", "a", "a", "b"]);
    const found = counts(state, { frameworkSorter: "random", seed: "s" }, "frameworkId");
    expect(found.get(framework(4))).toBe(AGENTS / 2);
    for (const number of [1, 2, 3]) expectPart(found.get(framework(number)), 1 / 6);
  });

  it("asks all in turn: what one may not have goes to another", () => {
    const state = cluster(["cpus:2;gpus:1", "cpus:1"], ["a", "b"]);
    const offered = counts(state, RANDOM, "frameworkId");
    expect([...offered.values()]).toEqual([1]);
  });

  it("gives the same offers for the same state and seed, others for another seed", () => {
    const offers = (seed: string) =>
      allocate(cluster(agents(), ["a", "b"]), at(0), { ...RANDOM, seed }).map(show);
    expect(offers("c-O7")).toEqual(offers("c-O7"));
    expect(offers("c-O8")).not.toEqual(offers("c-O7"));
  });

  it("is explained as it allocates", () => {
    const state = cluster(agents().slice(0, 40), ["a", "b", "b"]);
    const offered = allocate(state, at(0), RANDOM).filter((each) => each.frameworkId === framework(2));
    const verdicts = explain(state, at(0), framework(2), [], RANDOM).agents;
    const told = verdicts.filter(({ verdict }) => verdict.kind === "offered");
    expect(told.map(({ agentId }) => agentId)).toEqual(offered.map(({ agentId }) => agentId));
    expect(offered.length).toBeGreaterThan(0);
  });

  it("is explained with the turns that it drew at each agent: the last of them took it, the framework's own among them", () => {
    const state = cluster(
      ["cpus:1;mem:64", "cpus:1;mem:64;gpus:1", ...agents().slice(0, 60)],
      ["a", "b", "b"],
    );
    const takers = new Map(allocate(state, at(0), RANDOM).map((each) => [each.agentId, each]));
    const { agents: verdicts } = explain(state, at(0), framework(2), [], RANDOM);
    let gone = 0;
    for (const { agentId, drawn } of verdicts) {
      const taker = takers.get(agentId);
      if (taker === undefined) {
        expect(drawn).toBeUndefined();
        continue;
      }
      const last = drawn?.turns.at(-1);
      expect(last).toEqual({ frameworkId: taker.frameworkId, role: taker.role });
      expect(drawn?.of).toBe(drawn?.turns.length);
      const own = drawn?.turns.findIndex(({ frameworkId }) => frameworkId === framework(2)) ?? -1;
      expect(drawn?.own).toBe(own < 0 ? null : own + 1);
      if (own < 0) gone += 1;
    }
    expect(gone).toBeGreaterThan(0);
  });

  it("is explained by chances, not by shares: of roles by weight, of frameworks alike", () => {
    const state = cluster(agents().slice(0, 4), ["a", "b", "b"]);
    setWeight(state, role("b"), 3_000);
    const levels = (options: AllocateOptions) =>
      explain(state, at(0), framework(2), [], options).roles[0]?.levels.map(
        ({ name, position, chance, ahead }) => ({ name, position, chance, ahead: ahead.length }),
      );
    expect(levels(RANDOM)).toEqual([
      { name: "b", position: null, chance: 0.75, ahead: 0 },
      { name: framework(2), position: null, chance: 0.5, ahead: 0 },
    ]);
    expect(levels({ frameworkSorter: "random" })).toEqual([
      { name: "b", position: 1 + 1, chance: undefined, ahead: 1 },
      { name: framework(2), position: null, chance: 0.5, ahead: 0 },
    ]);
    expect(explain(state, at(0), framework(2)).agents.every(({ drawn }) => drawn === undefined)).toBe(true);
  });
});

describe("a name that is excluded from fair shares", () => {
  const excluded: AllocateOptions = { fairShareExcluded: new Set(["gpus"]) };

  function holding(): AllocatorState {
    const state = cluster(["cpus:10;gpus:2", "cpus:10"], ["a", "b"]);
    hold(state, framework(1), role("a"), agent(0), res("cpus:1;gpus:2"));
    hold(state, framework(2), role("b"), agent(0), res("cpus:3"));
    return state;
  }

  it("does not count: who holds all of it comes first if it holds less of the rest", () => {
    const first = (options: AllocateOptions) => allocate(holding(), at(0), options)[0]?.frameworkId;
    expect(first({})).toBe(framework(2));
    expect(first(excluded)).toBe(framework(1));
  });

  it("is not what the explanation calls dominant", () => {
    const share = (options: AllocateOptions) =>
      explain(holding(), at(0), framework(1), [], options).roles[0]?.share;
    expect(share({})?.resource).toBe("gpus");
    expect(share(excluded)).toEqual({ resource: "cpus", numerator: 1_000n, denominator: 20_000n });
  });
});

import { describe, expect, it } from "vitest";
import {
  addAgent,
  addFilter,
  allocate,
  allocateTo,
  checkAllocator,
  clearFilters,
  dominantShare,
  expireFilters,
  format,
  hold,
  NO_RESOURCES,
  nextFilterExpiry,
  recover,
  revive,
  setAgentActive,
  setAgentRemote,
  setFrameworkActive,
  setWeight,
  suppress,
  updateAgent,
  updateFramework,
} from "../../../src/allocator/index.ts";
import { agent, at, cluster, cycle, framework, join, names, offers, res, role, star } from "./helpers.ts";

const small = "cpus:1;mem:64";

describe("a cycle", () => {
  it("offers nothing without agents, without frameworks and without anything free", () => {
    expect(offers(cluster([], ["*"]))).toEqual([]);
    expect(offers(cluster([small], []))).toEqual([]);
    const state = cluster([small], ["*"]);
    cycle(state);
    expect(offers(state)).toEqual([]);
  });

  it("gives all that is free on an agent to one framework", () => {
    const state = cluster(["cpus:4;mem:64;ports:[1-9];zones:{a}"], ["*", "*"]);
    hold(state, framework(1), star, agent(0), res("cpus:1;ports:[3-4]"));
    expect(offers(state)).toEqual(["c-S0 c-0002 *: cpus:3; mem:64; ports:[1-2,5-9]; zones:{a}"]);
  });

  it("changes nothing", () => {
    const state = cluster([small, small], ["a", "b"]);
    const before = structuredClone(state);
    allocate(state, at(0));
    expect(state).toEqual(before);
  });

  it("takes agents by the number at the end of their ids", () => {
    const state = cluster([], ["*"]);
    for (const number of [10, 2, 1]) addAgent(state, agent(number), res(small));
    expect(offers(state).map((line) => line.split(" ")[0])).toEqual(["c-S1", "c-S2", "c-S10"]);
  });

  it("begins after the agent that was last given, so that a bound hides none", () => {
    const state = cluster([small, small, small], ["*"]);
    const given = [1, 2, 3, 4].map(() => {
      const [offer] = cycle(state, 0, 1);
      if (offer !== undefined) recover(state, offer.frameworkId, star, offer.agentId, offer.resources);
      return offer?.agentId;
    });
    expect(given).toEqual([agent(0), agent(1), agent(2), agent(0)]);
  });

  it("makes at most as many offers as it is told", () => {
    expect(offers(cluster([small, small, small], ["*"]), 0, 2)).toHaveLength(2);
  });

  it("offers by default only what has 0.01 CPUs or 32 MB (AL08)", () => {
    const state = cluster(["cpus:0.009;mem:31.999;disk:100", "cpus:0.01", "mem:32", "disk:5"], ["*"]);
    expect(offers(state)).toEqual(["c-S1 c-0001 *: cpus:0.01", "c-S2 c-0001 *: mem:32"]);
    expect(allocate(state, at(0), { minimum: [{ disk: 5_000 }] }).map((a) => a.agentId)).toEqual([
      agent(0),
      agent(3),
    ]);
    expect(allocate(state, at(0), { minimum: [{ cpus: 9, mem: 32_000 }] })).toEqual([]);
    expect(allocate(state, at(0), { minimum: [] })).toHaveLength(4);
  });

  it("passes over agents that are not active", () => {
    const state = cluster([small, small], ["*"]);
    setAgentActive(state, agent(0), false);
    expect(offers(state)).toEqual(["c-S1 c-0001 *: cpus:1; mem:64"]);
    setAgentActive(state, agent(0), true);
    expect(offers(state)).toHaveLength(2);
  });
});

describe("fairness (trap 37)", () => {
  it("prefers the role with the least share, then the framework with the least share in it", () => {
    const state = cluster(["cpus:8;mem:64", small], ["a", "a", "b"]);
    hold(state, framework(1), role("a"), agent(0), res("cpus:2"));
    hold(state, framework(3), role("b"), agent(0), res("cpus:3"));
    expect(offers(state, 0, 1)).toEqual(["c-S0 c-0002 a: cpus:3; mem:64"]);
  });

  it("takes shares as they become within the cycle", () => {
    const state = cluster(
      Array.from({ length: 6 }, () => small),
      ["a", "a", "b"],
    );
    const given = cycle(state).map((offer) => `${offer.frameworkId} ${offer.role}`);
    expect(given).toEqual([1, 3, 2, 3, 1, 3].map((n) => `${framework(n)} ${n === 3 ? "b" : "a"}`));
  });

  it("divides a role's share by its weight", () => {
    const state = cluster(
      Array.from({ length: 8 }, () => small),
      ["a", "b"],
    );
    setWeight(state, role("b"), 3_000);
    const given = cycle(state).map((offer) => offer.role);
    expect(given.filter((name) => name === "b")).toHaveLength(6);
  });

  it("tells shares apart that differ by a thousandth in a billion", () => {
    const state = cluster(["cpus:900000000;mem:900000000"], ["a", "b"]);
    addAgent(state, agent(1), res("cpus:100000000;mem:100000000"));
    hold(state, framework(1), role("a"), agent(0), res("cpus:333333333.334"));
    hold(state, framework(2), role("b"), agent(0), res("mem:333333333.333"));
    expect(offers(state, 0, 1)[0]).toContain("c-0002 b");
    hold(state, framework(2), role("b"), agent(0), res("mem:0.002"));
    expect(offers(state, 0, 1)[0]).toContain("c-0001 a");
  });

  it("lets equals take turns, whether they keep what they are given or not", () => {
    const state = cluster([small], ["*", "*", "*"]);
    const given = [1, 2, 3, 4, 5].map(() => {
      const [offer] = cycle(state);
      if (offer !== undefined) recover(state, offer.frameworkId, star, agent(0), offer.resources);
      return offer?.frameworkId;
    });
    expect(given).toEqual([1, 2, 3, 1, 2].map(framework));
  });

  it("gives a newcomer its turn, not all the turns that others had before", () => {
    const state = cluster([small], ["*", "a"]);
    const turn = () => {
      const [offer] = cycle(state);
      if (offer !== undefined) recover(state, offer.frameworkId, offer.role, agent(0), offer.resources);
      return offer?.frameworkId;
    };
    for (let round = 0; round < 20; round++) turn();
    join(state, 3, "*");
    join(state, 4, "b");
    const next = Array.from({ length: 12 }, turn);
    for (const [number, turns] of [
      [1, 2],
      [2, 4],
      [3, 2],
      [4, 4],
    ] as const) {
      expect(next.filter((id) => id === framework(number))).toHaveLength(turns);
    }
  });

  it("counts what is offered and used, of inactive frameworks too", () => {
    const state = cluster(["cpus:4;mem:400", small], ["a", "a", "b"]);
    hold(state, framework(1), role("a"), agent(0), res("cpus:4;mem:400"));
    setFrameworkActive(state, framework(1), false);
    expect(offers(state)).toEqual(["c-S1 c-0003 b: cpus:1; mem:64"]);
    expect(dominantShare(state, { role: role("a") })).toMatchObject({ resource: "mem", numerator: 400_000n });
  });

  it("counts the totals of agents that are not active", () => {
    const state = cluster(["disk:9", "cpus:9", small], ["a", "b"]);
    hold(state, framework(1), role("a"), agent(0), res("disk:1"));
    hold(state, framework(2), role("b"), agent(1), res("cpus:9"));
    setAgentActive(state, agent(0), false);
    expect(dominantShare(state, { role: role("a") })).toMatchObject({
      numerator: 1_000n,
      denominator: 9_000n,
    });
    expect(offers(state)).toEqual(["c-S2 c-0001 a: cpus:1; mem:64"]);
  });

  it("takes no share of what no agent has any more", () => {
    const state = cluster(["disk:9", small], ["a", "b"]);
    hold(state, framework(1), role("a"), agent(0), res("disk:9"));
    expect(offers(state)).toEqual(["c-S1 c-0002 b: cpus:1; mem:64"]);
    updateAgent(state, agent(0), NO_RESOURCES);
    expect(offers(state)).toEqual(["c-S1 c-0001 a: cpus:1; mem:64"]);
    expect(dominantShare(state, { role: role("a") })).toEqual({
      resource: null,
      numerator: 0n,
      denominator: 1n,
    });
  });
});

describe("suppress and revive (AL11, trap 18)", () => {
  it("stops the offers of one role and lets them come again", () => {
    const state = cluster([small], ["a b"]);
    suppress(state, framework(1), names("a"));
    expect(offers(state)).toEqual(["c-S0 c-0001 b: cpus:1; mem:64"]);
    suppress(state, framework(1), names("b unknown"));
    expect(offers(state)).toEqual([]);
    revive(state, framework(1), names("a unknown"));
    expect(offers(state)).toEqual(["c-S0 c-0001 a: cpus:1; mem:64"]);
  });

  it("begins as the framework says when it subscribes", () => {
    const state = cluster([small], []);
    join(state, 1, "a b", { suppressed: "a" });
    expect(offers(state)).toEqual(["c-S0 c-0001 b: cpus:1; mem:64"]);
  });

  it("ends the filters of the revived roles only, suppressed or not", () => {
    const state = cluster([small], ["a b"]);
    for (const name of names("a b")) addFilter(state, framework(1), name, agent(0), res(small), at(9));
    revive(state, framework(1), names("b"));
    expect(offers(state)).toEqual(["c-S0 c-0001 b: cpus:1; mem:64"]);
    checkAllocator(state);
  });
});

describe("filters (AL10, trap 17)", () => {
  it("keep subsets of the refused resources from that framework, role and agent", () => {
    const state = cluster(["cpus:2;mem:64", small], ["a b", "a"]);
    addFilter(state, framework(1), role("a"), agent(0), res("cpus:2;mem:64"), at(1));
    suppress(state, framework(1), names("b"));
    suppress(state, framework(2), names("a"));
    expect(offers(state)).toEqual(["c-S1 c-0001 a: cpus:1; mem:64"]);
    hold(state, framework(2), role("a"), agent(0), res("cpus:1"));
    expect(offers(state)).toEqual(["c-S1 c-0001 a: cpus:1; mem:64"]);
    revive(state, framework(1), names("b"));
    expect(offers(state)[0]).toContain("c-S0 c-0001 b");
  });

  it("do not keep more than what was refused, of any resource", () => {
    const state = cluster(["cpus:2;mem:64;ports:[1-10]"], ["*"]);
    hold(state, framework(1), star, agent(0), res("ports:[1-5]"));
    addFilter(state, framework(1), star, agent(0), res("cpus:2;mem:64;ports:[6-10]"), at(1));
    expect(offers(state)).toEqual([]);
    recover(state, framework(1), star, agent(0), res("ports:[5-5]"));
    expect(offers(state)).toEqual(["c-S0 c-0001 *: cpus:2; mem:64; ports:[5-10]"]);
    checkAllocator(state);
  });

  it("of several, each keeps what it covers", () => {
    const state = cluster(["cpus:2;mem:64"], ["*"]);
    addFilter(state, framework(1), star, agent(0), res("cpus:2"), at(9));
    expect(offers(state)).toHaveLength(1);
    addFilter(state, framework(1), star, agent(0), res("cpus:2;mem:64"), at(5));
    expect(offers(state)).toEqual([]);
    hold(state, framework(1), star, agent(0), res("mem:64"));
    expireFilters(state, at(5));
    expect(offers(state)).toEqual([]);
    expireFilters(state, at(9));
    expect(offers(state)).toEqual(["c-S0 c-0001 *: cpus:2"]);
  });

  it("last as long as the longest that covers the offer, in whatever order they came", () => {
    for (const [first, second] of [
      [5, 9],
      [9, 5],
    ] as const) {
      const state = cluster([small], ["*"]);
      addFilter(state, framework(1), star, agent(0), res(small), at(first));
      addFilter(state, framework(1), star, agent(0), res(small), at(second));
      expireFilters(state, at(8));
      expect(offers(state)).toEqual([]);
      expireFilters(state, at(9));
      expect(offers(state)).toHaveLength(1);
    }
  });

  it("are kept for a smaller offer when a larger one is refused for less long", () => {
    const state = cluster(["cpus:2"], ["*"]);
    addFilter(state, framework(1), star, agent(0), res("cpus:1"), at(9));
    addFilter(state, framework(1), star, agent(0), res("cpus:2"), at(5));
    expireFilters(state, at(5));
    expect(offers(state)).toHaveLength(1);
    hold(state, framework(1), star, agent(0), res("cpus:1"));
    expect(offers(state)).toEqual([]);
  });

  it("end at their time, told or not", () => {
    const state = cluster([small, small], ["*"]);
    addFilter(state, framework(1), star, agent(0), res(small), at(20));
    addFilter(state, framework(1), star, agent(1), res(small), at(10));
    expect(nextFilterExpiry(state)).toBe(10);
    expect(offers(state, 9)).toEqual([]);
    expect(offers(state, 10)).toHaveLength(1);
    expireFilters(state, at(9));
    expect(nextFilterExpiry(state)).toBe(10);
    expireFilters(state, at(10));
    expect(nextFilterExpiry(state)).toBe(20);
    expect(offers(state, 9)).toHaveLength(1);
    expireFilters(state, at(1_000));
    expect(nextFilterExpiry(state)).toBe(null);
    expect(offers(state, 0)).toHaveLength(2);
  });

  it("that end when they begin keep nothing (refuse_seconds 0)", () => {
    const state = cluster([small], ["*"]);
    addFilter(state, framework(1), star, agent(0), res(small), at(7));
    expect(offers(state, 7)).toHaveLength(1);
  });

  it("are cleared role by role, or all", () => {
    const state = cluster([small], ["a b"]);
    for (const name of names("a b")) addFilter(state, framework(1), name, agent(0), res(small), at(9));
    clearFilters(state, framework(1), role("a"));
    expect(offers(state)[0]).toContain("c-0001 a");
    clearFilters(state, framework(1), null);
    expect(nextFilterExpiry(state)).toBe(null);
    checkAllocator(state);
  });

  it("are passed over for a role that the framework is not in", () => {
    const state = cluster([small], ["a"]);
    addFilter(state, framework(1), role("b"), agent(0), res(small), at(9));
    expect(nextFilterExpiry(state)).toBe(null);
  });

  it("are bounded in number: the one that ends first goes", () => {
    const state = cluster(["cpus:100"], ["*"]);
    for (let n = 1; n <= 17; n++) {
      addFilter(state, framework(1), star, agent(0), res(`cpus:${n}`), at(1_000 - n));
    }
    expect(nextFilterExpiry(state)).toBe(983);
    expect(state.agents.get(agent(0))?.filters.get(1)).toHaveLength(16);
    checkAllocator(state);
  });

  it("leave nothing behind when a framework declines and revives for ever", () => {
    const state = cluster([small], ["*", "*"]);
    addFilter(state, framework(2), star, agent(0), res(small), at(1));
    for (let n = 0; n < 1_000; n++) {
      addFilter(state, framework(1), star, agent(0), res(small), at(1_000_000 + n));
      revive(state, framework(1), [star]);
    }
    expect(state.expiries.heap.length).toBeLessThan(40);
    expect(state.expiries.buckets.size).toBe(1);
    checkAllocator(state);
  });
});

describe("GPUs (AL15)", () => {
  it("keep the whole agent for frameworks that know them", () => {
    const state = cluster(["cpus:1;gpus:1", small], ["*"]);
    expect(offers(state)).toEqual(["c-S1 c-0001 *: cpus:1; mem:64"]);
    join(state, 2, "*", { gpu: true });
    expect(offers(state)).toEqual(["c-S0 c-0002 *: cpus:1; gpus:1", "c-S1 c-0001 *: cpus:1; mem:64"]);
  });

  it("in another region are for frameworks that are aware of regions, whatever filters others have", () => {
    const state = cluster([small, small], ["*"]);
    addFilter(state, framework(1), star, agent(0), res(small), at(9));
    setAgentRemote(state, agent(0), true);
    expect(offers(state)).toEqual(["c-S1 c-0001 *: cpus:1; mem:64"]);
    join(state, 2, "*", { regionAware: true });
    expect(offers(state)).toEqual(["c-S0 c-0002 *: cpus:1; mem:64", "c-S1 c-0001 *: cpus:1; mem:64"]);
    setAgentRemote(state, agent(0), false);
    expect(offers(state)).toEqual(["c-S0 c-0002 *: cpus:1; mem:64", "c-S1 c-0001 *: cpus:1; mem:64"]);
    checkAllocator(state);
  });

  it("in another region with GPUs are for frameworks that are capable of both", () => {
    const state = cluster(["cpus:1;gpus:1"], []);
    setAgentRemote(state, agent(0), true);
    join(state, 1, "*", { gpu: true });
    join(state, 2, "*", { regionAware: true });
    expect(offers(state)).toEqual([]);
    join(state, 3, "*", { gpu: true, regionAware: true });
    expect(offers(state)).toEqual(["c-S0 c-0003 *: cpus:1; gpus:1"]);
    checkAllocator(state);
  });

  it("are withheld from those who refused, while others who may not have them do not count", () => {
    const state = cluster(["cpus:1;gpus:1"], ["*", "*"]);
    addFilter(state, framework(1), star, agent(0), res("cpus:1;gpus:1"), at(9));
    checkAllocator(state);
    updateFramework(state, framework(1), { roles: [star], suppressed: [], capabilities: { gpu: true } });
    checkAllocator(state);
    expect(offers(state)).toEqual([]);
    join(state, 3, "*", { gpu: true });
    expect(offers(state)).toEqual(["c-S0 c-0003 *: cpus:1; gpus:1"]);
    updateFramework(state, framework(3), { roles: [star], suppressed: [], capabilities: { gpu: false } });
    expect(offers(state)).toEqual([]);
    updateAgent(state, agent(0), res("cpus:1"));
    checkAllocator(state);
    expect(offers(state)).toEqual(["c-S0 c-0002 *: cpus:1"]);
  });

  it("may appear on an agent that is wholly in use", () => {
    const state = cluster([small], ["*", "*"]);
    addFilter(state, framework(1), star, agent(0), res("cpus:1;mem:64;gpus:1"), at(9));
    hold(state, framework(2), star, agent(0), res("cpus:1;mem:64;gpus:1"));
    updateAgent(state, agent(0), res("cpus:1;mem:64;gpus:1"));
    checkAllocator(state);
  });

  it("keep it when the GPUs themselves are in use", () => {
    const state = cluster(["cpus:1;gpus:1"], ["*"]);
    join(state, 2, "*", { gpu: true });
    hold(state, framework(2), star, agent(0), res("gpus:1"));
    setFrameworkActive(state, framework(2), false);
    expect(offers(state)).toEqual([]);
  });
});

describe("the ids of frameworks", () => {
  it("break ties by their number", () => {
    const state = cluster([small, small], []);
    for (const number of [10_000, 9_999]) join(state, number, "*");
    expect(allocate(state, at(0)).map((offer) => offer.frameworkId)).toEqual([
      framework(9_999),
      framework(10_000),
    ]);
  });

  it("do not matter while shares differ", () => {
    const state = cluster([small, small], ["*", "*"]);
    allocateTo(state, framework(1), star, agent(0), res("cpus:0.001"));
    expect(
      allocate(state, at(0)).map(({ frameworkId, resources }) => [frameworkId, format(resources)]),
    ).toEqual([
      [framework(2), "cpus:1; mem:64"],
      [framework(1), "cpus:0.999; mem:64"],
    ]);
  });
});

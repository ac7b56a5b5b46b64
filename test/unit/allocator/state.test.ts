import { describe, expect, it } from "vitest";
import {
  type AllocatorState,
  addAgent,
  addFilter,
  addFramework,
  allocatedOf,
  allocateTo,
  availableOn,
  checkAllocator,
  createAllocatorState,
  format,
  hasRoomFor,
  hold,
  nextFilterExpiry,
  recover,
  removeAgent,
  removeFramework,
  setFrameworkActive,
  setWeight,
  totals,
  updateAgent,
  updateFramework,
} from "../../../src/allocator/index.ts";
import { InvariantError } from "../../../src/kernel/assert.ts";
import { agent, at, cluster, cycle, framework, join, names, offers, res, role, star } from "./helpers.ts";

const small = "cpus:1;mem:64";

describe("agents", () => {
  it("have free what nobody holds", () => {
    const state = cluster(["cpus:4;ports:[1-9]"], ["*", "*"]);
    allocateTo(state, framework(1), star, agent(0), res("cpus:1;ports:[2-3]"));
    hold(state, framework(2), star, agent(0), res("cpus:0.5;ports:[9-9]"));
    expect(format(availableOn(state, agent(0)))).toBe("cpus:2.5; ports:[1-1,4-8]");
    recover(state, framework(1), star, agent(0), res("ports:[3-3]"));
    expect(format(availableOn(state, agent(0)))).toBe("cpus:2.5; ports:[1-1,3-8]");
    expect([...allocatedOf(state, { role: star })]).toEqual([["cpus", 1_500]]);
    expect([...allocatedOf(state, { frameworkId: framework(2), role: star })]).toEqual([["cpus", 500]]);
    checkAllocator(state);
  });

  it("that shrink below what is held have nothing free, never less", () => {
    const state = cluster(["cpus:4;ports:[1-9]"], ["*"]);
    hold(state, framework(1), star, agent(0), res("cpus:3;ports:[7-9]"));
    updateAgent(state, agent(0), res("cpus:2;ports:[1-7]"));
    expect(format(availableOn(state, agent(0)))).toBe("ports:[1-6]");
    recover(state, framework(1), star, agent(0), res("cpus:1.5;ports:[9-9]"));
    expect(format(availableOn(state, agent(0)))).toBe("cpus:0.5; ports:[1-6]");
    expect([...totals(state)]).toEqual([["cpus", 2_000]]);
    checkAllocator(state);
  });

  it("may come back with less than their tasks use", () => {
    const state = cluster(["cpus:1"], ["*"]);
    hold(state, framework(1), star, agent(0), res("cpus:3"));
    expect(availableOn(state, agent(0))).toEqual([]);
    checkAllocator(state);
  });

  it("may come back with another kind of a resource that is in use", () => {
    const state = cluster(["x:5"], ["*"]);
    hold(state, framework(1), star, agent(0), res("x:1"));
    updateAgent(state, agent(0), res("x:{a};cpus:1"));
    expect(format(availableOn(state, agent(0)))).toBe("cpus:1");
    recover(state, framework(1), star, agent(0), res("x:1"));
    expect(format(availableOn(state, agent(0)))).toBe("cpus:1; x:{a}");
    checkAllocator(state);
  });

  it("that are removed take along what was held on them, and their filters", () => {
    const state = cluster([small, small], ["*"]);
    cycle(state);
    addFilter(state, framework(1), star, agent(1), res(small), at(5));
    removeAgent(state, agent(1));
    expect([...allocatedOf(state, { role: star })]).toEqual([...totals(state)]);
    expect(nextFilterExpiry(state)).toBe(null);
    checkAllocator(state);
    expect(() => recover(state, framework(1), star, agent(1), res(small))).toThrow(InvariantError);
  });

  it("are refused before the sums of the cluster are no longer exact", () => {
    const state = createAllocatorState();
    const huge = res("disk:1000000000");
    for (let number = 0; number < 9_007; number++) addAgent(state, agent(number), huge);
    expect(hasRoomFor(state, huge)).toBe(false);
    expect(hasRoomFor(state, res("disk:1;cpus:9"))).toBe(true);
    expect(() => addAgent(state, agent(9_007), huge)).toThrow(InvariantError);
  });
});

describe("what cannot be is an InvariantError", () => {
  const cases: [string, (state: AllocatorState) => void][] = [
    ["an agent twice", (state) => addAgent(state, agent(0), res(small))],
    ["a framework twice", (state) => join(state, 1, "*")],
    ["an unknown agent", (state) => updateAgent(state, agent(7), res(small))],
    ["an unknown framework", (state) => setFrameworkActive(state, framework(7), true)],
    ["more than is free", (state) => allocateTo(state, framework(1), star, agent(0), res("cpus:2"))],
    ["a port twice", (state) => hold(state, framework(2), star, agent(0), res("ports:[5-6]"))],
    ["more back than was given", (state) => recover(state, framework(1), star, agent(0), res("ports:[4-6]"))],
    [
      "back from another role",
      (state) => recover(state, framework(1), role("b"), agent(0), res("ports:[5-5]")),
    ],
    ["removing who holds something", (state) => removeFramework(state, framework(1))],
    ["a weight of zero", (state) => setWeight(state, star, 0)],
    ["a weight of half a thousandth", (state) => setWeight(state, star, 0.5)],
    [
      "a filter without end",
      (state) => addFilter(state, framework(1), star, agent(0), res(small), at(Number.POSITIVE_INFINITY)),
    ],
  ];
  it.each(cases)("%s", (_what, act) => {
    const state = cluster(["cpus:1;ports:[1-9]"], ["*", "*"]);
    hold(state, framework(1), star, agent(0), res("ports:[5-5]"));
    expect(() => act(state)).toThrow(InvariantError);
  });
});

describe("frameworks", () => {
  const terms = (roles: string, suppressed = "") => ({
    roles: names(roles),
    suppressed: names(suppressed),
    capabilities: { gpu: false },
  });

  it("that leave a role keep what they hold there and lose its filters (trap 19)", () => {
    const state = cluster([small, small], ["a b"]);
    hold(state, framework(1), role("a"), agent(0), res("cpus:1"));
    addFilter(state, framework(1), role("a"), agent(1), res(small), at(9));
    updateFramework(state, framework(1), terms("b"));
    expect(nextFilterExpiry(state)).toBe(null);
    expect(offers(state).every((line) => line.includes(" b: "))).toBe(true);
    expect(allocatedOf(state, { role: role("a") }).get("cpus")).toBe(1_000);
    checkAllocator(state);
    recover(state, framework(1), role("a"), agent(0), res("cpus:1"));
    expect(state.roles.has(role("a"))).toBe(false);
    checkAllocator(state);
  });

  it("may hold something in a role that they are not in", () => {
    const state = cluster([small], ["a"]);
    hold(state, framework(1), role("old"), agent(0), res("cpus:0.5"));
    expect(offers(state)).toEqual(["c-S0 c-0001 a: cpus:0.5; mem:64"]);
    recover(state, framework(1), role("old"), agent(0), res("cpus:0.5"));
    checkAllocator(state);
  });

  it("get nothing while they are not active, and keep their filters", () => {
    const state = cluster([small, small], ["*"]);
    addFilter(state, framework(1), star, agent(0), res(small), at(9));
    setFrameworkActive(state, framework(1), false);
    expect(offers(state)).toEqual([]);
    setFrameworkActive(state, framework(1), true);
    expect(offers(state)).toEqual(["c-S1 c-0001 *: cpus:1; mem:64"]);
    checkAllocator(state);
  });

  it("take new terms, suppressed roles and capabilities too", () => {
    const state = cluster(["cpus:1;gpus:1", small], ["a"]);
    addFilter(state, framework(1), role("a"), agent(0), res("cpus:1;gpus:1"), at(9));
    updateFramework(state, framework(1), { ...terms("a b", "a"), capabilities: { gpu: true } });
    checkAllocator(state);
    expect(offers(state)).toEqual(["c-S0 c-0001 b: cpus:1; gpus:1", "c-S1 c-0001 b: cpus:1; mem:64"]);
    updateFramework(state, framework(1), terms(""));
    expect(offers(state)).toEqual([]);
    checkAllocator(state);
  });

  it("may name a role twice", () => {
    const state = createAllocatorState();
    addFramework(state, framework(1), terms("a a", "a a"));
    checkAllocator(state);
    expect(state.clients.size).toBe(1);
  });

  it("that are removed leave nothing behind but weights", () => {
    const state = cluster([], ["a b"]);
    setWeight(state, role("b"), 2_000);
    addAgent(state, agent(0), res(small));
    addFilter(state, framework(1), role("a"), agent(0), res(small), at(5));
    removeFramework(state, framework(1));
    expect([...state.roles.keys()]).toEqual([role("b")]);
    expect(state).toMatchObject({
      clients: new Map(),
      frameworks: new Map(),
      live: { all: 0, gpu: 0, regionAware: 0, both: 0 },
    });
    setWeight(state, role("b"), 1_000);
    expect(state.roles.size).toBe(0);
    checkAllocator(state);
  });
});

describe("checkAllocator", () => {
  const spoils: [string, (state: AllocatorState) => void][] = [
    ["totals", (state) => state.totals.set("cpus", 1)],
    ["withFree", (state) => state.withFree.clear()],
    ["live", (state) => state.live.all++],
    ["expiries", (state) => state.expiries.buckets.clear()],
    ["the heap", (state) => state.expiries.heap.unshift(at(1))],
    ["a client's amounts", (state) => state.clients.get(1)?.allocated.clear()],
    ["a client's agents", (state) => state.clients.get(1)?.filtered.clear()],
    ["a client's count of agents", (state) => spoil(state.clients.get(1), (c) => c.agentCount++)],
    ["a client's liveness", (state) => spoil(state.clients.get(1), (c) => (c.suppressed = true))],
    ["a role's amounts", (state) => state.roles.get(star)?.allocated.clear()],
    ["a role's clients", (state) => state.roles.get(star)?.clients.delete(2)],
    ["a role's live clients", (state) => spoil(state.roles.get(star), (r) => r.liveClients++)],
    ["an agent's free resources", (state) => spoil(state.agents.get(agent(0)), (a) => (a.free = a.total))],
    ["an agent's sum", (state) => spoil(state.agents.get(agent(0)), (a) => (a.allocated = a.total))],
    ["an agent's allocations", (state) => state.agents.get(agent(0))?.allocations.clear()],
    ["an agent's blocked count", (state) => spoil(state.agents.get(agent(1)), (a) => a.blocked++)],
    ["an agent's region", (state) => spoil(state.agents.get(agent(1)), (a) => (a.remote = true))],
    ["an agent's GPUs", (state) => spoil(state.agents.get(agent(1)), (a) => (a.gpu = true))],
    [
      "a filter",
      (state) => spoil(state.agents.get(agent(1))?.filters.get(1)?.[0], (f) => (f.blocks = false)),
    ],
    ["an agent's filters", (state) => state.agents.get(agent(1))?.filters.clear()],
  ];
  it.each(spoils)("notices that %s are wrong", (_what, act) => {
    const state = cluster([small, small], ["*", "*"]);
    hold(state, framework(1), star, agent(0), res("cpus:0.5"));
    addFilter(state, framework(1), star, agent(1), res(small), at(5));
    checkAllocator(state);
    act(state);
    expect(() => checkAllocator(state)).toThrow(InvariantError);
  });
});

function spoil<T>(target: T | undefined, act: (target: T) => unknown): void {
  if (target === undefined) throw new Error("nothing to spoil");
  act(target);
}

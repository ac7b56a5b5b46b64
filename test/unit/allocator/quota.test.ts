// Quotas by examples (AL05, AL06, trap 36); the reference covers random histories with them.
import { describe, expect, it } from "vitest";
import {
  type AllocatorState,
  addAgent,
  addFilter,
  checkAllocator,
  explain,
  hold,
  type Resources,
  setQuota,
  sum,
} from "../../../src/allocator/index.ts";
import { agent, at, cluster, cycle, framework, offers, res, role } from "./helpers.ts";

const four = "cpus:4;mem:64";

function quota(state: AllocatorState, name: string, guarantees: string, limits: string): void {
  setQuota(state, role(name), { guarantees: amounts(guarantees), limits: amounts(limits) });
}

function amounts(text: string): Map<string, number> {
  return new Map(
    res(text).map(({ name, value }) => [name, value.kind === "scalar" ? value.millis : Number.NaN]),
  );
}

function reserved(text: string, to: string): Resources {
  const meta = JSON.stringify({
    name: "",
    type: "SCALAR",
    reservations: [{ type: "DYNAMIC", role: to }],
  });
  return res(text).map((resource) => ({ ...resource, meta }));
}

describe("a limit", () => {
  it("is never exceeded: an offer is cut to what it leaves", () => {
    const state = cluster([four], ["a"]);
    quota(state, "a", "", "cpus:2.5");
    expect(plainly(state)).toEqual(["c-S0 c-0001 a: cpus:2.5; mem:64"]);
  });

  it("leaves the rest to others", () => {
    const state = cluster([four], ["a", "b"]);
    quota(state, "a", "", "cpus:3;mem:32");
    expect(plainly(state)).toEqual(["c-S0 c-0001 a: cpus:3; mem:32", "c-S0 c-0002 b: cpus:1; mem:32"]);
  });

  it("of a role above holds for all below it together, and of one below for itself", () => {
    const state = cluster([four], ["a/x", "a/y"]);
    quota(state, "a", "", "cpus:3");
    quota(state, "a/x", "", "cpus:1;mem:10");
    expect(plainly(state)).toEqual(["c-S0 c-0001 a/x: cpus:1; mem:10", "c-S0 c-0002 a/y: cpus:2; mem:54"]);
  });

  it("counts what is reserved for the role, held or not, and nothing twice (trap 36)", () => {
    const state = cluster([], ["a"]);
    addAgent(state, agent(0), sum([res(four), reserved("cpus:2", "a")]));
    quota(state, "a", "", "cpus:3");
    expect(plainly(state)).toEqual(["c-S0 c-0001 a: cpus:1; cpus:2; mem:64"]);
    hold(state, framework(1), role("a"), agent(0), reserved("cpus:2", "a"));
    expect(plainly(state)).toEqual(["c-S0 c-0001 a: cpus:1; mem:64"]);
    checkAllocator(state);
  });

  it("of nothing keeps all unreserved scalars of that name away", () => {
    const state = cluster([four], ["a"]);
    quota(state, "a", "", "cpus:0;mem:0");
    setQuota(state, role("a"), {
      guarantees: new Map(),
      limits: new Map([
        ["cpus", 0],
        ["mem", 0],
      ]),
    });
    expect(plainly(state)).toEqual([]);
    expect(explain(state, at(0), framework(1)).agents[0]?.verdict).toMatchObject({
      kind: "refused",
      reasons: [
        {
          role: "a",
          reason: {
            kind: "quota",
            bounds: [
              { kind: "limit", role: "a", name: "cpus", limit: 0, consumed: 0 },
              { kind: "limit", role: "a", name: "mem", limit: 0, consumed: 0 },
            ],
          },
        },
      ],
    });
  });
});

describe("a guarantee", () => {
  it("comes before fair shares", () => {
    const state = cluster([four, four], ["a", "b"]);
    hold(state, framework(2), role("b"), agent(0), res("cpus:4;mem:64"));
    quota(state, "b", "cpus:8", "");
    expect(plainly(state)).toEqual(["c-S1 c-0002 b: cpus:4; mem:64"]);
  });

  it("holds back what its role lacks when its frameworks do not take it", () => {
    const state = cluster([four, four], ["a", "b"]);
    quota(state, "b", "cpus:5", "");
    for (const on of [0, 1])
      addFilter(state, framework(2), role("b"), agent(on), res("cpus:99;mem:99"), at(99));
    expect(plainly(state)).toEqual(["c-S0 c-0001 a: cpus:3; mem:64", "c-S1 c-0001 a: mem:64"]);
  });

  it("that is met holds nothing back", () => {
    const state = cluster([four, four], ["a", "b"]);
    quota(state, "b", "cpus:4", "");
    hold(state, framework(2), role("b"), agent(0), res("cpus:4"));
    addFilter(state, framework(2), role("b"), agent(1), res("cpus:99;mem:99"), at(99));
    expect(plainly(state)).toEqual(["c-S0 c-0001 a: mem:64", "c-S1 c-0001 a: cpus:4; mem:64"]);
  });

  it("of roles below is part of that of the role above, not added to it", () => {
    const state = cluster([four], ["b", "a/x"]);
    quota(state, "a", "cpus:3", "");
    quota(state, "a/x", "cpus:2", "");
    addFilter(state, framework(2), role("a/x"), agent(0), res("cpus:99;mem:99"), at(99));
    expect(plainly(state)).toEqual(["c-S0 c-0001 b: cpus:1; mem:64"]);
  });

  it("is told by explain as the reason why others get nothing", () => {
    const state = cluster(["cpus:4"], ["a", "b"]);
    quota(state, "b", "cpus:9", "");
    addFilter(state, framework(2), role("b"), agent(0), res("cpus:99"), at(99));
    expect(explain(state, at(0), framework(1)).agents[0]?.verdict).toMatchObject({
      reasons: [
        {
          role: "a",
          reason: { kind: "quota", bounds: [{ kind: "headroom", name: "cpus", free: 4_000, needed: 9_000 }] },
        },
      ],
    });
  });

  it("and surplus of one agent are one offer", () => {
    const state = cluster([four], ["a"]);
    quota(state, "a", "cpus:1", "");
    expect(cycle(state)).toHaveLength(1);
    checkAllocator(state);
  });
});

it("a quota keeps its role known, and taking it away leaves nothing", () => {
  const state = cluster([], []);
  quota(state, "a/x", "cpus:1", "cpus:2");
  checkAllocator(state);
  setQuota(state, role("a/x"), null);
  expect(state.roles.size).toBe(0);
  expect(state.quotas.size).toBe(0);
});

/** The offers, without saying what is reserved or otherwise special. */
function plainly(state: AllocatorState, now = 0, offersMax?: number): string[] {
  return offers(state, now, offersMax).map((offer) =>
    offer.replace(/\(reservations: \[[^\]]*\]\)|\{REV\}|<SHARED>/g, ""),
  );
}

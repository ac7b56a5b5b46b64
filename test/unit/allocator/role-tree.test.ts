// Roles as a tree (AL04): shares, weights and turns at every level. By examples; over random histories the reference of
// history.property.test.ts says the same.
import { describe, expect, it } from "vitest";
import { type AllocatorState, checkAllocator, recover, setWeight } from "../../../src/allocator/index.ts";
import { cluster, cycle, join, role } from "./helpers.ts";

const unit = "cpus:1;mem:64";

function agents(count: number): string[] {
  return Array.from({ length: count }, () => unit);
}

/** How many agents each role got, as `a:2 a/x:1`. */
function given(state: AllocatorState): string {
  const counts = new Map<string, number>();
  for (const { role: name } of cycle(state)) counts.set(name, (counts.get(name) ?? 0) + 1);
  checkAllocator(state);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name}:${count}`)
    .join(" ");
}

describe("a tree of roles", () => {
  it("shares first between the roles at the top, then within each, however many there are below", () => {
    expect(given(cluster(agents(12), ["eng/ads", "eng/web", "eng/mail", "sales"]))).toBe(
      "eng/ads:2 eng/mail:2 eng/web:2 sales:6",
    );
  });

  it("counts the frameworks of a role as one more child of weight 1 beside the roles below it", () => {
    const state = cluster(agents(12), ["eng", "eng", "eng/ads"]);
    setWeight(state, role("eng"), 9_000);
    setWeight(state, role("eng/ads"), 2_000);
    expect(given(state)).toBe("eng:4 eng/ads:8");
  });

  it("weighs a role against its siblings alone", () => {
    const state = cluster(agents(18), ["eng/ads", "eng/web", "sales"]);
    setWeight(state, role("eng"), 2_000);
    setWeight(state, role("eng/web"), 5_000);
    expect(given(state)).toBe("eng/ads:2 eng/web:10 sales:6");
  });

  it("reaches down many levels", () => {
    expect(given(cluster(agents(8), ["a/b/c/d", "a/b/c", "a", "b"]))).toBe("a:2 a/b/c:1 a/b/c/d:1 b:4");
  });

  it("does not take a name that only begins alike for a role below", () => {
    expect(given(cluster(agents(4), ["eng", "engine", "eng/x"]))).toBe("eng:1 eng/x:1 engine:2");
  });
});

describe("turns in a tree", () => {
  /** Who is offered what when everything is declined and nobody filters. */
  function turns(state: AllocatorState, count: number): string[] {
    return Array.from({ length: count }, () => {
      const [offer] = cycle(state, 0, 1);
      if (offer === undefined) return "nobody";
      recover(state, offer.frameworkId, offer.role, offer.agentId, offer.resources);
      return offer.role;
    });
  }

  it("are shared by equals at each level", () => {
    const state = cluster([unit], ["a/x", "a/y", "b"]);
    expect(turns(state, 8)).toEqual(["a/x", "b", "a/y", "b", "a/x", "b", "a/y", "b"]);
  });

  it("do not all go to frameworks that join a role below which others have had many", () => {
    const state = cluster([unit], ["a/x"]);
    turns(state, 9);
    join(state, 2, "a");
    expect(turns(state, 4)).toEqual(["a", "a/x", "a", "a/x"]);
  });

  it("do not all go to a new role below one whose frameworks have had many", () => {
    const state = cluster([unit], ["a"]);
    turns(state, 9);
    join(state, 2, "a/x");
    expect(turns(state, 4)).toEqual(["a", "a/x", "a", "a/x"]);
  });

  it("do not all go to a new branch", () => {
    const state = cluster([unit], ["a/x"]);
    turns(state, 9);
    join(state, 2, "b/y/z");
    expect(turns(state, 4)).toEqual(["a/x", "b/y/z", "a/x", "b/y/z"]);
  });
});

// The running example of "Dominant Resource Fairness" (Ghodsi et al., NSDI 2011, section 4.1 and figure 3).
import { describe, expect, it } from "vitest";
import {
  type AllocatorState,
  addFilter,
  allocate,
  allocateTo,
  availableOn,
  contains,
  dominantShare,
  equal,
  hold,
  type Resources,
  recover,
  scalarOf,
  setWeight,
  subtract,
} from "../../../src/allocator/index.ts";
import type { FrameworkId, RoleName } from "../../../src/kernel/ids.ts";
import { agent, at, cluster, framework, res, role, star } from "./helpers.ts";

/** Accepts one task of each offer and returns the rest, until no offer can hold a task any more. */
function runOneTaskPerOffer(
  state: AllocatorState,
  needs: ReadonlyMap<FrameworkId, Resources>,
): Map<FrameworkId, number> {
  const tasks = new Map([...needs.keys()].map((id) => [id, 0]));
  for (;;) {
    const [offer] = allocate(state, at(0), { offersMax: 1 });
    if (offer === undefined) return tasks;
    const { frameworkId, role: inRole, agentId, resources } = offer;
    const task = needs.get(frameworkId) ?? res("");
    allocateTo(state, frameworkId, inRole, agentId, resources);
    recover(state, frameworkId, inRole, agentId, resources);
    if (contains(resources, task)) {
      hold(state, frameworkId, inRole, agentId, task);
      tasks.set(frameworkId, (tasks.get(frameworkId) ?? 0) + 1);
    } else {
      addFilter(state, frameworkId, inRole, agentId, resources, at(1));
    }
  }
}

const needs = new Map([
  [framework(1), res("cpus:1;mem:4")],
  [framework(2), res("cpus:3;mem:1")],
]);

describe("the example of the DRF paper: 9 CPUs and 18 GB, A needs <1 CPU, 4 GB>, B <3 CPU, 1 GB>", () => {
  const shared: readonly RoleName[] = [star, star];
  const separate: readonly RoleName[] = [role("a"), role("b")];
  it.each([
    ["in one role", shared],
    ["in a role each", separate],
  ])("gives A 3 tasks and B 2 tasks, %s", (_where, [roleA = star, roleB = star]) => {
    const state = cluster(["cpus:9;mem:18"], [roleA, roleB]);
    const tasks = runOneTaskPerOffer(state, needs);
    expect([...tasks.values()]).toEqual([3, 2]);
    const a = dominantShare(state, { frameworkId: framework(1), role: roleA });
    const b = dominantShare(state, { frameworkId: framework(2), role: roleB });
    expect(a).toEqual({ resource: "mem", numerator: 12_000n, denominator: 18_000n });
    expect(b).toEqual({ resource: "cpus", numerator: 6_000n, denominator: 9_000n });
    expect(a.numerator * b.denominator).toBe(b.numerator * a.denominator);
    expect(3n * a.numerator).toBe(2n * a.denominator);
  });

  it("gives A more when A's role weighs three times as much", () => {
    const state = cluster(["cpus:9;mem:18"], ["a", "b"]);
    setWeight(state, role("a"), 3_000);
    const tasks = runOneTaskPerOffer(state, needs);
    expect([...tasks.values()]).toEqual([4, 1]);
  });

  it("leaves only what neither can use", () => {
    const state = cluster(["cpus:9;mem:18"], ["*", "*"]);
    runOneTaskPerOffer(state, needs);
    const used = res("cpus:9;mem:14");
    const free = availableOn(state, agent(0));
    expect(equal(free, subtract(res("cpus:9;mem:18"), used))).toBe(true);
    expect(scalarOf(free, "mem")).toBe(4_000);
  });
});

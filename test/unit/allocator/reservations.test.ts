// Resources that are not for everyone: reserved (AL04, RV04, RV06), revocable (AL16), shared (AL17).
import { describe, expect, it } from "vitest";
import {
  type AllocatorState,
  addAgent,
  addFilter,
  checkAllocator,
  explain,
  hold,
  type Resources,
  recover,
  removeAgent,
  sum,
  updateAgent,
  updateFramework,
} from "../../../src/allocator/index.ts";
import { agent, at, cluster, cycle, framework, join, offers, res, role } from "./helpers.ts";

function reserved(text: string, ...stack: readonly string[]): Resources {
  const reservations = stack.map((name) => ({ type: "DYNAMIC", role: name }));
  return withMeta(text, { reservations });
}

function withMeta(text: string, more: object): Resources {
  const meta = JSON.stringify({ name: "", type: "SCALAR", ...more });
  return res(text).map((resource) => ({ ...resource, meta }));
}

function withAgent(frameworks: readonly string[], ...total: readonly Resources[]): AllocatorState {
  const state = cluster([], frameworks);
  addAgent(state, agent(0), sum(total));
  return state;
}

const plain = res("cpus:1;mem:64");

describe("reserved resources", () => {
  it("go to their role with what is free to all; other roles get the rest", () => {
    const state = withAgent(["ads", "eng"], plain, reserved("cpus:2", "eng"));
    expect(plainly(state)).toEqual(["c-S0 c-0001 ads: cpus:1; mem:64", "c-S0 c-0002 eng: cpus:2"]);
    checkAllocator(state);
  });

  it("may be used by the roles below, not by those above or beside (AL04)", () => {
    expect(plainly(withAgent(["eng/ads/x"], reserved("cpus:2", "eng/ads")))).toHaveLength(1);
    expect(plainly(withAgent(["eng", "eng/web", "eng/adsx"], reserved("cpus:2", "eng/ads")))).toEqual([]);
  });

  it("that are refined are kept from frameworks that know no refinement (trap 26)", () => {
    const state = withAgent(["eng/ads"], reserved("cpus:2", "eng", "eng/ads"), plain);
    expect(plainly(state)).toEqual(["c-S0 c-0001 eng/ads: cpus:1; mem:64"]);
    updateFramework(state, framework(1), {
      roles: [role("eng/ads")],
      suppressed: [],
      capabilities: { gpu: false, refined: true },
    });
    expect(plainly(state)).toEqual(["c-S0 c-0001 eng/ads: cpus:1; cpus:2; mem:64"]);
  });

  it("are in the share of the role only when it has them (trap 37)", () => {
    const state = withAgent(["a", "b"], reserved("cpus:8", "a"));
    addAgent(state, agent(1), plain);
    setFilter(state, 1, 0, "a", reserved("cpus:8", "a"));
    expect(plainly(state)).toEqual(["c-S1 c-0001 a: cpus:1; mem:64"]);
  });

  it("keep a filter to what the role could be offered", () => {
    const state = withAgent(["a"], plain, reserved("cpus:8", "b"));
    setFilter(state, 1, 0, "a", plain);
    expect(plainly(state)).toEqual([]);
    updateAgent(state, agent(0), sum([plain, reserved("cpus:8", "b"), reserved("cpus:1", "a")]));
    expect(plainly(state)).toHaveLength(1);
    checkAllocator(state);
  });

  it("leave no trace of their role when the agent goes", () => {
    const state = withAgent([], reserved("cpus:2;mem:5", "eng/ads"));
    expect([...state.roles.keys()]).toEqual(["eng", "eng/ads"]);
    checkAllocator(state);
    removeAgent(state, agent(0));
    expect(state.roles.size).toBe(0);
  });

  it("are told by explain when nothing else is free", () => {
    const state = withAgent(["a"], reserved("cpus:8", "b"));
    expect(explain(state, at(0), framework(1)).agents[0]?.verdict).toEqual({
      kind: "refused",
      reasons: [{ role: "a", reason: { kind: "not-for-it", free: reserved("cpus:8", "b") } }],
    });
  });
});

describe("revocable and shared resources", () => {
  it.each([
    ["revocable", { revocable: {} }],
    ["shared", { shared: {} }],
  ])("of %s kind go only to frameworks that say that they take them", (kind, more) => {
    const state = withAgent(["*"], plain, withMeta("cpus:4", more));
    expect(plainly(state)).toEqual(["c-S0 c-0001 *: cpus:1; mem:64"]);
    const capabilities = { gpu: false, [kind]: true };
    updateFramework(state, framework(1), { roles: [role("*")], suppressed: [], capabilities });
    expect(plainly(state)).toEqual(["c-S0 c-0001 *: cpus:1; cpus:4; mem:64"]);
  });

  it("are counted while they are held", () => {
    const state = withAgent(["*"], withMeta("cpus:4", { revocable: {} }));
    hold(state, framework(1), role("*"), agent(0), withMeta("cpus:3", { revocable: {} }));
    checkAllocator(state);
    recover(state, framework(1), role("*"), agent(0), withMeta("cpus:3", { revocable: {} }));
    checkAllocator(state);
  });
});

describe("what is left of an agent", () => {
  it("is one offer with what the same role was given before", () => {
    const state = withAgent(["a", "b"], plain, reserved("cpus:2", "a"), reserved("cpus:3", "b"));
    const made = cycle(state);
    expect(made).toHaveLength(2);
    checkAllocator(state);
  });

  it("is given in the same cycle, also when that has made as many offers as it may", () => {
    const state = withAgent(["a", "b"], plain, reserved("cpus:3", "b"));
    expect(plainly(state, 0, 1)).toEqual(["c-S0 c-0001 a: cpus:1; mem:64", "c-S0 c-0002 b: cpus:3"]);
  });
});

function setFilter(state: AllocatorState, number: number, on: number, name: string, what: Resources): void {
  addFilter(state, framework(number), role(name), agent(on), what, at(60_000));
}

it("a framework that joins later sees what is reserved for it", () => {
  const state = withAgent([], reserved("cpus:2", "eng"));
  join(state, 1, "eng");
  expect(plainly(state)).toEqual(["c-S0 c-0001 eng: cpus:2"]);
});

/** The offers, without saying what is reserved or otherwise special. */
function plainly(state: AllocatorState, now = 0, offersMax?: number): string[] {
  return offers(state, now, offersMax).map((offer) =>
    offer.replace(/\(reservations: \[[^\]]*\]\)|\{REV\}|<SHARED>/g, ""),
  );
}

// Weights of roles: MO10, AL03.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asId, asMillis, asTerm, type RoleName } from "../../../src/kernel/ids.ts";
import { decide } from "../../../src/state/decide.ts";
import type { RoleWeight } from "../../../src/state/events.ts";
import { RESCINDED_OFFERS_MAX, WEIGHTS_MAX } from "../../../src/state/limits.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars, settings, told } from "./cluster.ts";

function weight(role: string, weightMillis: number): RoleWeight {
  return { role: asId(role), weightMillis };
}

function set(cluster: Cluster, ...weights: readonly RoleWeight[]) {
  return cluster.do({ kind: "update-weights", weights });
}

/** Offers of equal agents, by role. */
function offered(cluster: Cluster): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { role } of cluster.allocate()) counts[role] = (counts[role] ?? 0) + 1;
  return counts;
}

function withAgents(count: number, roles: readonly string[]): Cluster {
  const cluster = new Cluster();
  for (const role of roles) cluster.subscribe({ roles: [asId<RoleName>(role)] });
  for (let i = 0; i < count; i++) cluster.agent(scalars({ cpus: 1, mem: 64 }));
  return cluster;
}

describe("UPDATE_WEIGHTS", () => {
  it("rescinds all offers, and what comes next is shared by the new weights", () => {
    const cluster = withAgents(8, ["dev", "web"]);
    expect(offered(cluster)).toEqual({ dev: 4, web: 4 });
    const effects = set(cluster, weight("dev", 3_000));
    expect(told(effects).map(({ kind }) => kind)).toEqual(Array.from({ length: 8 }, () => "rescind"));
    expect(cluster.state.offers.size).toBe(0);
    expect(offered(cluster)).toEqual({ dev: 6, web: 2 });
  });

  it("rescinds nothing when nobody is in one of the roles or below it", () => {
    const cluster = withAgents(2, ["dev/web"]);
    cluster.allocate();
    expect(told(set(cluster, weight("ops", 2_000), weight("dev/mail", 2_000)))).toEqual([]);
    expect(told(set(cluster, weight("dev/web/x", 2_000)))).toEqual([]);
    expect(told(set(cluster, weight("dev", 2_000)))).toHaveLength(2);
  });

  it("leaves no filter behind", () => {
    const cluster = withAgents(1, ["dev"]);
    cluster.allocate();
    set(cluster, weight("dev", 2_000));
    expect(cluster.allocate()).toHaveLength(1);
  });

  it("remembers a role whose weight is 1 again, and one that nobody is in", () => {
    const cluster = new Cluster();
    set(cluster, weight("a/b", 2_000), weight("c", 500));
    set(cluster, weight("a/b", 1_000));
    expect([...cluster.state.weights]).toEqual([
      ["a/b", 1_000],
      ["c", 500],
    ]);
    expect([...cluster.state.allocator.roles.keys()]).toEqual(["c"]);
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    expect(restored).toMatchObject({ ok: true, value: { weights: cluster.state.weights } });
  });

  it("counts before frameworks come, and after they have gone", () => {
    const cluster = new Cluster();
    set(cluster, weight("dev", 3_000));
    const ids = ["dev", "web"].map((role) => cluster.subscribe({ roles: [asId<RoleName>(role)] }));
    for (let i = 0; i < 4; i++) cluster.agent(scalars({ cpus: 1, mem: 64 }));
    expect(offered(cluster)).toEqual({ dev: 3, web: 1 });
    for (const frameworkId of ids) cluster.do({ kind: "teardown", frameworkId });
    expect(cluster.state.allocator.roles.get(asId("dev"))?.weightMillis).toBe(3_000);
  });

  it("of nothing changes nothing", () => {
    expect(new Cluster().try({ kind: "update-weights", weights: [] }).events).toEqual([]);
  });

  it("is refused when there would be more weights than are kept", () => {
    const cluster = new Cluster();
    const many = Array.from({ length: WEIGHTS_MAX }, (_, n) => weight(`r${n}`, 2_000));
    set(cluster, ...many);
    const { decision } = cluster.try({ kind: "update-weights", weights: [weight("one-more", 2_000)] });
    expect(decision).toMatchObject({ kind: "rejected", rejection: { code: "weights-refused" } });
    expect(told(set(cluster, weight("r0", 1_000)))).toEqual([]);
  });

  it("rescinds the oldest offers when there are very many", () => {
    const cluster = withAgents(1, ["dev"]);
    const [offer] = cluster.allocate();
    if (offer === undefined) throw new Error("no offer");
    for (let n = 1; n <= RESCINDED_OFFERS_MAX; n++) {
      cluster.state.offers.set(asId(`more-${n}`), { ...offer, id: asId(`more-${n}`) });
    }
    const command = { kind: "update-weights", weights: [weight("dev", 2_000)] } as const;
    const [, rescinded] = decideOnly(cluster, command);
    expect(rescinded).toMatchObject({ kind: "OffersRescinded", offers: { length: RESCINDED_OFFERS_MAX } });
  });
});

function decideOnly(cluster: Cluster, command: Parameters<typeof decide>[1]) {
  const context = { now: asMillis(cluster.now), newClusterId: asId<never>("c"), settings };
  const decision = decide(cluster.state, command, context);
  return decision.kind === "accepted" ? decision.events : [];
}

describe("initial weights", () => {
  const lead = { kind: "lead", memberId: asId<never>("m2"), term: asTerm(2) } as const;

  it("are set by a leader while none was ever set", () => {
    const cluster = withAgents(4, ["dev", "web"]);
    cluster.do(lead, { initialWeights: [weight("dev", 3_000)] });
    expect([...cluster.state.weights]).toEqual([["dev", 3_000]]);
  });

  it("are left alone when one was set by the API, also back to 1", () => {
    const cluster = new Cluster();
    set(cluster, weight("web", 1_000));
    cluster.do(lead, { initialWeights: [weight("dev", 3_000)] });
    expect([...cluster.state.weights]).toEqual([["web", 1_000]]);
  });
});

describe("for any weights", () => {
  const ROLES: readonly string[] = ["a", "b", "a/x", "a/y", "a/y/z"];
  const anyWeights = fc.tuple(...ROLES.map(() => fc.integer({ min: 1, max: 9_000 })));

  it("nobody is given so much that without the last of it a sibling would still be behind (AL01, AL03)", () => {
    fc.assert(
      fc.property(anyWeights, fc.integer({ min: 1, max: 40 }), (weights, agents) => {
        const cluster = withAgents(agents, ["b", "a/x", "a/y", "a/y/z"]);
        set(cluster, ...ROLES.map((role, at) => weight(role, weights[at] ?? 1)));
        const counts = offered(cluster);
        const weightOf = (role: string) => weights[ROLES.indexOf(role)] ?? 1_000;
        const countOf = (role: string) =>
          Object.entries(counts)
            .filter(([each]) => each === role || each.startsWith(`${role}/`))
            .reduce((all, [, count]) => all + count, 0);
        expect(countOf("a") + countOf("b")).toBe(agents);
        fair([countOf("a"), weightOf("a")], [countOf("b"), weightOf("b")]);
        fair([countOf("a/x"), weightOf("a/x")], [countOf("a/y"), weightOf("a/y")]);
        fair([counts["a/y"] ?? 0, 1_000], [countOf("a/y/z"), weightOf("a/y/z")]);
      }),
      { numRuns: 60 },
    );
  });

  function fair([one, oneWeighs]: [number, number], [other, otherWeighs]: [number, number]): void {
    expect((one - 1) * otherWeighs).toBeLessThanOrEqual(other * oneWeighs);
    expect((other - 1) * oneWeighs).toBeLessThanOrEqual(one * otherWeighs);
  }
});

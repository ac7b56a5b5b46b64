// Quotas of roles: MO17, AL05, AL06, trap 36.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asId, type RoleName } from "../../../src/kernel/ids.ts";
import { QUOTAS_MAX } from "../../../src/state/limits.ts";
import type { Offer } from "../../../src/state/model.ts";
import { decodeSnapshot, digestOf, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars, taskSpec, told } from "./cluster.ts";

type Amounts = Readonly<Record<string, number>>;

function amounts(units: Amounts): readonly (readonly [string, number])[] {
  return Object.entries(units)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => [name, amount * 1_000]);
}

function quota(role: string, limits: Amounts, guarantees: Amounts = {}) {
  return { role: asId<RoleName>(role), quota: { guarantees: amounts(guarantees), limits: amounts(limits) } };
}

type Change = ReturnType<typeof quota>;

function set(cluster: Cluster, ...quotas: readonly Change[]) {
  return cluster.do({ kind: "update-quotas", quotas, force: false });
}

function force(cluster: Cluster, ...quotas: readonly Change[]) {
  return cluster.do({ kind: "update-quotas", quotas, force: true });
}

/** The rejection as `code: message`. */
function refused(cluster: Cluster, ...quotas: readonly Change[]): string {
  return rejection(cluster, { kind: "update-quotas", quotas, force: false });
}

function rejection(cluster: Cluster, command: Parameters<Cluster["try"]>[0]): string {
  const { decision } = cluster.try(command);
  if (decision.kind !== "rejected") throw new Error("it was accepted");
  return `${decision.rejection.code}: ${decision.rejection.message}`;
}

function cpusOf({ resources }: Pick<Offer, "resources">): number {
  return resources.reduce(
    (all, { name, value }) => all + (name === "cpus" && value.kind === "scalar" ? value.millis / 1_000 : 0),
    0,
  );
}

/** CPUs offered, by role. */
function offered(cluster: Cluster): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const offer of cluster.state.offers.values()) {
    sums[offer.role] = (sums[offer.role] ?? 0) + cpusOf(offer);
  }
  return sums;
}

function withAgents(cpus: readonly number[], roles: readonly string[]): Cluster {
  const cluster = new Cluster();
  for (const role of roles) cluster.subscribe({ roles: [asId<RoleName>(role)] });
  for (const each of cpus) cluster.agent(scalars({ cpus: each, mem: 64 }));
  return cluster;
}

describe("UPDATE_QUOTA", () => {
  it("limits what is offered to a role and to those below it", () => {
    const cluster = withAgents([4, 4], ["dev", "dev/x", "web"]);
    set(cluster, quota("dev", { cpus: 3 }));
    cluster.allocate();
    const { dev = 0, "dev/x": below = 0, web } = offered(cluster);
    expect(dev + below).toBe(3);
    expect(web).toBe(5);
  });

  it("holds back what others are guaranteed", () => {
    const cluster = withAgents([4], ["web"]);
    set(cluster, quota("dev", {}, { cpus: 3 }));
    cluster.allocate();
    expect(offered(cluster)).toEqual({ web: 1 });
  });

  it("rescinds the oldest offers by which a role exceeds its new limit, and no more", () => {
    const cluster = withAgents([1, 1, 1, 1], ["dev"]);
    const before = cluster.allocate();
    const effects = set(cluster, quota("dev", { cpus: 2 }));
    expect(told(effects)).toMatchObject([
      { kind: "rescind", offerId: before[0]?.id },
      { kind: "rescind", offerId: before[1]?.id },
    ]);
    expect(offered(cluster)).toEqual({ dev: 2 });
    cluster.allocate();
    expect(offered(cluster)).toEqual({ dev: 2 });
  });

  it("rescinds what is needed for a guarantee, and not the offers that serve it", () => {
    const cluster = withAgents([1, 1, 1, 1], ["dev", "web"]);
    cluster.allocate();
    expect(offered(cluster)).toEqual({ dev: 2, web: 2 });
    const effects = set(cluster, quota("dev", {}, { cpus: 3 }));
    expect(told(effects)).toHaveLength(1);
    expect(offered(cluster)).toEqual({ dev: 2, web: 1 });
    cluster.allocate();
    expect(offered(cluster)).toEqual({ dev: 3, web: 1 });
  });

  it("rescinds nothing for a guarantee that is free or held already", () => {
    const cluster = withAgents([1, 1], ["dev", "web"]);
    cluster.allocate();
    cluster.agent(scalars({ cpus: 1, mem: 64 }));
    expect(told(set(cluster, quota("dev", {}, { cpus: 2 })))).toEqual([]);
    expect(told(set(cluster, quota("web", { cpus: 1 }, { cpus: 1 })))).toEqual([]);
  });

  it("is refused below what is consumed without offers, unless it is forced (MO17)", () => {
    const cluster = withAgents([4], ["dev"]);
    const [offer] = cluster.allocate();
    if (offer === undefined) throw new Error("no offer");
    cluster.accept([offer], [taskSpec("t", offer.agentId, { cpus: 2 })]);
    cluster.allocate();
    expect(refused(cluster, quota("dev", { cpus: 1 }))).toBe(
      "quota-refused: Role 'dev' is already consuming 'cpus:2; mem:32'; this exceeds the requested limits 'cpus:1' (use 'force' flag to bypass this check)",
    );
    expect(told(set(cluster, quota("dev", { cpus: 2 })))).toHaveLength(1);
    force(cluster, quota("dev", { cpus: 1 }));
    expect(offered(cluster)).toEqual({});
  });

  it("is refused when more is guaranteed than the cluster has, unless it is forced", () => {
    const cluster = withAgents([2, 2], ["dev"]);
    set(cluster, quota("web", {}, { cpus: 3 }));
    expect(refused(cluster, quota("dev", {}, { cpus: 2 }))).toBe(
      "quota-beyond-capacity: total quota guarantees 'cpus:5' exceed cluster capacity 'cpus:4; mem:128' (use 'force' flag to bypass this check)",
    );
    force(cluster, quota("dev", {}, { cpus: 2 }));
  });

  it("of something else is not refused for what is overcommitted already", () => {
    const cluster = withAgents([2], ["dev"]);
    force(cluster, quota("web", {}, { cpus: 9 }));
    set(cluster, quota("dev", { mem: 10 }), quota("web", {}, { cpus: 8 }));
    expect(refused(cluster, quota("dev", {}, { cpus: 1 }))).toContain("total quota guarantees 'cpus:9'");
  });

  it("of a role that comes twice is the last one", () => {
    const cluster = withAgents([4], ["dev"]);
    set(cluster, quota("dev", { cpus: 1 }), quota("dev", { cpus: 2 }));
    cluster.allocate();
    expect(offered(cluster)).toEqual({ dev: 2 });
  });

  it("without amounts keeps the role on record; REMOVE_QUOTA does not", () => {
    const cluster = withAgents([4], ["dev"]);
    set(cluster, quota("gone", { cpus: 1 }), quota("dev", { cpus: 1 }), quota("*", { cpus: 1 }));
    set(cluster, quota("dev", {}));
    cluster.do({ kind: "remove-quota", role: asId("gone") });
    expect([...cluster.state.allocator.quotas.keys()].sort()).toEqual(["*", "dev"]);
    cluster.allocate();
    expect(offered(cluster)).toEqual({ dev: 4 });
    expect(rejection(cluster, { kind: "remove-quota", role: asId("gone") })).toBe(
      "quota-refused: Role 'gone' has no quota set",
    );
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    if (!restored.ok) throw new Error("not restored");
    expect(digestOf(encodeSnapshot(restored.value))).toBe(digestOf(encodeSnapshot(cluster.state)));
    expect([...restored.value.allocator.quotas.keys()].sort()).toEqual(["*", "dev"]);
  });

  it("of nothing changes nothing, and there is a bound to how many there are", () => {
    const cluster = new Cluster();
    expect(cluster.try({ kind: "update-quotas", quotas: [], force: false }).events).toEqual([]);
    set(cluster, ...Array.from({ length: QUOTAS_MAX }, (_, n) => quota(`r${n}`, { cpus: 1 })));
    expect(refused(cluster, quota("one-more", { cpus: 1 }))).toContain(`more than ${QUOTAS_MAX} roles`);
    set(cluster, quota("r0", { cpus: 2 }));
  });
});

describe("SET_QUOTA", () => {
  const ask = (role: string, cpus: number, forced = false) =>
    ({
      kind: "set-quota",
      role: asId<RoleName>(role),
      guarantees: amounts({ cpus }),
      force: forced,
    }) as const;

  it("limits a role to what it guarantees", () => {
    const cluster = withAgents([4], ["dev", "web"]);
    cluster.do(ask("dev", 1));
    cluster.allocate();
    expect(offered(cluster)).toEqual({ dev: 1, web: 3 });
  });

  it("is for roles without a quota, and looks at the capacity unless it is forced", () => {
    const cluster = withAgents([4], ["dev"]);
    expect(rejection(cluster, ask("dev", 5))).toMatch(/^quota-beyond-capacity: Not enough available/);
    cluster.do(ask("dev", 5, true));
    expect(rejection(cluster, ask("dev", 1))).toMatch(/^quota-refused: .*already has quota$/);
    set(cluster, quota("dev", {}));
    cluster.do(ask("dev", 1));
  });
});

describe("quotas of roles below others", () => {
  it("are limited by those above", () => {
    const cluster = withAgents([8], []);
    set(cluster, quota("a", { cpus: 4 }), quota("a/b/c", { cpus: 4, mem: 5 }));
    expect(refused(cluster, quota("a/b", { cpus: 5 }))).toBe(
      "quota-refused: The limit of role 'a/b', cpus:5, exceeds that of role 'a', cpus:4",
    );
    expect(refused(cluster, quota("a", { cpus: 3 }))).toContain("The limit of role 'a/b/c', cpus:4,");
    set(cluster, quota("a", { cpus: 3 }), quota("a/b/c", { cpus: 3 }));
  });

  it("guarantee together no more than the role above, if that has a guarantee, or its limit", () => {
    const cluster = withAgents([8], []);
    set(cluster, quota("a/x", {}, { cpus: 2 }), quota("a/y/z", {}, { cpus: 2 }), quota("a", {}, { mem: 8 }));
    expect(refused(cluster, quota("a", {}, { cpus: 3 }))).toBe(
      "quota-refused: The roles below 'a' are guaranteed cpus:4 together, more than its own guarantee of cpus:3",
    );
    expect(refused(cluster, quota("a", { cpus: 3 }))).toContain("more than its limit of cpus:3");
    set(cluster, quota("a", { cpus: 4 }, { cpus: 4 }));
    expect(refused(cluster, quota("a/x", {}, { cpus: 2.5 }))).toContain("guaranteed cpus:4.5 together");
  });

  it("count once in what the cluster must have", () => {
    const cluster = withAgents([4], []);
    set(cluster, quota("a", {}, { cpus: 4 }), quota("a/x", {}, { cpus: 4 }));
    expect(refused(cluster, quota("b", {}, { cpus: 1 }))).toContain("guarantees 'cpus:5'");
  });
});

describe("for any quotas", () => {
  const ROLES = ["a", "a/x", "a/y", "b"] as const;
  const anyLimit = fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined });
  const anyQuotas = fc.tuple(...ROLES.map(() => anyLimit));

  it("no role is ever offered more than its limit and those above leave, before or after a change", () => {
    fc.assert(
      fc.property(anyQuotas, anyQuotas, fc.integer({ min: 1, max: 6 }), (first, second, agents) => {
        const cluster = withAgents(
          Array.from({ length: agents }, () => 3),
          ROLES,
        );
        for (const limits of [first, second]) {
          const quotas = ROLES.map((role, at) => {
            const cpus = limits[at];
            return quota(role, cpus === undefined ? {} : { cpus });
          });
          const { decision } = cluster.try({ kind: "update-quotas", quotas, force: true });
          const [a = 99, x = 0, y = 0] = limits;
          expect(decision.kind).toBe(Math.max(x, y) > a ? "rejected" : "accepted");
          if (decision.kind === "rejected") return;
          for (let round = 0; round < 2; round++) {
            const sums = offered(cluster);
            for (const [at, role] of ROLES.entries()) {
              const within = Object.entries(sums).filter(
                ([name]) => name === role || name.startsWith(`${role}/`),
              );
              const sum = within.reduce((all, [, cpus]) => all + cpus, 0);
              expect(sum).toBeLessThanOrEqual(limits[at] ?? 99);
            }
            cluster.allocate();
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

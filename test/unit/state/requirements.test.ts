// What a framework asks for of offers, through the state: subscribed, updated, restored (SC08, AL08, AL12, AL14).
import { describe, expect, it } from "vitest";
import { ConstraintCache, type RoleConstraints } from "../../../src/allocator/index.ts";
import { asId, asMillis, type FrameworkId, type RoleName } from "../../../src/kernel/ids.ts";
import type { Command } from "../../../src/state/commands.ts";
import { decide } from "../../../src/state/decide.ts";
import type { FrameworkSpec, OfferConstraints } from "../../../src/state/model.ts";
import type { Policy } from "../../../src/state/policy.ts";
import { decodeSnapshot, digestOf, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { why } from "../../../src/state/why.ts";
import { agentSpec, Cluster, frameworkSpec, scalars, settings } from "./cluster.ts";

const dev = asId<RoleName>("dev");
const ops = asId<RoleName>("ops");
const onHost = (value: string): RoleConstraints => [
  [{ selector: { kind: "hostname" }, predicate: { kind: "text-equals", value } }],
];
const wanting = (value: string, role = dev): OfferConstraints => [{ role, constraints: onHost(value) }];

function register(cluster: Cluster, hostname: string): void {
  const facts = { hostname, region: null, zone: null, attributes: [] };
  cluster.do({
    kind: "register-agent",
    agentId: null,
    spec: { ...agentSpec(scalars({ cpus: 2, mem: 256 }), hostname), facts },
    connectionId: hostname,
    tasks: [],
    executors: [],
  });
}

function subscribe(
  cluster: Cluster,
  offerConstraints?: OfferConstraints,
  spec: Partial<FrameworkSpec> = {},
): FrameworkId {
  cluster.do({
    kind: "subscribe",
    frameworkId: null,
    spec: frameworkSpec(spec),
    suppressedRoles: [],
    ...(offerConstraints === undefined ? {} : { offerConstraints }),
    streamId: asId(`stream-${cluster.state.frameworks.size}`),
  });
  const ids = [...cluster.state.frameworks.keys()];
  return ids.at(-1) ?? asId("none");
}

function update(frameworkId: FrameworkId, spec: Partial<FrameworkSpec>, more: object = {}): Command {
  return { kind: "update-framework", frameworkId, spec: frameworkSpec(spec), suppressedRoles: [], ...more };
}

/** `hostname role`, sorted. */
function offered(cluster: Cluster, policy: Partial<Policy> = {}): string[] {
  cluster.setPolicy(policy);
  cluster.do({ kind: "allocate" });
  return [...cluster.state.offers.values()]
    .map(({ agentId, role }) => `${cluster.state.agents.get(agentId)?.spec.hostname} ${role}`)
    .sort();
}

function twoAgents(): Cluster {
  const cluster = new Cluster();
  register(cluster, "h1");
  register(cluster, "h2");
  return cluster;
}

describe("offer constraints", () => {
  it("of a subscription leave other agents out", () => {
    const cluster = twoAgents();
    subscribe(cluster, wanting("h2"));
    expect(offered(cluster)).toEqual(["h2 dev"]);
  });

  it("are replaced by an update, which leaves offers that are out", () => {
    const cluster = twoAgents();
    const id = subscribe(cluster, wanting("h2"));
    offered(cluster);
    const effects = cluster.do(update(id, {}, { offerConstraints: wanting("h1") }));
    expect(effects).toMatchObject([
      { to: "operators", event: { kind: "framework-updated", frameworkId: id } },
    ]);
    expect(offered(cluster)).toEqual(["h1 dev", "h2 dev"]);
    cluster.do(update(id, {}));
    expect(cluster.framework(id)).not.toHaveProperty("offerConstraints");
  });

  it("stay the same object when they are said again, so that nothing is worked out anew", () => {
    const cluster = twoAgents();
    const id = subscribe(cluster, wanting("h2"));
    const before = cluster.framework(id).offerConstraints;
    cluster.do(update(id, {}, { offerConstraints: wanting("h2") }));
    expect(cluster.framework(id).offerConstraints).toBe(before);
  });

  it("for roles that the framework is not in have no effect, until it is", () => {
    const cluster = twoAgents();
    const id = subscribe(cluster, wanting("h2", ops));
    expect(offered(cluster)).toEqual(["h1 dev", "h2 dev"]);
    cluster.do(update(id, { roles: [ops] }, { offerConstraints: wanting("h2", ops) }));
    expect(offered(cluster)).toEqual(["h2 ops"]);
  });

  it("are the same after a restore, with a cache or without one", () => {
    const cluster = twoAgents();
    subscribe(cluster, wanting("h2"));
    const bytes = encodeSnapshot(cluster.state);
    const restored = decodeSnapshot(bytes);
    if (!restored.ok) throw new Error(restored.error.message);
    expect(digestOf(encodeSnapshot(restored.value))).toBe(digestOf(bytes));
    const context = { now: asMillis(cluster.now), newClusterId: asId<never>("c"), settings };
    const cache = new ConstraintCache();
    const decisions = [
      decide(cluster.state, { kind: "allocate" }, context),
      decide(cluster.state, { kind: "allocate" }, { ...context, constraintCache: cache }),
      decide(restored.value, { kind: "allocate" }, { ...context, constraintCache: cache }),
    ];
    expect(decisions[1]).toEqual(decisions[0]);
    expect(decisions[2]).toEqual(decisions[0]);
    expect(decisions[0]).toMatchObject({ events: [{ kind: "OffersMade", offers: [{ role: "dev" }] }] });
  });

  it("take agents of an older log by their hostname and attributes as texts", () => {
    const cluster = new Cluster();
    cluster.agent(scalars({ cpus: 1, mem: 64 }));
    subscribe(cluster, wanting("host"));
    expect(offered(cluster)).toEqual(["host dev"]);
  });

  it("are named in the answer to why, with the value that failed", () => {
    const cluster = twoAgents();
    const frameworkId = subscribe(cluster, wanting("h2"));
    const report = why(cluster.state, asMillis(cluster.now), { frameworkId });
    expect(report?.agents.find(({ hostname }) => hostname === "h1")?.verdict).toMatchObject({
      kind: "closed",
      reason: { kind: "all-excluded" },
      own: [
        { role: "dev", reason: { kind: "constraint", failures: [{ value: { kind: "text", text: "h1" } }] } },
      ],
    });
  });
});

describe("least amounts of an offer", () => {
  it("are the cluster's, by its settings", () => {
    const cluster = twoAgents();
    subscribe(cluster);
    expect(offered(cluster, { minimum: [{ cpus: 3_000 }] })).toEqual([]);
    expect(offered(cluster, { minimum: [] })).toEqual(["h1 dev", "h2 dev"]);
  });

  it("are a framework's own in a role that has some", () => {
    const cluster = twoAgents();
    subscribe(cluster, undefined, { minimums: [{ role: dev, minimum: [{ cpus: 3_000 }] }] });
    expect(offered(cluster)).toEqual([]);
    subscribe(cluster, undefined, { minimums: [{ role: ops, minimum: [{ cpus: 3_000 }] }] });
    expect(offered(cluster)).toEqual(["h1 dev", "h2 dev"]);
  });
});

describe("a whitelist of hosts", () => {
  it("keeps the agents of others from everybody, also when it has changed, and is the reason that why gives", () => {
    const cluster = twoAgents();
    const frameworkId = subscribe(cluster);
    expect(offered(cluster, { whitelist: new Set(["h2"]) })).toEqual(["h2 dev"]);
    const report = why(cluster.state, asMillis(cluster.now), { frameworkId });
    const ofH1 = report?.agents.find(({ hostname }) => hostname === "h1");
    expect(ofH1?.verdict).toMatchObject({ kind: "closed", reason: { kind: "not-whitelisted" } });
    expect(offered(cluster, { whitelist: null })).toEqual(["h1 dev", "h2 dev"]);
  });

  it("that is empty admits nobody", () => {
    const cluster = twoAgents();
    subscribe(cluster);
    expect(offered(cluster, { whitelist: new Set() })).toEqual([]);
  });
});

describe("random sorters", () => {
  it("draw the same in a state that was restored from a snapshot: the seed is in the log", () => {
    const random: Partial<Policy> = { roleSorter: "random", frameworkSorter: "random" };
    const cluster = new Cluster();
    for (let number = 0; number < 40; number++) register(cluster, `h${number}`);
    subscribe(cluster, undefined, { roles: [dev, ops] });
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    if (!restored.ok) throw new Error(restored.error.message);
    const other = new Cluster();
    other.state = restored.value;
    const [first, second] = [offered(cluster, random), offered(other, random)];
    expect(second).toEqual(first);
    expect(new Set(first.map((each) => each.split(" ")[1]))).toEqual(new Set(["dev", "ops"]));
  });
});

describe("an update of a framework", () => {
  it("rescinds the offers of roles that it leaves, and keeps those of roles that it suppresses", () => {
    const cluster = twoAgents();
    const id = subscribe(cluster, undefined, { roles: [dev, ops] });
    expect(offered(cluster)).toEqual(["h1 dev", "h2 ops"]);
    const { events, effects } = cluster.try(update(id, { roles: [ops] }, { suppressedRoles: [ops] }));
    expect(events.map(({ kind }) => kind)).toEqual(["OffersRescinded", "FrameworkUpdated"]);
    expect(effects[0]).toMatchObject({ to: "framework", frameworkId: id, event: { kind: "rescind" } });
    expect(offered(cluster)).toEqual(["h2 ops"]);
    expect(cluster.framework(id)).toMatchObject({ suppressedRoles: [ops], spec: { roles: [ops] } });
  });

  it.each([
    [
      { user: "other" },
      "Updating 'FrameworkInfo.user' is unsupported; attempted to update from 'root' to 'other'",
    ],
    [
      { principal: "p" },
      "Updating 'FrameworkInfo.principal' is unsupported; attempted to update from '' to 'p'",
    ],
    [
      { checkpoint: false },
      "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from 'true' to 'false'",
    ],
  ])("may not change %o", (change, message) => {
    const cluster = twoAgents();
    const id = subscribe(cluster);
    expect(cluster.try(update(id, change)).decision).toMatchObject({
      kind: "rejected",
      rejection: { message: `FrameworkInfo update is not valid: ${message}` },
    });
  });

  it("may not suppress roles that it is not in, and comes from a framework that is connected", () => {
    const cluster = twoAgents();
    const id = subscribe(cluster);
    expect(cluster.try(update(id, {}, { suppressedRoles: [ops] })).decision).toMatchObject({
      rejection: {
        message:
          "'UpdateFramework' call is not valid: Suppressed roles { ops } are not contained in the set of roles",
      },
    });
    cluster.loseFramework(id);
    expect(cluster.try(update(id, {})).decision).toMatchObject({
      rejection: { code: "framework-not-connected" },
    });
    expect(cluster.try(update(asId("no"), {})).decision).toMatchObject({
      rejection: { code: "framework-unknown" },
    });
  });
});

describe("a framework that asks for something in very many roles", () => {
  it("is read once in a cycle, not once for each of them", () => {
    const cluster = new Cluster();
    const roles = Array.from({ length: 200 }, (_, number) => asId<RoleName>(`r${number}`));
    const frameworkId = subscribe(cluster, [], { roles });
    register(cluster, "here");
    let reads = 0;
    const read = (role: RoleName) => {
      reads++;
      return role;
    };
    const framework = cluster.state.frameworks.get(frameworkId);
    if (framework === undefined) throw new Error("it is not there");
    framework.offerConstraints = roles.map((role) => ({
      constraints: onHost("elsewhere"),
      get role() {
        return read(role);
      },
    }));
    expect(offered(cluster)).toEqual([]);
    expect(reads).toBe(roles.length);
  });
});

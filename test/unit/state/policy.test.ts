// The operator's settings about offers as facts of the log: a leader brings its own, the state holds them, snapshots and
// entries keep them, and logs of formats that knew none go by the defaults.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asId, asTerm } from "../../../src/kernel/ids.ts";
import { decide } from "../../../src/state/decide.ts";
import type { Event } from "../../../src/state/events.ts";
import { evolve } from "../../../src/state/evolve.ts";
import { migrate } from "../../../src/state/migrations/index.ts";
import {
  DEFAULT_POLICY,
  type Policy,
  policyChanges,
  policyOf,
  withChanges,
} from "../../../src/state/policy.ts";
import {
  createClusterState,
  decodeSnapshot,
  digest,
  digestOf,
  encodeSnapshot,
} from "../../../src/state/snapshot.ts";
import { Cluster, scalars } from "./cluster.ts";
import { clusterAfter, steps } from "./random-commands.ts";

/** Each setting is otherwise than by default: a new one is to be added here. */
const OTHER: Policy = {
  minimum: [{ cpus: 500, mem: 64_000 }],
  fairShareExcluded: new Set(["gpus", "disk"]),
  roleSorter: "random",
  frameworkSorter: "random",
  whitelist: new Set(["h2", "h1"]),
  offerTimeoutMs: 7_000,
  allocationIntervalMs: 250,
  filterGpuResources: false,
  optimisticAfterMs: 4_000,
  listedRoles: new Set(["eng", "ops"]),
  regexLimits: { memoryBytes: 9_000, programSize: 7 },
};

const policies = fc.record(
  {
    minimum: fc.array(fc.dictionary(fc.constantFrom("cpus", "mem"), fc.nat(), { noNullPrototype: true })),
    fairShareExcluded: fc.array(fc.string()).map((names) => new Set(names)),
    roleSorter: fc.constantFrom("drf" as const, "random" as const),
    whitelist: fc.option(fc.array(fc.string(), { maxLength: 600 }).map((hosts) => new Set(hosts))),
    offerTimeoutMs: fc.option(fc.nat()),
    allocationIntervalMs: fc.integer({ min: 50, max: 9_000 }),
  },
  { requiredKeys: [] },
);

function lead(cluster: Cluster, member: string, policy: Policy): readonly Event[] {
  const term = asTerm((cluster.state.leader?.term ?? 0) + 1);
  return cluster.try({ kind: "lead", memberId: asId(member), term, policy }).events;
}

function stateAfter(events: readonly Event[]) {
  const state = createClusterState();
  for (const event of events) evolve(state, event, state.time);
  return state;
}

describe("a new leader", () => {
  it("says which settings are not as they were, and none if all are", () => {
    const cluster = new Cluster();
    expect(lead(cluster, "m1", DEFAULT_POLICY).map(({ kind }) => kind)).toEqual(["LeaderElected"]);
    const changed = lead(cluster, "m1", policyOf({ roleSorter: "random", whitelist: new Set(["b", "a"]) }));
    expect(changed.at(-1)).toEqual({
      kind: "PolicyChanged",
      changes: { roleSorter: "random", whitelist: ["a", "b"] },
    });
    expect(
      lead(cluster, "m2", policyOf({ roleSorter: "random", whitelist: new Set(["a", "b"]) })),
    ).toHaveLength(1);
  });

  it("brings its own, whatever the last one's were: settings that it does not give are as by default again", () => {
    const cluster = new Cluster();
    lead(cluster, "m1", OTHER);
    expect(cluster.state.policy).toEqual(OTHER);
    lead(cluster, "m2", policyOf({ offerTimeoutMs: 1 }));
    expect(cluster.state.policy).toEqual({ ...DEFAULT_POLICY, offerTimeoutMs: 1 });
  });

  it("of whom nobody knows what is set leaves what the log says", () => {
    const cluster = new Cluster();
    cluster.setPolicy(OTHER);
    cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2) });
    expect(cluster.state.policy).toEqual(OTHER);
  });
});

describe("what is set", () => {
  it("about GPUs holds at once for the frameworks that are there, and for those that come (AL15)", () => {
    const cluster = new Cluster();
    const before = cluster.subscribe();
    cluster.agent(scalars({ cpus: 2, gpus: 1, mem: 256 }));
    expect(cluster.allocate()).toEqual([]);
    cluster.setPolicy({ filterGpuResources: false });
    const offer = cluster.offer();
    expect(offer).toMatchObject({ frameworkId: before, resources: scalars({ cpus: 2, gpus: 1, mem: 256 }) });
    cluster.decline(before, [offer.id], 600_000);
    const after = cluster.subscribe();
    expect(cluster.offer().frameworkId).toBe(after);
    cluster.setPolicy({ filterGpuResources: true });
    cluster.agent(scalars({ cpus: 2, gpus: 1, mem: 256 }));
    expect(cluster.allocate()).toEqual([]);
  });
});

describe("a log", () => {
  it("holds all that offers were made by: from any state that is rebuilt, the next offers are those that were made", () => {
    fc.assert(
      fc.property(steps, fc.array(policies, { minLength: 1, maxLength: 3 }), (all, given) => {
        const cluster = new Cluster();
        const before = Math.ceil(all.length / given.length);
        given.forEach((policy, turn) => {
          cluster.setPolicy(policy as Partial<Policy>);
          clusterAfter(all.slice(turn * before, (turn + 1) * before), cluster);
        });
        expect(offersMadeAgain(cluster)).toBe(cluster.state.minted.offers);
      }),
      { numRuns: 40 },
    );
  });
});

/**
 * Every cycle of the log is decided once more from the state before it, and compared.
 * @returns how many offers there were, with the inverse ones, whose ids come from the same counter
 */
function offersMadeAgain(cluster: Cluster): number {
  const state = createClusterState();
  let offers = 0;
  for (const { time, events } of cluster.entries()) {
    if (events[0]?.kind === "OffersMade") {
      const decision = decide(state, { kind: "allocate" }, { ...cluster.context(), now: time });
      expect(decision).toMatchObject({ events });
      offers += events[0].offers.length;
    }
    for (const event of events) {
      if (event.kind === "InverseOffersMade") offers += event.offers.length;
      evolve(state, event, time);
    }
  }
  return offers;
}

describe("settings", () => {
  it("are all told apart, recorded and restored", () => {
    const changes = policyChanges(DEFAULT_POLICY, OTHER);
    expect(Object.keys(changes).sort()).toEqual(Object.keys(DEFAULT_POLICY).sort());
    expect(withChanges(DEFAULT_POLICY, changes)).toEqual(OTHER);
    expect(policyChanges(OTHER, withChanges(DEFAULT_POLICY, changes))).toEqual({});
  });

  it("are the same on a replica that reads the log, and in a state that was restored from a snapshot", () => {
    fc.assert(
      fc.property(fc.array(policies, { minLength: 1, maxLength: 4 }), (all) => {
        const cluster = new Cluster();
        for (const given of all) cluster.setPolicy(given as Partial<Policy>);
        const last = policyOf((all.at(-1) ?? {}) as Partial<Policy>);
        expect(policyChanges(cluster.state.policy, last)).toEqual({});
        const replica = createClusterState();
        for (const { time, events } of cluster.entries())
          for (const event of events) evolve(replica, event, time);
        expect(replica.policy).toEqual(cluster.state.policy);
        const restored = decodeSnapshot(encodeSnapshot(cluster.state));
        if (!restored.ok) throw new Error(restored.error.message);
        expect(restored.value.policy).toEqual(cluster.state.policy);
        expect(digest(restored.value)).toBe(digest(cluster.state));
      }),
      { numRuns: 60 },
    );
  });

  it("of a snapshot tell an empty whitelist from none", () => {
    const cluster = new Cluster();
    cluster.setPolicy({ whitelist: new Set() });
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    if (!restored.ok) throw new Error(restored.error.message);
    expect(restored.value.policy.whitelist).toEqual(new Set());
  });

  it("that are as by default leave a snapshot's bytes as they were before there were any", () => {
    const cluster = new Cluster();
    const before = digestOf(encodeSnapshot({ ...cluster.state, eventCount: 0 }));
    cluster.setPolicy(OTHER);
    expect(digestOf(encodeSnapshot({ ...cluster.state, eventCount: 0 }))).not.toBe(before);
    cluster.setPolicy({});
    expect(digestOf(encodeSnapshot({ ...cluster.state, eventCount: 0 }))).toBe(before);
  });

  it("that nobody knows are an error, not a guess", () => {
    const event = { kind: "PolicyChanged", changes: { moonPhase: 1 } } as never;
    expect(() => stateAfter([event])).toThrow("unknown setting");
  });

  it.each([1, 2])("are the defaults in a state of format %i", (version) => {
    const { policy: _none, ...old } = createClusterState();
    expect(migrate(old, "state", version)).toMatchObject({ policy: DEFAULT_POLICY });
  });
});

// Optimistic offers (decision 0037): what is held and not used is shown to others, the first ACCEPT in the log wins, and
// nobody is offered anything that others use.
import { describe, expect, it } from "vitest";
import { format } from "../../../src/allocator/index.ts";
import { asId, type FrameworkId } from "../../../src/kernel/ids.ts";
import type { Conversion } from "../../../src/state/commands.ts";
import type { Offer } from "../../../src/state/model.ts";
import { policyOf } from "../../../src/state/policy.ts";
import { decodeSnapshot, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { why } from "../../../src/state/why.ts";
import { Cluster, scalars, taskSpec, told, toldStates } from "./cluster.ts";

const AGENT = scalars({ cpus: 4, mem: 4_096 });

function clusterWith(optimisticAfterMs: number | null): Cluster {
  const cluster = new Cluster();
  cluster.setPolicy({ optimisticAfterMs });
  return cluster;
}

/** The first holds the only agent whole; the second has asked for offers as long. */
function hoarded(optimisticAfterMs: number | null) {
  const cluster = clusterWith(optimisticAfterMs);
  const agentId = cluster.agent(AGENT);
  const hoarder = cluster.subscribe();
  const held = cluster.offer();
  const other = cluster.subscribe({ roles: [asId("other")] });
  return { cluster, agentId, hoarder, held, other };
}

function offersTo(cluster: Cluster, frameworkId: FrameworkId): readonly Offer[] {
  return [...cluster.state.offers.values()].filter((offer) => offer.frameworkId === frameworkId);
}

function onlyOfferTo(cluster: Cluster, frameworkId: FrameworkId): Offer {
  const [offer, ...more] = offersTo(cluster, frameworkId);
  if (offer === undefined || more.length > 0) throw new Error("not one offer");
  return offer;
}

function rescinded(effects: Parameters<typeof told>[0], frameworkId: FrameworkId): readonly string[] {
  return told(effects, frameworkId).flatMap((event) => (event.kind === "rescind" ? [event.offerId] : []));
}

function reserve(cpus: number, role: string): Conversion {
  const reservations = [{ type: "DYNAMIC", role, principal: "p" }];
  const meta = JSON.stringify({ name: "", type: "SCALAR", reservations });
  return {
    kind: "convert",
    type: "RESERVE",
    operationId: null,
    resources: scalars({ cpus }).map((each) => ({ ...each, meta })),
    source: null,
    invalid: null,
  };
}

describe("while they are off, as in Mesos", () => {
  it("an offer keeps its resources from all others for as long as it is not answered", () => {
    const { cluster, other } = hoarded(null);
    cluster.wait(3_600_000);
    expect(cluster.allocate()).toEqual([]);
    expect(offersTo(cluster, other)).toEqual([]);
  });
});

it("what an ACCEPT has reserved is not held by others meanwhile, also if it gives it back", () => {
  const { cluster, hoarder, held, other } = hoarded(0);
  cluster.allocate();
  const made = reserve(2, "other");
  const undone = { ...made, type: "UNRESERVE" } as const;
  const effects = cluster.acceptWith([onlyOfferTo(cluster, other)], [made, undone]);
  expect(rescinded(effects, hoarder)).toEqual([held.id]);
});

describe("who has had no offer for the time that the operator has set", () => {
  it("is shown what another holds, not sooner", () => {
    const { cluster, other } = hoarded(5_000);
    cluster.wait(4_999);
    expect(cluster.allocate()).toEqual([]);
    cluster.wait(1);
    const [shown, ...more] = cluster.allocate();
    expect(more).toEqual([]);
    expect(shown).toMatchObject({ frameworkId: other, role: "other", optimistic: true, resources: AGENT });
  });

  it("is shown it at once if the time is zero", () => {
    const { cluster, other } = hoarded(0);
    expect(cluster.allocate()).toMatchObject([{ frameworkId: other, optimistic: true }]);
  });

  it("is shown it once, for as long as it has not answered", () => {
    const { cluster } = hoarded(0);
    expect(cluster.allocate()).toHaveLength(1);
    cluster.wait(60_000);
    expect(cluster.allocate()).toEqual([]);
  });

  it("is shown it again when it has declined, after as long again; not while it refuses it", () => {
    const { cluster, other } = hoarded(5_000);
    cluster.wait(5_000);
    cluster.allocate();
    cluster.decline(other, [onlyOfferTo(cluster, other).id], 0);
    // The hoarder's offer is as old as that itself, and so keeps nobody away any more.
    expect(cluster.allocate()).toMatchObject([{ frameworkId: other, optimistic: true }]);
    cluster.decline(other, [onlyOfferTo(cluster, other).id], 20_000);
    cluster.wait(19_999);
    expect(cluster.allocate()).toEqual([]);
    cluster.wait(1);
    expect(cluster.allocate()).toMatchObject([{ frameworkId: other, optimistic: true }]);
  });

  it("is not shown what tasks use", () => {
    const { cluster, held, other } = hoarded(0);
    cluster.accept([held], [taskSpec("t", held.agentId, { cpus: 3 })]);
    cluster.wait(1_000);
    cluster.allocate();
    const [offer] = offersTo(cluster, other);
    expect(offer === undefined ? "" : format(offer.resources)).toBe("cpus:1; mem:4064");
  });

  it("is shown as much as its least offer needs, of what is free and what others hold together", () => {
    const cluster = clusterWith(10_000);
    cluster.agent(AGENT);
    const hoarder = cluster.subscribe();
    const held = cluster.offer();
    const minimum = [{ cpus: 4_000 }];
    const other = cluster.subscribe({
      roles: [asId("other")],
      minimums: [{ role: asId("other"), minimum }],
    });
    // Of the agent half is used and half free for a moment; the hoarder takes it again.
    cluster.accept([held], [taskSpec("t", held.agentId, { cpus: 2 })]);
    cluster.wait(10_000);
    cluster.allocate();
    expect(offersTo(cluster, other)).toEqual([]);
    cluster.status(hoarder, "t", "TASK_FINISHED");
    cluster.wait(1_000);
    cluster.allocate();
    expect(offersTo(cluster, other).map(({ resources }) => format(resources))).toEqual(["cpus:4; mem:4096"]);
  });

  it("takes nothing from anybody: shares and what is free are as they were", () => {
    const { cluster, agentId, hoarder } = hoarded(0);
    const before = structuredClone(cluster.state.allocator.roles.get(asId("other"))?.allocated);
    cluster.allocate();
    expect(cluster.state.allocator.roles.get(asId("other"))?.allocated).toEqual(before);
    expect(cluster.state.allocator.agents.get(agentId)?.free).toEqual([]);
    expect(offersTo(cluster, hoarder)).toHaveLength(1);
  });
});

describe("an offer that is not answered for that time", () => {
  it("keeps its resources from one other in each cycle no more, though that one has other offers", () => {
    const cluster = clusterWith(5_000);
    cluster.agent(AGENT);
    const hoarder = cluster.subscribe();
    cluster.allocate();
    const busy = cluster.subscribe({ roles: [asId("busy")] });
    cluster.agent(scalars({ cpus: 1, mem: 64 }));
    cluster.wait(4_000);
    cluster.allocate();
    expect(offersTo(cluster, busy)).toHaveLength(1);
    cluster.wait(1_000);
    cluster.allocate();
    expect(offersTo(cluster, busy).map(({ optimistic }) => optimistic)).toEqual([undefined, true]);
    expect(offersTo(cluster, hoarder)).toHaveLength(1);
  });
});

describe("the first ACCEPT in the log wins", () => {
  it("the hoarder loses its offer, with a RESCIND, and its late ACCEPT gets TASK_LOST", () => {
    const { cluster, agentId, hoarder, held, other } = hoarded(1_000);
    cluster.wait(1_000);
    cluster.allocate();
    const effects = cluster.accept([onlyOfferTo(cluster, other)], [taskSpec("quick", agentId, { cpus: 1 })]);
    expect(rescinded(effects, hoarder)).toEqual([held.id]);
    expect(cluster.task(other, "quick").state).toBe("TASK_STAGING");
    const late = cluster.accept([held], [taskSpec("late", agentId)]);
    expect(toldStates(late, hoarder)).toEqual(["TASK_DROPPED"]);
    expect(cluster.framework(hoarder).tasks.size).toBe(0);
  });

  it("the hoarder wakes first: who was shown its resources loses them", () => {
    const { cluster, agentId, hoarder, held, other } = hoarded(1_000);
    cluster.wait(1_000);
    cluster.allocate();
    const shown = onlyOfferTo(cluster, other);
    const effects = cluster.accept([held], [taskSpec("first", agentId, { cpus: 0.1 })]);
    expect(rescinded(effects, other)).toEqual([shown.id]);
    expect(cluster.task(hoarder, "first").state).toBe("TASK_STAGING");
  });

  it("an ACCEPT that uses nothing costs nobody an offer", () => {
    const { cluster, other, held } = hoarded(0);
    cluster.allocate();
    const effects = cluster.accept([onlyOfferTo(cluster, other)], []);
    expect(effects).toEqual([]);
    expect(cluster.state.offers.has(held.id)).toBe(true);
  });

  it("of an agent of which several hold parts, the one that has left its offer unanswered longest loses it", () => {
    const cluster = clusterWith(1_000);
    cluster.agent(AGENT);
    const first = cluster.subscribe();
    const held = cluster.offer();
    cluster.accept([held], [taskSpec("t", held.agentId, { cpus: 2 })]);
    const older = cluster.offer();
    cluster.status(first, "t", "TASK_FINISHED");
    const second = cluster.subscribe({ roles: [asId("second")] });
    cluster.allocate();
    const younger = onlyOfferTo(cluster, second);
    const third = cluster.subscribe({ roles: [asId("third")] });
    cluster.wait(1_000);
    cluster.allocate();
    const shown = onlyOfferTo(cluster, third);
    expect(shown.resources).toEqual(AGENT);
    const effects = cluster.accept([shown], [taskSpec("u", held.agentId, { cpus: 1 })]);
    expect(rescinded(effects, first)).toEqual([older.id]);
    expect(rescinded(effects, second)).not.toContain(younger.id);
  });

  it("a reservation that an operator makes of what is merely shown costs the offers that show it", () => {
    const { cluster, agentId, held, other, hoarder } = hoarded(0);
    cluster.allocate();
    const shown = onlyOfferTo(cluster, other);
    const effects = cluster.do({ kind: "operate", agentId, operation: reserve(1, "dev") });
    expect(rescinded(effects, hoarder)).toEqual([held.id]);
    expect(rescinded(effects, other)).toEqual([shown.id]);
  });
});

describe("quotas", () => {
  it("count optimistic offers: a role is shown no more than its limit leaves", () => {
    const { cluster, other } = hoarded(0);
    const quota = { guarantees: [], limits: [["cpus", 1_000] as const] };
    cluster.do({ kind: "update-quotas", quotas: [{ role: asId("other"), quota }], force: true });
    cluster.wait(1_000);
    cluster.allocate();
    expect(format(onlyOfferTo(cluster, other).resources)).toBe("cpus:1; mem:4096");
    cluster.agent(AGENT);
    cluster.wait(1_000);
    cluster.allocate();
    const cpus = offersTo(cluster, other).flatMap(({ resources }) =>
      resources.flatMap(({ name, value }) =>
        name === "cpus" && value.kind === "scalar" ? [value.millis] : [],
      ),
    );
    expect(cpus).toEqual([1_000]);
  });

  it("are not exceeded by what was shown before optimistic offers were switched off: all of it ends", () => {
    const { cluster, other } = hoarded(0);
    const quota = { guarantees: [], limits: [["cpus", 4_000] as const] };
    cluster.do({ kind: "update-quotas", quotas: [{ role: asId("other"), quota }], force: true });
    cluster.wait(1_000);
    cluster.allocate();
    const policy = policyOf({ optimisticAfterMs: null });
    const shown = onlyOfferTo(cluster, other);
    const effects = cluster.do({ kind: "set-policy", policy });
    expect(rescinded(effects, other)).toEqual([shown.id]);
    cluster.agent(AGENT);
    cluster.wait(1_000);
    cluster.allocate();
    expect(onlyOfferTo(cluster, other)).not.toHaveProperty("optimistic");
  });

  it("end all optimistic offers when they change", () => {
    const { cluster, other } = hoarded(0);
    cluster.allocate();
    const shown = onlyOfferTo(cluster, other);
    const quota = { guarantees: [], limits: [["cpus", 9_000] as const] };
    const effects = cluster.do({
      kind: "update-quotas",
      quotas: [{ role: asId("dev"), quota }],
      force: false,
    });
    expect(rescinded(effects, other)).toEqual([shown.id]);
  });
});

describe("a restored state", () => {
  it("knows optimistic offers and who has waited since when", () => {
    const { cluster, agentId, held, hoarder, other } = hoarded(5_000);
    cluster.wait(5_000);
    cluster.allocate();
    const before = digest(cluster.state);
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    if (!restored.ok) throw new Error(restored.error.message);
    cluster.state = restored.value;
    expect(digest(cluster.state)).toBe(before);
    const effects = cluster.accept([onlyOfferTo(cluster, other)], [taskSpec("t", agentId)]);
    expect(rescinded(effects, hoarder)).toEqual([held.id]);
  });
});

describe("why", () => {
  it("says who holds an agent, since when, and when that is shown to others", () => {
    const { cluster, hoarder, other } = hoarded(5_000);
    cluster.wait(2_000);
    const report = why(cluster.state, cluster.context().now, { frameworkId: other });
    expect(report?.roles?.[0]?.waiting).toEqual({
      since: cluster.now - 2_000,
      seesAllFrom: cluster.now + 3_000,
    });
    expect(report?.agents[0]?.holders).toMatchObject([
      { frameworkId: hoarder, offeredSince: cluster.now - 2_000, sharedFrom: cluster.now + 3_000 },
    ]);
    expect(report?.agents[0]?.verdict.kind).toBe("closed");
  });

  it("says that the next cycle shows it what another holds", () => {
    const { cluster, other } = hoarded(5_000);
    cluster.wait(5_000);
    const report = why(cluster.state, cluster.context().now, { frameworkId: other }, scalars({ cpus: 4 }));
    expect(report?.agents[0]).toMatchObject({
      verdict: { kind: "offered", parts: [{ role: "other", resources: AGENT, optimistic: true }] },
      lacksFree: [],
    });
  });

  it("says nothing of it while they are off", () => {
    const { cluster, other } = hoarded(null);
    const report = why(cluster.state, cluster.context().now, { frameworkId: other });
    expect(report?.roles?.[0]).not.toHaveProperty("waiting");
    expect(report?.agents[0]?.holders[0]).not.toHaveProperty("sharedFrom");
  });
});

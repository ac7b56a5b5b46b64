// A recorded history under another policy: two roles, of which one has all the weight and keeps the other waiting.
import { describe, expect, it } from "vitest";
import { type OtherPolicy, sharesSvg, type WhatifReport, whatif } from "../../../src/debugger/index.ts";
import { type AgentId, asId, type FrameworkId, type RoleName } from "../../../src/kernel/ids.ts";
import type { Entry } from "../../../src/state/codec.ts";
import type { Offer } from "../../../src/state/model.ts";
import type { Policy } from "../../../src/state/policy.ts";
import { encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars, taskSpec } from "../state/cluster.ts";

const SAME: OtherPolicy = { plain: false, settings: {}, weights: [], quotas: [] };
const RANDOM: Partial<Policy> = { roleSorter: "random", frameworkSorter: "random" };
const TASK_MS = 4_000;
const [RICH, POOR] = [asId<RoleName>("rich"), asId<RoleName>("poor")];

interface History {
  readonly snapshot: Uint8Array;
  readonly entries: readonly Entry[];
}

/**
 * Tasks of a whole agent each, taken at once whenever one is offered; rich has a hundred times the weight of poor.
 * @param policyAt what the operator has set from that second on
 * @param act what else happens at each second
 */
function record(
  policyAt: ReadonlyMap<number, Partial<Policy>> = new Map(),
  act: (cluster: Cluster, second: number, agents: readonly AgentId[]) => void = () => undefined,
): History {
  const cluster = new Cluster();
  const weights = [{ role: RICH, weightMillis: 100_000 }];
  cluster.do({ kind: "update-weights", weights });
  const frameworks = [RICH, POOR].map((role) => cluster.subscribe({ name: role, roles: [role] }));
  const snapshot = encodeSnapshot(cluster.state);
  const before = cluster.log.length;
  const agents: AgentId[] = [1, 2, 3, 4].map(() => cluster.agent(scalars({ cpus: 1, mem: 1_024 })));
  const wanted = new Map(frameworks.map((id) => [id, 12]));
  let running: { readonly id: FrameworkId; readonly task: string; readonly until: number }[] = [];
  for (let second = 0; second < 60; second++) {
    const policy = policyAt.get(second);
    if (policy !== undefined) cluster.setPolicy(policy);
    act(cluster, second, agents);
    for (const { id, task } of running.filter(({ until }) => until <= cluster.now)) {
      cluster.acknowledge(id, task, cluster.status(id, task, "TASK_FINISHED").uuid);
    }
    running = running.filter(({ until }) => until > cluster.now);
    for (const offer of cluster.allocate()) {
      const left = wanted.get(offer.frameworkId) ?? 0;
      wanted.set(offer.frameworkId, left - 1);
      const task = `t${left}`;
      if (left > 0) {
        take(cluster, offer, task);
        running.push({ id: offer.frameworkId, task, until: cluster.now + TASK_MS });
      } else cluster.decline(offer.frameworkId, [offer.id], 3_600_000);
    }
    cluster.wait(1_000);
  }
  expect(agents).toHaveLength(4);
  return { snapshot, entries: cluster.entries().slice(before) };
}

function take(cluster: Cluster, offer: Offer, task: string): void {
  const resources = scalars({ cpus: 1, mem: 1_024 });
  cluster.accept([offer], [taskSpec(task, offer.agentId, { resources })]);
}

function run({ snapshot, entries }: History, policy: OtherPolicy): WhatifReport {
  const work = whatif(snapshot, entries, policy);
  for (;;) {
    const next = work.next();
    if (next.done !== true) continue;
    if (!next.value.ok) throw new Error(next.value.error);
    return next.value.value;
  }
}

function rowOf(report: WhatifReport, arm: "recorded" | "baseline" | "other", role: RoleName) {
  const row = report[arm].rows.find((each) => each.role === role && each.frameworkId === null);
  if (row === undefined) throw new Error(`no row of ${role}`);
  return row;
}

describe("whatif", () => {
  const history = record();
  const equal: OtherPolicy = { ...SAME, weights: [{ role: RICH, weightMillis: 1_000 }] };

  it("lets a starved role wait less under other weights, and the one that starved it more", () => {
    const report = run(history, equal);
    const waits = (role: RoleName) => [
      rowOf(report, "baseline", role).meanWaitMs ?? 0,
      rowOf(report, "other", role).meanWaitMs ?? 0,
    ];
    const [poorBefore = 0, poorAfter = 0] = waits(POOR);
    const [richBefore = 0, richAfter = 0] = waits(RICH);
    expect(poorAfter).toBeLessThan(poorBefore);
    expect(richAfter).toBeGreaterThan(richBefore);
  });

  it("starts in the simulation of the recorded policy what was started, about when it was", () => {
    const report = run(history, SAME);
    for (const role of [RICH, POOR]) {
      const [really, simulated] = [rowOf(report, "recorded", role), rowOf(report, "baseline", role)];
      expect(simulated).toMatchObject({ started: really.started, waiting: 0 });
      expect(really.started).toBe(12);
      expect(Math.abs((simulated.meanWaitMs ?? 0) - (really.meanWaitMs ?? 0))).toBeLessThan(1_000);
      expect(Math.abs(simulated.meanShare - really.meanShare)).toBeLessThan(0.05);
    }
  });

  it("finds no difference under the same policy", () => {
    const report = run(history, { ...SAME, weights: [{ role: RICH, weightMillis: 100_000 }] });
    expect(report.other).toEqual(report.baseline);
    expect(report.offers).toMatchObject({ differing: 0, first: [] });
    expect(report.offers.moments).toBeGreaterThan(0);
  });

  it("counts how many tasks wait over time: at first all but the one that starts at once, none in the end", () => {
    const report = run(history, SAME);
    for (const arm of ["recorded", "baseline"] as const) {
      const { waitingTasks, started } = rowOf(report, arm, POOR);
      expect(waitingTasks[0]).toBe(started - 1);
      expect(waitingTasks.at(-1)).toBe(0);
      expect(waitingTasks.every((count, at) => count <= (waitingTasks[at - 1] ?? count))).toBe(true);
    }
  });

  it("names the first offers that differ, and to whom they went in each run", () => {
    const { offers, from } = run(history, equal);
    const [first] = offers.first;
    expect(first?.at).toBeGreaterThanOrEqual(from);
    expect(first?.before.map(({ role }) => role)).toEqual([RICH]);
    expect(first?.after.map(({ role }) => role)).toEqual([POOR]);
    expect(offers.differing).toBeLessThanOrEqual(offers.moments);
  });

  it("offers nothing of agents while operators kept them out, and what they drained comes to its end", () => {
    const config = { maxGraceNanos: null, markGone: false };
    const drained = record(new Map(), (cluster, second, agents) => {
      for (const agentId of second === 5 ? agents.slice(1) : [])
        cluster.do({ kind: "drain-agent", agentId, config });
      if (second > 5) cluster.do({ kind: "expire" });
      for (const agentId of second === 40 ? agents.slice(1) : [])
        cluster.do({ kind: "reactivate-agent", agentId });
    });
    expect(
      drained.entries.flatMap(({ events }) => events).filter(({ kind }) => kind === "AgentDrained"),
    ).toHaveLength(3);
    const report = run(drained, SAME);
    for (const role of [RICH, POOR]) {
      const [really, simulated] = [rowOf(report, "recorded", role), rowOf(report, "baseline", role)];
      expect(simulated.started).toBe(really.started);
      expect(Math.abs((simulated.meanWaitMs ?? 0) - (really.meanWaitMs ?? 0))).toBeLessThan(1_000);
    }
  });

  it("gives the same report each time", () => {
    expect(run(history, equal)).toEqual(run(history, equal));
  });

  it("holds a role to the limits of a quota", () => {
    const limits = [["cpus", 1_000] as const];
    const report = run(history, {
      ...SAME,
      quotas: [{ role: RICH, quota: { guarantees: [], limits } }],
    });
    expect(Math.max(...rowOf(report, "other", RICH).shares)).toBe(0.25);
    expect(Math.max(...rowOf(report, "baseline", RICH).shares)).toBeGreaterThan(0.25);
    expect(rowOf(report, "other", RICH).started).toBeLessThanOrEqual(12);
  });

  it("with plain DRF does as with equal weights", () => {
    expect(run(history, { ...SAME, plain: true }).other).toEqual(run(history, equal).other);
  });

  it("draws by weight whatever anybody holds with random order: the light role waits longer, the same each time", () => {
    const random = run(history, { ...SAME, settings: RANDOM });
    const [before, after] = [rowOf(random, "baseline", POOR), rowOf(random, "other", POOR)];
    expect(after.meanWaitMs).toBeGreaterThan(before.meanWaitMs ?? 0);
    expect(run(history, { ...SAME, settings: RANDOM })).toEqual(random);
  });

  it("refuses roles in which nobody is", () => {
    const policy = { ...SAME, weights: [{ role: asId<RoleName>("nobody"), weightMillis: 1_000 }] };
    const result = [...whatif(history.snapshot, history.entries, policy)];
    expect(result).toEqual([]);
    const last = whatif(history.snapshot, history.entries, policy).next().value;
    expect(last).toMatchObject({ ok: false, error: expect.stringContaining("roles there are: poor, rich") });
  });

  it("draws both arms as well-formed SVG", () => {
    const svg = sharesSvg(run(history, equal));
    expect(svg.match(/<polyline /g)).toHaveLength(12);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(unclosed(svg)).toEqual([]);
  });
});

describe("whatif under settings that were recorded", () => {
  const LATE = 20;
  const nobody: Partial<Policy> = { whitelist: new Set(["elsewhere"]), allocationIntervalMs: 2_000 };
  const listed: Partial<Policy> = { ...nobody, whitelist: new Set(["host"]) };
  const late = record(
    new Map([
      [0, nobody],
      [LATE, listed],
    ]),
  );
  const waits = (report: WhatifReport, arm: "recorded" | "baseline" | "other") =>
    [RICH, POOR].map((role) => rowOf(report, arm, role).meanWaitMs ?? 0);

  it("simulates the recorded policy by them, also where they changed", () => {
    const report = run(late, SAME);
    for (const wait of [...waits(report, "recorded"), ...waits(report, "baseline")])
      expect(wait).toBeGreaterThanOrEqual(LATE * 1_000);
    for (const [at, wait] of waits(report, "baseline").entries())
      expect(Math.abs(wait - (waits(report, "recorded")[at] ?? 0))).toBeLessThan(2_500);
  });

  it("finds no difference under settings that are those recorded, and one under those that are not", () => {
    const same = run(late, { ...SAME, settings: { allocationIntervalMs: 2_000, roleSorter: "drf" } });
    expect(same.other).toEqual(same.baseline);
    expect(same.offers.differing).toBe(0);
    const other = run(late, { ...SAME, settings: { whitelist: null } });
    for (const [at, wait] of waits(other, "other").entries())
      expect(wait).toBeLessThan((waits(other, "baseline")[at] ?? 0) - 5_000);
  });

  it("lets a setting that is given hold throughout, and the others change as they did", () => {
    const never = run(late, { ...SAME, settings: { whitelist: new Set() } });
    expect(never.offers.moments).toBeGreaterThan(0);
    for (const role of [RICH, POOR])
      expect(rowOf(never, "other", role)).toMatchObject({ offers: 0, started: 0, waiting: 12 });
  });

  it("ends offers that nobody answers when there is a timeout, and shows what they hold to who has waited, so that another may use it", () => {
    const hoarded = hoarding();
    const timeout = run(hoarded, { ...SAME, settings: { offerTimeoutMs: 3_000 } });
    expect(rowOf(timeout, "baseline", POOR)).toMatchObject({ started: 1, meanWaitMs: 60_000 });
    expect(rowOf(timeout, "other", POOR)).toMatchObject({ started: 1, meanWaitMs: 3_000 });
    const shown = run(hoarded, { ...SAME, settings: { optimisticAfterMs: 5_000 } });
    expect(rowOf(shown, "other", POOR)).toMatchObject({ started: 1, meanWaitMs: 4_000 });
    const { meanOffered } = rowOf(timeout, "baseline", RICH);
    expect(meanOffered).toBeGreaterThan(0.9);
    expect(rowOf(timeout, "baseline", RICH).meanShare).toBe(0);
  });
});

/** Rich holds the only agent by an offer that it does not answer; poor is given it in the last second, when rich leaves. */
function hoarding(): History {
  const cluster = new Cluster();
  const rich = cluster.subscribe({ name: RICH, roles: [RICH] });
  const snapshot = encodeSnapshot(cluster.state);
  const before = cluster.log.length;
  cluster.agent(scalars({ cpus: 1, mem: 1_024 }));
  cluster.offer();
  cluster.wait(1_000);
  cluster.subscribe({ name: POOR, roles: [POOR] });
  cluster.wait(60_000);
  cluster.do({ kind: "teardown", frameworkId: rich });
  take(cluster, cluster.offer(), "late");
  return { snapshot, entries: cluster.entries().slice(before) };
}

describe("sharesSvg", () => {
  it("escapes what a role is called", () => {
    const shares = [0, 0.5, 1];
    const waits = { waiting: 0, meanWaitMs: null, p99WaitMs: null, waitingTasks: [0, 0, 0] };
    const counts = { offers: 0, started: 0, ...waits, meanShare: 0.5, meanOffered: 0 };
    const role = asId<RoleName>('a<b&"c"\u0007');
    const figures = { rows: [{ role, frameworkId: null, name: null, ...counts, shares }] };
    const arms = { recorded: figures, baseline: figures, other: figures };
    const offers = { moments: 0, differing: 0, first: [] };
    const policy = { plain: false, settings: {}, weights: [], quotas: [] };
    const svg = sharesSvg({ from: 0, until: 1_000, policy, ...arms, offers });
    expect(svg).toContain("a&lt;b&amp;&quot;c&quot;\ufffd");
    expect(unclosed(svg)).toEqual([]);
  });
});

/** Elements that are not closed in their order; the text between tags must hold no markup. */
function unclosed(xml: string): readonly string[] {
  const open: string[] = [];
  const rest = xml.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z0-9-]+="[^"<>]*")*)(\/?)>/g,
    (_all, end, name, _at, empty) => {
      if (end === "/") {
        if (open.pop() !== name) open.push(`unexpected ${name}`);
      } else if (empty === "") open.push(name);
      return "";
    },
  );
  return /[<>]/.test(rest) || /&(?!amp;|lt;|gt;|quot;)/.test(rest) ? [...open, "stray markup"] : open;
}

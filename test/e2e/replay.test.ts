// The state rebuilt from the log of any master is that of the others, byte for byte: after the death of a leader, with
// snapshots, and of a master that caught up by a snapshot.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Framework, runTasks, type TaskRequest } from "../../src/frameworks/sdk/index.ts";
import type { EventOf } from "../../src/state/events.ts";
import { digestOf } from "../../src/state/snapshot.ts";
import {
  caughtUp,
  eventually,
  getJson,
  startTestCluster,
  statusOf,
  type TestCluster,
} from "../support/cluster.ts";
import { commonIndex, decoded, type MemberLog, readMember, rebuild, stateAt } from "../support/rebuild.ts";

const MASTERS = ["m1", "m2", "m3"];
const SNAPSHOT_INTERVAL = 40;
let cluster: TestCluster;

afterEach(() => cluster.destroy());

test("after a workload with the death of a leader the logs of all masters give the same state", async () => {
  cluster = await startTestCluster({ masters: 3, agents: 2 });
  await cluster.ready();
  const framework = await subscribed();
  await Promise.all([runTasks(framework, batch("before", 10)), killLeader()]);
  await runTasks(framework, batch("after", 10));
  await eventually("the last acknowledgement", async () => (await completedTasks()) === 20);
  const logs = await stopAndRead();

  const index = commonIndex(logs);
  const [first, ...others] = logs.map((log) => rebuild(log, index));
  for (const bytes of others) expect(Buffer.compare(bytes, first ?? bytes)).toBe(0);
  for (const log of logs) {
    const state = stateAt(log, index);
    const [finished] = [...state.frameworks.values()];
    expect(log.snapshot).toBeUndefined();
    expect(state.eventCount).toBe(eventsOf(log, index));
    expect(finished?.completedTasks.length).toBe(20);
  }
});

test("with snapshots: the digests on record are theirs, and a master that lost its disk catches up by one", async () => {
  cluster = await startTestCluster({
    masters: 3,
    agents: 1,
    masterFlags: ["--snapshot-interval", String(SNAPSHOT_INTERVAL)],
  });
  const leader = await cluster.ready();
  const away = cluster.masters.find((master) => master !== leader) ?? leader;
  const framework = await subscribed();
  await runTasks(framework, batch("together", 3));
  await away.end("SIGKILL");
  const missed = (await statusOf(leader)).commitIndex;
  await makeEntries(framework, 3 * SNAPSHOT_INTERVAL);
  // What it lacks since it went is kept for it for a while, so that it would need no snapshot; the beginning is not.
  await rm(join(cluster.dataDirectory, away.name), { recursive: true });
  away.start();
  await caughtUp(cluster);
  await Promise.all([runTasks(framework, batch("killed", 10)), killLeader()]);
  await makeEntries(framework, SNAPSHOT_INTERVAL);
  const logs = await stopAndRead();

  const behind = logs.find(({ name }) => name === away.name);
  expect(
    Number(behind?.entries[0]?.index),
    "entries that came as a snapshot are not in its log",
  ).toBeGreaterThan(missed + 1);
  const index = commonIndex(logs);
  const [first, ...others] = logs.map((log) => rebuild(log, index));
  for (const bytes of others) expect(Buffer.compare(bytes, first ?? bytes)).toBe(0);
  checkDigests(logs);
});

/** What was recorded in the log as the digest of the state at an index is that of every master's snapshot of it. */
function checkDigests(logs: readonly MemberLog[]): void {
  const recorded = new Map(logs.flatMap(digestsOf));
  expect(recorded.size).toBeGreaterThanOrEqual(2);
  for (const { name, snapshot } of logs) {
    const digest = snapshot && recorded.get(snapshot.index);
    expect(digest, `the digest of the newest snapshot of ${name} is on record`).toBeDefined();
    expect(digestOf(snapshot?.content ?? new Uint8Array())).toBe(digest);
  }
  const [longest] = logs.toSorted((a, b) => b.entries.length - a.entries.length);
  // A segment is longer than all of this log: that of a master which was never away holds it from the beginning.
  const fromNothing = { name: "the longest log", snapshot: undefined, entries: longest?.entries ?? [] };
  for (const [index, digest] of recorded) expect(digestOf(rebuild(fromNothing, index))).toBe(digest);
}

function digestsOf(log: MemberLog): (readonly [number, string])[] {
  const events = [...decoded(log.entries)].flatMap((entry) => entry.events);
  const isDigest = (event: { kind: string }): event is EventOf<"DigestRecorded"> =>
    event.kind === "DigestRecorded";
  return events.filter(isDigest).map(({ index, digest }) => [index, digest] as const);
}

function eventsOf(log: MemberLog, index: number): number {
  const entries = log.entries.filter((entry) => entry.index <= index);
  return [...decoded(entries)].reduce((sum, { events }) => sum + events.length, 0);
}

async function subscribed(): Promise<Framework> {
  const framework = new Framework({ masters: cluster.apis, name: "replay", failoverTimeoutSeconds: 60 });
  await framework.start();
  return framework;
}

function batch(name: string, count: number): TaskRequest[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${name}-${i}`,
    cpus: 0.5,
    mem: 32,
    command: "sleep 0.2",
  }));
}

/** SUPPRESS and REVIVE are entries each, made one after the other. */
async function makeEntries(framework: Framework, count: number): Promise<void> {
  const until = (await statusOf(await cluster.leader())).commitIndex + count;
  await eventually(`entry ${until}`, async () => {
    await framework.suppress();
    await framework.revive();
    return (await statusOf(await cluster.leader())).commitIndex >= until;
  });
}

async function killLeader(): Promise<void> {
  const leader = await cluster.leader();
  await leader.end("SIGKILL");
  await cluster.leader();
  leader.start();
}

async function completedTasks(): Promise<number> {
  const state = await getJson(`http://${(await cluster.leader()).api}/state`);
  return (
    (state as { frameworks: { completed_tasks: unknown[] }[] }).frameworks[0]?.completed_tasks.length ?? 0
  );
}

async function stopAndRead(): Promise<MemberLog[]> {
  await caughtUp(cluster);
  await cluster.stop({ keepTasks: false });
  return Promise.all(MASTERS.map((name) => readMember(cluster.dataDirectory, name)));
}

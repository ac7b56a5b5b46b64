// Masters together: what is committed is everywhere the same, what a deposed leader had ahead is thrown away, and
// nobody is left without an answer.
import { describe, expect, test } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import { digest } from "../../../src/state/snapshot.ts";
import { MasterCluster, type Member } from "./cluster.ts";
import { subscribe } from "./pipeline-rig.ts";

async function started(size: number, tuning?: ConstructorParameters<typeof MasterCluster>[1]) {
  const cluster = new MasterCluster(size, tuning);
  await cluster.start();
  return cluster;
}

function fatal(cluster: MasterCluster): string[] {
  return cluster.members.flatMap((member) => member.fatal);
}

test("commands are answered after their commit and every member has the same state", async () => {
  const cluster = await started(3);
  for (let i = 0; i < 5; i++) {
    expect((await cluster.submit(subscribe(`s${i}`))).kind).toBe("done");
  }
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
  expect(cluster.leader().master.state().frameworks.size).toBe(5);
});

test("a follower sends to the leader, and says once who leads", async () => {
  const cluster = await started(3);
  await cluster.clock.advance(5_000);
  const leader = cluster.leader();
  for (const follower of cluster.followers()) {
    expect(await cluster.submit(subscribe("s"), follower)).toEqual({ kind: "not-leader", leader: leader.id });
    expect(await cluster.within(follower.master.settled())).toBe(false);
    expect(follower.ear.words.filter((word) => word === `not leading: ${leader.id}`)).toHaveLength(1);
  }
});

test("a leader that is cut off answers everybody, and forgets what it had ahead of the log", async () => {
  const cluster = await started(3);
  await cluster.submit(subscribe("before"));
  const old = cluster.leader();
  cluster.isolate(old);
  const lost = old.master.submit(subscribe("lost"));
  const read = old.master.settled();
  await cluster.clock.until(() => old.master.state().frameworks.size === 2);
  expect((await cluster.within(lost)).kind).toBe("unknown");
  expect(await cluster.within(read)).toBe(false);
  await cluster.clock.until(() => cluster.isLedByOther(old));
  cluster.network.heal();
  await cluster.submit(subscribe("after"));
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
  expect(old.master.state().frameworks.size).toBe(2);
  expect(old.ear.words.at(-1)).toMatch(/^not leading: m/);
  expect(fatal(cluster)).toEqual([]);
});

test("a deposed leader whose log was compacted away is rebuilt from the new leader's snapshot", async () => {
  const cluster = await started(3, { snapshotIntervalEntries: 20, raft: { trailingEntriesMax: 0 } });
  const old = cluster.leader();
  cluster.isolate(old);
  old.master.submit(subscribe("lost")).catch(() => undefined);
  await cluster.clock.until(() => cluster.isLedByOther(old));
  for (let i = 0; i < 60; i++) await cluster.submit(subscribe(`s${i}`));
  cluster.network.heal();
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
  expect(fatal(cluster)).toEqual([]);
});

test("a member that starts again has the state of snapshot and log", async () => {
  const cluster = await started(3, { snapshotIntervalEntries: 10 });
  for (let i = 0; i < 25; i++) await cluster.submit(subscribe(`s${i}`));
  await cluster.quiet();
  const [one] = cluster.followers();
  if (one === undefined) throw new Error("no follower");
  cluster.kill(one);
  await cluster.submit(subscribe("while away"));
  await cluster.restart(one);
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
  expect(one.master.state().frameworks.size).toBe(26);
});

test("replicas record and compare digests at every interval", async () => {
  const cluster = await started(3, { snapshotIntervalEntries: 10 });
  for (let i = 0; i < 35; i++) await cluster.submit(subscribe(`s${i}`));
  await cluster.quiet();
  const recorded = cluster
    .leader()
    .master.state()
    .digests.map(({ index }) => index);
  expect(recorded).toEqual(expect.arrayContaining([10, 20, 30].map(asIndex)));
  expect(fatal(cluster)).toEqual([]);
});

test("a replica whose state differs ends with both digests", async () => {
  const cluster = await started(3, { snapshotIntervalEntries: 10 });
  await cluster.submit(subscribe("s"));
  await cluster.quiet();
  const [wrong] = cluster.followers() as [Member];
  wrong.master.state().minted.offers += 1;
  for (let i = 0; i < 30 && wrong.fatal.length === 0; i++) await cluster.submit(subscribe(`s${i}`));
  expect(wrong.fatal).toHaveLength(1);
  expect(wrong.fatal[0]).toMatch(/^diverged: state digest at index 10 is [0-9a-f]{64}, the leader's is/);
  expect(fatal(cluster)).toHaveLength(1);
});

test("many large commands at once neither stop the leader nor change what followers see", async () => {
  const cluster = await started(3, { snapshotIntervalEntries: 4, raft: { uncommittedBytesMax: 2_000_000 } });
  const leader = cluster.leader();
  const all = Array.from({ length: 40 }, (_, i) => leader.master.submit(subscribe(`s${i}`, 250_000)));
  const outcomes = await cluster.within(Promise.all(all));
  expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["done"]));
  expect((await cluster.submit(subscribe("afterwards"))).kind).toBe("done");
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
  expect(fatal(cluster)).toEqual([]);
});

test("stop answers all that waits, in the midst of a rebuild too", async () => {
  const cluster = await started(3);
  const old = cluster.leader();
  cluster.isolate(old);
  const outcome = old.master.submit(subscribe("lost"));
  await cluster.clock.until(() => old.master.status().role !== "leader");
  const stopped = old.master.stop();
  expect((await cluster.within(outcome)).kind).toBe("unknown");
  await cluster.within(stopped);
  expect(await cluster.submit(subscribe("late"), old)).toMatchObject({ kind: "not-leader" });
  expect(old.fatal).toEqual([]);
});

test("a leader that stops hands over, and its data directory can be opened again", async () => {
  const cluster = await started(3);
  await cluster.submit(subscribe("s"));
  const old = cluster.leader();
  await cluster.within(old.master.stop());
  cluster.kill(old);
  await cluster.clock.until(() => cluster.members.some(({ up, master }) => up && master.status().ready));
  await cluster.restart(old);
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
});

test("history gives the committed events, which replayed give the state", async () => {
  const cluster = await started(1);
  for (let i = 0; i < 3; i++) await cluster.submit(subscribe(`s${i}`));
  const { master } = cluster.leader();
  const kinds = [...master.history(asIndex(1))].flatMap(({ events }) => events.map(({ kind }) => kind));
  expect(kinds).toEqual([
    "ClusterFounded",
    "LeaderElected",
    "FrameworkSubscribed",
    "FrameworkSubscribed",
    "FrameworkSubscribed",
  ]);
  expect(master.status().events).toBe(kinds.length);
  expect(digest(master.state())).toBe(cluster.digests()[0]);
});

describe("checkpoints that are packed in many slices", () => {
  const tuning = { snapshotIntervalEntries: 10, snapshotChunkUnits: 1 };

  test("are taken, recorded and compared while commands go on", async () => {
    const cluster = await started(3, tuning);
    for (let i = 0; i < 120; i++) await cluster.submit(subscribe(`s${i}`));
    await cluster.clock.advance(3_000);
    await cluster.quiet();
    const recorded = cluster.leader().master.state().digests;
    expect(recorded.length).toBeGreaterThan(1);
    expect(recorded.every(({ index }) => index % 10 === 0)).toBe(true);
    expect(new Set(cluster.digests()).size).toBe(1);
    expect(fatal(cluster)).toEqual([]);
  });

  test("end a replica whose state differs", async () => {
    const cluster = await started(3, tuning);
    await cluster.submit(subscribe("s"));
    await cluster.quiet();
    const [wrong] = cluster.followers() as [Member];
    wrong.master.state().minted.offers += 1;
    for (let i = 0; i < 60 && wrong.fatal.length === 0; i++) await cluster.submit(subscribe(`s${i}`));
    expect(wrong.fatal).toHaveLength(1);
    expect(wrong.fatal[0]).toMatch(/^diverged: state digest at index 10 is/);
    expect(fatal(cluster)).toHaveLength(1);
  });

  test("are what a member starts from, and what a deposed leader is rebuilt from", async () => {
    const cluster = await started(3, { ...tuning, raft: { trailingEntriesMax: 0 } });
    const old = cluster.leader();
    let done = 0;
    const submit = async (stream: string) => {
      if ((await cluster.submit(subscribe(stream))).kind === "done") done += 1;
    };
    for (let i = 0; i < 25; i++) await submit(`s${i}`);
    cluster.isolate(old);
    old.master.submit(subscribe("lost")).catch(() => undefined);
    await cluster.clock.until(() => cluster.isLedByOther(old));
    for (let i = 0; i < 100; i++) await submit(`t${i}`);
    await cluster.clock.advance(3_000);
    const [stopped] = cluster.followers().filter((member) => member !== old) as [Member];
    cluster.kill(stopped);
    cluster.network.heal();
    await cluster.restart(stopped);
    await cluster.quiet();
    expect(new Set(cluster.digests()).size).toBe(1);
    expect(done).toBeGreaterThan(100);
    expect(stopped.master.state().frameworks.size).toBe(done);
    expect(fatal(cluster)).toEqual([]);
  });
});

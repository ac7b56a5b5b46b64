// Masters whose log has small segments, with an archive: what compaction takes out of the log can be replayed all the
// same, by the program that checks a log at rest.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import zlib from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { type Verified, verifyLog } from "../../../src/host/verify-log.ts";
import type { Compressor } from "../../../src/log/index.ts";
import { MasterCluster, type Member } from "./cluster.ts";
import { subscribe } from "./pipeline-rig.ts";

/** Without threads, so that virtual time stands still meanwhile. */
const gzip: Compressor = {
  suffix: ".gz",
  compress: async (piece) => new Uint8Array(zlib.gzipSync(piece)),
  decompress: async (packed) => new Uint8Array(zlib.gunzipSync(packed)),
};
const tuning = {
  snapshotIntervalEntries: 20,
  raft: { trailingEntriesMax: 4 },
  log: {
    segmentBytesMax: 24 * 1024,
    batchBytesMax: 16 * 1024,
    entryBytesMax: 8 * 1024,
    preallocateBytes: 4096,
  },
};
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function started(bytesMax: number, laggardBytesMax = 0): Promise<MasterCluster> {
  const raft = { ...tuning.raft, laggardBytesMax };
  const cluster = new MasterCluster(3, { ...tuning, raft }, { bytesMax, ageMsMax: 1e12, compressor: gzip });
  await cluster.start();
  return cluster;
}

async function work(cluster: MasterCluster, name: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    expect((await cluster.submit(subscribe(`${name}${i}`, 1000))).kind).toBe("done");
}

function archived(member: Member): string[] {
  return member.disk.paths().filter((path) => path.includes("/archive/"));
}

/** What is on the member's disk, checked and replayed from end to end. */
async function verified({ disk }: Member): Promise<Verified> {
  const folder = await mkdtemp(join(tmpdir(), "archive-"));
  folders.push(folder);
  for (const path of disk.paths()) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), disk.bytesOf(path) ?? new Uint8Array(0));
  }
  return verifyLog(folder);
}

test("all that was ever committed can be replayed on every member, whichever was down meanwhile", async () => {
  const cluster = await started(1e9, 1e9);
  await work(cluster, "first", 60);
  const [down] = cluster.followers();
  if (down === undefined) throw new Error("no follower");
  cluster.kill(down);
  await work(cluster, "down", 50);
  await cluster.restart(down);
  await work(cluster, "again", 60);
  cluster.kill(cluster.leader());
  await cluster.clock.until(() => cluster.members.some(({ up, master }) => up && master.status().ready));
  await work(cluster, "other", 60);
  await cluster.quiet();
  await cluster.clock.advance(1000);
  const alive = cluster.members.filter(({ up }) => up);
  const last = cluster.leader().master.status().lastIndex;
  for (const member of alive) {
    const found = await verified(member);
    expect(found.problems).toEqual([]);
    expect([found.firstIndex, found.lastIndex]).toEqual([1, last]);
    expect(found.statesCompared).toBeGreaterThan(2);
    expect(archived(member).length).toBeGreaterThan(4);
    expect(archived(member).filter((path) => !path.endsWith(".gz"))).toEqual([]);
  }
});

test("an archive that fails is seen in its master's status, costs the log nothing, and catches up when it can", async () => {
  const cluster = await started(1e9);
  const leader = cluster.leader();
  for (let i = 0; i < 10_000; i++) leader.disk.failNext("write", "/archive/");
  await work(cluster, "s", 100);
  expect(leader.master.status().archive).toMatchObject({
    kind: "failing",
    why: expect.stringContaining("EIO"),
  });
  expect(cluster.followers().map(({ master }) => master.status().archive)).toEqual([
    { kind: "working" },
    { kind: "working" },
  ]);
  leader.disk.failNoMore();
  await cluster.clock.advance(300_000);
  expect(leader.master.status().archive).toEqual({ kind: "working" });
  const found = await verified(leader);
  expect(found.problems).toEqual([]);
  expect([found.firstIndex, found.lastIndex]).toEqual([1, leader.master.status().lastIndex]);
  expect(archived(leader).filter((path) => !path.endsWith(".gz"))).toEqual([]);
});

test("an archive that has lost its oldest segments can be replayed from a snapshot in it", async () => {
  const bytesMax = 24 * 1024;
  const cluster = await started(bytesMax);
  await work(cluster, "s", 300);
  await cluster.quiet();
  await cluster.clock.advance(1000);
  const last = cluster.leader().master.status().lastIndex;
  for (const member of cluster.members) {
    const found = await verified(member);
    expect(found.problems).toEqual([]);
    expect(found.firstIndex).toBeGreaterThan(1);
    expect(found.lastIndex).toBe(last);
    expect(found.statesCompared).toBeGreaterThan(0);
    const bytes = archived(member).reduce((sum, path) => sum + (member.disk.bytesOf(path)?.length ?? 0), 0);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(bytesMax);
  }
});

test("a member that was brought back by a snapshot has a hole in its history, and what is on both sides of it can be replayed", async () => {
  const cluster = await started(1e9);
  await work(cluster, "first", 60);
  const [down] = cluster.followers();
  if (down === undefined) throw new Error("no follower");
  cluster.kill(down);
  await work(cluster, "down", 100);
  await cluster.restart(down);
  await work(cluster, "again", 60);
  await cluster.quiet();
  await cluster.clock.advance(1000);
  const found = await verified(down);
  expect(found.problems).toEqual([]);
  expect(found.firstIndex).toBe(1);
  expect(found.entries).toBeLessThan(found.lastIndex);
  expect(found.statesCompared).toBeGreaterThan(2);
  expect(found.lastIndex).toBe(cluster.leader().master.status().lastIndex);
  expect(cluster.members.flatMap(({ fatal }) => fatal)).toEqual([]);
});

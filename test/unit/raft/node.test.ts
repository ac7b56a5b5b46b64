// Nodes as their users see them, under virtual time.
import { describe, expect, it } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import { type ProposeResult, type RaftStatus, ReadIndexError } from "../../../src/raft/index.ts";
import { bytes, text } from "./support/core-cluster.ts";
import { NodeCluster } from "./support/node-cluster.ts";

async function started(
  size = 3,
  options: ConstructorParameters<typeof NodeCluster>[1] = {},
): Promise<NodeCluster> {
  const cluster = new NodeCluster(size, options);
  await cluster.start();
  return cluster;
}

function allHave(cluster: NodeCluster, last: string): () => boolean {
  return () => cluster.hosts.every(({ up, machine }) => !up || machine.texts.at(-1) === last);
}

describe("a cluster of nodes", () => {
  it("applies the same entries on every member, each once and in order", async () => {
    const cluster = await started();
    const texts = Array.from({ length: 500 }, (_, i) => `t${i}`);
    for (const one of texts) {
      cluster.propose(one);
      if (one.endsWith("7")) await cluster.clock.advance(1);
    }
    await cluster.clock.until(allHave(cluster, "t499"));
    for (const { machine } of cluster.hosts) {
      expect(machine.texts).toEqual(texts);
      expect(machine.indexes).toEqual(machine.indexes.map((_, i) => i + 1));
    }
  });

  it("tells each proposal the index at which it is then committed", async () => {
    const cluster = await started();
    const index = cluster.propose("a", "b", "c");
    await cluster.clock.until(allHave(cluster, "c"));
    const entry = cluster.leader().node.readCommitted(index)[0];
    expect(entry === undefined ? undefined : text(entry.payload)).toBe("c");
  });

  it("gathers the proposals of one turn into one append and one write", async () => {
    const cluster = await started();
    const leader = cluster.leader();
    await cluster.clock.advance(100);
    const writes = leader.storage.appends;
    cluster.propose(...Array.from({ length: 200 }, (_, i) => `x${i}`));
    await cluster.clock.advance(4);
    expect(leader.storage.appends).toBe(writes + 1);
    expect(leader.node.status().commit).toBe(leader.node.status().last);
  });

  it("keeps several rounds under way, and gathers more when the disk is slow", async () => {
    const cluster = await started();
    const leader = cluster.leader();
    leader.storage.delayMs = 50;
    const writes = leader.storage.appends;
    for (let i = 0; i < 40; i++) {
      cluster.propose(`y${i}`);
      await cluster.clock.advance(1);
    }
    expect(leader.storage.appends - writes).toBe(8);
    await cluster.clock.until(allHave(cluster, "y39"));
  });

  it("says not-leader on a follower, and who leads", async () => {
    const cluster = await started();
    await cluster.clock.advance(100);
    const leader = cluster.leader();
    for (const { node } of cluster.followers()) {
      expect(node.propose(bytes("x"))).toEqual({ ok: false, reason: "not-leader", leader: leader.id });
      await expect(node.readIndex()).rejects.toThrow(ReadIndexError);
    }
  });

  it("is ready only once its own no-op is applied", async () => {
    const cluster = await started();
    const roles = cluster.leader().machine.roles.filter(({ role }) => role === "leader");
    expect(roles.map(({ ready }) => ready)).toEqual([false, true]);
  });

  it("refuses proposals beyond the bytes that may be uncommitted", async () => {
    const cluster = await started(3, { tuning: { uncommittedBytesMax: 8500 } });
    const leader = cluster.leader();
    for (const follower of cluster.followers()) cluster.network.cut(leader.id, follower.id);
    const results: ProposeResult[] = Array.from({ length: 30 }, () =>
      leader.node.propose(bytes("x".repeat(100))),
    );
    expect(results.filter(({ ok }) => ok).length).toBe(8);
    expect(results.at(-1)).toEqual({ ok: false, reason: "overloaded", leader: leader.id });
  });
});

describe("failover", () => {
  it("goes from SIGKILL of the leader to the first commit of the next one in 500 ms (median)", async () => {
    const times: number[] = [];
    for (let seed = 1; seed <= 31; seed++) {
      const cluster = await started(3, { seed });
      await cluster.clock.advance(200 + seed * 7);
      cluster.kill(cluster.leader());
      times.push(await cluster.clock.until(() => cluster.readyLeader() !== undefined));
    }
    times.sort((a, b) => a - b);
    expect(times[15]).toBeLessThanOrEqual(500);
    expect(times.at(-1)).toBeLessThanOrEqual(1500);
  });

  it("keeps what was committed, and the old leader drops what was not", async () => {
    const cluster = await started();
    cluster.propose("kept");
    await cluster.clock.until(allHave(cluster, "kept"));
    const old = cluster.leader();
    cluster.isolate(old);
    expect(old.node.propose(bytes("lost")).ok).toBe(true);
    await cluster.clock.until(() => cluster.hosts.some((host) => host !== old && host.node.status().ready));
    await cluster.clock.until(() => old.node.status().role !== "leader");
    expect(old.machine.roles.at(-1)?.role).not.toBe("leader");
    cluster.network.heal();
    cluster.propose("next");
    await cluster.clock.until(allHave(cluster, "next"));
    for (const { machine } of cluster.hosts) expect(machine.texts).toEqual(["kept", "next"]);
  });

  it("forgets proposals that still wait for their round when leadership is lost", async () => {
    const cluster = await started(3, { tuning: { storageStallMs: 60_000 } });
    const old = cluster.leader();
    old.storage.delayMs = 3000;
    cluster.isolate(old);
    for (let i = 0; i < 12; i++) {
      expect(old.node.propose(bytes(`w${i}`)).ok).toBe(true);
      await cluster.clock.advance(1);
    }
    await cluster.clock.until(() => old.node.status().role !== "leader");
    cluster.network.heal();
    await cluster.clock.advance(8000);
    old.storage.delayMs = 1;
    cluster.propose("end");
    await cluster.clock.until(allHave(cluster, "end"));
    expect(old.fatal).toBeNull();
    for (const { machine } of cluster.hosts) expect(machine.texts).toEqual(["end"]);
  });

  it("brings back all state when every member is killed and started again", async () => {
    const cluster = await started();
    cluster.propose("a", "b");
    await cluster.clock.until(allHave(cluster, "b"));
    for (const host of cluster.hosts) cluster.kill(host);
    await cluster.clock.advance(50);
    for (const host of cluster.hosts) cluster.restart(host);
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    await cluster.clock.until(allHave(cluster, "b"));
    for (const { machine } of cluster.hosts) expect(machine.texts).toEqual(["a", "b"]);
  });

  it("does not start an election after a pause of the process while the leader's messages wait", async () => {
    const cluster = await started();
    const term = cluster.leader().node.status().term;
    await cluster.clock.advance(100);
    cluster.clock.pause(2000);
    await cluster.clock.advance(1000);
    expect(cluster.leader().node.status().term).toBe(term);
  });

  it("hands leadership over on a graceful stop, faster than a timeout would", async () => {
    const cluster = await started();
    const old = cluster.leader();
    await cluster.clock.advance(100);
    old.up = false;
    const stopped = old.node.stop();
    const took = await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    await cluster.clock.advance(50);
    await stopped;
    expect(took).toBeLessThan(100);
    expect(old.node.propose(bytes("x"))).toEqual({ ok: false, reason: "stopped", leader: null });
  });

  it("commits what was proposed before a transfer, and refuses what comes during it", async () => {
    const cluster = await started();
    const old = cluster.leader();
    await cluster.clock.advance(100);
    cluster.propose("before");
    old.node.transferLeadership();
    await Promise.resolve();
    await Promise.resolve();
    expect(old.node.propose(bytes("during"))).toMatchObject({ ok: false, reason: "overloaded" });
    await cluster.clock.until(() => cluster.readyLeader() !== undefined && cluster.leader() !== old);
    await cluster.clock.until(allHave(cluster, "before"));
  });
});

describe("reads", () => {
  it("resolve to an index that holds all that was committed, once it is applied", async () => {
    const cluster = await started();
    const index = cluster.propose("a");
    await cluster.clock.until(allHave(cluster, "a"));
    const read = cluster.leader().node.readIndex();
    await cluster.clock.advance(10);
    await expect(read).resolves.toBeGreaterThanOrEqual(index);
  });

  it("share one round of heartbeats when they come together", async () => {
    const cluster = await started();
    await cluster.clock.advance(101);
    const frames = cluster.network.frames;
    const reads = Array.from({ length: 100 }, () => cluster.leader().node.readIndex());
    await cluster.clock.advance(3);
    await Promise.all(reads);
    expect(cluster.network.frames - frames).toBeLessThanOrEqual(12);
  });

  it("that come one by one while a round is under way gather for the next round", async () => {
    const cluster = await started();
    await cluster.clock.advance(101);
    const frames = cluster.network.frames;
    cluster.network.delayMs = 10;
    const reads: Promise<unknown>[] = [];
    for (let i = 0; i < 20; i++) {
      reads.push(cluster.leader().node.readIndex());
      await cluster.clock.advance(1);
    }
    await cluster.clock.advance(60);
    await Promise.all(reads);
    expect(cluster.network.frames - frames).toBeLessThanOrEqual(20);
  });

  it("fail on a leader that is cut off", async () => {
    const cluster = await started();
    const old = cluster.leader();
    cluster.isolate(old);
    const read = old.node.readIndex();
    const outcome = read.then(
      () => "served",
      (error: ReadIndexError) => error.reason,
    );
    await cluster.clock.advance(2000);
    expect(await outcome).toBe("not-leader");
  });

  it("fail when the node stops", async () => {
    const cluster = await started(1);
    const read = cluster.host(1).node.readIndex();
    const outcome = read.catch((error: ReadIndexError) => error.reason);
    void cluster.host(1).node.stop();
    await cluster.clock.advance(10);
    expect(["stopped", 1]).toContain(await outcome);
  });
});

describe("snapshots", () => {
  const tuning = { trailingEntriesMax: 2, laggardBytesMax: 0, snapshotChunkBytes: 16 };

  async function compacted(cluster: NodeCluster): Promise<void> {
    cluster.propose(...Array.from({ length: 20 }, (_, i) => `s${i}`));
    await cluster.clock.until(allHave(cluster, "s19"));
    for (const { up, node, machine } of cluster.hosts) {
      if (up) void node.saveSnapshot(node.status().applied, machine.image());
    }
    await cluster.clock.advance(20);
  }

  it("are saved, and the log in front of them is forgotten except for the window", async () => {
    const cluster = await started(3, { tuning });
    await compacted(cluster);
    const { storage, node } = cluster.leader();
    const { snapshot, last }: RaftStatus = node.status();
    expect(snapshot).toBe(last);
    expect(storage.snapshot()?.index).toBe(last);
    expect(storage.firstKept).toBe(last - 1);
    expect(node.readCommitted(asIndex(last - 1)).length).toBe(2);
  });

  it("bring a follower up to date that needs what is compacted", async () => {
    const cluster = await started(3, { tuning });
    const [late] = cluster.followers();
    if (late === undefined) throw new Error("no follower");
    cluster.kill(late);
    await compacted(cluster);
    cluster.restart(late);
    cluster.propose("after");
    await cluster.clock.until(allHave(cluster, "after"));
    expect(late.machine.restores.length).toBe(1);
    expect(late.machine.texts).toEqual(cluster.leader().machine.texts);
    const state = cluster
      .leader()
      .node.status()
      .followers.find(({ id }) => id === late.id)?.state;
    expect(state).toBe("replicate");
  });

  it("are taken up again when the follower dies in the middle", async () => {
    const cluster = await started(3, { tuning: { ...tuning, snapshotChunkBytes: 4 } });
    const [late] = cluster.followers();
    if (late === undefined) throw new Error("no follower");
    cluster.kill(late);
    await compacted(cluster);
    cluster.restart(late);
    const mode = () =>
      cluster
        .leader()
        .node.status()
        .followers.find(({ id }) => id === late.id)?.state;
    await cluster.clock.until(() => mode() === "snapshot");
    await cluster.clock.advance(5);
    expect(late.machine.restores).toEqual([]);
    cluster.kill(late);
    cluster.restart(late);
    cluster.propose("after");
    await cluster.clock.until(allHave(cluster, "after"));
    expect(late.machine.texts).toEqual(cluster.leader().machine.texts);
  });

  it("made faster than one can be sent do not starve a slow follower", async () => {
    const tuning = { trailingEntriesMax: 0, snapshotChunkBytes: 4, snapshotWindowChunks: 1 };
    const cluster = await started(3, { tuning: { ...tuning, laggardSilentMs: 500 } });
    const [late] = cluster.followers();
    if (late === undefined) throw new Error("no follower");
    cluster.kill(late);
    await cluster.clock.advance(600);
    await compacted(cluster);
    cluster.restart(late);
    const { node, machine } = cluster.leader();
    for (let i = 0; i < 400 && late.machine.texts.length === 0; i++) {
      cluster.propose(`n${i}`);
      await cluster.clock.advance(20);
      void node.saveSnapshot(node.status().applied, machine.image());
    }
    expect(late.machine.restores.length).toBe(1);
    await cluster.clock.until(() => late.machine.texts.length === cluster.leader().machine.texts.length);
    expect(late.machine.restores.length).toBe(1);
    expect(late.machine.texts).toEqual(cluster.leader().machine.texts);
  });

  it("take away entries that a living follower lacks when they are too many bytes", async () => {
    for (const laggardBytesMax of [0, 1_000_000]) {
      const cluster = await started(3, { tuning: { trailingEntriesMax: 0, laggardBytesMax } });
      const [late] = cluster.followers();
      if (late === undefined) throw new Error("no follower");
      late.storage.hung = true;
      cluster.propose("a", "b");
      await cluster.clock.advance(100);
      const { node, machine } = cluster.leader();
      void node.saveSnapshot(node.status().applied, machine.image());
      await cluster.clock.advance(20);
      expect(node.readCommitted(asIndex(1)).length > 0).toBe(laggardBytesMax > 0);
    }
  });

  it("restore the state machine at the start, before the entries after them", async () => {
    const cluster = await started(3, { tuning });
    await compacted(cluster);
    cluster.propose("after");
    await cluster.clock.until(allHave(cluster, "after"));
    for (const host of cluster.hosts) cluster.kill(host);
    for (const host of cluster.hosts) cluster.restart(host);
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    await cluster.clock.until(allHave(cluster, "after"));
    for (const { machine } of cluster.hosts) {
      expect(machine.restores.length).toBe(1);
      expect(machine.texts.length).toBe(21);
    }
  });

  it("can be read back with the entries after them", async () => {
    const cluster = await started(3, { tuning });
    await compacted(cluster);
    cluster.propose("after");
    await cluster.clock.until(allHave(cluster, "after"));
    const { node } = cluster.leader();
    const seen: string[] = [];
    const read = node.readSnapshot(async (meta, chunks) => {
      for await (const chunk of chunks) seen.push(text(chunk));
      for (const entry of node.readCommitted(asIndex(meta.index + 1))) seen.push(text(entry.payload));
    });
    await cluster.clock.advance(100);
    await read;
    expect(seen.at(-1)).toBe("after");
    expect(JSON.parse(seen.slice(0, -1).join(""))).toHaveLength(20);
  });
});

describe("a crash between a received snapshot and the reset of the log", () => {
  it("leaves an old log behind, which is replaced at the start", async () => {
    const cluster = await started(3, { tuning: { trailingEntriesMax: 0, laggardBytesMax: 0 } });
    const [late] = cluster.followers();
    if (late === undefined) throw new Error("no follower");
    cluster.propose(...Array.from({ length: 20 }, (_, i) => `s${i}`));
    await cluster.clock.until(allHave(cluster, "s19"));
    const old = late.storage.entries.slice(0, 3);
    void late.node.saveSnapshot(late.node.status().applied, late.machine.image());
    await cluster.clock.advance(20);
    cluster.kill(late);
    late.storage.entries = old;
    cluster.restart(late);
    cluster.propose("after");
    await cluster.clock.until(allHave(cluster, "after"));
    expect(late.fatal).toBeNull();
    expect(late.machine.texts).toEqual(cluster.leader().machine.texts);
    await cluster.clock.advance(20);
    expect(late.storage.entries.map(({ payload }) => text(payload))).toContain("after");
    expect(late.storage.entries[0]?.index).toBe((late.storage.snapshot()?.index ?? 0) + 1);
  });
});

describe("storage that fails", () => {
  it("ends the node, once and for all", async () => {
    const cluster = await started();
    const leader = cluster.leader();
    leader.storage.broken = true;
    cluster.propose("x");
    await cluster.clock.advance(10);
    expect(leader.fatal).toBe("the disk is broken");
    const sent = cluster.network.frames;
    expect(leader.node.propose(bytes("y"))).toMatchObject({ ok: false, reason: "stopped" });
    await cluster.clock.advance(5);
    expect(cluster.network.frames - sent).toBeLessThan(20);
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    expect(cluster.leader()).not.toBe(leader);
  });

  it("that hangs makes the leader step down, and it does not win again", async () => {
    const cluster = await started(3, { tuning: { storageStallMs: 800 } });
    const old = cluster.leader();
    old.storage.hung = true;
    cluster.propose("x");
    await cluster.clock.until(() => old.node.status().role !== "leader");
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    expect(cluster.leader()).not.toBe(old);
    await cluster.clock.advance(3000);
    expect(cluster.leader()).not.toBe(old);
  });
});

describe("a cluster of one", () => {
  it("commits after its own write", async () => {
    const cluster = await started(1);
    cluster.propose("alone");
    await cluster.clock.until(allHave(cluster, "alone"));
    const read = cluster.host(1).node.readIndex();
    await cluster.clock.advance(5);
    await expect(read).resolves.toBe(2);
  });
});

describe("connections", () => {
  it("are dialled again as soon as the other member calls, not at the end of a long pause", async () => {
    const cluster = await started();
    const [late] = cluster.followers();
    if (late === undefined) throw new Error("no follower");
    cluster.kill(late);
    await cluster.clock.advance(10_000);
    cluster.restart(late);
    cluster.propose("again");
    expect(await cluster.clock.until(allHave(cluster, "again"))).toBeLessThan(100);
  });
});

describe("strangers", () => {
  it("are hung up on with a trace line", async () => {
    const cluster = await started();
    for (const frame of [bytes("GET / HTTP/1.1\r\n"), new Uint8Array(0), new Uint8Array(9)]) {
      let closed = false;
      const connection = cluster.network.host("stranger").dial("m1", {
        onOpen: () => connection.send(frame),
        onFrame: () => undefined,
        onClose: () => {
          closed = true;
        },
      });
      await cluster.clock.advance(20);
      expect(closed).toBe(true);
    }
    expect(cluster.warnings.filter(({ event }) => event === "raft.connection-refused")).toHaveLength(3);
  });
});

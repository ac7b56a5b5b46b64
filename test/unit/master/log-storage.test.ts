// The log as Raft's storage: what is saved or received comes back after a start, membership and all.
import { expect, test } from "vitest";
import { SimDisk } from "../../../simulations/sim-disk.ts";
import { asId, asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { openLog } from "../../../src/log/index.ts";
import { LogStorage } from "../../../src/master/log-storage.ts";
import { decodeMembership, encodeMembership } from "../../../src/master/membership-header.ts";
import type { Membership, SnapshotMeta } from "../../../src/raft/index.ts";
import { VirtualClock } from "../log/virtual-clock.ts";

const membership: Membership = {
  voters: [asId("m1"), asId("m2"), asId("m3")],
  outgoing: [],
  learners: [],
  contacts: {},
};

class Host {
  readonly clock = new VirtualClock();
  readonly disk: SimDisk;

  constructor(name: string) {
    this.disk = new SimDisk({ random: seededRandom(name), clock: this.clock, faults: {} });
  }

  run<Value>(promise: Promise<Value>): Promise<Value> {
    return this.clock.until(promise);
  }

  async open(): Promise<LogStorage> {
    const disk = this.disk.mount();
    return this.run(openLog({ disk, directory: "log", tracer: silentTracer }).then(LogStorage.open));
  }

  /** All bytes of the newest snapshot, read in pieces. */
  async snapshotBytes(storage: LogStorage, piece: number): Promise<Uint8Array> {
    const parts: number[] = [];
    for (;;) {
      const newest = storage.snapshot();
      if (newest === undefined) throw new Error("no snapshot");
      const bytes = await this.run(storage.readSnapshotChunk(newest, parts.length, piece));
      if (bytes === undefined) throw new Error("the newest snapshot cannot be read");
      parts.push(...bytes);
      if (bytes.length < piece) return Uint8Array.from(parts);
    }
  }
}

function meta(index: number): SnapshotMeta {
  return { index: asIndex(index), term: asTerm(1), membership };
}

async function withEntries(host: Host, count: number): Promise<LogStorage> {
  const storage = await host.open();
  const entries = Array.from({ length: count }, (_, i) => ({
    index: asIndex(i + 1),
    term: asTerm(1),
    payload: new Uint8Array([i]),
  }));
  await host.run(
    storage.append({ entries, hardState: { term: asTerm(1), votedFor: asId("m1"), healing: false } }),
  );
  return storage;
}

test("a saved snapshot comes back with its membership and the entries after it", async () => {
  const host = new Host("saved");
  const storage = await withEntries(host, 5);
  await host.run(storage.writeSnapshot(meta(3), [new Uint8Array([1, 2]), new Uint8Array([3])]));
  await host.run(storage.close());
  const { recovered } = await host.open();
  expect(recovered.snapshot).toEqual(meta(3));
  expect(recovered.entries.at(-1)?.index).toBe(5);
  expect(recovered.hardState).toEqual({ term: 1, votedFor: "m1", healing: false });
});

test("the bytes of a snapshot, sent in pieces, make the same snapshot on another member", async () => {
  const leader = new Host("leader");
  const from = await withEntries(leader, 5);
  const content = Uint8Array.from({ length: 1_000 }, (_, i) => i % 251);
  await leader.run(from.writeSnapshot(meta(5), [content]));
  const bytes = await leader.snapshotBytes(from, 64);

  const follower = new Host("follower");
  const to = await follower.open();
  const sink = to.beginSnapshotReceive(meta(5));
  for (let at = 0; at < bytes.length; at += 100) await follower.run(sink.write(bytes.subarray(at, at + 100)));
  await follower.run(sink.finish());
  await follower.run(to.resetTo(meta(5)));
  expect(to.snapshot()).toEqual(meta(5));
  const received = await follower.snapshotBytes(to, 333);
  expect(received.subarray(decodeMembership(received).end)).toEqual(content);
  await follower.run(to.close());
  expect((await follower.open()).recovered.snapshot).toEqual(meta(5));
});

test("snapshots of two members have one digest if their bytes are the same, and only then", async () => {
  const digests: (string | undefined)[] = [];
  for (const [name, content] of [
    ["one", 1],
    ["two", 1],
    ["three", 2],
  ] as const) {
    const host = new Host(name);
    const storage = await withEntries(host, 5);
    await host.run(storage.writeSnapshot(meta(4), [new Uint8Array(300).fill(content)]));
    digests.push(await host.run(storage.snapshotDigest(meta(4))));
    expect(await host.run(storage.snapshotDigest(meta(3)))).toBeUndefined();
  }
  expect(digests[0]).toBe(digests[1]);
  expect(digests[0]).not.toBe(digests[2]);
});

test("a snapshot that is given up leaves the one before", async () => {
  const host = new Host("given up");
  const storage = await withEntries(host, 5);
  await host.run(storage.writeSnapshot(meta(2), [new Uint8Array([9])]));
  const before = await host.snapshotBytes(storage, 16);
  const sink = storage.beginSnapshotReceive(meta(4));
  await host.run(sink.write(new Uint8Array([1])));
  await host.run(sink.abort());
  expect(storage.snapshot()).toEqual(meta(2));
  expect(await host.snapshotBytes(storage, 16)).toEqual(before);
});

test("a newer snapshot is read from its first byte, though an older one was being read", async () => {
  const host = new Host("newer");
  const storage = await withEntries(host, 5);
  await host.run(storage.writeSnapshot(meta(2), [new Uint8Array(100).fill(1)]));
  await host.run(storage.readSnapshotChunk(meta(2), 0, 10));
  await host.run(storage.writeSnapshot(meta(4), [new Uint8Array(100).fill(2)]));
  const bytes = await host.snapshotBytes(storage, 50);
  expect(bytes.subarray(decodeMembership(bytes).end)).toEqual(new Uint8Array(100).fill(2));
});

test("a snapshot that is kept can be read to its end though newer ones have come, and not after that", async () => {
  const host = new Host("kept");
  const storage = await withEntries(host, 6);
  const save = async (index: number, kept: readonly number[]): Promise<void> => {
    await host.run(storage.keepSnapshots(kept.map((each) => asIndex(each))));
    await host.run(storage.writeSnapshot(meta(index), [new Uint8Array(100).fill(index)]));
  };
  const lastByte = async (index: number): Promise<number | undefined> => {
    const bytes = await host.run(storage.readSnapshotChunk(meta(index), 0, 1_000));
    return bytes?.at(-1);
  };
  await save(2, []);
  await save(3, [2]);
  await save(4, [2]);
  await save(5, [2, 4]);
  expect([await lastByte(2), await lastByte(3), await lastByte(4), await lastByte(5)]).toEqual([
    2,
    undefined,
    4,
    5,
  ]);
  await save(6, []);
  expect([await lastByte(2), await lastByte(4), await lastByte(6)]).toEqual([undefined, undefined, 6]);
  await host.run(storage.close());
});

test("what a new leader appends below a snapshot that has just arrived is kept out of its way until the reset", async () => {
  for (const crashes of [false, true]) {
    const host = new Host(`arrived ${crashes}`);
    const storage = await withEntries(host, 3);
    const sink = storage.beginSnapshotReceive(meta(9));
    await host.run(sink.write(encodeMembership(membership)));
    await host.run(sink.finish());
    const late = [3, 4, 5].map((index) => ({
      index: asIndex(index),
      term: asTerm(2),
      payload: new Uint8Array([index]),
    }));
    const hardState = { term: asTerm(2), votedFor: null, healing: false };
    await host.run(storage.append({ entries: late, hardState }));
    if (!crashes) {
      await host.run(storage.resetTo(meta(9)));
      const next = { index: asIndex(10), term: asTerm(2), payload: new Uint8Array([10]) };
      await host.run(storage.append({ entries: [next] }));
    }
    await host.run(storage.close());
    const { recovered } = await host.open();
    expect(recovered.snapshot).toEqual(meta(9));
    expect(recovered.hardState.term).toBe(2);
    const after = recovered.entries.filter(({ index }) => index > 9).map(({ index }) => index);
    expect(after).toEqual(crashes ? [] : [10]);
  }
});

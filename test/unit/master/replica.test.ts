// One replica: entries in order, snapshots that go on as if nothing had been, digests compared with the leader's.
import { expect, test } from "vitest";
import { asId, asIndex, asMillis } from "../../../src/kernel/ids.ts";
import { type Checkpoint, createReplica } from "../../../src/master/replica.ts";
import { encodeEntry } from "../../../src/state/codec.ts";
import type { Event } from "../../../src/state/events.ts";
import type { ClusterState } from "../../../src/state/model.ts";
import { packValue } from "../../../src/state/packing.ts";
import { decodeSnapshot } from "../../../src/state/snapshot.ts";
import { frameworkSpec } from "../state/cluster.ts";

const time = asMillis(1_000);
const founded: Event = { kind: "ClusterFounded", clusterId: asId("c") };

function recorded(index: number, digest: string): Event {
  return { kind: "DigestRecorded", index: asIndex(index), digest };
}

function subscribed(id: string): Event {
  return {
    kind: "FrameworkSubscribed",
    frameworkId: asId(id),
    minted: true,
    spec: frameworkSpec({}),
    suppressedRoles: [],
    streamId: asId(`stream of ${id}`),
    replacedStreamId: null,
  };
}

function entry(...events: Event[]): Uint8Array {
  return encodeEntry({ time, events });
}

test("entries out of order are a bug", () => {
  const replica = createReplica(() => undefined);
  expect(() => replica.applyEntry(asIndex(2), entry(founded))).toThrow(/in order/);
});

/** The bytes of a checkpoint, made in one go. */
function bytesOf(checkpoint: Checkpoint): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = checkpoint.next(); chunk !== null; chunk = checkpoint.next()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function restored(bytes: Uint8Array): ClusterState {
  const state = decodeSnapshot(bytes);
  if (!state.ok) throw new Error(state.error.message);
  return state.value;
}

test("a snapshot, restored, goes on to the same digests", () => {
  const one = createReplica(() => undefined);
  one.applyEntry(asIndex(1), entry(founded));
  const checkpoint = one.checkpoint();
  const other = createReplica(() => undefined);
  other.reset(checkpoint.index, restored(bytesOf(checkpoint)));
  for (const replica of [one, other]) replica.applyEntry(asIndex(2), entry(recorded(7, "x")));
  expect(bytesOf(other.checkpoint())).toEqual(bytesOf(one.checkpoint()));
});

test("a leader's digest that differs from the own one of that index is told, once; others are not compared", () => {
  const told: unknown[] = [];
  const replica = createReplica((...facts) => void told.push(facts));
  replica.applyEntry(asIndex(1), entry(founded));
  const digest = replica.checkpoint().digest();
  replica.applyEntry(asIndex(2), entry(recorded(9, "other")));
  expect(told).toEqual([]);
  replica.applyEntry(asIndex(3), entry(recorded(1, "other"), recorded(1, "other")));
  expect(told).toEqual([[1, digest, "other"]]);
});

test("a checkpoint that is packed while entries are applied is that of its index, and compared when it is over", () => {
  const told: unknown[] = [];
  const replica = createReplica((...facts) => void told.push(facts), { chunkUnitsMax: 1 });
  const quick = createReplica(() => undefined, { chunkUnitsMax: 1 });
  for (const each of [replica, quick]) each.applyEntry(asIndex(1), entry(founded, subscribed("f1")));
  const checkpoint = replica.checkpoint();
  const expected = bytesOf(quick.checkpoint());
  expect(checkpoint.over()).toBe(false);
  expect(() => replica.checkpoint()).toThrow(/one checkpoint/);
  replica.applyEntry(asIndex(2), entry(subscribed("f2"), recorded(1, "other")));
  expect(told).toEqual([]);
  expect(bytesOf(checkpoint)).toEqual(expected);
  expect(told).toEqual([[1, checkpoint.digest(), "other"]]);
});

test("a checkpoint that nobody wants any more is not compared, and another may be begun", () => {
  const told: unknown[] = [];
  const replica = createReplica((...facts) => void told.push(facts), { chunkUnitsMax: 1 });
  replica.applyEntry(asIndex(1), entry(founded, subscribed("f1")));
  const checkpoint = replica.checkpoint();
  replica.applyEntry(asIndex(2), entry(recorded(1, "other")));
  checkpoint.abandon();
  bytesOf(checkpoint);
  expect(told).toEqual([]);
  expect(replica.checkpoint().index).toBe(2);
});

test("a digest of an older format is not compared", () => {
  const told: unknown[] = [];
  const replica = createReplica((...facts) => void told.push(facts));
  replica.applyEntry(asIndex(1), entry(founded));
  replica.checkpoint();
  replica.applyEntry(asIndex(2), packValue([1, time, [recorded(1, "of the bytes of format 1")]]));
  expect(told).toEqual([]);
  expect(replica.state().digests).toEqual([{ index: 1, digest: "1/of the bytes of format 1" }]);
});

test("the newest digest that no leader has recorded is known", () => {
  const replica = createReplica(() => undefined);
  replica.applyEntry(asIndex(1), entry(founded));
  expect(replica.unrecordedDigest()).toBeNull();
  const digest = replica.checkpoint().digest();
  expect(replica.unrecordedDigest()).toEqual({ index: 1, digest });
  replica.applyEntry(asIndex(2), entry(recorded(1, digest)));
  expect(replica.unrecordedDigest()).toBeNull();
});

test("it knows when it is ahead of the log, by an entry or by events that have no index yet", () => {
  const replica = createReplica(() => undefined);
  expect(replica.isAheadOf(asIndex(0))).toBe(false);
  replica.evolveAhead(founded, time);
  expect(replica.isAheadOf(asIndex(0))).toBe(true);
  expect(() => replica.checkpoint()).toThrow(/between two entries/);
  replica.markEntry(asIndex(1), 10);
  expect(replica.isAheadOf(asIndex(0))).toBe(true);
  expect(replica.isAheadOf(asIndex(1))).toBe(false);
  replica.reset(asIndex(0), null);
  expect(replica.isAheadOf(asIndex(0))).toBe(false);
});

test("an entry that this version cannot read ends the replica", () => {
  const replica = createReplica(() => undefined);
  expect(() => replica.applyEntry(asIndex(1), new Uint8Array([1, 2, 3]))).toThrow();
});

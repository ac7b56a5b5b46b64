// One replica: entries in order, snapshots that go on as if nothing had been, digests compared with the leader's.
import { expect, test } from "vitest";
import { asId, asIndex, asMillis } from "../../../src/kernel/ids.ts";
import { createReplica } from "../../../src/master/replica.ts";
import { encodeEntry } from "../../../src/state/codec.ts";
import type { Event } from "../../../src/state/events.ts";

const time = asMillis(1_000);
const founded: Event = { kind: "ClusterFounded", clusterId: asId("c") };

function recorded(index: number, digest: string): Event {
  return { kind: "DigestRecorded", index: asIndex(index), digest };
}

function entry(...events: Event[]): Uint8Array {
  return encodeEntry({ time, events });
}

test("entries out of order are a bug", () => {
  const replica = createReplica(() => undefined);
  expect(() => replica.applyEntry(asIndex(2), entry(founded))).toThrow(/in order/);
});

test("a snapshot, restored, goes on to the same digests", () => {
  const one = createReplica(() => undefined);
  one.applyEntry(asIndex(1), entry(founded));
  const checkpoint = one.checkpoint();
  const other = createReplica(() => undefined);
  other.reset(checkpoint.index, checkpoint.bytes);
  for (const replica of [one, other]) replica.applyEntry(asIndex(2), entry(recorded(7, "x")));
  expect(other.checkpoint()).toEqual(one.checkpoint());
});

test("a leader's digest that differs from the own one of that index is told, once; others are not compared", () => {
  const told: unknown[] = [];
  const replica = createReplica((...facts) => void told.push(facts));
  replica.applyEntry(asIndex(1), entry(founded));
  const { digest } = replica.checkpoint();
  replica.applyEntry(asIndex(2), entry(recorded(9, "other")));
  expect(told).toEqual([]);
  replica.applyEntry(asIndex(3), entry(recorded(1, "other"), recorded(1, "other")));
  expect(told).toEqual([[1, digest, "other"]]);
});

test("it knows when it is ahead of the log, by an entry or by events that have no index yet", () => {
  const replica = createReplica(() => undefined);
  expect(replica.isAheadOf(asIndex(0))).toBe(false);
  replica.evolveAhead(founded, time);
  expect(replica.isAheadOf(asIndex(0))).toBe(true);
  expect(() => replica.checkpoint()).toThrow(/between two entries/);
  replica.markEntry(asIndex(1));
  expect(replica.isAheadOf(asIndex(0))).toBe(true);
  expect(replica.isAheadOf(asIndex(1))).toBe(false);
  replica.reset(asIndex(0), null);
  expect(replica.isAheadOf(asIndex(0))).toBe(false);
});

test("an entry that this version cannot read ends the replica", () => {
  const replica = createReplica(() => undefined);
  expect(() => replica.applyEntry(asIndex(1), new Uint8Array([1, 2, 3]))).toThrow();
});

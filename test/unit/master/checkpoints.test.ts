// Checkpoints on their way to the disk: after the commit, one at a time, with rests, and their digests told when known.
import { describe, expect, test } from "vitest";
import { asId, asIndex, asMillis } from "../../../src/kernel/ids.ts";
import { Checkpoints } from "../../../src/master/checkpoints.ts";
import { createReplica } from "../../../src/master/replica.ts";
import { encodeEntry } from "../../../src/state/codec.ts";
import type { Event } from "../../../src/state/events.ts";
import { digest, digestOf } from "../../../src/state/snapshot.ts";
import { VirtualClock } from "../raft/support/virtual-clock.ts";
import { frameworkSpec } from "../state/cluster.ts";

class Rig {
  readonly clock = new VirtualClock();
  readonly units: number;
  readonly replica;
  readonly checkpoints: Checkpoints;
  readonly digests: [number, string][] = [];
  readonly saved: { readonly index: number; bytes: Uint8Array | null }[] = [];
  readonly failures: unknown[] = [];
  /** A newer snapshot has come: nobody takes the chunks. */
  overtaken = false;
  broken = false;

  constructor(units: number) {
    this.units = units;
    this.replica = createReplica(() => undefined, { chunkUnitsMax: units });
    this.checkpoints = new Checkpoints(
      {
        replica: this.replica,
        clock: this.clock,
        save: (index, chunks) => this.#save(index, chunks),
        onDigest: (index, value) => void this.digests.push([index, value]),
        onFailure: (error) => void this.failures.push(error),
      },
      asIndex(0),
    );
  }

  /** One more entry, which brings a framework. @returns the digest of the state after it */
  entry(): string {
    const index = asIndex(this.replica.index() + 1);
    this.replica.applyEntry(index, encodeEntry({ time: asMillis(index), events: [subscribed(index)] }));
    return digest(this.replica.state(), this.units);
  }

  async #save(index: number, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.broken) throw new Error("no space");
    if (this.overtaken) return;
    const save = { index, bytes: null as Uint8Array | null };
    this.saved.push(save);
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(chunk);
    save.bytes = Buffer.concat(all);
  }
}

function subscribed(number: number): Event {
  return {
    kind: "FrameworkSubscribed",
    frameworkId: asId(`f${number}`),
    minted: true,
    spec: frameworkSpec({}),
    suppressedRoles: [],
    streamId: asId(`s${number}`),
    replacedStreamId: null,
  };
}

describe("a checkpoint", () => {
  test("waits for the commit of its entry, and is of the state there though the state goes on", async () => {
    const rig = new Rig(1);
    const expected = rig.entry();
    rig.checkpoints.due(false);
    rig.entry();
    rig.checkpoints.onCommitted(asIndex(0));
    await rig.clock.advance(50);
    expect(rig.saved).toEqual([]);
    rig.checkpoints.onCommitted(asIndex(2));
    rig.entry();
    await rig.clock.advance(50);
    expect(rig.saved.map(({ index, bytes }) => [index, digestOf(bytes ?? new Uint8Array())])).toEqual([
      [1, expected],
    ]);
    expect(rig.digests).toEqual([[1, expected]]);
  });

  test("that is packed at once has its digest told at the commit", async () => {
    const rig = new Rig(256);
    const expected = rig.entry();
    rig.checkpoints.due(true);
    expect(rig.digests).toEqual([]);
    rig.checkpoints.onCommitted(asIndex(1));
    expect(rig.digests).toEqual([[1, expected]]);
  });

  test("that is being packed is not disturbed: those due meanwhile are passed over, the next one is taken", async () => {
    const rig = new Rig(1);
    rig.entry();
    rig.checkpoints.due(true);
    rig.checkpoints.onCommitted(asIndex(1));
    rig.entry();
    rig.checkpoints.due(true);
    rig.checkpoints.onCommitted(asIndex(2));
    await rig.clock.advance(100);
    rig.entry();
    rig.checkpoints.due(true);
    rig.checkpoints.onCommitted(asIndex(3));
    await rig.clock.advance(100);
    expect(rig.saved.map(({ index }) => index)).toEqual([1, 3]);
    expect(rig.digests.map(([index]) => index)).toEqual([1, 3]);
  });

  test("of a follower gives way to a newer one of the same turn, that of a leader does not", () => {
    for (const [committed, index] of [
      [true, 2],
      [false, 1],
    ] as const) {
      const rig = new Rig(256);
      for (let i = 0; i < 2; i++) {
        rig.entry();
        rig.checkpoints.due(committed);
      }
      rig.checkpoints.onCommitted(asIndex(2));
      expect(rig.saved.map((save) => save.index)).toEqual([index]);
    }
  });

  test("that may never be committed is dropped, and so is one that a restored snapshot covers", async () => {
    const rig = new Rig(1);
    rig.entry();
    rig.checkpoints.due(false);
    rig.checkpoints.dropPending();
    rig.checkpoints.onCommitted(asIndex(1));
    rig.checkpoints.due(false);
    rig.checkpoints.restored(asIndex(1));
    rig.checkpoints.onCommitted(asIndex(1));
    await rig.clock.advance(50);
    expect(rig.saved).toEqual([]);
    rig.entry();
    rig.checkpoints.due(true);
    rig.checkpoints.onCommitted(asIndex(2));
    expect(rig.saved.map(({ index }) => index)).toEqual([2]);
  });

  test("whose chunks nobody takes has no digest, and the next one is taken", async () => {
    const rig = new Rig(1);
    rig.entry();
    rig.overtaken = true;
    rig.checkpoints.due(true);
    rig.checkpoints.onCommitted(asIndex(1));
    await rig.clock.advance(50);
    expect(rig.digests).toEqual([]);
    rig.overtaken = false;
    const expected = rig.entry();
    rig.checkpoints.due(true);
    rig.checkpoints.onCommitted(asIndex(2));
    await rig.clock.advance(50);
    expect(rig.digests).toEqual([[2, expected]]);
  });

  test("that cannot be written is a failure", async () => {
    const rig = new Rig(1);
    rig.entry();
    rig.broken = true;
    rig.checkpoints.due(true);
    rig.checkpoints.onCommitted(asIndex(1));
    await rig.clock.advance(50);
    expect(rig.failures).toEqual([new Error("no space")]);
  });
});

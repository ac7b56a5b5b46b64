// Snapshots that cross each other: a piece of one is never taken for a piece of another, and the newest wins.
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import type { Input } from "../../../src/raft/io.ts";
import type { Message } from "../../../src/raft/messages.ts";
import { SnapshotLane } from "../../../src/raft/snapshot-lane.ts";
import { SnapshotSave } from "../../../src/raft/snapshot-save.ts";
import type { SnapshotMeta } from "../../../src/raft/types.ts";
import { bytes, memberId } from "./support/core-cluster.ts";
import { MemoryStorage } from "./support/memory-storage.ts";
import { VirtualClock } from "./support/virtual-clock.ts";

function harness(logReplaced = (): Promise<void> => Promise.resolve(), sending: number[] = []) {
  const clock = new VirtualClock();
  const storage = new MemoryStorage(clock);
  const fed: Input[] = [];
  const failures: unknown[] = [];
  const lane = new SnapshotLane({
    storage,
    chunkBytes: 4,
    sending: () => sending.map(asIndex),
    logReplaced,
    feed: (input) => fed.push(input),
    onFailure: (error) => failures.push(error),
  });
  return { clock, storage, fed, failures, lane };
}

function metaAt(index: number): SnapshotMeta {
  const membership = { voters: [memberId(1)], outgoing: [], learners: [], contacts: {} };
  return { index: asIndex(index), term: asTerm(1), membership };
}

const nothing = (): void => undefined;

/** Pieces that come when they are told to. */
function slow() {
  const waiting: ((result: IteratorResult<Uint8Array>) => void)[] = [];
  let ended = false;
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => new Promise((resolve) => waiting.push(resolve)),
    return: () => {
      ended = true;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return {
    data: { [Symbol.asyncIterator]: () => iterator },
    give: (piece: string) => waiting.shift()?.({ done: false, value: bytes(piece) }),
    end: () => waiting.shift()?.({ done: true, value: undefined }),
    isEnded: () => ended,
  };
}

describe("the snapshot lane", () => {
  it("gives up a received snapshot when an own one has overtaken it", async () => {
    const { clock, storage, fed, lane } = harness();
    lane.receive({ kind: "begin", meta: metaAt(5) });
    void lane.save(metaAt(8), bytes("own"), nothing);
    await clock.advance(20);
    lane.receive({ kind: "chunk", meta: metaAt(5), offset: 0, bytes: bytes("old"), done: true });
    await clock.advance(20);
    expect(storage.snapshot()?.index).toBe(8);
    expect(fed.map(({ kind }) => kind)).toEqual(["snapshot-saved", "receive-failed"]);
  });

  it("skips an own snapshot when a newer one was received", async () => {
    const { clock, storage, fed, lane } = harness();
    lane.receive({ kind: "begin", meta: metaAt(9) });
    lane.receive({ kind: "chunk", meta: metaAt(9), offset: 0, bytes: bytes("new"), done: true });
    void lane.save(metaAt(8), bytes("own"), nothing);
    await clock.advance(20);
    expect(storage.snapshot()?.index).toBe(9);
    expect(fed.map(({ kind }) => kind)).toEqual(["snapshot-received"]);
  });

  it("publishes no snapshot while the log is still being replaced by the one before", async () => {
    let open = nothing;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { clock, storage, lane } = harness(() => gate);
    lane.receive({ kind: "begin", meta: metaAt(9) });
    lane.receive({ kind: "chunk", meta: metaAt(9), offset: 0, bytes: bytes("new"), done: true });
    void lane.save(metaAt(10), bytes("own"), nothing);
    await clock.advance(20);
    expect(storage.snapshot()).toBeUndefined();
    open();
    await clock.advance(20);
    expect(storage.snapshot()?.index).toBe(10);
  });

  it("serves pieces of the newest snapshot only", async () => {
    const { clock, lane } = harness();
    const sent: Message[] = [];
    const request = { to: memberId(2), term: asTerm(1), meta: metaAt(5), offset: 0 };
    void lane.save(metaAt(5), bytes("12345"), nothing);
    await clock.advance(20);
    lane.serve(request, memberId(1), (message) => sent.push(message));
    lane.serve({ ...request, offset: 4 }, memberId(1), (message) => sent.push(message));
    void lane.save(metaAt(6), bytes("another"), nothing);
    await clock.advance(20);
    lane.serve(request, memberId(1), (message) => sent.push(message));
    await clock.advance(30);
    const pieces = sent.map((message) =>
      message.kind === "snapshot-chunk" ? [message.offset, message.done] : [],
    );
    expect(pieces).toEqual([
      [0, false],
      [4, true],
    ]);
  });

  it("reports a failure once and does nothing more", async () => {
    const { clock, storage, fed, failures, lane } = harness();
    storage.broken = true;
    void lane.save(metaAt(5), bytes("x"), nothing);
    void lane.save(metaAt(6), bytes("y"), nothing);
    await clock.advance(20);
    expect([fed, failures.length]).toEqual([[], 1]);
  });

  it("serves, receives and restores while our own snapshot is still being made", async () => {
    const { clock, storage, fed, lane } = harness();
    const sent: Message[] = [];
    void lane.save(metaAt(5), bytes("five"), nothing);
    await clock.advance(10);
    const pieces = slow();
    let saved = false;
    void lane.save(metaAt(8), pieces.data, () => {
      saved = true;
    });
    await clock.advance(10);
    pieces.give("eig");
    const request = { to: memberId(2), term: asTerm(1), meta: metaAt(5), offset: 0 };
    lane.serve(request, memberId(1), (message) => sent.push(message));
    await clock.advance(10);
    expect(sent).toHaveLength(1);
    pieces.give("ht");
    await clock.advance(10);
    expect([storage.snapshot()?.index, saved]).toEqual([5, false]);
    pieces.end();
    await clock.advance(10);
    expect([storage.snapshot()?.index, saved]).toEqual([8, true]);
    expect(fed.map(({ kind }) => kind)).toEqual(["snapshot-saved", "snapshot-saved"]);
  });

  it("gives up our own snapshot as soon as a newer one was received, and goes on with the next", async () => {
    const { clock, storage, fed, failures, lane } = harness();
    const pieces = slow();
    let saved = 0;
    void lane.save(metaAt(8), pieces.data, () => saved++);
    await clock.advance(10);
    lane.receive({ kind: "begin", meta: metaAt(9) });
    lane.receive({ kind: "chunk", meta: metaAt(9), offset: 0, bytes: bytes("new"), done: true });
    void lane.save(metaAt(10), bytes("ten"), () => saved++);
    await clock.advance(20);
    expect(pieces.isEnded()).toBe(true);
    expect(storage.snapshot()?.index).toBe(10);
    expect([fed.map(({ kind }) => kind), saved, failures]).toEqual([
      ["snapshot-received", "snapshot-saved"],
      1,
      [],
    ]);
  });

  it("stops without waiting for a state machine that gives no more pieces", async () => {
    const { clock, storage, fed, lane } = harness();
    const pieces = slow();
    void lane.save(metaAt(8), pieces.data, nothing);
    void lane.save(metaAt(9), bytes("nine"), nothing);
    await clock.advance(10);
    let stopped = false;
    void lane.stop().then(() => {
      stopped = true;
    });
    await clock.advance(10);
    expect([stopped, pieces.isEnded(), storage.snapshot(), fed]).toEqual([true, true, undefined, []]);
  });

  it("publishes nothing while a task of the lane reads the snapshot before", async () => {
    const { clock, storage, lane } = harness();
    void lane.save(metaAt(5), bytes("five"), nothing);
    await clock.advance(10);
    let finish = nothing;
    void lane.run(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    void lane.save(metaAt(8), bytes("eight"), nothing);
    await clock.advance(20);
    expect(storage.snapshot()?.index).toBe(5);
    finish();
    await clock.advance(20);
    expect(storage.snapshot()?.index).toBe(8);
  });

  it("reads a piece once that is asked for again while it waits", async () => {
    const { clock, storage, lane } = harness();
    void lane.save(metaAt(5), bytes("five"), nothing);
    await clock.advance(10);
    const sent: Message[] = [];
    const request = { to: memberId(2), term: asTerm(1), meta: metaAt(5), offset: 0 };
    storage.delayMs = 100;
    for (let i = 0; i < 5; i++) lane.serve(request, memberId(1), (message) => sent.push(message));
    await clock.advance(1000);
    expect(sent.length).toBe(1);
    lane.serve(request, memberId(1), (message) => sent.push(message));
    await clock.advance(1000);
    expect(sent.length).toBe(2);
  });
});

describe("a snapshot that is being saved", () => {
  it("keeps no piece that storage has taken, however many there are", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const given: WeakRef<Uint8Array>[] = [];
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 40; i++) {
        const piece = new Uint8Array(1024);
        given.push(new WeakRef(piece));
        yield piece;
      }
    }
    const chunks = new SnapshotSave(pieces(), () => Promise.resolve(null)).chunks();
    for (let i = 0; i < 40; i++) await chunks.next();
    await nextTurn();
    collect();
    expect(given.filter((piece) => piece.deref() !== undefined).length).toBeLessThan(5);
    await chunks.return(undefined);
  });
});

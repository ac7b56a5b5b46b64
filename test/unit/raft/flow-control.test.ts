// What a leader sends unanswered, and how it finds back after losses.
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { type Progress, startSnapshotMode } from "../../../src/raft/progress.ts";
import { neededFrom, snapshotsBeingSent, snapshotToSend } from "../../../src/raft/snapshots.ts";
import { bytes, CoreCluster, entriesOfTerms, entry, logOf, memberId, text } from "./support/core-cluster.ts";
import { accepted, append, from, heartbeatReply, OneCore, ofKind } from "./support/one-core.ts";

const propose = (text: string) => ({ kind: "propose", payloads: [bytes(text)] }) as const;

function progressOf(core: OneCore, number: number): Progress {
  const { role } = core.state;
  const progress = role.kind === "leader" ? role.progress.get(memberId(number)) : undefined;
  if (progress === undefined) throw new Error("no progress");
  return progress;
}

describe("replication", () => {
  it("probes with one append until it is answered, then sends ahead of the answers", () => {
    const core = new OneCore();
    core.lead();
    expect(progressOf(core, 2).mode.kind).toBe("probe");
    expect(ofKind(core.take(propose("a")), "append")).toEqual([]);
    core.hear(accepted(2, 1, 1));
    expect(progressOf(core, 2).mode.kind).toBe("replicate");
    for (const text of ["b", "c"]) {
      expect(ofKind(core.take(propose(text)), "append").map(({ to }) => to)).toEqual([memberId(2)]);
    }
  });

  it("stops at the messages in flight, and goes on with each answer", () => {
    const core = new OneCore({ tuning: { inflightMessagesMax: 2 } });
    core.lead();
    core.hear(accepted(2, 1, 1));
    const sent = ["a", "b", "c", "d"].map((text) => ofKind(core.take(propose(text)), "append").length);
    expect(sent).toEqual([1, 1, 0, 0]);
    const next = ofKind(core.hear(accepted(2, 1, 2)), "append");
    expect(next.map(({ prevIndex, entries }) => [prevIndex, entries.length])).toEqual([[3, 2]]);
  });

  it("stops at the bytes in flight", () => {
    const core = new OneCore({ tuning: { inflightBytesMax: 200 } });
    core.lead();
    core.hear(accepted(2, 1, 1));
    const sent = Array.from({ length: 4 }, () => ofKind(core.take(propose("x".repeat(90))), "append").length);
    expect(sent).toEqual([1, 1, 0, 0]);
  });

  it("cuts messages at their size", () => {
    const core = new OneCore({ tuning: { messageBytesMax: 250 } });
    core.lead();
    core.hear(accepted(2, 1, 1));
    const out = core.take({
      kind: "propose",
      payloads: Array.from({ length: 5 }, () => bytes("x".repeat(90))),
    });
    expect(ofKind(out, "append").map(({ entries }) => entries.length)).toEqual([2, 2, 1]);
  });

  it("an answer to a heartbeat lets a probe go again, and shows up a lost tail", () => {
    const core = new OneCore();
    core.lead();
    expect(ofKind(core.hear(heartbeatReply(2, 1, 0)), "append")).toHaveLength(1);
    core.hear(accepted(2, 1, 1));
    core.take(propose("lost"));
    const nudge = ofKind(core.hear(heartbeatReply(2, 1, 0)), "append");
    expect(nudge.map(({ prevIndex, entries }) => [prevIndex, entries.length])).toEqual([[2, 0]]);
    const repair = core.hear({
      kind: "append-rejected",
      ...from(2, 1),
      prevIndex: asIndex(2),
      hintIndex: asIndex(1),
      hintTerm: asTerm(1),
    });
    expect(ofKind(repair, "append")[0]?.entries).toHaveLength(1);
  });

  it("a rejection that is out of date changes nothing", () => {
    const core = new OneCore();
    core.lead();
    core.hear(accepted(2, 1, 1));
    core.take(propose("a"));
    core.hear(accepted(2, 1, 2));
    const stale = {
      kind: "append-rejected",
      ...from(2, 1),
      prevIndex: asIndex(2),
      hintIndex: asIndex(2),
      hintTerm: asTerm(1),
    } as const;
    expect(core.hear(stale).messages).toEqual([]);
    expect(progressOf(core, 2)).toMatchObject({ match: 2, next: 3 });
  });

  it("a member that cannot be reached is probed from what it is known to hold", () => {
    const core = new OneCore();
    core.lead();
    core.hear(accepted(2, 1, 1));
    core.take(propose("a"));
    core.take({ kind: "unreachable", member: memberId(2) });
    expect(progressOf(core, 2)).toMatchObject({ match: 1, next: 2, inflightBytes: 0 });
    expect(ofKind(core.take(propose("b")), "append")).toEqual([]);
    const again = ofKind(core.hear(heartbeatReply(2, 1, 0)), "append");
    expect(again.map(({ prevIndex, entries }) => [prevIndex, entries.length])).toEqual([[1, 2]]);
  });

  it("tells followers of a commit at the next tick, not only at the next heartbeat", () => {
    const core = new OneCore({
      tuning: { heartbeatTicks: 1000, electionMinTicks: 3000, electionMaxTicks: 4000 },
    });
    core.lead();
    core.hear(accepted(2, 1, 1));
    const told = ofKind(core.tick(), "heartbeat");
    expect(told.map(({ to, commit }) => [to, commit])).toEqual([[memberId(2), 1]]);
    expect(core.tick().messages).toEqual([]);
  });
});

describe("conflicts", () => {
  it("are found in one step per term, not one per entry (§5.3)", () => {
    const cluster = new CoreCluster(3);
    const terms = (counts: readonly number[]): number[] =>
      counts.flatMap((count, i) => Array.from({ length: count }, () => i + 1));
    const histories = [terms([1, 0, 0, 30, 1]), terms([1, 40, 40]), terms([1, 0, 0, 30, 1])];
    histories.forEach((history, i) => {
      const member = cluster.member(i + 1);
      member.disk.entries = entriesOfTerms(...history);
      member.disk.hardState = { term: asTerm(5), votedFor: null, healing: false };
      cluster.restart(i + 1);
    });
    cluster.elect(1);
    const rounds = cluster
      .member(1)
      .outputs.flatMap(({ messages }) =>
        messages.filter(({ kind, to }) => kind === "append" && to === memberId(2)),
      );
    expect(logOf(cluster.core(2))).toEqual(logOf(cluster.core(1)));
    expect(rounds.length).toBeLessThan(8);
  });
});

const snapshotAt5 = {
  index: asIndex(5),
  term: asTerm(1),
  membership: { voters: [1, 2, 3].map(memberId), outgoing: [], learners: [], contacts: {} },
};

/** A leader that has begun to send its snapshot to member 2, two pieces of four bytes at a time. */
function sendingSnapshot(): OneCore {
  const tuning = { snapshotChunkBytes: 4, snapshotWindowChunks: 2, laggardTicks: 30 };
  const core = new OneCore({ term: 1, snapshot: snapshotAt5, tuning });
  core.lead();
  const needs = { kind: "append-rejected", ...from(2, 2), prevIndex: asIndex(5) } as const;
  const first = core.hear({ ...needs, hintIndex: asIndex(1), hintTerm: asTerm(1) });
  expect(first.chunkRequests.map(({ offset }) => offset)).toEqual([0, 4]);
  return core;
}

describe("catching up by snapshot", () => {
  it("goes piece by piece, then on with entries", () => {
    const cluster = new CoreCluster(3);
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, "a", "b", "c");
    cluster.settle();
    cluster.snapshot(1);
    cluster.restart(3);
    cluster.propose(1, "d");
    cluster.settle();
    cluster.tick(1, 2);
    cluster.settle();
    const pieces = cluster.member(1).disk.snapshotBytes.length / cluster.chunkBytes;
    const received = cluster.member(3).outputs.flatMap(({ receive }) => receive);
    expect(received.filter(({ kind }) => kind === "chunk")).toHaveLength(Math.ceil(pieces));
    expect(logOf(cluster.core(3))).toEqual(["1:d"]);
    expect(cluster.member(3).applied).toEqual(cluster.member(1).applied);
  });

  it("sends a lost piece again, and takes up a newer snapshot when there is one", () => {
    const cluster = new CoreCluster(3);
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, "a", "b", "c");
    cluster.settle();
    cluster.snapshot(1);
    cluster.restart(3);
    cluster.propose(1, "d");
    cluster.settle(({ kind }) => kind !== "snapshot-chunk");
    expect(cluster.drop(({ kind }) => kind === "snapshot-chunk")).toBe(4);
    cluster.snapshot(1);
    for (let i = 0; i < 12; i++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect(cluster.core(3).log.baseIndex).toBe(5);
    expect(cluster.member(3).applied).toEqual(cluster.member(1).applied);
  });

  /** Members 2, 3 … are being sent these snapshots; the newest is 9. */
  function sending(indexes: readonly number[]): OneCore {
    const membership = { ...snapshotAt5.membership, voters: [1, 2, 3, 4, 5, 6, 7, 8, 9].map(memberId) };
    const snapshotAt = (index: number) => ({ ...snapshotAt5, membership, index: asIndex(index) });
    const core = new OneCore({ term: 1, snapshot: snapshotAt(5) });
    core.lead();
    for (const [at, index] of indexes.entries())
      startSnapshotMode(progressOf(core, at + 2), snapshotAt(index), core.state.now);
    core.state.snapshot = snapshotAt(9);
    return core;
  }

  it.each([
    [[5, 6, 7], 9],
    [[5, 5, 6, 6, 7], 9],
    [[5, 6, 7, 9], 9],
    [[5, 6, 7, 8], 8],
  ])(
    "begins with the newest snapshot unless another transfer would have to begin anew: beside %j with %i",
    (indexes, begun) => {
      const core = sending(indexes);
      const needs = { kind: "append-rejected", ...from(9, core.state.term), prevIndex: asIndex(5) } as const;
      core.hear({ ...needs, hintIndex: asIndex(1), hintTerm: asTerm(1) });
      expect(progressOf(core, 9).mode).toMatchObject({ kind: "snapshot", meta: { index: begun } });
      const kept = snapshotsBeingSent(core.state);
      for (const index of indexes) expect(kept).toContain(index);
      // It holds nothing yet, and is not made to begin anew either.
      core.hear({ kind: "snapshot-progress", ...from(9, core.state.term), index: asIndex(begun), offset: 0 });
      expect(snapshotsBeingSent(core.state)).toEqual(kept);
    },
  );

  it("begins with the newest snapshot if the log goes on from none of the others", () => {
    const core = sending([5, 6, 7, 8]);
    core.state.log.baseIndex = asIndex(9);
    expect(snapshotToSend(core.state, progressOf(core, 9))?.index).toBe(9);
  });

  it("goes on with the snapshot that it has begun with when newer ones come", () => {
    const core = sendingSnapshot();
    const progress = { kind: "snapshot-progress", ...from(2, 2), index: asIndex(5) } as const;
    core.hear({ ...progress, offset: 4 });
    core.hear(accepted(3, 2, 6));
    core.take({ kind: "snapshot-saved", meta: { ...snapshotAt5, index: asIndex(6), term: asTerm(2) } });
    const next = core.hear({ ...progress, offset: 8 }).chunkRequests;
    expect(next.map(({ meta, offset }) => [meta.index, offset])).toEqual([[5, 12]]);
    const lost = core.tick(12).chunkRequests;
    expect(lost.map(({ meta, offset }) => [meta.index, offset])).toEqual([
      [5, 8],
      [5, 12],
    ]);
    expect(snapshotsBeingSent(core.state)).toEqual([5]);
    expect(neededFrom(core.state)).toBe(5);
  });

  it("begins anew with the newest when that one is gone, or when nothing of it has arrived", () => {
    for (const anew of ["gone", "nothing"] as const) {
      const core = sendingSnapshot();
      core.hear(accepted(3, 2, 6));
      core.take({ kind: "snapshot-saved", meta: { ...snapshotAt5, index: asIndex(6), term: asTerm(2) } });
      const { chunkRequests } =
        anew === "gone"
          ? core.take({ kind: "snapshot-gone", to: memberId(2), meta: snapshotAt5 })
          : core.hear({ kind: "snapshot-progress", ...from(2, 2), index: asIndex(5), offset: 0 });
      expect(chunkRequests.map(({ meta, offset }) => [meta.index, offset])).toEqual([
        [6, 0],
        [6, 4],
      ]);
    }
  });

  it("keeps nothing for a member that is silent for long", () => {
    const core = sendingSnapshot();
    for (let i = 0; i < 40; i++) {
      core.tick(1);
      core.hear(heartbeatReply(3, 2, 0));
    }
    expect([snapshotsBeingSent(core.state), neededFrom(core.state)]).toEqual([[], null]);
  });

  it("does not send a piece twice because an answer came twice", () => {
    const core = sendingSnapshot();
    const answer = { kind: "snapshot-progress", ...from(2, 2), index: asIndex(5), offset: 4 } as const;
    expect(core.hear(answer).chunkRequests.map(({ offset }) => offset)).toEqual([8]);
    expect(core.hear(answer).chunkRequests).toEqual([]);
  });

  it("ends when the receiver comes to lead itself", () => {
    const core = new OneCore({ term: 1 });
    const meta = { index: asIndex(5), term: asTerm(1), membership: core.state.membership };
    core.hear({
      kind: "snapshot-chunk",
      ...from(2, 1),
      meta,
      digest: "d",
      offset: 0,
      bytes: bytes("some"),
      done: false,
    });
    expect(core.lead().receive).toEqual([{ kind: "abort", meta }]);
    expect(core.state.receiving).toBeNull();
  });

  it("hears other leaders at and below its index until the log is replaced, and after that", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 1, 1), commit: 1 });
    const meta = { index: asIndex(6), term: asTerm(1), membership: core.state.membership };
    core.hear({
      kind: "snapshot-chunk",
      ...from(2, 1),
      meta,
      digest: "d",
      offset: 0,
      bytes: bytes("all"),
      done: true,
    });
    // It is being published now; a leader of the next term knows the entries that it covers, and another one after it.
    const third = core.hear(append(3, 2, [2, 1], [entry(3, 1), entry(4, 1), entry(5, 1)], 2));
    expect(ofKind(third, "append-accepted").map(({ match }) => match)).toEqual([5]);
    core.only({ kind: "message", message: append(2, 3, [1, 1], [entry(2, 1)], 1) });
    expect(core.take({ kind: "snapshot-received", meta }).restore).toEqual(meta);
    for (const message of [
      append(2, 3, [3, 1], [entry(4, 1)], 4),
      append(3, 4, [5, 1], [entry(6, 1), entry(7, 4)], 5),
    ]) {
      const match = message.term === 3 ? 6 : 7;
      expect(ofKind(core.hear(message), "append-accepted").map((answer) => answer.match)).toEqual([match]);
    }
    expect([core.state.commit, logOf(core.state)]).toEqual([6, ["4:."]]);
  });

  /** Member 3 has received the first piece of member 1's snapshot; then member 2 leads. */
  function leaderChanges(differs: boolean) {
    const cluster = new CoreCluster(3);
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, "a", "b", "c");
    cluster.settle();
    cluster.tick(1);
    cluster.settle();
    cluster.snapshot(1);
    cluster.snapshot(2);
    if (differs) {
      const { disk } = cluster.member(2);
      disk.snapshotBytes = bytes(` ${text(disk.snapshotBytes)}`);
    }
    cluster.restart(3);
    cluster.propose(1, "d");
    cluster.settle(
      ({ kind, offset }: { kind: string; offset?: number }) => kind !== "snapshot-chunk" || offset === 0,
    );
    cluster.drop(() => true);
    cluster.elect(2);
    for (let i = 0; i < 40; i++) {
      cluster.tick(2);
      cluster.settle();
    }
    expect(cluster.member(3).applied).toEqual(cluster.member(2).applied);
    const received = cluster.member(3).outputs.flatMap(({ receive }) => receive);
    return received.map((step) => (step.kind === "chunk" ? step.offset : step.kind));
  }

  it("goes on where it was when another leader has the same one", () => {
    const steps = leaderChanges(false);
    expect(steps.slice(0, 3)).toEqual(["begin", 0, 4]);
    expect(new Set(steps).size).toBe(steps.length);
  });

  it("starts from the beginning when the next leader's differs", () => {
    const steps = leaderChanges(true);
    expect(steps.slice(0, 5)).toEqual(["begin", 0, "abort", "begin", 0]);
  });

  it("ends when entries have made it needless", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 1) });
    const meta = { index: asIndex(4), term: asTerm(1), membership: core.state.membership };
    const chunk = { kind: "snapshot-chunk", ...from(2, 1), meta, digest: "d", offset: 0 } as const;
    core.hear({ ...chunk, bytes: bytes("some"), done: false });
    const entries = [entry(3, 1), entry(4, 1)];
    expect(core.hear(append(3, 2, [2, 1], entries, 3)).receive).toEqual([]);
    expect(core.hear(append(3, 2, [4, 1], [], 4)).receive).toEqual([{ kind: "abort", meta }]);
  });
});

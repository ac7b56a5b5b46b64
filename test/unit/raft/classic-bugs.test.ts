// Mistakes that Raft implementations have made in the field, each with the test that would have caught it.
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { step } from "../../../src/raft/core.ts";
import { createState } from "../../../src/raft/state.ts";
import type { SnapshotMeta } from "../../../src/raft/types.ts";
import { bytes, CoreCluster, entriesOfTerms, entry, logOf, memberId, show } from "./support/core-cluster.ts";
import {
  accepted,
  append,
  from,
  heartbeat,
  heartbeatReply,
  OneCore,
  ofKind,
  preVote,
  vote,
} from "./support/one-core.ts";

const propose = { kind: "propose", payloads: [bytes("x")] } as const;

function metaAt(core: OneCore, index: number, term: number): SnapshotMeta {
  return { index: asIndex(index), term: asTerm(term), membership: core.state.membership };
}

function chunk(core: OneCore, index: number, term: number, of: { offset?: number; done?: boolean } = {}) {
  return {
    kind: "snapshot-chunk",
    ...from(2, core.state.term),
    meta: metaAt(core, index, term),
    digest: "d",
    offset: of.offset ?? 0,
    bytes: bytes("data"),
    done: of.done ?? true,
  } as const;
}

describe("what is committed", () => {
  it("a heartbeat commits nothing past what the follower is known to match", () => {
    const core = new OneCore();
    core.lead();
    core.take(propose, propose);
    core.hear(accepted(2, 1, 3));
    const out = core.tick(core.state.tuning.heartbeatTicks);
    const commits = ofKind(out, "heartbeat").map(({ to, commit }) => [to, commit]);
    expect(commits.slice(-2)).toEqual([
      [memberId(2), 3],
      [memberId(3), 0],
    ]);
  });

  it("a heartbeat whose commit index is past the end of the log commits nothing", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1) });
    expect(core.hear(heartbeat(2, 1, 5)).committed).toEqual([]);
    expect(core.state.commit).toBe(0);
  });

  it("the commit index of an append covers only what the append verifies, not a stale suffix behind it", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 1, 1) });
    const out = core.hear(append(2, 2, [1, 1], [], 3));
    expect(out.committed.map(({ index }) => index)).toEqual([1]);
  });

  it("a late append never truncates committed entries", () => {
    const core = new OneCore({ term: 1 });
    core.hear(append(2, 1, [0, 0], entriesOfTerms(1, 1, 1), 3));
    const out = core.hear(append(2, 1, [0, 0], entriesOfTerms(1)));
    expect(logOf(core.state)).toEqual(["1:e1", "1:e2", "1:e3"]);
    expect(ofKind(out, "append-accepted")[0]?.match).toBe(3);
  });

  it("a leader that contradicts a committed entry stops the process rather than corrupt the log", () => {
    const core = new OneCore({ term: 1 });
    core.hear(append(2, 1, [0, 0], entriesOfTerms(1, 1), 2));
    expect(() => core.hear(append(3, 2, [0, 0], [entry(1, 2), entry(2, 2)]))).toThrow(/committed/);
  });

  it("an acknowledgement past the leader's own log is not counted", () => {
    const core = new OneCore();
    core.lead();
    expect(core.hear(accepted(2, 1, 99)).committed).toEqual([]);
  });
});

describe("elections", () => {
  it("a repeated request of the same candidate gets the same answer, not a refusal", () => {
    const core = new OneCore({ term: 1 });
    for (let i = 0; i < 2; i++) {
      expect(ofKind(core.hear(vote(2, 2, [0, 0])), "vote-reply")[0]?.granted).toBe(true);
    }
  });

  it("a pre-vote changes neither term nor vote", () => {
    const core = new OneCore({ term: 1, votedFor: 3 });
    const out = core.hear(preVote(2, 7, [0, 0]));
    expect(ofKind(out, "pre-vote-reply")[0]?.granted).toBe(true);
    expect([core.state.term, core.state.votedFor, out.write]).toEqual([1, memberId(3), null]);
  });

  it("pre-votes and votes are not mixed up: a pre-vote granted is no vote", () => {
    const core = new OneCore({ term: 1 });
    core.timeOut();
    const granted = {
      kind: "pre-vote-reply",
      ...from(2, 1),
      forTerm: asTerm(2),
      granted: true,
      amnesia: false,
    } as const;
    core.hear(granted);
    core.hear({ ...granted, from: memberId(3) });
    core.hear(granted);
    expect(core.state.role.kind).toBe("candidate");
  });

  it("a pre-vote of another round is not counted", () => {
    const core = new OneCore({ term: 4 });
    core.timeOut();
    core.hear({ kind: "pre-vote-reply", ...from(2, 4), forTerm: asTerm(4), granted: true, amnesia: false });
    expect(core.state.role.kind).toBe("precandidate");
  });

  it("a grant from a member whose term is behind counts: pre-vote does not deadlock on terms", () => {
    const core = new OneCore({ term: 4 });
    core.timeOut();
    core.hear({ kind: "pre-vote-reply", ...from(2, 2), forTerm: asTerm(5), granted: true, amnesia: false });
    expect(core.state.role.kind).toBe("candidate");
  });

  it("a pre-vote with a stale term is answered with the current one, so that the asker catches up", () => {
    const core = new OneCore({ term: 9 });
    const reply = ofKind(core.hear(preVote(2, 3, [5, 3])), "pre-vote-reply")[0];
    expect(reply).toMatchObject({ granted: false, term: 9 });
    const asker = new OneCore({ term: 3 });
    asker.timeOut();
    asker.hear({ kind: "pre-vote-reply", ...from(2, 9), forTerm: asTerm(4), granted: false, amnesia: false });
    expect(asker.state.term).toBe(9);
  });

  it("the member with the longer log wins although another one is terms ahead (both orders of pre-vote)", () => {
    const cluster = new CoreCluster(3);
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.crash(1);
    cluster.restart(3);
    cluster.member(3).disk.hardState = { term: asTerm(9), votedFor: null, healing: false };
    cluster.restart(3);
    for (let i = 0; i < 200 && cluster.core(2).role.kind !== "leader"; i++) {
      cluster.tick(3);
      cluster.tick(2);
      cluster.settle();
    }
    expect(cluster.core(2).role.kind).toBe("leader");
    expect(cluster.member(3).core.log.entries.map(show)).toContain("1:a");
  });

  it("a follower that hears a live leader grants no pre-vote and ignores votes (partial partition)", () => {
    const core = new OneCore({ term: 1 });
    core.hear(heartbeat(2, 1));
    expect(ofKind(core.hear(preVote(3, 5, [9, 1])), "pre-vote-reply")[0]?.granted).toBe(false);
    expect(core.hear(vote(3, 6, [9, 1])).messages).toEqual([]);
    expect(core.state.term).toBe(1);
  });

  it("once the leader is silent for the shortest timeout, it grants", () => {
    const core = new OneCore({ term: 1 });
    core.hear(heartbeat(2, 1));
    core.state.timeout = 1000;
    core.tick(core.state.tuning.electionMinTicks);
    expect(ofKind(core.hear(preVote(3, 1, [0, 0])), "pre-vote-reply")[0]?.granted).toBe(true);
  });

  it("a member that is terms ahead is let in again by the leader's stepping down, not shut out forever", () => {
    const cluster = new CoreCluster(3);
    cluster.elect(1);
    cluster.crash(3);
    cluster.member(3).disk.hardState = { term: asTerm(9), votedFor: null, healing: false };
    cluster.restart(3);
    for (let i = 0; i < 200; i++) {
      for (const number of [1, 2, 3]) cluster.tick(number);
      cluster.settle();
    }
    const roles = [1, 2, 3].map((number) => cluster.core(number).role.kind).sort();
    expect(roles).toEqual(["follower", "follower", "leader"]);
    expect(new Set([1, 2, 3].map((number) => cluster.core(number).term)).size).toBe(1);
  });

  it("a partitioned member that comes back does not disturb the leader (pre-vote)", () => {
    const cluster = new CoreCluster(3);
    cluster.elect(1);
    cluster.tick(3, 300);
    cluster.drop((message) => message.from === memberId(3) || message.to === memberId(3));
    const { term } = cluster.core(1);
    for (let i = 0; i < 30; i++) {
      for (const number of [1, 2, 3]) cluster.tick(number);
      cluster.settle();
    }
    expect([cluster.core(1).role.kind, cluster.core(1).term]).toEqual(["leader", term]);
  });

  it("the timeout is drawn anew for each election, and not at every tick", () => {
    const core = new OneCore({ term: 1 });
    const drawn = new Set<number>();
    for (let election = 0; election < 40; election++) {
      const { timeout } = core.state;
      drawn.add(timeout);
      core.tick();
      expect(core.state.timeout).toBe(timeout);
      core.timeOut();
    }
    expect(drawn.size).toBeGreaterThan(5);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(core.state.tuning.electionMinTicks);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(core.state.tuning.electionMaxTicks);
  });

  it("an even number of members does not split the vote for ever", () => {
    const cluster = new CoreCluster(4, { seed: 3 });
    for (let i = 0; i < 400; i++) {
      for (const number of [1, 2, 3, 4]) cluster.tick(number);
      cluster.settle();
    }
    expect([...cluster.members.values()].filter(({ core }) => core.role.kind === "leader")).toHaveLength(1);
  });
});

describe("membership", () => {
  it("a leader that is no voter does not count itself, and neither does a learner count", () => {
    const membership = {
      voters: [memberId(2), memberId(3)],
      outgoing: [],
      learners: [memberId(4)],
      contacts: {},
    };
    const core = new OneCore({ membership });
    // Such a leader exists while its own removal is being committed (§6); it cannot be elected.
    core.state.membership = { ...membership, voters: [memberId(1), memberId(2), memberId(3)] };
    core.lead();
    core.state.membership = membership;
    core.hear(accepted(2, 1, 1));
    core.hear(accepted(4, 1, 1));
    expect(core.state.commit).toBe(0);
    core.hear(accepted(3, 1, 1));
    expect(core.state.commit).toBe(1);
  });

  it("a learner never stands for election", () => {
    const membership = { voters: [memberId(2)], outgoing: [], learners: [memberId(1)], contacts: {} };
    const core = new OneCore({ membership });
    core.tick(500);
    core.hear({ kind: "timeout-now", ...from(2, 0) });
    expect(core.state.role.kind).toBe("follower");
  });

  it("a snapshot brings its membership along, and it is in force from then on and after a restart", () => {
    const core = new OneCore({ term: 1 });
    core.hear(heartbeat(2, 1));
    const membership = { voters: [1, 2, 3, 4, 5].map(memberId), outgoing: [], learners: [], contacts: {} };
    const meta = { index: asIndex(5), term: asTerm(1), membership };
    core.hear({ ...chunk(core, 5, 1), meta });
    core.take({ kind: "snapshot-received", meta });
    expect(core.state.membership).toEqual(membership);
    expect(new OneCore({ term: 1, snapshot: meta }).state.membership).toEqual(membership);
  });

  it("answers of strangers change nothing, nor does a stranger that claims to lead our own term", () => {
    const core = new OneCore({ term: 1 });
    core.lead();
    const strange = [
      { ...accepted(2, 9, 0), from: memberId(77) },
      { ...heartbeatReply(2, 9, 0), from: memberId(77) },
      { ...heartbeat(2, 2), from: memberId(77) },
      { ...append(2, 2, [0, 0]), from: memberId(77) },
    ];
    for (const message of strange) {
      expect(core.hear(message).trace[0]?.event).toBe("raft.stranger");
      expect(core.state).toMatchObject({ term: 2, role: { kind: "leader" } });
    }
  });

  it("a leader that we do not know yet is followed: our membership may be older than its own", () => {
    const core = new OneCore({ term: 1 });
    core.hear({ ...append(2, 9, [0, 0]), from: memberId(77) });
    expect(core.state).toMatchObject({ term: 9, role: { kind: "follower", leader: memberId(77) } });
  });
});

describe("reads", () => {
  function leading(): OneCore {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1) });
    core.lead();
    return core;
  }

  it("wait for the leader's own no-op, even if a quorum confirms before", () => {
    const core = leading();
    core.take({ kind: "read-index", ids: [7] });
    expect(core.hear(heartbeatReply(2, 2, 1)).reads).toEqual([]);
    const out = core.hear(accepted(2, 2, 2));
    expect(out.reads).toEqual([]);
    expect(ofKind(out, "heartbeat")[0]?.round).toBe(1);
    expect(core.hear(heartbeatReply(2, 2, 1)).reads).toEqual([{ ok: true, id: 7, index: 2 }]);
  });

  it("are not confirmed by an answer to an earlier round", () => {
    const core = leading();
    core.hear(accepted(2, 2, 2));
    core.take({ kind: "read-index", ids: [1] });
    core.take(propose);
    core.hear(accepted(2, 2, 3));
    core.take({ kind: "read-index", ids: [2] });
    expect(core.hear(heartbeatReply(3, 2, 1)).reads).toEqual([{ ok: true, id: 1, index: 2 }]);
    expect(core.hear(heartbeatReply(3, 2, 2)).reads).toEqual([{ ok: true, id: 2, index: 3 }]);
  });

  it("are confirmed by a later round too: a lost heartbeat is made good by the next one", () => {
    const core = leading();
    core.hear(accepted(2, 2, 2));
    core.take({ kind: "read-index", ids: [1] });
    const again = core.tick(core.state.tuning.heartbeatTicks);
    expect(ofKind(again, "heartbeat")[0]?.round).toBe(1);
    expect(core.hear(heartbeatReply(2, 2, 1)).reads).toHaveLength(1);
  });

  it("are not confirmed by a round that was never sent, nor by an earlier term", () => {
    const core = leading();
    core.hear(accepted(2, 2, 2));
    core.take({ kind: "read-index", ids: [1] });
    expect(core.hear(heartbeatReply(2, 2, 99)).reads).toEqual([]);
    expect(core.hear(heartbeatReply(2, 1, 1)).reads).toEqual([]);
  });

  it("fail when leadership is lost", () => {
    const core = leading();
    core.take({ kind: "read-index", ids: [1] });
    expect(core.hear(heartbeat(3, 9)).reads).toEqual([{ ok: false, id: 1, reason: "not-leader" }]);
  });
});

describe("disks", () => {
  it("entries of a leader whose write failed are not sent again with other content: its next term differs", () => {
    const cluster = new CoreCluster(3, { founded: true });
    cluster.elect(1);
    cluster.autoPersist = false;
    cluster.propose(1, "lost");
    cluster.drop(() => true);
    cluster.crash(1);
    cluster.restart(1);
    cluster.autoPersist = true;
    cluster.elect(1);
    cluster.propose(1, "other");
    cluster.settle();
    expect(logOf(cluster.core(1))).toEqual(["1:.", "2:.", "2:other"]);
  });

  it("a leader whose disk hangs steps down, although its heartbeats are answered", () => {
    const core = new OneCore({ tuning: { storageStallTicks: 30 } });
    core.lead();
    core.only(propose);
    for (let i = 0; i < 40; i++) {
      core.only({ kind: "tick" });
      core.only({ kind: "message", message: heartbeatReply(2, 1, 0) });
    }
    expect(core.state.role.kind).toBe("follower");
  });

  it("and cannot win again while it hangs", () => {
    const core = new OneCore({ tuning: { storageStallTicks: 30 } });
    core.lead();
    core.only(propose);
    const sent = [];
    for (let i = 0; i < 300; i++) {
      sent.push(...core.only({ kind: "tick" }).messages);
      for (const number of [2, 3]) {
        const forTerm = asTerm(core.state.term + 1);
        const granted = {
          kind: "pre-vote-reply",
          ...from(number, 1),
          forTerm,
          granted: true,
          amnesia: false,
        } as const;
        core.only({ kind: "message", message: granted });
      }
    }
    expect(sent.filter(({ kind }) => kind === "vote")).toEqual([]);
    expect(core.state.role.kind).not.toBe("leader");
  });

  it("entries whose hard state was lost in a crash raise the term, so that it is not used twice", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 3) });
    expect(core.state.term).toBe(3);
    expect(core.take({ kind: "tick" }).write?.hardState).toEqual({ term: 3, votedFor: null, healing: false });
  });

  it("a follower that lost its log is filled again", () => {
    const cluster = new CoreCluster(3, { founded: true });
    cluster.elect(1);
    cluster.propose(1, "a", "b");
    cluster.settle();
    cluster.crash(3);
    cluster.member(3).disk.entries = [];
    cluster.restart(3);
    cluster.propose(1, "c");
    cluster.settle();
    expect(logOf(cluster.core(3))).toEqual(["1:.", "1:a", "1:b", "1:c"]);
  });
});

describe("snapshots", () => {
  it("a snapshot does not delete a newer log that agrees with it", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 1, 1) });
    const out = core.hear(chunk(core, 2, 1));
    expect([out.receive, out.restore]).toEqual([[], null]);
    expect(logOf(core.state)).toHaveLength(3);
    expect(ofKind(out, "append-accepted")[0]?.match).toBe(2);
    expect(out.committed.map(({ index }) => index)).toEqual([1, 2]);
  });

  it("a snapshot does delete a log that conflicts with it", () => {
    const core = new OneCore({ term: 2, entries: entriesOfTerms(1, 1, 1) });
    core.hear(chunk(core, 2, 2));
    const out = core.take({ kind: "snapshot-received", meta: metaAt(core, 2, 2) });
    expect(logOf(core.state)).toEqual([]);
    expect([core.state.commit, core.state.log.baseIndex, core.state.log.baseTerm]).toEqual([2, 2, 2]);
    expect(out.restore?.index).toBe(2);
    expect(out.write?.resetTo?.index).toBe(2);
    expect(ofKind(out, "append-accepted")[0]?.match).toBe(2);
  });

  it("the reset of the log is durable before the snapshot is acknowledged", () => {
    const core = new OneCore({ term: 2, entries: entriesOfTerms(1) });
    core.hear(chunk(core, 5, 2));
    const out = core.only({ kind: "snapshot-received", meta: metaAt(core, 5, 2) });
    expect(out.messages).toEqual([]);
    expect(ofKind(core.persist(), "append-accepted")[0]?.match).toBe(5);
  });

  it("a snapshot that is older than what is committed changes nothing", () => {
    const core = new OneCore({ term: 1 });
    core.hear(append(2, 1, [0, 0], entriesOfTerms(1, 1, 1), 3));
    const out = core.hear(chunk(core, 2, 1));
    expect([core.state.commit, out.receive, out.restore]).toEqual([3, [], null]);
  });

  it("a log that came to agree while the snapshot was received is kept", () => {
    const core = new OneCore({ term: 2 });
    core.hear(chunk(core, 2, 1, { done: false }));
    core.hear(append(2, 2, [0, 0], entriesOfTerms(1, 1, 1), 3));
    const out = core.take({ kind: "snapshot-received", meta: metaAt(core, 2, 1) });
    expect(out.restore).toBeNull();
    expect(logOf(core.state)).toHaveLength(3);
  });

  it("an append that reaches before the snapshot starts where the snapshot ends", () => {
    const snapshot = metaAt(new OneCore(), 3, 1);
    const core = new OneCore({ term: 1, snapshot });
    const out = core.hear(append(2, 1, [1, 1], [entry(2, 1), entry(3, 1), entry(4, 1, "d")]));
    expect(logOf(core.state)).toEqual(["1:d"]);
    expect(ofKind(out, "append-accepted")[0]?.match).toBe(4);
  });

  it("entries on disk that do not go on where the snapshot ends are not used", () => {
    const snapshot = metaAt(new OneCore(), 3, 2);
    const stale = new OneCore({ term: 2, snapshot, entries: entriesOfTerms(1, 1, 1, 1) });
    expect(logOf(stale.state)).toEqual([]);
    const good = new OneCore({ term: 2, snapshot, entries: entriesOfTerms(1, 1, 2, 2) });
    expect(logOf(good.state)).toEqual(["2:e4"]);
  });

  it("a gap between snapshot and log is a programmer error, not a silent loss", () => {
    const options = { self: memberId(1), tuning: new OneCore().state.tuning, random: { uint32: () => 0 } };
    const recovered = {
      hardState: { term: asTerm(1), votedFor: null, healing: false },
      snapshot: undefined,
      entries: [entry(5, 1)],
    };
    const { membership } = new OneCore().state;
    expect(() => createState({ ...options, membership, recovered })).toThrow(/missing/);
  });
});

describe("transfer", () => {
  it("takes no proposals while it lasts, and takes them again when it fails", () => {
    const core = new OneCore();
    core.lead();
    core.hear(accepted(2, 1, 1));
    core.take({ kind: "transfer", to: memberId(2) });
    expect(core.take(propose).proposal).toEqual({ ok: false, reason: "transferring" });
    for (let i = 0; i < core.state.tuning.electionMinTicks; i++) {
      core.tick();
      core.hear(heartbeatReply(2, 1, 0));
    }
    expect(core.take(propose).proposal).toMatchObject({ ok: true });
  });

  it("waits until the target holds all of the log", () => {
    const core = new OneCore();
    core.lead();
    core.hear(accepted(2, 1, 1));
    core.take(propose);
    expect(ofKind(core.take({ kind: "transfer", to: memberId(2) }), "timeout-now")).toEqual([]);
    expect(ofKind(core.hear(accepted(2, 1, 2)), "timeout-now")).toHaveLength(1);
  });

  it("is ignored by a member that has moved on to another leader or term", () => {
    const core = new OneCore({ term: 2 });
    core.hear(heartbeat(3, 2));
    core.hear({ kind: "timeout-now", ...from(2, 2) });
    core.hear({ kind: "timeout-now", ...from(3, 1) });
    expect(core.state.role.kind).toBe("follower");
  });

  it("is not refused by followers that hear the old leader", () => {
    const core = new OneCore({ term: 1 });
    core.hear(heartbeat(2, 1));
    const out = core.hear({
      kind: "vote",
      ...from(3, 2),
      lastIndex: asIndex(0),
      lastTerm: asTerm(0),
      transfer: true,
    });
    expect(ofKind(out, "vote-reply")[0]?.granted).toBe(true);
  });
});

describe("size", () => {
  it("an entry larger than the limit is a programmer error", () => {
    const core = new OneCore();
    core.lead();
    const payloads = [new Uint8Array(8 * 1024 * 1024 + 1)];
    expect(() => step(core.state, { kind: "propose", payloads })).toThrow(/too large/);
  });

  it("a leader takes no more than the bytes that may be uncommitted, and more after a commit", () => {
    const core = new OneCore({ tuning: { uncommittedBytesMax: 100 } });
    core.lead();
    core.hear(accepted(2, 1, 1));
    const big = { kind: "propose", payloads: [bytes("y".repeat(90))] } as const;
    expect(core.take(big).proposal?.ok).toBe(true);
    expect(core.take(big).proposal).toEqual({ ok: false, reason: "overloaded" });
    core.hear(accepted(2, 1, 2));
    expect(core.take(big).proposal?.ok).toBe(true);
  });
});

describe("a disk that is slower than a tick", () => {
  it("does not keep a member that is alone from winning its election", () => {
    const core = new OneCore({ members: 1 });
    core.tick(5);
    expect(core.state.term).toBe(1);
    core.persist();
    expect(core.state.role.kind).toBe("leader");
  });
});

// The rules of the Raft paper's figure 2 (and the sections it sums up), one test per sentence that matters.
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { bytes, entriesOfTerms, entry, logOf, memberId } from "./support/core-cluster.ts";
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

const payload = { kind: "propose", payloads: [bytes("x")] } as const;

describe("all servers (figure 2; §5.1)", () => {
  it.each(["follower", "candidate", "leader"] as const)(
    "§5.1: if a message contains a term greater than the current one, a %s adopts it and follows",
    (role) => {
      const core = new OneCore({ term: 1 });
      if (role === "leader") core.lead();
      if (role === "candidate") {
        core.timeOut();
        core.hear({
          kind: "pre-vote-reply",
          ...from(2, 1),
          forTerm: asTerm(2),
          granted: true,
          amnesia: false,
        });
      }
      expect(core.state.role.kind).toBe(role);
      core.hear(append(2, 9, [0, 0]));
      expect(core.state.term).toBe(9);
      expect(core.state.role).toEqual({ kind: "follower", leader: memberId(2) });
    },
  );

  it("§5.1: a request with a stale term is rejected, and the sender told the current one", () => {
    const core = new OneCore({ term: 5 });
    expect(ofKind(core.hear(vote(2, 4, [9, 4])), "vote-reply")[0]).toMatchObject({ granted: false, term: 5 });
    const out = core.hear(append(2, 4, [0, 0], entriesOfTerms(1)));
    expect(ofKind(out, "append-accepted")).toEqual([]);
    expect(out.messages[0]).toMatchObject({ term: 5, to: memberId(2) });
    expect(logOf(core.state)).toEqual([]);
  });

  it("§5.3: entries are applied when the commit index passes them, in order, each once", () => {
    const core = new OneCore({ term: 1 });
    core.hear(append(2, 1, [0, 0], entriesOfTerms(1, 1, 1)));
    expect(core.hear(heartbeat(2, 1, 2)).committed.map(({ index }) => index)).toEqual([1, 2]);
    expect(core.hear(heartbeat(2, 1, 2)).committed).toEqual([]);
    expect(core.hear(heartbeat(2, 1, 3)).committed.map(({ index }) => index)).toEqual([3]);
  });
});

describe("followers (figure 2; §5.2)", () => {
  it("§5.2: stand for election when the timeout passes without a word from a leader", () => {
    const core = new OneCore({ term: 1 });
    core.tick(core.state.timeout - 1);
    expect(core.state.role.kind).toBe("follower");
    core.tick();
    expect(core.state.role.kind).toBe("precandidate");
  });

  it("§5.2: do not stand while a leader is heard", () => {
    const core = new OneCore({ term: 1 });
    for (let i = 0; i < 20; i++) {
      core.tick(5);
      core.hear(heartbeat(2, 1));
    }
    expect(core.state.role.kind).toBe("follower");
    expect(core.state.term).toBe(1);
  });

  it("§5.2: a granted vote resets the election timer, a refused one does not", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 1) });
    core.tick(5);
    core.hear(vote(2, 1, [1, 1]));
    expect(core.state.elapsed).toBe(5);
    core.hear(vote(3, 1, [2, 1]));
    expect(core.state.elapsed).toBe(0);
  });
});

describe("candidates (figure 2; §5.2)", () => {
  function candidate(): OneCore {
    const core = new OneCore({ term: 1 });
    core.timeOut();
    core.hear({ kind: "pre-vote-reply", ...from(2, 1), forTerm: asTerm(2), granted: true, amnesia: false });
    expect(core.state.role.kind).toBe("candidate");
    return core;
  }

  it("§5.2: increment the term, vote for themselves and ask all others", () => {
    const core = new OneCore({ term: 1 });
    core.timeOut();
    const out = core.hear({
      kind: "pre-vote-reply",
      ...from(2, 1),
      forTerm: asTerm(2),
      granted: true,
      amnesia: false,
    });
    expect(core.state.term).toBe(2);
    expect(core.state.votedFor).toBe(memberId(1));
    expect(ofKind(out, "vote").map(({ to, term }) => [to, term])).toEqual([
      [memberId(2), 2],
      [memberId(3), 2],
    ]);
  });

  it("§5.2: lead once a majority has voted for them", () => {
    const core = candidate();
    core.hear({ kind: "vote-reply", ...from(2, 2), granted: true, amnesia: false });
    expect(core.state.role.kind).toBe("leader");
  });

  it("§5.2: do not lead on refusals, nor on the same vote twice", () => {
    const core = new OneCore({ term: 1, members: 5 });
    core.timeOut();
    for (const number of [2, 3]) {
      core.hear({
        kind: "pre-vote-reply",
        ...from(number, 1),
        forTerm: asTerm(2),
        granted: true,
        amnesia: false,
      });
    }
    core.hear({ kind: "vote-reply", ...from(2, 2), granted: true, amnesia: false });
    core.hear({ kind: "vote-reply", ...from(2, 2), granted: true, amnesia: false });
    core.hear({ kind: "vote-reply", ...from(3, 2), granted: false, amnesia: false });
    core.hear({ kind: "vote-reply", ...from(3, 2), granted: true, amnesia: false });
    expect(core.state.role.kind).toBe("candidate");
  });

  it("§5.2: follow when they hear a leader of their own term", () => {
    const core = candidate();
    core.hear(append(3, 2, [0, 0]));
    expect(core.state.role).toEqual({ kind: "follower", leader: memberId(3) });
    expect(core.state.votedFor).toBe(memberId(1));
  });

  it("§5.2: start a new election when the timeout passes without a result", () => {
    const core = candidate();
    core.timeOut();
    expect(core.state.role.kind).toBe("precandidate");
    core.hear({ kind: "pre-vote-reply", ...from(3, 2), forTerm: asTerm(3), granted: true, amnesia: false });
    expect(core.state.term).toBe(3);
  });

  it("§5.2: ask again those who have not answered, since messages get lost", () => {
    const core = candidate();
    const again = core.tick(core.state.tuning.heartbeatTicks);
    expect(ofKind(again, "vote").map(({ to }) => to)).toEqual([memberId(2), memberId(3)]);
  });
});

describe("RequestVote (figure 2; §5.2, §5.4)", () => {
  it("§5.2: at most one vote per term, first come first served", () => {
    const core = new OneCore({ term: 1 });
    expect(ofKind(core.hear(vote(2, 2, [0, 0])), "vote-reply")[0]?.granted).toBe(true);
    expect(ofKind(core.hear(vote(3, 2, [0, 0])), "vote-reply")[0]?.granted).toBe(false);
  });

  it("§5.2: the vote outlives a restart", () => {
    const core = new OneCore({ term: 2, votedFor: 2 });
    expect(ofKind(core.hear(vote(3, 2, [9, 2])), "vote-reply")[0]?.granted).toBe(false);
    expect(ofKind(core.hear(vote(2, 2, [9, 2])), "vote-reply")[0]?.granted).toBe(true);
  });

  it.each([
    ["a later last term", [1, 3], true],
    ["the same last term and a longer log", [4, 2], true],
    ["the same log", [3, 2], true],
    ["the same last term and a shorter log", [2, 2], false],
    ["an earlier last term and a longer log", [9, 1], false],
  ] as const)("§5.4.1: a candidate with %s", (_, last, granted) => {
    const core = new OneCore({ term: 3, entries: entriesOfTerms(1, 1, 2) });
    expect(ofKind(core.hear(vote(2, 4, last)), "vote-reply")[0]?.granted).toBe(granted);
    const other = new OneCore({ term: 3, entries: entriesOfTerms(1, 1, 2) });
    expect(ofKind(other.hear(preVote(2, 3, last)), "pre-vote-reply")[0]?.granted).toBe(granted);
  });
});

describe("AppendEntries (figure 2; §5.3)", () => {
  it("§5.3: is rejected if the log has no entry at prevIndex whose term is prevTerm", () => {
    const core = new OneCore({ term: 2, entries: entriesOfTerms(1, 2) });
    for (const message of [append(2, 2, [3, 2]), append(2, 2, [2, 1])]) {
      const out = core.hear(message);
      expect(ofKind(out, "append-rejected")).toHaveLength(1);
      expect(ofKind(out, "append-accepted")).toEqual([]);
    }
  });

  it("§5.3: an entry that conflicts is deleted with all that follow it", () => {
    const core = new OneCore({ term: 2, entries: entriesOfTerms(1, 1, 1, 1) });
    core.hear(append(2, 3, [1, 1], [entry(2, 3, "new")]));
    expect(logOf(core.state)).toEqual(["1:e1", "3:new"]);
  });

  it("§5.3: entries that are there already are kept, with what follows them", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 1, 1) });
    const out = core.hear(append(2, 1, [0, 0], entriesOfTerms(1, 1)));
    expect(logOf(core.state)).toEqual(["1:e1", "1:e2", "1:e3"]);
    expect(ofKind(out, "append-accepted")[0]?.match).toBe(2);
    expect(out.write).toBeNull();
  });

  it("§5.3: the commit index becomes min(leader's commit, index of the last new entry)", () => {
    const core = new OneCore({ term: 1 });
    core.hear(append(2, 1, [0, 0], entriesOfTerms(1, 1), 9));
    expect(core.state.commit).toBe(2);
    const longer = new OneCore({ term: 1, entries: entriesOfTerms(1, 1, 1) });
    longer.hear(append(2, 1, [0, 0], entriesOfTerms(1), 3));
    expect(longer.state.commit).toBe(1);
  });
});

describe("leaders (figure 2; §5.3, §5.4)", () => {
  it("§5.2, §8: begin their term with an entry of their own, which is also the first heartbeat", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1, 1) });
    const out = core.lead();
    expect(logOf(core.state)).toEqual(["1:e1", "1:e2", "2:."]);
    expect(ofKind(out, "append").map(({ to, entries }) => [to, entries.length])).toEqual([
      [memberId(2), 1],
      [memberId(3), 1],
    ]);
  });

  it("§5.2: send heartbeats to everybody in idle times", () => {
    const core = new OneCore();
    core.lead();
    const out = core.tick(core.state.tuning.heartbeatTicks);
    expect(ofKind(out, "heartbeat").map(({ to }) => to)).toEqual([memberId(2), memberId(3)]);
  });

  it("§5.3: append what clients propose and send it to all", () => {
    const core = new OneCore();
    core.lead();
    core.hear(accepted(2, 1, 1));
    const out = core.take(payload);
    expect(out.proposal).toEqual({ ok: true, first: 2, term: 1 });
    expect(ofKind(out, "append").map(({ to }) => to)).toEqual([memberId(2)]);
    expect(ofKind(core.hear(accepted(3, 1, 1)), "append").map(({ to }) => to)).toEqual([memberId(3)]);
  });

  it("§5.3: commit what a majority holds, and tell the followers", () => {
    const core = new OneCore();
    core.lead();
    core.take(payload);
    expect(core.hear(accepted(2, 1, 2)).committed.map(({ index }) => index)).toEqual([1, 2]);
    expect(ofKind(core.tick(), "heartbeat").find(({ to }) => to === memberId(2))?.commit).toBe(2);
  });

  it("§5.3: step nextIndex back until the logs agree, then send what follows", () => {
    const core = new OneCore({ term: 3, entries: entriesOfTerms(1, 2, 3) });
    core.lead();
    const out = core.hear({
      kind: "append-rejected",
      ...from(2, 4),
      prevIndex: asIndex(3),
      hintIndex: asIndex(1),
      hintTerm: asTerm(1),
    });
    expect(ofKind(out, "append")[0]).toMatchObject({ prevIndex: 1, prevTerm: 1 });
    expect(ofKind(out, "append")[0]?.entries).toHaveLength(3);
  });

  it("§5.4.2: do not commit entries of earlier terms by counting them (figure 8)", () => {
    const core = new OneCore({ term: 2, entries: entriesOfTerms(1, 2), members: 5 });
    core.lead();
    core.hear(accepted(2, 3, 2));
    expect(core.hear(accepted(3, 3, 2)).committed).toEqual([]);
    core.hear(accepted(2, 3, 3));
    expect(core.hear(accepted(3, 3, 3)).committed.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  it("§5.3: never overwrite or delete entries of their own log", () => {
    const core = new OneCore();
    core.lead();
    core.take(payload, payload);
    core.hear({
      kind: "append-rejected",
      ...from(2, 1),
      prevIndex: asIndex(0),
      hintIndex: asIndex(0),
      hintTerm: asTerm(0),
    });
    expect(logOf(core.state)).toEqual(["1:.", "1:x", "1:x"]);
  });

  it("§6.2 of the dissertation: step down when no majority answers for an election timeout", () => {
    const core = new OneCore();
    core.lead();
    core.tick(core.state.tuning.electionMaxTicks);
    expect(core.state.role.kind).toBe("leader");
    core.tick();
    expect(core.state.role).toEqual({ kind: "follower", leader: null });
  });

  it("§6.2 of the dissertation: stay while a majority answers", () => {
    const core = new OneCore();
    core.lead();
    for (let i = 0; i < 20; i++) {
      core.tick(10);
      core.hear(heartbeatReply(3, 1, 0));
    }
    expect(core.state.role.kind).toBe("leader");
  });
});

describe("durability (figure 2, 'updated on stable storage before responding')", () => {
  it("a vote leaves only when it is durable", () => {
    const core = new OneCore({ term: 1 });
    const out = core.only({ kind: "message", message: vote(2, 2, [0, 0]) });
    expect(out.messages).toEqual([]);
    expect(out.write?.hardState).toEqual({ term: 2, votedFor: memberId(2), healing: false });
    expect(ofKind(core.persist(), "vote-reply")[0]?.granted).toBe(true);
  });

  it("an acknowledgement leaves only when its entries are durable, also if an earlier write is", () => {
    const core = new OneCore({ term: 1 });
    const [a, b] = entriesOfTerms(1, 1);
    if (a === undefined || b === undefined) throw new Error("two entries");
    const first = core.only({ kind: "message", message: append(2, 1, [0, 0], [a]) });
    const second = core.only({ kind: "message", message: append(2, 1, [1, 1], [b]) });
    expect([...first.messages, ...second.messages]).toEqual([]);
    const early = core.only({ kind: "persisted", write: first.write?.number ?? 0 });
    expect(ofKind(early, "append-accepted").map(({ match }) => match)).toEqual([1]);
    expect(ofKind(core.persist(), "append-accepted").map(({ match }) => match)).toEqual([2]);
  });

  it("an append that brings nothing new is acknowledged only when what it confirms is durable", () => {
    const core = new OneCore({ term: 1 });
    core.only({ kind: "message", message: append(2, 1, [0, 0], entriesOfTerms(1)) });
    const again = core.only({ kind: "message", message: append(2, 1, [0, 0], entriesOfTerms(1)) });
    expect(again.messages).toEqual([]);
    expect(ofKind(core.persist(), "append-accepted").at(-1)?.match).toBe(1);
  });

  it("a candidate counts its own vote and asks for others only when its term is durable", () => {
    const alone = new OneCore({ members: 1 });
    const out = alone.only({ kind: "tick" });
    expect(out.write?.hardState).toEqual({ term: 1, votedFor: memberId(1), healing: false });
    expect(alone.state.role.kind).toBe("candidate");
    alone.persist();
    expect(alone.state.role.kind).toBe("leader");
    const core = new OneCore({ term: 1 });
    core.timeOut();
    const granted = {
      kind: "pre-vote-reply",
      ...from(2, 1),
      forTerm: asTerm(2),
      granted: true,
      amnesia: false,
    } as const;
    expect(core.only({ kind: "message", message: granted }).messages).toEqual([]);
    expect(ofKind(core.persist(), "vote")).toHaveLength(2);
  });

  it("a leader's appends leave at once, but it counts itself only after its own write", () => {
    const core = new OneCore();
    core.lead();
    core.hear(accepted(2, 1, 1));
    core.hear(accepted(3, 1, 1));
    const out = core.only(payload);
    expect(ofKind(out, "append")).toHaveLength(2);
    expect(core.only({ kind: "message", message: accepted(2, 1, 2) }).committed).toEqual([]);
    expect(core.persist().committed.map(({ index }) => index)).toEqual([2]);
  });

  it("a majority of followers commits without the leader's own disk", () => {
    const core = new OneCore();
    core.lead();
    core.only(payload);
    core.only({ kind: "message", message: accepted(2, 1, 2) });
    const out = core.only({ kind: "message", message: accepted(3, 1, 2) });
    expect(out.committed.map(({ index }) => index)).toEqual([2]);
  });

  it("a truncation takes durability back from what is durable", () => {
    const core = new OneCore({ term: 1 });
    core.hear(append(2, 1, [0, 0], entriesOfTerms(1, 1, 1)));
    expect(core.state.durability.durableIndex).toBe(3);
    core.only({ kind: "message", message: append(3, 2, [1, 1], [entry(2, 2, "b"), entry(3, 2, "c")]) });
    expect(core.state.durability.durableIndex).toBe(1);
  });

  it("a truncation takes durability back from writes that are under way", () => {
    const core = new OneCore({ term: 1 });
    core.only({ kind: "message", message: append(2, 1, [0, 0], entriesOfTerms(1, 1, 1)) });
    core.only({ kind: "message", message: append(3, 2, [1, 1], [entry(2, 2, "b")]) });
    core.only({ kind: "persisted", write: 1 });
    expect(core.state.durability.durableIndex).toBe(1);
    core.persist();
    expect(core.state.durability.durableIndex).toBe(2);
  });
});

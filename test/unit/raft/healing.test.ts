// A member that lost data never votes with what it lost (docs/decisions/0027).
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { CoreCluster, entriesOfTerms, entry, logOf, memberId } from "./support/core-cluster.ts";
import { append, from, heartbeat, OneCore, ofKind, preVote, vote } from "./support/one-core.ts";
import { rest } from "./support/schedule.ts";

function founded(size: number, ...texts: string[]): CoreCluster {
  const cluster = new CoreCluster(size);
  cluster.elect(1);
  cluster.propose(1, ...texts);
  rest(cluster, 4);
  return cluster;
}

function damaged(): OneCore {
  const core = new OneCore({ term: 2, entries: entriesOfTerms(1, 1), forgetful: true });
  core.state.healing = {
    kind: "damage",
    nonce: 5,
    asked: false,
    target: null,
    reached: false,
    wholeAfter: null,
    atOnce: false,
    marked: false,
  };
  return core;
}

function target(term: number, index: number, nonce: number) {
  return { kind: "heal-target", ...from(2, term), index: asIndex(index), nonce } as const;
}

describe("a damaged member", () => {
  it("grants no vote and no pre-vote, and does not stand", () => {
    const core = damaged();
    expect(ofKind(core.hear(vote(2, 3, [9, 3])), "vote-reply")[0]?.granted).toBe(false);
    expect(ofKind(core.hear(preVote(2, 3, [9, 3])), "pre-vote-reply")[0]?.granted).toBe(false);
    core.tick(100);
    expect(core.state.role.kind).toBe("follower");
  });

  it("asks the leader at its first word and at its heartbeats, until it is answered", () => {
    const core = damaged();
    const asked = (out: ReturnType<OneCore["hear"]>) => ofKind(out, "heal-request").length;
    expect(asked(core.hear(append(2, 2, [2, 1])))).toBe(1);
    expect(asked(core.hear(append(2, 2, [2, 1])))).toBe(0);
    expect(asked(core.hear(heartbeat(2, 2)))).toBe(1);
    core.hear(target(2, 4, 5));
    expect(asked(core.hear(heartbeat(2, 2)))).toBe(0);
  });

  it("is whole when its log is durable up to the target, and says so durably", () => {
    const core = damaged();
    core.hear(append(2, 2, [2, 1]));
    core.hear(target(2, 4, 5));
    core.hear(append(2, 2, [2, 1], [entry(3, 2, "a")]));
    expect(core.state.healing).not.toBeNull();
    const write = core.only({ kind: "message", message: append(2, 2, [3, 2], [entry(4, 2, "b")]) }).write;
    expect(write?.hardState?.healing ?? true).toBe(true);
    expect(core.state.healing).not.toBeNull();
    const after = core.persist();
    expect(core.state.healing).toBeNull();
    expect(after.write?.hardState).toMatchObject({ term: 2, healing: false });
  });

  it("starts over when the term changes, and believes no answer to an earlier start", () => {
    const core = damaged();
    core.hear(append(2, 2, [2, 1]));
    core.hear(target(2, 2, 4));
    expect(core.state.healing?.target).toBeNull();
    core.hear(target(2, 2, 5));
    core.hear(heartbeat(3, 3));
    expect(core.state.healing?.target).toBeNull();
  });

  it("votes for nobody else in the term in which it was healed", () => {
    const core = damaged();
    core.hear(append(2, 2, [2, 1]));
    core.hear(target(2, 2, 5));
    core.hear(append(2, 2, [2, 1]));
    core.tick();
    expect(core.state.healing).toBeNull();
    expect(core.state.votedFor).toBe(memberId(2));
  });

  it("is filled again, whatever the leader believed of it", () => {
    const cluster = founded(3, "a", "b", "c");
    cluster.damage(2, 3);
    rest(cluster, 6);
    expect(logOf(cluster.core(2))).toEqual(logOf(cluster.core(1)));
    expect(cluster.core(2).healing).toBeNull();
    expect(cluster.member(2).disk.hardState.healing).toBe(false);
  });

  it("cannot make a leader of a member that lacks what only it and a dead one had", () => {
    const cluster = founded(3);
    cluster.propose(1, "only on m1 and m2");
    cluster.settle(({ to }) => to !== memberId(3));
    cluster.drop(() => true);
    expect(cluster.core(1).commit).toBe(2);
    cluster.damage(2, 2);
    cluster.crash(1);
    rest2(cluster, 100);
    expect(cluster.core(3).role.kind).not.toBe("leader");
    cluster.restart(1);
    rest(cluster, 60);
    expect(logOf(cluster.core(3)).filter((one) => one.includes("only"))).toHaveLength(1);
  });
});

/** Those that are up tick and hear each other. */
function rest2(cluster: CoreCluster, ticks: number): void {
  for (let i = 0; i < ticks; i++) {
    for (const [number, up] of [2, 3].map((one) => [one, cluster.member(one).up] as const)) {
      if (up) cluster.tick(number);
    }
    cluster.settle();
  }
}

describe("a member with an empty disk", () => {
  it("promises nothing until a leader has answered: no acknowledgement, no answer to a round", () => {
    const core = new OneCore({ forgetful: true });
    const out = core.hear(append(2, 1, [0, 0], [entry(1, 1, "a")]));
    expect(out.messages.map(({ kind }) => kind)).toEqual(["heal-request"]);
    expect(core.hear(heartbeat(2, 1, 0, 7)).messages).toMatchObject([
      { kind: "heal-request", amnesia: true, round: 7 },
    ]);
    expect(core.state.log.entries).toEqual([]);
  });

  it("says so with its votes, which count only if every voter agrees", () => {
    const fresh = new OneCore({ forgetful: true });
    expect(ofKind(fresh.hear(vote(2, 1, [0, 0])), "vote-reply")[0]).toMatchObject({
      granted: true,
      amnesia: true,
    });
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1) });
    core.timeOut();
    const reply = { kind: "pre-vote-reply", forTerm: asTerm(2), granted: true } as const;
    core.hear({ ...reply, ...from(2, 1), amnesia: true });
    expect(core.state.role.kind).toBe("precandidate");
    core.hear({ ...reply, ...from(3, 1), amnesia: true });
    expect(core.state.role.kind).toBe("candidate");
  });

  it("founds a cluster together with all others, and with no fewer", () => {
    const cluster = new CoreCluster(3);
    for (let i = 0; i < 100; i++) {
      for (const number of [1, 2]) cluster.tick(number);
      cluster.settle(({ to }) => to !== memberId(3));
      cluster.drop(() => true);
    }
    expect([1, 2].map((number) => cluster.core(number).role.kind)).not.toContain("leader");
    rest(cluster, 60);
    const leaders = [...cluster.members.values()].filter(({ core }) => core.role.kind === "leader");
    expect(leaders).toHaveLength(1);
    for (const { core } of cluster.members.values()) expect(core.healing).toBeNull();
  });

  it("is not told by an old leader what a newer one knows: the other voters have to answer first", () => {
    const cluster = founded(3, "a");
    // m2 leads term 2 with the vote of m3, while m1, cut off, still believes to lead term 1.
    const cut = ({ from: a, to: b }: { from: string; to: string }): boolean => a === "m1" || b === "m1";
    cluster.core(3).leaderHeardAt = Number.NEGATIVE_INFINITY;
    cluster.campaign(2);
    cluster.settle((message) => !cut(message));
    cluster.propose(2, "newer");
    cluster.settle((message) => !cut(message));
    expect(cluster.core(2).commit).toBe(4);
    cluster.drop(() => true);
    // Its disk wiped, m3 meets m1 only.
    cluster.wipe(3);
    cluster.propose(1, "older");
    for (let i = 0; i < 10; i++) {
      cluster.tick(1);
      cluster.settle(({ from: a, to: b }) => a !== "m2" && b !== "m2");
      cluster.drop(() => true);
    }
    expect(cluster.core(1).commit).toBe(2);
    expect(cluster.core(3).healing).not.toBeNull();
    rest(cluster, 60);
    expect(logOf(cluster.core(3)).at(3)).toBe("2:newer");
    expect(cluster.core(3).healing).toBeNull();
  });

  it("marks itself before it stores a snapshot, without which it would look whole after a crash", () => {
    const core = new OneCore({ forgetful: true });
    core.hear(heartbeat(2, 1));
    core.hear(target(1, 9, core.state.healing?.nonce ?? -1));
    const chunk = {
      kind: "snapshot-chunk",
      ...from(2, 1),
      meta: { index: asIndex(5), term: asTerm(1), membership: core.state.membership },
      digest: "d",
      offset: 0,
      bytes: new Uint8Array(4),
      done: false,
    } as const;
    const first = core.only({ kind: "message", message: chunk });
    expect(first.write?.hardState?.healing).toBe(true);
    expect(first.receive).toEqual([]);
    expect(ofKind(core.persist(), "snapshot-progress").map(({ offset }) => offset)).toEqual([0]);
    expect(core.hear(chunk).receive.map(({ kind }) => kind)).toEqual(["begin", "chunk"]);
  });

  it("keeps that mark when the term changes, for the snapshot may be on its way to the disk", () => {
    const core = new OneCore({ forgetful: true });
    const meta = { index: asIndex(5), term: asTerm(1), membership: core.state.membership };
    const bytes = new Uint8Array(4);
    const piece = { kind: "snapshot-chunk", meta, digest: "d", offset: 0, bytes, done: true } as const;
    core.hear(heartbeat(2, 1));
    core.hear(target(1, 9, core.state.healing?.nonce ?? -1));
    core.hear({ ...piece, ...from(2, 1) });
    expect(core.hear({ ...piece, ...from(2, 1) }).receive.at(-1)).toMatchObject({ done: true });
    const write = core.only({ kind: "message", message: heartbeat(3, 2) }).write;
    expect(write?.hardState).toMatchObject({ term: 2, healing: true });
  });
});

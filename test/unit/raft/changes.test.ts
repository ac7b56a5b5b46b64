// Changes of the membership (Raft paper, section 6; dissertation, chapter 4).
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import { membershipAt } from "../../../src/raft/configurations.ts";
import { MEMBERS_MAX } from "../../../src/raft/limits.ts";
import { everyMember, votersOnly } from "../../../src/raft/membership.ts";
import { encodeMembershipEntry } from "../../../src/raft/membership-entry.ts";
import type { Entry, Membership, MembershipChange } from "../../../src/raft/types.ts";
import {
  CoreCluster,
  entriesOfTerms,
  entry,
  GROUP,
  memberId,
  showMembership,
} from "./support/core-cluster.ts";
import { accepted, append, heartbeatReply, OneCore, ofKind } from "./support/one-core.ts";
import { rest } from "./support/schedule.ts";

const contact = { raftAddress: "m4:1", apiAddress: "m4:2" };
const add = (number: number): MembershipChange => ({ kind: "add-learner", id: memberId(number), contact });
const promote = (number: number): MembershipChange => ({ kind: "promote", id: memberId(number) });
const remove = (number: number): MembershipChange => ({ kind: "remove", id: memberId(number) });

function change(cluster: CoreCluster, leader: number, wanted: MembershipChange): string {
  const { change: answer } = cluster.input(leader, { kind: "change-membership", change: wanted });
  if (answer === null) throw new Error("no answer");
  return answer.ok ? "begun" : answer.reason;
}

function founded(size: number): CoreCluster {
  const cluster = new CoreCluster(size, { founded: true });
  cluster.elect(1);
  rest(cluster, 4);
  return cluster;
}

function joined(size: number): CoreCluster {
  const cluster = founded(size);
  cluster.join(size + 1);
  change(cluster, 1, add(size + 1));
  rest(cluster, 6);
  return cluster;
}

function membershipEntry(index: number, term: number, membership: Membership): Entry {
  return { index: asIndex(index), term: asTerm(term), payload: encodeMembershipEntry(membership) };
}

describe("a change", () => {
  it("is refused by who does not lead, for members that are unknown or there already, and for the last voter", () => {
    const cluster = joined(3);
    expect(change(cluster, 2, add(9))).toBe("not-leader");
    expect(change(cluster, 1, add(3))).toBe("already-member");
    expect(change(cluster, 1, promote(3))).toBe("already-member");
    expect(change(cluster, 1, promote(9))).toBe("unknown-member");
    expect(change(cluster, 1, remove(9))).toBe("unknown-member");
    const alone = founded(1);
    expect(change(alone, 1, remove(1))).toBe("last-voter");
  });

  it("is refused beyond the greatest number of members", () => {
    const cluster = founded(MEMBERS_MAX);
    expect(change(cluster, 1, add(MEMBERS_MAX + 1))).toBe("too-many");
  });

  it("waits for the one before, joint or not, and for the leader's own term to begin to commit (bug 4)", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1) });
    core.lead();
    const ask = (wanted: MembershipChange) => core.take({ kind: "change-membership", change: wanted }).change;
    expect(ask(add(4))).toEqual({ ok: false, reason: "busy" });
    core.hear(accepted(2, 2, 2));
    expect(ask(add(4))).toEqual({ ok: true, index: 3 });
    expect(ask(remove(3))).toEqual({ ok: false, reason: "busy" });
    core.hear(accepted(2, 2, 3));
    expect(ask(remove(3))).toEqual({ ok: true, index: 4 });
    core.hear(accepted(2, 2, 4));
    expect(showMembership(core.state.membership)).toBe("{m1,m2<m1,m2,m3+m4}");
    expect(ask(remove(4))).toEqual({ ok: false, reason: "busy" });
  });

  it("is refused while leadership is handed over", () => {
    const cluster = founded(3);
    cluster.input(1, { kind: "transfer", to: memberId(2) });
    expect(change(cluster, 1, add(4))).toBe("busy");
  });

  it("tells the contact to everybody, and forgets it with the member", () => {
    const cluster = joined(3);
    for (const { core } of cluster.members.values())
      expect(core.membership.contacts).toEqual({ m4: contact });
    expect(change(cluster, 1, remove(4))).toBe("begun");
    rest(cluster, 4);
    expect(cluster.core(2).membership.contacts).toEqual({});
  });
});

describe("promotion", () => {
  it("is refused for a learner that is behind or silent, and granted to one that is not", () => {
    const cluster = founded(3);
    cluster.join(4);
    change(cluster, 1, add(4));
    cluster.settle(({ to }) => to !== memberId(4));
    expect(change(cluster, 1, promote(4))).toBe("not-caught-up");
    rest(cluster, 6);
    cluster.crash(4);
    for (let i = 0; i < 10; i++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect(change(cluster, 1, promote(4))).toBe("not-caught-up");
    cluster.restart(4);
    rest(cluster, 4);
    expect(change(cluster, 1, promote(4))).toBe("begun");
    rest(cluster, 4);
    for (const { core } of cluster.members.values()) {
      expect(core.membership).toMatchObject({ voters: ["m1", "m2", "m3", "m4"], outgoing: [], learners: [] });
    }
  });

  it("is refused for one that was removed and came back empty, whatever it had acknowledged before", () => {
    const cluster = joined(3);
    expect(change(cluster, 1, remove(4))).toBe("begun");
    cluster.settle();
    cluster.wipe(4);
    cluster.isolated = memberId(4);
    expect(change(cluster, 1, add(4))).toBe("begun");
    cluster.settle();
    expect(change(cluster, 1, promote(4))).toBe("not-caught-up");
    cluster.isolated = null;
    rest(cluster, 6);
    expect(change(cluster, 1, promote(4))).toBe("begun");
    expect(cluster.core(4).healing).toBeNull();
  });

  it("leaves the joint configuration only when that is committed by both majorities", () => {
    const cluster = joined(3);
    change(cluster, 1, promote(4));
    cluster.drop(() => true);
    cluster.tick(1, 3);
    expect(showMembership(cluster.core(1).membership)).toBe("{m1,m2,m3,m4<m1,m2,m3}");
    rest(cluster, 4);
    expect(showMembership(cluster.core(1).membership)).toBe("{m1,m2,m3,m4}");
  });

  it("makes decisions need both majorities until the joint configuration is left", () => {
    const core = new OneCore({
      term: 1,
      entries: [
        entry(1, 1, "a"),
        membershipEntry(2, 1, { ...votersOnly([1, 4, 5].map(memberId)), outgoing: [1, 2, 3].map(memberId) }),
      ],
    });
    core.timeOut();
    const vote = (number: number) =>
      core.hear({
        kind: "pre-vote-reply",
        from: memberId(number),
        to: memberId(1),
        term: asTerm(1),
        forTerm: asTerm(2),
        granted: true,
        amnesia: false,
      });
    vote(4);
    vote(5);
    expect(core.state.role.kind).toBe("precandidate");
    vote(2);
    expect(core.state.role.kind).toBe("candidate");
  });
});

describe("a configuration", () => {
  const three = { ...votersOnly([1, 2, 3].map(memberId)), groupId: GROUP };
  const four = { ...three, voters: [1, 2, 3, 4].map(memberId) };
  const joint = { ...four, outgoing: three.voters };

  it("is in force as soon as it is appended, and falls back when it is truncated", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1) });
    const out = core.hear(append(2, 1, [1, 1], [membershipEntry(2, 1, joint), membershipEntry(3, 1, four)]));
    expect(out.membership).toEqual(four);
    expect(core.state.membership).toEqual(four);
    expect(core.hear(append(3, 2, [2, 1], [entry(3, 2, "x")])).membership).toEqual(joint);
    expect(core.hear(append(4, 3, [1, 1], [entry(2, 3, "y")])).membership).toEqual(three);
  });

  it("is found again in the log after a restart, committed or not; the log wins over what is configured", () => {
    const core = new OneCore({ term: 1, entries: [entry(1, 1, "a"), membershipEntry(2, 1, joint)] });
    expect(core.state.commit).toBe(0);
    expect(core.state.membership).toEqual(joint);
  });

  it("is the one at its index in a snapshot, not the newest (bug 12)", () => {
    const entries = [
      entry(1, 1, "a"),
      membershipEntry(2, 1, joint),
      membershipEntry(3, 1, four),
      entry(4, 1, "b"),
    ];
    const core = new OneCore({ term: 1, entries });
    expect([1, 2, 3, 4].map((index) => membershipAt(core.state, asIndex(index)))).toEqual([
      three,
      joint,
      four,
      four,
    ]);
  });

  it("stays known when the log before it is compacted, and comes with a snapshot", () => {
    const snapshot = { index: asIndex(3), term: asTerm(1), membership: joint };
    const core = new OneCore({ term: 1, snapshot, entries: [membershipEntry(4, 1, four), entry(5, 1, "c")] });
    core.state.commit = asIndex(5);
    core.take({ kind: "snapshot-saved", meta: { index: asIndex(5), term: asTerm(1), membership: four } });
    core.take({ kind: "compact", upTo: asIndex(4) });
    expect(membershipAt(core.state, asIndex(4))).toEqual(four);
    expect(core.state.configurations).toHaveLength(1);
    const fresh = new OneCore({ term: 1, membership: votersOnly([]), snapshot });
    expect(fresh.state.membership).toEqual(joint);
  });
});

describe("removal", () => {
  it("of the last other voter answers the reads that waited for it, though nobody is left to confirm them", () => {
    const core = new OneCore({ members: 2 });
    core.lead();
    core.hear(accepted(2, 1, 1));
    core.take({ kind: "change-membership", change: remove(2) });
    core.hear(accepted(2, 1, 2));
    expect(core.take({ kind: "read-index", ids: [7] }).reads).toEqual([]);
    const { reads } = core.tick(2);
    expect(showMembership(core.state.membership)).toBe("{m1}");
    expect(reads).toEqual([{ ok: true, id: 7, index: 2 }]);
  });

  it("of a leader: it does not count itself for its own removal (bug 23), and goes once that is committed", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1), members: 2 });
    core.lead();
    core.hear(accepted(2, 2, 2));
    core.take({ kind: "change-membership", change: remove(1) });
    core.hear(accepted(2, 2, 3));
    core.tick();
    expect(showMembership(core.state.membership)).toBe("{m2}");
    expect(core.state.commit).toBe(3);
    const out = core.hear(accepted(2, 2, 4));
    expect(core.state.commit).toBe(4);
    expect(out.changed).toMatchObject({ voters: ["m2"] });
    expect(ofKind(core.tick(), "timeout-now")).toHaveLength(1);
    for (let i = 0; i < 12; i++) {
      core.hear(heartbeatReply(2, 2, 0));
      core.tick();
    }
    expect(core.state.role.kind).toBe("follower");
  });

  it("of a leader that dies before it is committed: it must stand again, or nobody could finish it (cowsql/raft#150)", () => {
    const joint = { ...votersOnly([memberId(2)]), outgoing: [memberId(1), memberId(2)] };
    const last = votersOnly([memberId(2)]);
    const entries = [entry(1, 1, "a"), membershipEntry(2, 1, joint), membershipEntry(3, 1, last)];
    const core = new OneCore({ term: 1, members: 2, entries });
    core.timeOut();
    expect(core.state.role.kind).toBe("precandidate");
    core.state.commit = asIndex(3);
    const quiet = new OneCore({ term: 1, members: 2, entries, commit: 3 });
    quiet.tick(100);
    expect(quiet.state.role.kind).toBe("follower");
  });

  it("is finished although the leader dies after it was appended by itself alone", () => {
    const cluster = founded(2);
    expect(change(cluster, 1, remove(1))).toBe("begun");
    cluster.settle();
    cluster.tick(1);
    expect(showMembership(cluster.core(1).membership)).toBe("{m2}");
    cluster.drop(() => true);
    cluster.crash(1);
    cluster.restart(1);
    for (let i = 0; i < 100; i++) rest(cluster, 1);
    expect(cluster.core(2).role.kind).toBe("leader");
    expect(cluster.core(2).membership).toMatchObject({ voters: ["m2"], outgoing: [] });
    expect(cluster.core(1).role.kind).toBe("follower");
  });

  it("is waited with while a voter that stays is healing: it has no vote", () => {
    const core = new OneCore({ term: 1, entries: entriesOfTerms(1) });
    core.lead();
    core.hear(accepted(2, 2, 2));
    core.hear({
      kind: "heal-request",
      from: memberId(2),
      to: memberId(1),
      term: asTerm(2),
      amnesia: false,
      round: 0,
      nonce: 1,
    });
    const ask = () => core.take({ kind: "change-membership", change: remove(3) }).change;
    expect(ask()).toEqual({ ok: false, reason: "busy" });
    core.hear(accepted(2, 2, 2));
    expect(ask()?.ok).toBe(true);
  });

  it("that a member never heard of does not let it disturb: who hears a leader supports nobody else", () => {
    const cluster = founded(4);
    change(cluster, 1, remove(4));
    for (let i = 0; i < 200; i++) {
      for (const number of [1, 2, 3, 4]) cluster.tick(number);
      cluster.drop(({ to }) => to === memberId(4));
      cluster.settle(({ to }) => to !== memberId(4));
      cluster.drop(({ to }) => to === memberId(4));
    }
    expect(everyMember(cluster.core(1).membership)).toHaveLength(3);
    expect(cluster.core(4).role.kind).toBe("precandidate");
    expect(cluster.core(1)).toMatchObject({ term: 1, role: { kind: "leader" } });
  });
});

// The id of a group: drawn once, carried on by every membership, and insisted on. Equal index and term mean equal entries
// only among members that have it in common.
import { describe, expect, it } from "vitest";
import { asId, asIndex, asTerm, type GroupId } from "../../../src/kernel/ids.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { drawGroupId, groupIdOf, groupToRemember } from "../../../src/raft/group-id.ts";
import { RECONNECT_MAX_MS } from "../../../src/raft/limits.ts";
import { votersOnly } from "../../../src/raft/membership.ts";
import {
  decodeMembershipEntry,
  encodeMembershipEntry,
  packMembership,
  unpackMembership,
} from "../../../src/raft/membership-entry.ts";
import type { Membership, MembershipChange } from "../../../src/raft/types.ts";
import { CoreCluster, entriesOfTerms, entry, memberId } from "./support/core-cluster.ts";
import { type Host, NodeCluster } from "./support/node-cluster.ts";
import { accepted, append, heartbeat, OneCore, ofKind, vote } from "./support/one-core.ts";

const ONE = asId<GroupId>("1".repeat(32));
const TWO = asId<GroupId>("2".repeat(32));
const three = votersOnly([1, 2, 3].map(memberId));

function membershipEntry(index: number, term: number, membership: Membership) {
  return { index: asIndex(index), term: asTerm(term), payload: encodeMembershipEntry(membership) };
}

describe("the id of a group", () => {
  it("is 16 random bytes of the generator, in hex", () => {
    const random = seededRandom("ids");
    const drawn = Array.from({ length: 20 }, () => drawGroupId(random));
    for (const id of drawn) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(drawn).size).toBe(20);
    expect(drawGroupId(seededRandom("ids"))).toBe(drawn[0]);
  });

  it("is written with the membership; memberships of old have none, and what is no id is none", () => {
    const membership = { ...three, groupId: ONE };
    expect(decodeMembershipEntry(encodeMembershipEntry(membership))).toEqual(membership);
    expect(unpackMembership(packMembership(three))).toEqual(three);
    expect(unpackMembership(packMembership(three))).not.toHaveProperty("groupId");
    for (const bad of ["", "1".repeat(31), "G".repeat(32), 7])
      expect(unpackMembership(packMembership({ ...three, groupId: bad as GroupId }))).toBeNull();
  });

  it("is in the very first entry of a group, and in every membership after it", () => {
    const cluster = new CoreCluster(3);
    cluster.elect(1);
    const founding = decodeMembershipEntry(cluster.core(1).log.entries[0]?.payload ?? new Uint8Array(0));
    expect(founding).toMatchObject({ voters: three.voters, contacts: {} });
    cluster.join(4);
    const contact = { raftAddress: "m4", apiAddress: "" };
    cluster.input(1, {
      kind: "change-membership",
      change: { kind: "add-learner", id: memberId(4), contact },
    });
    cluster.settle();
    expect(cluster.core(1).membership).toMatchObject({ learners: ["m4"], groupId: founding?.groupId });
    cluster.crash(1);
    cluster.elect(2);
    expect(cluster.core(2).log.entries.at(-1)?.payload).toHaveLength(0);
    expect(groupIdOf(cluster.core(2))).toBe(founding?.groupId);
  });

  it("is insisted on by its founder only once it is durable there", () => {
    const core = new OneCore({ membership: three });
    core.lead();
    expect(groupIdOf(core.state)).toMatch(/^[0-9a-f]{32}$/);
    const hasty = new OneCore({ membership: votersOnly([memberId(1)]) });
    hasty.only({ kind: "tick" });
    hasty.persist();
    expect(hasty.state.role.kind).toBe("leader");
    expect(groupIdOf(hasty.state)).toBeNull();
    hasty.persist();
    expect(groupIdOf(hasty.state)).not.toBeNull();
  });

  it("comes without the founders' addresses, which the first change of members writes down", () => {
    const contacts = Object.fromEntries(
      three.voters.map((id) => [id, { raftAddress: `raft ${id}`, apiAddress: `api ${id}` }]),
    );
    const core = new OneCore({ membership: { ...three, contacts } });
    core.lead();
    expect(core.state.membership.contacts).toEqual({});
    core.hear(accepted(2, 1, 1));
    const contact = { raftAddress: "raft m4", apiAddress: "api m4" };
    core.take({ kind: "change-membership", change: { kind: "add-learner", id: memberId(4), contact } });
    expect(core.state.membership.contacts).toEqual({ ...contacts, m4: contact });
  });

  it("is kept by a restart, and by a snapshot", () => {
    const founding = membershipEntry(1, 1, { ...three, groupId: ONE });
    const restarted = new OneCore({ term: 1, membership: three, entries: [founding, entry(2, 1, "a")] });
    expect(groupIdOf(restarted.state)).toBe(ONE);
    const snapshot = { index: asIndex(9), term: asTerm(1), membership: { ...three, groupId: TWO } };
    expect(groupIdOf(new OneCore({ term: 1, membership: three, snapshot }).state)).toBe(TWO);
  });

  it("is not insisted on by one that makes up for lost data: a recovered group's log begins under another", () => {
    const entries = [membershipEntry(1, 1, { ...three, groupId: ONE }), entry(2, 1, "a")];
    const core = new OneCore({ term: 1, membership: three, entries });
    core.state.healing = { ...new OneCore({ forgetful: true }).state.healing } as never;
    expect(groupIdOf(core.state)).toBeNull();
  });

  it("is insisted on by one that makes up for lost data if it was noted beside its log, and it founds no other", () => {
    const damaged = new OneCore({ membership: three, forgetful: true, groupId: TWO });
    expect(groupIdOf(damaged.state)).toBe(TWO);
    damaged.tick(100);
    expect(damaged.state.role.kind).toBe("follower");
    expect(damaged.state.term).toBe(0);
    const entries = [membershipEntry(1, 1, { ...three, groupId: ONE }), entry(2, 1, "a")];
    const recovered = new OneCore({ term: 1, membership: three, entries, groupId: TWO });
    recovered.state.healing = { ...damaged.state.healing } as never;
    expect(groupIdOf(recovered.state)).toBe(TWO);
    recovered.state.healing = null;
    expect(groupIdOf(recovered.state)).toBe(ONE);
  });

  it("is noted beside the log once a majority has it, not before", () => {
    const core = new OneCore({ membership: three });
    core.lead();
    expect([groupIdOf(core.state) !== null, groupToRemember(core.state)]).toEqual([true, null]);
    core.hear(accepted(2, 1, 1));
    expect(groupToRemember(core.state)).toBe(groupIdOf(core.state));
  });

  it("is not noted where the log goes on under another: the note of a recovered group stays, though its snapshot is older", () => {
    const snapshot = { index: asIndex(9), term: asTerm(1), membership: { ...three, groupId: ONE } };
    const alone = { ...votersOnly([memberId(1)]), groupId: TWO };
    const entries = [entry(10, 1, "a"), membershipEntry(11, 2, alone)];
    const core = new OneCore({ term: 2, membership: three, snapshot, entries, groupId: TWO });
    expect([core.state.commit, groupIdOf(core.state), groupToRemember(core.state)]).toEqual([9, TWO, null]);
  });

  it("is the newest of a log that was recovered, at once", () => {
    const alone = { ...votersOnly([memberId(1)]), groupId: TWO };
    const others = { ...alone, learners: [memberId(5)] };
    const entries = [
      membershipEntry(1, 1, { ...three, groupId: ONE }),
      entry(2, 1, "a"),
      membershipEntry(3, 2, alone),
      membershipEntry(4, 2, others),
    ];
    for (const count of [3, 4]) {
      const core = new OneCore({ term: 2, membership: three, entries: entries.slice(0, count) });
      expect([core.state.commit, groupIdOf(core.state)]).toEqual([0, TWO]);
    }
  });
});

describe("a founder that needs nobody's vote", () => {
  it("stands at once, unless it has heard a leader, though that one knows of no group", () => {
    const alone = { membership: votersOnly([memberId(1)]), forgetful: true };
    const founder = new OneCore(alone);
    founder.tick();
    expect(founder.state.role.kind).toBe("leader");
    const wiped = new OneCore(alone);
    wiped.hear(heartbeat(2, 3));
    wiped.tick(100);
    expect([wiped.state.role.kind, wiped.state.term]).toEqual(["follower", 3]);
    wiped.hear(vote(2, 4, [9, 3]));
    wiped.tick(100);
    expect([wiped.state.role.kind, wiped.state.term]).toEqual(["follower", 4]);
  });

  it("does not, either, when somebody has stood with a log, and votes for that one", () => {
    const wiped = new OneCore({ membership: votersOnly([memberId(1)]), forgetful: true });
    expect(ofKind(wiped.hear(vote(2, 4, [9, 3])), "vote-reply")[0]?.granted).toBe(true);
    wiped.tick(100);
    expect(wiped.state.role.kind).toBe("follower");
    const founder = new OneCore({ membership: votersOnly([memberId(1)]), forgetful: true });
    founder.hear(vote(2, 4, [0, 0]));
    founder.tick(100);
    expect(founder.state.role.kind).toBe("leader");
  });
});

describe("a group of old", () => {
  it("gets an id by the next leader, which counts once it is committed", () => {
    const core = new OneCore({ term: 1, membership: three, entries: entriesOfTerms(1) });
    core.lead();
    expect(decodeMembershipEntry(core.state.log.entries[1]?.payload ?? new Uint8Array(0))).toMatchObject(
      three,
    );
    expect(groupIdOf(core.state)).toBeNull();
    core.hear(accepted(2, 2, 2));
    expect(groupIdOf(core.state)).toBe(core.state.membership.groupId);
  });

  it("may replace an id that was not committed: whoever holds it does not insist on it", () => {
    const entries = [entry(1, 1, "a"), membershipEntry(2, 1, { ...three, groupId: ONE })];
    const core = new OneCore({ term: 1, membership: three, entries });
    expect([core.state.membership.groupId, groupIdOf(core.state)]).toEqual([ONE, null]);
    core.hear(append(2, 2, [1, 1], [membershipEntry(2, 2, { ...three, groupId: TWO })], 2));
    expect(groupIdOf(core.state)).toBe(TWO);
  });

  it("gets none while its membership is not settled", () => {
    const grown = votersOnly([1, 2].map(memberId));
    const entries = [entry(1, 1, "a"), membershipEntry(2, 1, grown)];
    const core = new OneCore({ term: 1, membership: three, entries });
    core.lead();
    expect(core.state.log.entries.at(-1)?.payload).toHaveLength(0);
  });
});

/** In virtual time. @returns whether it was done */
async function changed(cluster: NodeCluster, wanted: MembershipChange): Promise<boolean> {
  let outcome: boolean | undefined;
  const settle = (value: boolean) => () => {
    outcome = value;
  };
  cluster.leader().node.changeMembership(wanted).then(settle(true), settle(false));
  await cluster.clock.until(() => outcome !== undefined);
  return outcome === true;
}

/** A cluster that one member founded, and that two have joined since. */
async function grown(): Promise<NodeCluster> {
  const cluster = new NodeCluster(1);
  await cluster.start();
  for (const number of [2, 3]) {
    cluster.join(number);
    const id = memberId(number);
    await changed(cluster, { kind: "add-learner", id, contact: { raftAddress: id, apiAddress: "" } });
    while (!(await changed(cluster, { kind: "promote", id }))) await cluster.clock.advance(20);
  }
  cluster.propose("old");
  await cluster.clock.until(() => cluster.hosts.every(({ machine }) => machine.texts.includes("old")));
  return cluster;
}

function groups(hosts: readonly Host[]) {
  return hosts.map(({ node }) => node.status().groupId);
}

describe("a member that has lost its log", () => {
  it("insists on the group that it was in, and has nothing to do with another under the same names", async () => {
    const cluster = await grown();
    const [one, two, three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    const old = two.node.status().groupId;
    await cluster.clock.advance(100);
    expect(cluster.hosts.map(({ storage }) => storage.groupId)).toEqual([old, old, old]);
    cluster.kill(one);
    cluster.isolate(one);
    cluster.wipe(one);
    await cluster.clock.until(() => one.node.status().ready);
    cluster.kill(two);
    cluster.kill(three);
    cluster.network.heal();
    two.storage.entries = [];
    two.storage.hardState = { ...two.storage.hardState, healing: true };
    cluster.restart(two);
    const contact = { raftAddress: two.id, apiAddress: "" };
    await changed(cluster, { kind: "add-learner", id: two.id, contact });
    one.node.propose(new TextEncoder().encode("new"));
    await cluster.clock.advance(10 * RECONNECT_MAX_MS);
    expect(two.node.status().groupId).toBe(old);
    expect(one.node.status().groupId).not.toBe(old);
    expect(two.machine.texts).toEqual([]);
    const met = cluster.errors.filter(({ event }) => event === "raft.other-cluster");
    expect(met.map(({ facts }) => facts?.ours)).toContain(old);
  });

  it("is brought back by its group", async () => {
    const cluster = await grown();
    const two = cluster.host(2);
    const old = two.node.status().groupId;
    await cluster.clock.advance(100);
    cluster.kill(two);
    two.storage.entries = [];
    two.storage.hardState = { ...two.storage.hardState, healing: true };
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    cluster.restart(two);
    await cluster.clock.until(() => two.node.status().healing === null);
    expect([two.machine.texts, two.node.status().groupId]).toEqual([["old"], old]);
    expect(cluster.errors).toEqual([]);
  });
});

describe("a founder that is wiped after its cluster has grown", () => {
  it("founds nothing while another member can call it, and is brought back by the others", async () => {
    const cluster = await grown();
    const [id] = groups(cluster.hosts);
    expect(groups(cluster.hosts)).toEqual([id, id, id]);
    const [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.kill(one);
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    await cluster.clock.advance(3 * RECONNECT_MAX_MS);
    cluster.propose("meanwhile");
    cluster.wipe(one);
    await cluster.clock.until(() => one.machine.texts.length === 2);
    expect(one.machine.texts).toEqual(["old", "meanwhile"]);
    expect(one.machine.roles.some(({ role }) => role === "leader")).toBe(false);
    await cluster.clock.until(() => one.node.status().healing === null);
    expect(groups([one, two])).toEqual([id, id]);
  });

  it("that nobody could call founds another cluster, which never becomes one with the old", async () => {
    const cluster = await grown();
    const [one, two, three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    const old = two.node.status().groupId;
    cluster.kill(one);
    cluster.isolate(one);
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    cluster.wipe(one);
    await cluster.clock.until(() => one.node.status().ready);
    const { term } = one.node.status();
    one.node.propose(new TextEncoder().encode("new"));
    cluster.network.heal();
    await cluster.clock.advance(10 * RECONNECT_MAX_MS);
    expect([one.node.status().role, one.node.status().term]).toEqual(["leader", term]);
    expect(one.machine.texts).toEqual(["new"]);
    for (const { machine } of [two, three]) expect(machine.texts).toEqual(["old"]);
    expect(groups([two, three])).toEqual([old, old]);
    expect(one.node.status().groupId).not.toBe(old);
    expect([one, two, three].map(({ fatal }) => fatal)).toEqual([null, null, null]);
    const reasons = cluster.errors.map(({ event, facts }) => `${event}: ${facts?.reason}`);
    const advice = "stop it, empty its data directory and start it with --join under a new name";
    for (const [who, what] of [
      ["m2", "refused: this data directory belongs to another cluster"],
      ["m1", "refused: the data directory of m1 (m1) belongs to another cluster"],
    ])
      expect(
        reasons.filter((each) => each.includes(`${what}`) && each.includes(advice)).length,
        who,
      ).toBeGreaterThan(0);
    const leader = [two, three].find(({ node }) => node.status().ready);
    expect(leader?.node.propose(new TextEncoder().encode("later"))).toMatchObject({ ok: true });
    await cluster.clock.until(() => [two, three].every(({ machine }) => machine.texts.includes("later")));
    expect(one.machine.texts).toEqual(["new"]);
  });

  it("is complained of once by each that meets it, and complains of each once, however often they call", async () => {
    const cluster = await grown();
    const one = cluster.host(1);
    cluster.kill(one);
    cluster.isolate(one);
    cluster.wipe(one);
    await cluster.clock.until(() => one.node.status().ready);
    cluster.network.heal();
    await cluster.clock.advance(60 * RECONNECT_MAX_MS);
    expect(cluster.errors.map(({ facts }) => facts?.member).sort()).toEqual(["m1", "m1", "m2", "m3"]);
  });
});

// Whole nodes whose members come and go, and what a follower makes of the end of its leader's process.
import { describe, expect, it } from "vitest";
import { MembershipError } from "../../../src/raft/membership-error.ts";
import type { Membership, MembershipChange } from "../../../src/raft/types.ts";
import { memberId } from "./support/core-cluster.ts";
import { NodeCluster } from "./support/node-cluster.ts";

async function started(size = 3, options: ConstructorParameters<typeof NodeCluster>[1] = {}) {
  const cluster = new NodeCluster(size, options);
  await cluster.start();
  return cluster;
}

function addition(number: number): MembershipChange {
  const id = memberId(number);
  return { kind: "add-learner", id, contact: { raftAddress: id, apiAddress: `api ${id}` } };
}

/** By the leader, in virtual time. Rejects as the node does. */
async function change(cluster: NodeCluster, wanted: MembershipChange): Promise<Membership> {
  let outcome: { ok: true; value: Membership } | { ok: false; error: MembershipError } | undefined;
  cluster
    .leader()
    .node.changeMembership(wanted)
    .then(
      (value) => {
        outcome = { ok: true, value };
      },
      (error: MembershipError) => {
        outcome = { ok: false, error };
      },
    );
  await cluster.clock.until(() => outcome !== undefined);
  if (outcome?.ok !== true) throw outcome?.error ?? new Error("no outcome");
  return outcome.value;
}

/** As soon as the leader knows that the learner has caught up. */
async function promote(cluster: NodeCluster, number: number): Promise<Membership> {
  for (;;) {
    try {
      return await change(cluster, { kind: "promote", id: memberId(number) });
    } catch (error) {
      if (!(error instanceof MembershipError) || error.reason !== "not-caught-up") throw error;
      await cluster.clock.advance(10);
    }
  }
}

/** Proposes and waits until these members have it. */
async function commit(cluster: NodeCluster, text: string, numbers: readonly number[]): Promise<void> {
  cluster.propose(text);
  const hosts = cluster.hosts.filter(({ id }) => numbers.some((number) => memberId(number) === id));
  await cluster.clock.until(() => hosts.every(({ machine }) => machine.texts.includes(text)));
}

function host(cluster: NodeCluster, number: number) {
  const found = cluster.hosts.find(({ id }) => id === memberId(number));
  if (found === undefined) throw new Error(`no member ${number}`);
  return found;
}

describe("a member that joins", () => {
  it("waits, is caught up though it knew nobody, votes, and keeps the others' quorum", async () => {
    const cluster = await started();
    await commit(cluster, "before", [1, 2, 3]);
    const four = cluster.join(4);
    await cluster.clock.advance(3000);
    expect([four.node.status().role, four.machine.texts]).toEqual(["follower", []]);
    const learning = await change(cluster, addition(4));
    expect(learning.learners).toEqual(["m4"]);
    await commit(cluster, "learnt", [1, 2, 3, 4]);
    expect(four.machine.texts).toEqual(["before", "learnt"]);
    const grown = await promote(cluster, 4);
    expect([grown.voters, grown.contacts[memberId(4)]?.apiAddress]).toEqual([
      ["m1", "m2", "m3", "m4"],
      "api m4",
    ]);
    const lost = cluster.followers().find((each) => each !== four);
    if (lost === undefined) throw new Error("no follower");
    cluster.kill(lost);
    await commit(cluster, "three of four", [4]);
    cluster.kill(four);
    cluster.restart(four);
    await commit(cluster, "after its restart", [4]);
    expect(four.machine.texts).toEqual(["before", "learnt", "three of four", "after its restart"]);
  });

  it("joins by a snapshot when the log does not reach back, and by a leader elected meanwhile", async () => {
    const cluster = await started(3, { tuning: { trailingEntriesMax: 2, snapshotChunkBytes: 16 } });
    for (let i = 0; i < 20; i++) await commit(cluster, `e${i}`, [1, 2, 3]);
    for (const { node, machine } of cluster.hosts)
      void node.saveSnapshot(node.status().applied, machine.image());
    await cluster.clock.advance(50);
    const four = cluster.join(4);
    void cluster.leader().node.changeMembership(addition(4));
    await cluster.clock.advance(10);
    cluster.kill(cluster.leader());
    await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    if (!cluster.leader().node.status().membership.learners.includes(memberId(4)))
      await change(cluster, addition(4));
    await commit(cluster, "last", [4]);
    expect([four.machine.restores.length, four.machine.texts.length]).toEqual([1, 21]);
  });
});

describe("a member that is removed", () => {
  it("hears of it and disturbs nobody; the leader too, after it has handed over", async () => {
    const cluster = await started(5);
    const old = cluster.leader();
    const number = Number(old.id.slice(1));
    const rest = [1, 2, 3, 4, 5].filter((each) => each !== number);
    await change(cluster, { kind: "remove", id: old.id });
    await cluster.clock.until(() => cluster.readyLeader() !== undefined && cluster.readyLeader() !== old);
    await commit(cluster, "without it", rest);
    const { term } = cluster.leader().node.status();
    await cluster.clock.advance(10_000);
    expect(cluster.leader().node.status().term).toBe(term);
    expect(old.node.status().membership.voters).not.toContain(old.id);
    expect(old.node.status().role).toBe("follower");
  });

  it("makes room for another one of a new name: a machine is replaced", async () => {
    const cluster = await started();
    const [dead] = cluster.followers();
    if (dead === undefined) throw new Error("no follower");
    cluster.losePower(dead);
    await change(cluster, { kind: "remove", id: dead.id });
    cluster.join(4);
    await change(cluster, addition(4));
    await commit(cluster, "a learner has it", [4]);
    const now = await promote(cluster, 4);
    expect(now.voters).toHaveLength(3);
    const [other] = cluster.followers().filter(({ id }) => id !== memberId(4));
    if (other === undefined) throw new Error("no follower");
    cluster.kill(other);
    await commit(cluster, "two of the new three", [4]);
  });
});

describe("a leader whose process is killed", () => {
  it("is followed by another within tens of milliseconds, since its machine refuses connections", async () => {
    const times: number[] = [];
    for (let seed = 1; seed <= 15; seed++) {
      const cluster = await started(3, { seed });
      await cluster.clock.advance(500 + seed * 7);
      cluster.kill(cluster.leader());
      times.push(await cluster.clock.until(() => cluster.readyLeader() !== undefined));
    }
    times.sort((a, b) => a - b);
    // Some of the elections are split, and those wait for the next one.
    expect(times[7]).toBeLessThanOrEqual(60);
    expect(times.at(-1)).toBeLessThanOrEqual(1500);
  });

  it("is waited for when its machine is dark: nobody can tell it from a slow one", async () => {
    const cluster = await started();
    await cluster.clock.advance(500);
    cluster.losePower(cluster.leader());
    const ms = await cluster.clock.until(() => cluster.readyLeader() !== undefined);
    expect(ms).toBeGreaterThan(250);
  });

  it("that was only cut off does not lose its office by it", async () => {
    const cluster = await started();
    await cluster.clock.advance(500);
    const leader = cluster.leader();
    const [one] = cluster.followers();
    if (one === undefined) throw new Error("no follower");
    cluster.network.cut(leader.id, one.id);
    await cluster.clock.advance(100);
    cluster.network.heal();
    await cluster.clock.advance(2000);
    expect(cluster.leader()).toBe(leader);
    expect(host(cluster, 1).fatal).toBeNull();
  });
});

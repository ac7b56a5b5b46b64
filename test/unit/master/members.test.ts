// What a master tells of the members, and what comes of the orders of an operator while commands are decided.
import { expect, test } from "vitest";
import { asId, type MemberId } from "../../../src/kernel/ids.ts";
import { Members } from "../../../src/master/members.ts";
import type { Outcome } from "../../../src/master/types.ts";
import type { RaftNode } from "../../../src/raft/index.ts";
import { votersOnly } from "../../../src/raft/membership.ts";
import { VirtualClock } from "../raft/support/virtual-clock.ts";
import { MasterCluster } from "./cluster.ts";
import { subscribe } from "./pipeline-rig.ts";

const [m1, m2, m3, m9] = ["m1", "m2", "m3", "m9"].map((name) => asId<MemberId>(name)) as [
  MemberId,
  MemberId,
  MemberId,
  MemberId,
];

async function started(size: number): Promise<MasterCluster> {
  const cluster = new MasterCluster(size);
  await cluster.start();
  return cluster;
}

test("members are told with addresses and kind; only the leader knows how far the others are", async () => {
  const cluster = await started(3);
  await cluster.quiet();
  const leader = cluster.leader();
  const told = leader.master.members();
  expect(told.map(({ id, raftAddress, apiAddress, kind }) => [id, raftAddress, apiAddress, kind])).toEqual([
    ["m1", "m1", "m1:5050", "voter"],
    ["m2", "m2", "m2:5050", "voter"],
    ["m3", "m3", "m3:5050", "voter"],
  ]);
  const { lastIndex } = leader.master.status();
  await cluster.clock.advance(200);
  for (const { id, progress } of leader.master.members())
    expect(progress).toEqual(
      id === leader.id ? null : { match: lastIndex, state: "replicate", healing: false },
    );
  for (const { master } of cluster.followers())
    expect(master.members().every(({ progress }) => progress === null)).toBe(true);
});

test("leadership goes where it is sent, and no command is left without an answer or kills the process", async () => {
  const cluster = await started(3);
  for (let round = 0; round < 5; round++) {
    const old = cluster.leader();
    const target = cluster.followers()[round % 2]?.id ?? m1;
    const answers: Outcome[] = [];
    const asked = 30;
    const transfer = old.master.transferLeadership(target);
    for (let i = 0; i < asked; i++) {
      void old.master.submit(subscribe(`r${round} ${i}`)).then((outcome) => answers.push(outcome));
      await cluster.clock.advance(1);
    }
    expect(await cluster.within(transfer)).toEqual({ kind: "done", leader: target });
    await cluster.clock.until(() => cluster.leader().id === target && answers.length === asked);
  }
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
  expect(cluster.members.flatMap(({ fatal }) => fatal)).toEqual([]);
});

test("orders that make no sense are refused, and who does not lead says so", async () => {
  const cluster = await started(3);
  const leader = cluster.leader();
  const [follower] = cluster.followers();
  if (follower === undefined) throw new Error("no follower");
  const order = (promise: Promise<unknown>) => cluster.within(promise);
  const notLeader = { kind: "refused", reason: "not-leader" };
  expect(await order(follower.master.transferLeadership(null))).toEqual(notLeader);
  expect(await order(follower.master.changeMembers({ kind: "remove", id: m1 }))).toEqual(notLeader);
  const unknown = { kind: "refused", reason: "unknown-member" };
  expect(await order(leader.master.transferLeadership(m9))).toEqual(unknown);
  expect(await order(leader.master.changeMembers({ kind: "promote", id: m9 }))).toEqual(unknown);
  const contact = { raftAddress: "m9", apiAddress: "m9:5050" };
  const learning = await order(leader.master.changeMembers({ kind: "add-learner", id: m9, contact }));
  expect(learning).toMatchObject({ kind: "done" });
  expect(await order(leader.master.transferLeadership(m9))).toEqual({ kind: "refused", reason: "not-voter" });
  expect(leader.master.members().find(({ id }) => id === m9)).toMatchObject({ kind: "learner", ...contact });
});

test("a removed member is told no more, also by those who were started with it", async () => {
  const cluster = await started(3);
  const [gone] = cluster.followers();
  if (gone === undefined) throw new Error("no follower");
  const outcome = await cluster.within(
    cluster.leader().master.changeMembers({ kind: "remove", id: gone.id }),
  );
  expect(outcome.kind).toBe("done");
  await cluster.submit(subscribe("after"));
  await cluster.clock.advance(1_000);
  const rest = [m1, m2, m3].filter((id) => id !== gone.id);
  for (const member of cluster.members.filter(({ id }) => id !== gone.id))
    expect(member.master.members().map(({ id }) => id)).toEqual(rest);
});

test("a founder knows when those in its flags could found a second cluster beside the one that has grown", () => {
  const outgrown = (founders: readonly string[], voters: readonly string[]): boolean => {
    const membership = { ...votersOnly(voters.map((id) => asId<MemberId>(id))) };
    const node = { status: () => ({ membership }) } as unknown as RaftNode;
    const configured = founders.map((id) => ({ id: asId<MemberId>(id), raftAddress: id, apiAddress: id }));
    return new Members(node, configured, new VirtualClock()).hasOutgrownFounders();
  };
  expect(outgrown(["m1"], [])).toBe(false);
  expect(outgrown(["m1"], ["m1"])).toBe(false);
  expect(outgrown(["m1"], ["m1", "m2"])).toBe(true);
  expect(outgrown(["m1"], ["m1", "m2", "m3"])).toBe(true);
  expect(outgrown(["m1", "m2", "m3"], ["m1", "m2", "m3"])).toBe(false);
  expect(outgrown(["m1", "m2", "m3"], ["m2", "m3", "m4"])).toBe(false);
  expect(outgrown(["m1", "m2", "m3"], ["m1", "m2", "m3", "m4", "m5"])).toBe(false);
  expect(outgrown(["m1", "m2", "m3"], ["m3", "m4", "m5"])).toBe(true);
});

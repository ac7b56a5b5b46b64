// What goes wrong in a lab, one fault after the other. Each checks that the cluster goes on where it can, and that it is
// whole afterwards.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT } from "../../src/host/exit-codes.ts";
import { eventually } from "../support/cluster.ts";
import type { FreezableDisk } from "./disks.ts";
import { type Lab, MASTERS, MEMBER_WITH_SMALL_DISK, PATIENCE_MS } from "./lab.ts";
import type { Member } from "./member.ts";
import type { Cut } from "./network.ts";
import type { Permits } from "./permits.ts";

export interface Fault {
  readonly name: string;
  /** Which permit it needs besides the network. */
  readonly needs?: "fullDisk" | "hangingDisk";
  /** Takes so long that it is no part of the short form. */
  readonly long?: true;
  run(lab: Lab): Promise<void>;
}

/** Answers that clients must get while the fault lasts. */
const ANSWERS = 20;
const LOSS_PERCENT = 10;
/** Times for which a state is kept that clients are to meet. Milliseconds. */
const LINGER_MS = 1_000;

export const FAULTS: readonly Fault[] = [
  {
    name: "the leader is cut off from the other masters, not from clients",
    run: (lab) => partition(lab, (leader, others) => bothWays(leader, others)),
  },
  {
    name: "what the leader sends to the other masters is lost",
    run: (lab) => partition(lab, (leader, others) => others.map((to) => ({ from: leader, to }))),
  },
  {
    name: "what the other masters send to the leader is lost",
    run: (lab) => partition(lab, (leader, others) => others.map((from) => ({ from, to: leader }))),
  },
  { name: "a tenth of all packets to masters is lost", run: lossEverywhere },
  { name: "the leader and one follower lose each other, both reach the third", run: brokenTriangle },
  { name: "no master reaches another", run: noMajority },
  { name: "the cable of a follower is pulled", run: pulledCable },
  { name: "the cable of the leader is pulled", run: pulledLeader },
  { name: "the leader has no power for long, its agents find the next", long: true, run: lostLeader },
  { name: "the cable of an agent is pulled", run: pulledAgent },
  { name: "kill -9 of the leader", run: killLeader },
  { name: "kill -9 of all masters at once", run: killAll },
  { name: "the leader is stopped and goes on later", run: pauseLeader },
  { name: "the disk of a member is full", needs: "fullDisk", run: fullDisk },
  { name: "the disk of the leader hangs", needs: "hangingDisk", run: hangingDisk },
  { name: "kill -9 of an agent", run: killAgent },
  { name: "leadership is handed over, there and back", run: handOver },
];

/** Those that this machine permits. */
export function possibleFaults(permits: Permits): readonly Fault[] {
  return FAULTS.filter(({ needs }) => needs === undefined || permits[needs] === null);
}

async function partition(
  lab: Lab,
  cuts: (leader: string, others: readonly string[]) => readonly Cut[],
): Promise<void> {
  const { host } = await lab.leaderOtherThan([]);
  const before = await lab.network.dropped();
  await lab.network.impose({ cuts: cuts(host, othersThan(host)) });
  await lab.leaderOtherThan([host]);
  await lab.goesOn(ANSWERS);
  assert((await lab.network.dropped()) > before, "no packet was dropped");
  await lab.network.impose({});
  await lab.allCaughtUp();
}

async function lossEverywhere(lab: Lab): Promise<void> {
  const before = await lab.network.dropped();
  await lab.network.impose({ losses: MASTERS.map((at) => ({ at, percent: LOSS_PERCENT })) });
  await lab.goesOn(ANSWERS);
  assert((await lab.network.dropped()) > before, "no packet was dropped");
  await lab.network.impose({});
  await lab.allCaughtUp();
}

async function brokenTriangle(lab: Lab): Promise<void> {
  const { host } = await lab.leaderOtherThan([]);
  await lab.network.impose({ cuts: bothWays(host, othersThan(host).slice(0, 1)) });
  await sleep(LINGER_MS);
  await lab.goesOn(ANSWERS);
  await lab.network.impose({});
  await lab.allCaughtUp();
}

/** Once all of them know that they do not lead, nobody gets an answer. */
async function noMajority(lab: Lab): Promise<void> {
  await lab.network.impose({ cuts: MASTERS.flatMap((host) => bothWays(host, othersThan(host))) });
  await eventually(
    "no master to lead",
    async () => (await Promise.all(MASTERS.map(lab.status))).every((each) => each !== null && !each.ready),
    PATIENCE_MS,
  );
  // What was answered before is told by then.
  await sleep(LINGER_MS);
  const before = lab.answered();
  await sleep(LINGER_MS);
  assert.equal(lab.answered(), before, "answers without a majority");
  await lab.network.impose({});
  await lab.allCaughtUp();
  await lab.goesOn(ANSWERS);
}

async function pulledCable(lab: Lab): Promise<void> {
  const { host } = await lab.leaderOtherThan([]);
  const follower = othersThan(host)[0] ?? "";
  await lab.network.setCable(follower, false);
  await lab.goesOn(2 * ANSWERS);
  await lab.network.setCable(follower, true);
  await lab.allCaughtUp();
}

async function pulledLeader(lab: Lab): Promise<void> {
  const { host } = await lab.leaderOtherThan([]);
  await lab.network.setCable(host, false);
  await lab.leaderOtherThan([host]);
  await lab.goesOn(ANSWERS);
  await lab.network.setCable(host, true);
  await lab.allCaughtUp();
}

/** Nothing ends the agents' connections to it: they have to notice its silence. */
async function lostLeader(lab: Lab): Promise<void> {
  await lab.agentsRegistered();
  const { host } = await lab.leaderOtherThan([]);
  await lab.network.setCable(host, false);
  await lab.leaderOtherThan([host]);
  await lab.agentsRegistered();
  await lab.network.setCable(host, true);
  await lab.allCaughtUp();
}

async function pulledAgent(lab: Lab): Promise<void> {
  const host = lab.agents[1]?.host ?? "";
  await lab.network.setCable(host, false);
  await sleep(LINGER_MS);
  await lab.goesOn(ANSWERS);
  await lab.network.setCable(host, true);
}

async function killLeader(lab: Lab): Promise<void> {
  const leader = await lab.leaderOtherThan([]);
  await leader.end("SIGKILL");
  await lab.leaderOtherThan([leader.host]);
  await lab.goesOn(ANSWERS);
  leader.start();
  await lab.allCaughtUp();
}

async function killAll(lab: Lab): Promise<void> {
  await Promise.all(lab.masters.map((master) => master.end("SIGKILL")));
  for (const master of lab.masters) master.start();
  await lab.allCaughtUp();
  await lab.goesOn(ANSWERS);
}

async function pauseLeader(lab: Lab): Promise<void> {
  const leader = await lab.leaderOtherThan([]);
  leader.signal("SIGSTOP");
  await lab.leaderOtherThan([leader.host]);
  await lab.goesOn(2 * ANSWERS);
  leader.signal("SIGCONT");
  await lab.allCaughtUp();
}

async function handOver(lab: Lab): Promise<void> {
  const { host } = await lab.leaderOtherThan([]);
  await lab.tepui(["members", "transfer"]);
  await lab.leaderOtherThan([host]);
  await lab.goesOn(ANSWERS);
  await lab.tepui(["members", "transfer", host]);
  await lab.goesOn(ANSWERS);
  await lab.allCaughtUp();
}

/** It must end by itself and say why; with room it comes back. */
async function fullDisk(lab: Lab): Promise<void> {
  const member = memberOf(lab, MEMBER_WITH_SMALL_DISK);
  const disk = lab.disk(member.host);
  await disk?.fill();
  const exit = await member.untilEnd(PATIENCE_MS);
  assert.deepEqual(exit, { code: EXIT.diskFailed, signal: null });
  await eventually("its last words", async () =>
    /this master must stop: .*ENOSPC/.test(await member.output()),
  );
  await lab.goesOn(ANSWERS);
  // Nothing is better: what it does then must not make it worse.
  member.start();
  assert.deepEqual(await member.untilEnd(PATIENCE_MS), { code: EXIT.diskFailed, signal: null });
  await disk?.makeRoom();
  member.start();
  await lab.allCaughtUp();
}

/** Until it is thawed the leader's process waits in the kernel; another takes over. */
async function hangingDisk(lab: Lab): Promise<void> {
  const small = memberOf(lab, MEMBER_WITH_SMALL_DISK);
  if ((await lab.leaderOtherThan([])) === small) {
    await small.end("SIGKILL");
    await lab.leaderOtherThan([small.host]);
    small.start();
    await lab.allCaughtUp();
  }
  const leader = await lab.leaderOtherThan([small.host]);
  const disk = lab.disk(leader.host) as FreezableDisk;
  await disk.freeze();
  try {
    await lab.leaderOtherThan([leader.host]);
    await lab.goesOn(ANSWERS);
  } finally {
    await disk.thaw();
  }
  await lab.allCaughtUp();
}

async function killAgent(lab: Lab): Promise<void> {
  const agent = lab.agents[0];
  if (agent === undefined) return;
  await agent.end("SIGKILL");
  await lab.goesOn(ANSWERS);
  agent.start();
  await lab.goesOn(ANSWERS);
}

function memberOf(lab: Lab, host: string): Member {
  const found = lab.masters.find((master) => master.host === host);
  if (found === undefined) throw new Error(`there is no ${host}`);
  return found;
}

function othersThan(host: string): readonly string[] {
  return MASTERS.filter((each) => each !== host);
}

function bothWays(host: string, others: readonly string[]): readonly Cut[] {
  return others.flatMap((other) => [
    { from: host, to: other },
    { from: other, to: host },
  ]);
}

// Random schedules of a small cluster: messages are lost, reordered and doubled, members crash and lose what was not
// durable, snapshots are taken and installed. After every step the properties of the Raft paper's figure 3 are checked.
import { describe, expect, it } from "vitest";
import { below, chance, pick, seededRandom } from "../../../src/kernel/random.ts";
import { applyWrite, bytes, CoreCluster, type Member, numberOf, show } from "./support/core-cluster.ts";

/** Set RAFT_SCHEDULES for a longer search. */
const SEEDS = Number(process.env.RAFT_SCHEDULES ?? 80);
const STEPS = 4000;

interface Truth {
  /** The entry committed at each index, by whoever said so first. */
  readonly committed: Map<number, string>;
  readonly leaders: Map<number, string>;
  highest: number;
  /** Snapshots installed from a leader. */
  restores: number;
}

describe("random schedules", () => {
  it("keep election safety, log matching, leader completeness and state machine safety (figure 3)", () => {
    let committed = 0;
    let leaders = 0;
    let restores = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const truth = run(seed);
      committed += truth.committed.size;
      leaders += truth.leaders.size;
      restores += truth.restores;
    }
    // A run in which nothing happens would check nothing.
    expect(restores).toBeGreaterThan(SEEDS / 10);
    expect(committed).toBeGreaterThan(SEEDS * 20);
    expect(leaders).toBeGreaterThan(SEEDS * 3);
  });
});

function run(seed: number): Truth {
  const random = seededRandom(`schedule ${seed}`);
  const size = pick(random, [3, 3, 5]);
  const cluster = new CoreCluster(size, { seed, tuning: { messageBytesMax: 120, inflightMessagesMax: 4 } });
  cluster.autoPersist = false;
  cluster.chunkBytes = 100;
  const truth: Truth = { committed: new Map(), leaders: new Map(), highest: 0, restores: 0 };
  cluster.watch = (member, output) => {
    if (output.restore !== null) truth.restores++;
    for (const entry of output.committed) noteCommitted(truth, seed, entry.index, show(entry));
    if (output.roleChange?.role === "leader") noteLeader(truth, seed, output.roleChange.term, member);
  };
  for (let i = 0; i < STEPS; i++) {
    act(cluster, 1 + below(random, size), random, i);
    if (i % 10 === 0) checkLogs(cluster, truth, seed);
  }
  return truth;
}

function act(cluster: CoreCluster, number: number, random: ReturnType<typeof seededRandom>, i: number): void {
  const member = cluster.member(number);
  const roll = below(random, 1000);
  if (!member.up) {
    if (roll < 30) cluster.restart(number);
    return;
  }
  if (roll < 90) cluster.tick(number, chance(random, 0.03) ? 25 : 1);
  else if (roll < 740) deliverSome(cluster, random);
  else if (roll < 880) cluster.persist(number, 1 + below(random, 3));
  else if (roll < 940) cluster.propose(number, `p${i}`);
  else if (roll < 955) cluster.input(number, { kind: "read-index", ids: [i] });
  else if (roll < 965) snapshotSomewhere(cluster, member, random);
  else if (roll < 968) crash(cluster, member, random);
  else if (roll < 970) cluster.input(number, { kind: "transfer", to: null });
  else if (roll < 971) cluster.drop((message) => message.to === member.id);
  else if (roll < 973)
    cluster.input(number, { kind: "unreachable", member: pick(random, others(cluster, member)) });
}

function deliverSome(cluster: CoreCluster, random: ReturnType<typeof seededRandom>): void {
  for (let count = 1 + below(random, 4); count > 0; count--) deliver(cluster, random);
}

function deliver(cluster: CoreCluster, random: ReturnType<typeof seededRandom>): void {
  if (cluster.network.length === 0) return;
  const orderly = chance(random, 0.8);
  const at = orderly ? 0 : below(random, cluster.network.length);
  const message = cluster.network[at];
  if (message === undefined) return;
  const twice = chance(random, 0.03);
  if (!twice) cluster.network.splice(at, 1);
  if (!chance(random, 0.04)) cluster.deliver(message);
}

function crash(cluster: CoreCluster, member: Member, random: ReturnType<typeof seededRandom>): void {
  // A prefix of the writes may have reached the disk without anybody hearing of it.
  for (const write of member.writes.splice(0, below(random, member.writes.length + 1))) {
    applyWrite(member.disk, write);
  }
  cluster.crash(numberOf(member.id));
}

function snapshotSomewhere(
  cluster: CoreCluster,
  member: Member,
  random: ReturnType<typeof seededRandom>,
): void {
  const covered = Math.max(member.disk.snapshot?.index ?? 0, member.core.log.baseIndex);
  if (member.appliedTo <= covered) return;
  const index = covered + 1 + below(random, member.appliedTo - covered);
  const keepFrom = Math.max(member.core.log.baseIndex, index - below(random, 4));
  cluster.snapshot(numberOf(member.id), index, keepFrom);
}

function others(cluster: CoreCluster, member: Member): Member["id"][] {
  return [...cluster.members.keys()].filter((id) => id !== member.id);
}

/** State machine safety: no two members apply different entries at one index. */
function noteCommitted(truth: Truth, seed: number, index: number, shown: string): void {
  const known = truth.committed.get(index);
  if (known !== undefined && known !== shown) {
    throw new Error(`seed ${seed}: index ${index} was committed as ${known} and as ${shown}`);
  }
  truth.committed.set(index, shown);
  truth.highest = Math.max(truth.highest, index);
}

/** Election safety: at most one leader in a term. */
function noteLeader(truth: Truth, seed: number, term: number, member: Member): void {
  const known = truth.leaders.get(term);
  if (known !== undefined && known !== member.id)
    throw new Error(`seed ${seed}: two leaders in term ${term}`);
  if (known === undefined) checkComplete(truth, seed, member);
  truth.leaders.set(term, member.id);
}

/** Leader completeness: a new leader holds every entry that was committed before. */
function checkComplete(truth: Truth, seed: number, member: Member): void {
  const { log } = member.core;
  for (let index = log.baseIndex + 1; index <= truth.highest; index++) {
    const held = log.entries[index - log.baseIndex - 1];
    if (held === undefined || show(held) !== truth.committed.get(index)) {
      throw new Error(`seed ${seed}: the leader of term ${member.core.term} lacks committed entry ${index}`);
    }
  }
}

/** Log matching: same index and term, same entries up to there; and what is committed is what was committed. */
function checkLogs(cluster: CoreCluster, truth: Truth, seed: number): void {
  const all = [...cluster.members.values()];
  for (const one of all) {
    checkCommittedPrefix(one, truth, seed);
    for (const other of all) if (one.id < other.id) checkMatching(one, other, seed);
  }
}

function checkCommittedPrefix(member: Member, truth: Truth, seed: number): void {
  for (const entry of member.core.log.entries) {
    if (entry.index > member.core.commit) break;
    if (truth.committed.get(entry.index) !== show(entry)) {
      throw new Error(`seed ${seed}: ${member.id} holds another entry at committed index ${entry.index}`);
    }
  }
}

function checkMatching(one: Member, other: Member, seed: number): void {
  const theirs = new Map(other.core.log.entries.map((entry) => [entry.index, entry]));
  let agreed = false;
  for (const entry of [...one.core.log.entries].reverse()) {
    const held = theirs.get(entry.index);
    if (held === undefined) continue;
    if (held.term === entry.term) agreed = true;
    if (agreed && show(held) !== show(entry)) {
      throw new Error(
        `seed ${seed}: logs of ${one.id} and ${other.id} differ below a match at ${entry.index}`,
      );
    }
  }
}

describe("after the storm", () => {
  it("a cluster whose messages arrive and whose disks answer elects a leader and commits (liveness)", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(`storm ${seed}`);
      const cluster = new CoreCluster(3, { seed });
      cluster.autoPersist = false;
      for (let i = 0; i < 800; i++) act(cluster, 1 + below(random, 3), random, i);
      calm(cluster);
      const leader = [...cluster.members.values()].find((member) => member.core.role.kind === "leader");
      if (leader === undefined) throw new Error(`seed ${seed}: no leader`);
      cluster.input(numberOf(leader.id), { kind: "propose", payloads: [bytes("after")] });
      rest(cluster, 40);
      for (const member of cluster.members.values()) {
        expect(member.applied.map(show), `seed ${seed}, ${member.id}`).toEqual(leader.applied.map(show));
        expect(member.applied.map(show).at(-1)).toMatch(/:after$/);
      }
    }
  });
});

function calm(cluster: CoreCluster): void {
  for (const member of cluster.members.values()) if (!member.up) cluster.restart(numberOf(member.id));
  cluster.autoPersist = true;
  for (const member of cluster.members.values()) cluster.persist(numberOf(member.id));
  rest(cluster, 200);
}

function rest(cluster: CoreCluster, ticks: number): void {
  for (let i = 0; i < ticks; i++) {
    for (const id of cluster.members.keys()) cluster.tick(numberOf(id));
    cluster.settle();
  }
}

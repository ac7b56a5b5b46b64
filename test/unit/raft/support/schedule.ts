// What may happen to a small cluster, drawn step by step: messages are lost, reordered and doubled, members crash and
// lose what was not durable, snapshots are taken; if wished, the membership changes and disks lose what was durable.
import { below, chance, pick, type seededRandom } from "../../../../src/kernel/random.ts";
import type { MembershipChange } from "../../../../src/raft/types.ts";
import { applyWrite, bytes, type CoreCluster, type Member, memberId, numberOf } from "./core-cluster.ts";
import type { Truth } from "./truth.ts";

type Draw = ReturnType<typeof seededRandom>;

export interface Perils {
  /** Members come, are promoted and go, up to this number of names ever used. */
  readonly names?: number;
  /** Disks are wiped or damaged, never more at a time than a cluster of this size must survive. */
  readonly losses?: boolean;
  /** All members tick together, as clocks of one speed do. */
  readonly oneClock?: boolean;
  /** One member after the other is cut off for a while, and asked for reads meanwhile. */
  readonly partitions?: boolean;
}

export function act(cluster: CoreCluster, truth: Truth, perils: Perils, random: Draw, i: number): void {
  const number = numberOf(pick(random, [...cluster.members.keys()]));
  const roll = below(random, 1000);
  if (perils.names !== undefined && chance(random, 0.02)) change(cluster, perils.names, perils, random);
  if (perils.losses === true && chance(random, 0.003)) lose(cluster, cluster.member(number), random);
  if (perils.partitions === true) part(cluster, truth, random, i);
  const member = cluster.member(number);
  if (!member.up) {
    if (roll < 30) cluster.restart(number);
    return;
  }
  if (roll < 90) time(cluster, number, perils, random);
  else if (roll < 740) deliverSome(cluster, random);
  else if (roll < 880) cluster.persist(number, 1 + below(random, 3));
  else if (roll < 940) cluster.propose(number, `p${i}`);
  else if (roll < 955) read(cluster, truth, number, i);
  else if (roll < 965) snapshotSomewhere(cluster, member, random);
  else if (roll < 968) crash(cluster, member, random);
  else if (roll < 970) cluster.input(number, { kind: "transfer", to: null });
  else if (roll < 971) cluster.drop((message) => message.to === member.id);
  else if (roll < 974) report(cluster, member, random);
}

/** Everybody is up, disks answer, and messages arrive for long enough to come to rest. */
export function calm(cluster: CoreCluster): void {
  cluster.isolated = null;
  for (const member of cluster.members.values()) if (!member.up) cluster.restart(numberOf(member.id));
  cluster.autoPersist = true;
  for (const member of cluster.members.values()) cluster.persist(numberOf(member.id));
  rest(cluster, 200);
}

export function rest(cluster: CoreCluster, ticks: number): void {
  for (let i = 0; i < ticks; i++) {
    for (const id of cluster.members.keys()) cluster.tick(numberOf(id));
    cluster.settle();
  }
}

function time(cluster: CoreCluster, number: number, perils: Perils, random: Draw): void {
  if (perils.oneClock !== true) {
    cluster.tick(number, chance(random, 0.03) ? 25 : 1);
    return;
  }
  for (const { id, up } of cluster.members.values()) if (up) cluster.tick(numberOf(id));
}

/** Leaders more often than others: they are the ones that may believe too long in their office. */
function part(cluster: CoreCluster, truth: Truth, random: Draw, i: number): void {
  const { isolated } = cluster;
  if (isolated !== null) {
    if (chance(random, 0.03) && cluster.member(numberOf(isolated)).up) {
      read(cluster, truth, numberOf(isolated), 1_000_000 + i);
    }
    if (chance(random, 0.002)) cluster.isolated = null;
  } else if (chance(random, 0.004)) {
    const leader = [...cluster.members.values()].find(({ core }) => core.role.kind === "leader");
    cluster.isolated = leader?.id ?? null;
  }
}

function read(cluster: CoreCluster, truth: Truth, number: number, id: number): void {
  truth.beginRead(id);
  cluster.input(number, { kind: "read-index", ids: [id] });
}

function deliverSome(cluster: CoreCluster, random: Draw): void {
  for (let count = 1 + below(random, 4); count > 0; count--) deliver(cluster, random);
}

function deliver(cluster: CoreCluster, random: Draw): void {
  if (cluster.network.length === 0) return;
  const orderly = chance(random, 0.8);
  const at = orderly ? 0 : below(random, cluster.network.length);
  const message = cluster.network[at];
  if (message === undefined) return;
  const twice = chance(random, 0.03);
  if (!twice) cluster.network.splice(at, 1);
  if (!chance(random, 0.04)) cluster.deliver(message);
}

function crash(cluster: CoreCluster, member: Member, random: Draw): void {
  // A prefix of the writes may have reached the disk without anybody hearing of it.
  for (const write of member.writes.splice(0, below(random, member.writes.length + 1))) {
    applyWrite(member.disk, write);
  }
  cluster.crash(numberOf(member.id));
}

function snapshotSomewhere(cluster: CoreCluster, member: Member, random: Draw): void {
  const covered = Math.max(member.disk.snapshot?.index ?? 0, member.core.log.baseIndex);
  if (member.appliedTo <= covered) return;
  const index = covered + 1 + below(random, member.appliedTo - covered);
  const keepFrom = Math.max(member.core.log.baseIndex, index - below(random, 4));
  cluster.snapshot(numberOf(member.id), index, keepFrom);
}

/** What a driver says of its connections; only of a dead process does it say that it is gone. */
function report(cluster: CoreCluster, member: Member, random: Draw): void {
  const number = numberOf(member.id);
  const other = pick(random, [...cluster.members.values()]);
  if (other === member) return;
  if (other.up) cluster.input(number, { kind: "unreachable", member: other.id });
  else cluster.input(number, { kind: "leader-gone", member: other.id });
}

function change(cluster: CoreCluster, names: number, perils: Perils, random: Draw): void {
  const leaders = [...cluster.members.values()].filter(({ core, up }) => up && core.role.kind === "leader");
  const member = leaders[below(random, leaders.length + 1)];
  if (member === undefined) return;
  const number = 1 + below(random, Math.min(names, cluster.members.size + 1));
  const id = memberId(number);
  if (!cluster.members.has(id)) cluster.join(number);
  const contact = { raftAddress: `${id}:1`, apiAddress: `${id}:2` };
  const { voters, learners } = member.core.membership;
  const kind = learners.includes(id) ? pick(random, ["promote", "promote", "remove"] as const) : "remove";
  // A name that was removed is not used again (docs/decisions/0027).
  const fresh = cluster.member(number).outputs.length === 0;
  const wanted: MembershipChange = fresh ? { kind: "add-learner", id, contact } : { kind, id };
  if (wanted.kind === "remove" && voters.length <= (perils.losses === true ? 3 : 2)) return;
  cluster.input(numberOf(member.id), { kind: "change-membership", change: wanted });
}

/** The disk of a member loses something, if with it no more have than a minority of any membership in use. */
function lose(cluster: CoreCluster, victim: Member, random: Draw): void {
  const all = [...cluster.members.values()];
  const hurt = new Set([...all.filter(isHurt), victim].map(({ id }) => id));
  for (const { core } of all) {
    for (const { membership } of core.configurations) {
      for (const voters of [membership.voters, membership.outgoing]) {
        if (voters.length > 0 && voters.filter((id) => hurt.has(id)).length * 2 >= voters.length) return;
      }
    }
  }
  const number = numberOf(victim.id);
  const { entries } = victim.disk;
  if (chance(random, 0.5)) cluster.wipe(number);
  else if (entries.length > 0) cluster.damage(number, pick(random, entries).index);
}

function isHurt({ core, disk }: Member): boolean {
  return core.healing !== null || disk.hardState.healing;
}

export function proposeAnywhere(cluster: CoreCluster, payload: string): Member | undefined {
  const leader = [...cluster.members.values()].find(({ core }) => core.role.kind === "leader");
  if (leader !== undefined)
    cluster.input(numberOf(leader.id), { kind: "propose", payloads: [bytes(payload)] });
  return leader;
}

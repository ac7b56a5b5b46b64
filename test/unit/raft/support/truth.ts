// What must hold of a cluster at every moment, whatever happens to it: the properties of the Raft paper's figure 3, that
// no two committed configurations can decide without each other, and that no read is older than what it began after.
import { groupIdOf } from "../../../../src/raft/group-id.ts";
import type { Output } from "../../../../src/raft/io.ts";
import { configurationsIn } from "../../../../src/raft/membership-entry.ts";
import type { Entry, Membership } from "../../../../src/raft/types.ts";
import { type CoreCluster, type Member, show } from "./core-cluster.ts";

export class Truth {
  /** The entry committed at each index, by whoever said so first. */
  readonly committed: Map<number, string> = new Map();
  readonly leaders: Map<number, string> = new Map();
  /** Committed memberships by index. */
  readonly memberships: Map<number, Membership> = new Map();
  highest = 0;
  /** Snapshots installed from a leader. */
  restores = 0;
  /** Members that were whole again after a loss. */
  healed = 0;
  reads = 0;
  /** Some member has known its group. */
  grouped = false;
  private readonly founders: Membership;
  private readonly name: string;
  /** The highest committed index when a read began, by its id. */
  private readonly readsBegun: Map<number, number> = new Map();

  constructor(name: string, founders: Membership) {
    this.name = name;
    this.founders = founders;
  }

  watch(member: Member, output: Output): void {
    if (output.restore !== null) this.restores++;
    this.healed += output.trace.filter(({ event }) => event === "raft.healed").length;
    for (const entry of output.committed) this.noteCommitted(entry);
    if (output.roleChange?.role === "leader") this.noteLeader(output.roleChange.term, member);
    for (const read of output.reads) {
      if (read.ok) this.checkRead(read.id, read.index);
    }
  }

  beginRead(id: number): void {
    this.readsBegun.set(id, this.highest);
  }

  /** Log matching: same index and term, same entries up to there; and what is committed is what was committed. */
  checkLogs(cluster: CoreCluster): void {
    const all = [...cluster.members.values()];
    this.checkGroups(all);
    for (const one of all) {
      this.checkCommittedPrefix(one);
      for (const other of all) if (one.id < other.id) this.checkMatching(one, other);
    }
  }

  /** Each committed configuration follows from the one before in a way that leaves them a common quorum. */
  checkMemberships(): void {
    let before = this.founders;
    for (const index of [...this.memberships.keys()].sort((a, b) => a - b)) {
      const next = this.memberships.get(index) ?? before;
      if (!follows(before, next)) this.fail(`the membership at ${index} does not follow from the one before`);
      before = next;
    }
  }

  /** One group: members that insist on different ones would never speak to each other again. */
  private checkGroups(members: readonly Member[]): void {
    const ids = new Set(members.map(({ core }) => groupIdOf(core)).filter((id) => id !== null));
    if (ids.size > 1) this.fail(`members belong to different groups: ${[...ids].join(" and ")}`);
    if (ids.size === 1) this.grouped = true;
  }

  /** State machine safety: no two members apply different entries at one index. */
  private noteCommitted(entry: Entry): void {
    const known = this.committed.get(entry.index);
    if (known !== undefined && known !== show(entry)) {
      this.fail(`index ${entry.index} was committed as ${known} and as ${show(entry)}`);
    }
    this.committed.set(entry.index, show(entry));
    for (const { index, membership } of configurationsIn([entry])) this.memberships.set(index, membership);
    this.highest = Math.max(this.highest, entry.index);
  }

  /** Election safety: at most one leader in a term. */
  private noteLeader(term: number, member: Member): void {
    const known = this.leaders.get(term);
    if (known !== undefined && known !== member.id) this.fail(`two leaders in term ${term}`);
    if (known === undefined) this.checkComplete(member);
    this.leaders.set(term, member.id);
  }

  /** Leader completeness: a new leader holds every entry that was committed before. */
  private checkComplete(member: Member): void {
    const { log } = member.core;
    for (let index = log.baseIndex + 1; index <= this.highest; index++) {
      const held = log.entries[index - log.baseIndex - 1];
      if (held === undefined || show(held) !== this.committed.get(index)) {
        this.fail(`the leader of term ${member.core.term} lacks committed entry ${index}`);
      }
    }
  }

  /** Linearizability of reads: what was committed before the read began is seen by it. */
  private checkRead(id: number, index: number): void {
    const begun = this.readsBegun.get(id) ?? 0;
    this.reads++;
    if (index < begun)
      this.fail(`read ${id} is served at ${index} although ${begun} was committed before it`);
  }

  private checkCommittedPrefix(member: Member): void {
    for (const entry of member.core.log.entries) {
      if (entry.index > member.core.commit) break;
      if (this.committed.get(entry.index) !== show(entry)) {
        this.fail(`${member.id} holds another entry at committed index ${entry.index}`);
      }
    }
  }

  private checkMatching(one: Member, other: Member): void {
    const theirs = new Map(other.core.log.entries.map((entry) => [entry.index, entry]));
    let agreed = false;
    for (const entry of [...one.core.log.entries].reverse()) {
      const held = theirs.get(entry.index);
      if (held === undefined) continue;
      if (held.term === entry.term) agreed = true;
      if (agreed && show(held) !== show(entry)) {
        this.fail(`logs of ${one.id} and ${other.id} differ below a match at ${entry.index}`);
      }
    }
  }

  private fail(what: string): never {
    throw new Error(`${this.name}: ${what}`);
  }
}

function follows(before: Membership, next: Membership): boolean {
  const same = (a: readonly string[], b: readonly string[]): boolean =>
    [...a].sort().join() === [...b].sort().join();
  if (before.outgoing.length > 0) return next.outgoing.length === 0 && same(before.voters, next.voters);
  return next.outgoing.length > 0 ? same(next.outgoing, before.voters) : same(next.voters, before.voters);
}

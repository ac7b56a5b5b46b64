// What is called committed is on the disks of a majority, and of both majorities while the membership is joint; and the
// membership in force follows from the log alone. Watched from below, at the disks, and not from what members say.
import type { Entry, Membership, RaftStatus } from "../../src/raft/index.ts";
import { type Check, checkOf } from "./check.ts";

const checkHeld: Check = checkOf("held-by-a-quorum");
const checkSame: Check = checkOf("same-membership");

/** What one member's disk holds for certain. */
interface Held {
  /** All up to here is covered by a snapshot. */
  base: number;
  last: number;
  readonly terms: Map<number, number>;
}

export class RaftQuorum {
  readonly #held = new Map<string, Held>();
  readonly #memberships = new Map<number, string>();
  #checked = 0;

  /** An append of a member has become durable. */
  durable(member: string, entries: readonly Entry[]): void {
    const held = this.#of(member);
    for (const { index, term } of entries) {
      held.terms.set(index, term);
      held.last = index;
    }
  }

  /** A member's log begins after a snapshot, which is durable. */
  covered(member: string, index: number): void {
    const held = this.#of(member);
    held.base = Math.max(held.base, index);
  }

  /** A leader says that its commit index is there. @param term of the entry */
  committed({ self, commit, membership }: RaftStatus, term: number): void {
    if (commit <= this.#checked) return;
    this.#checked = commit;
    const has = (member: string): boolean => this.#has(member, commit, term);
    const groups = [membership.voters, membership.outgoing].filter((group) => group.length > 0);
    for (const group of groups) {
      const holders = group.filter(has);
      checkHeld(holders.length * 2 > group.length, "committed is what no majority holds", () => ({
        self,
        term,
        commit,
        group,
        holders,
      }));
    }
  }

  /** A member whose whole log is committed says which membership is in force; one that joins does not know it yet. */
  settled({ self, commit, membership }: RaftStatus): void {
    if (membership.voters.length === 0) return;
    const text = textOf(membership);
    const known = this.#memberships.get(commit) ?? text;
    this.#memberships.set(commit, known);
    checkSame(known === text, "two members have other memberships at one index", () => ({
      self,
      commit,
      known,
      own: text,
    }));
  }

  #has(member: string, index: number, term: number): boolean {
    const { base, last, terms } = this.#of(member);
    return index <= base || (index <= last && terms.get(index) === term);
  }

  #of(member: string): Held {
    const known = this.#held.get(member);
    if (known !== undefined) return known;
    const fresh: Held = { base: 0, last: 0, terms: new Map() };
    this.#held.set(member, fresh);
    return fresh;
  }
}

function textOf({ voters, outgoing, learners }: Membership): string {
  return [voters, outgoing, learners].map((group) => group.toSorted().join(" ")).join(" | ");
}

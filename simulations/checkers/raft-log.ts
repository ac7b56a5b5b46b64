// What Raft promises of its members' logs (Raft paper, figure 3): one leader a term, no committed entry ever changes,
// each leader has all that was committed before it, equal entries have equal pasts, equal indexes give equal states.
import type { LogIndex } from "../../src/kernel/ids.ts";
import type { Entry, RaftNode, RaftStatus } from "../../src/raft/index.ts";
import type { Life } from "../event-loop.ts";
import { type Check, checkOf } from "./check.ts";
import { RaftQuorum } from "./raft-quorum.ts";

const checkCommitted: Check = checkOf("committed-log");
const checkLeader: Check = checkOf("one-leader-a-term");
const checkMatching: Check = checkOf("log-matching");
const checkState: Check = checkOf("same-state");
const checkBound: Check = checkOf("bounded");

interface Leader {
  readonly member: string;
  readonly life: Life;
  /** What was committed anywhere when it was first seen to lead. */
  readonly committedThen: number;
}

interface Seen {
  readonly life: Life;
  commit: number;
  /** The term in which it led when it was last looked at. */
  ledTerm: number | null;
}

interface Written {
  readonly payload: Uint8Array;
  readonly termBefore: number | null;
}

export class RaftLog {
  /** The newest index that any member has called committed. */
  highest = 0;
  readonly quorum = new RaftQuorum();
  readonly #committed = new Map<number, { readonly term: number; readonly payload: Uint8Array }>();
  readonly #leaders = new Map<number, Leader>();
  readonly #seen = new Map<string, Seen>();
  readonly #written = new Map<string, Written>();
  readonly #digests = new Map<number, number>();
  /** By member and index, the entry last handed to its disk. */
  readonly #sizes = new Map<string, Map<number, { readonly term: number; readonly bytes: number }>>();
  readonly #uncommittedBytesMax: number;

  /** @param uncommittedBytesMax that a leader may take in its term and not have committed */
  constructor(uncommittedBytesMax: number) {
    this.#uncommittedBytesMax = uncommittedBytesMax;
  }

  /** Terms that had a leader. */
  terms(): number {
    return this.#leaders.size;
  }

  /** Looks at a member after something happened to it. */
  observe(life: Life, node: RaftNode): void {
    const status = node.status();
    if (status.role === "leader") {
      this.#lead(life, status);
      this.#checkBound(status);
    }
    const seen = this.#seenBy(life);
    const { commit } = status;
    const ledTerm = seen.ledTerm;
    seen.ledTerm = status.role === "leader" ? status.term : null;
    if (commit === seen.commit) return;
    checkCommitted(commit > seen.commit, "a commit index went backwards", () => ({
      member: life.name,
      commit,
      before: seen.commit,
    }));
    for (const entry of node.readCommitted((seen.commit + 1) as LogIndex)) this.#compare(life.name, entry);
    const newest = this.#sizes.get(status.self)?.get(commit);
    if (status.role === "leader" && commit > this.highest && newest !== undefined)
      this.quorum.committed(status, newest.term);
    if (newest !== undefined && ledTerm === status.term) this.#checkRule(status, newest.term);
    if (commit === status.last) this.quorum.settled(status);
    seen.commit = commit;
    this.highest = Math.max(this.highest, commit);
  }

  /** A member hands entries to its disk. @param termBefore of the entry before the first one; null if it is not known any more */
  written(member: string, entries: readonly Entry[], termBefore: number | null): void {
    const sizes = this.#sizes.get(member) ?? new Map();
    this.#sizes.set(member, sizes);
    for (const { index, term, payload } of entries) {
      sizes.set(index, { term, bytes: payload.length });
      const key = `${index} ${term}`;
      const known = this.#written.get(key);
      if (known === undefined) this.#written.set(key, { payload, termBefore });
      else {
        const isUnknown = termBefore === null || known.termBefore === null;
        const same = (isUnknown || known.termBefore === termBefore) && sameBytes(known.payload, payload);
        checkMatching(same, "two entries of one index and term differ, or what is before them", () => ({
          member,
          index,
          term,
          termBefore,
          knownTermBefore: known.termBefore,
        }));
      }
      termBefore = term;
    }
  }

  /** A member's state machine is at this index. */
  reached(member: string, index: number, digest: number): void {
    const known = this.#digests.get(index);
    if (known === undefined) this.#digests.set(index, digest);
    else
      checkState(known === digest, "two members have other states at one index", () => ({
        member,
        index,
        digest,
        known,
      }));
  }

  #checkBound({ self, term, commit, last }: RaftStatus): void {
    if (last - commit < 2) return;
    let bytes = 0;
    for (let index = commit + 1; index <= last; index++) {
      const entry = this.#sizes.get(self)?.get(index);
      if (entry?.term === term) bytes += entry.bytes;
    }
    checkBound(
      bytes <= this.#uncommittedBytesMax,
      "a leader takes more than it may leave uncommitted",
      () => ({
        self,
        term,
        bytes,
        most: this.#uncommittedBytesMax,
      }),
    );
  }

  /** Section 5.4.2: a leader counts copies of entries of its own term only; what is older is committed with them. */
  #checkRule({ self, term, role, commit }: RaftStatus, termOfEntry: number): void {
    if (role !== "leader") return;
    checkCommitted(termOfEntry === term, "a leader commits by counting an entry of an earlier term", () => ({
      self,
      term,
      commit,
      termOfEntry,
    }));
  }

  #seenBy(life: Life): Seen {
    const before = this.#seen.get(life.name);
    if (before?.life === life) return before;
    const fresh: Seen = { life, commit: 0, ledTerm: null };
    this.#seen.set(life.name, fresh);
    return fresh;
  }

  #lead(life: Life, { self, term, last }: RaftStatus): void {
    const known = this.#leaders.get(term);
    if (known !== undefined) {
      const same = known.member === self && known.life === life;
      checkLeader(same, "two leaders in one term", () => ({ term, one: known.member, two: self }));
      return;
    }
    this.#leaders.set(term, { member: self, life, committedThen: this.highest });
    checkLeader(last >= this.highest, "a leader lacks what was committed before it", () => ({
      term,
      self,
      last,
      committed: this.highest,
    }));
  }

  #compare(member: string, { index, term, payload }: Entry): void {
    const known = this.#committed.get(index);
    if (known === undefined) {
      this.#committed.set(index, { term, payload });
      return;
    }
    const same = known.term === term && sameBytes(known.payload, payload);
    checkCommitted(same, "a committed entry differs", () => ({ member, index, term, knownTerm: known.term }));
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

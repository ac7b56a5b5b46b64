// One leader a term, and each has all that was committed before it (Raft paper, figure 3: election safety and leader
// completeness).
import type { MasterStatus } from "../../src/master/types.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("one-leader");

interface Leader {
  readonly member: string;
  /** What was committed anywhere when it was first seen to lead. */
  readonly committedThen: number;
  complete: boolean;
}

export class OneLeader {
  readonly #leaders = new Map<number, Leader>();

  /** Terms that had a leader. */
  terms(): number {
    return this.#leaders.size;
  }

  /** A member's role may have changed. @param committed the newest index that any member has called committed */
  observe({ role, self, term, ready, commitIndex }: MasterStatus, committed: number): void {
    if (role !== "leader") return;
    const known = this.#leaders.get(term);
    if (known === undefined) {
      this.#leaders.set(term, { member: self, committedThen: committed, complete: false });
      return;
    }
    check(known.member === self, "two leaders in one term", () => ({ term, one: known.member, two: self }));
    if (known.complete || !ready) return;
    known.complete = true;
    check(commitIndex >= known.committedThen, "a leader lacks what was committed before it", () => ({
      term,
      self,
      commitIndex,
      committedThen: known.committedThen,
    }));
  }
}

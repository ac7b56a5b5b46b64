// The caller's side of a change of membership: at most one at a time, settled by what the core says of it.

import type { ChangeOutcome } from "./io.ts";
import { MembershipError } from "./membership-error.ts";
import type { Membership, MembershipChange, MembershipRefusal } from "./types.ts";

interface PendingChange {
  readonly resolve: (membership: Membership) => void;
  readonly reject: (error: MembershipError) => void;
  /** The core has accepted it. Leaders write memberships of their own as well. */
  begun: boolean;
}

export class Changing {
  private readonly hand: (change: MembershipChange) => void;
  private pending: PendingChange | null = null;

  /** @param hand gives a change to the core, which answers before it returns */
  constructor(hand: (change: MembershipChange) => void) {
    this.hand = hand;
  }

  add(change: MembershipChange): Promise<Membership> {
    if (this.pending !== null) return Promise.reject(new MembershipError("busy"));
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject, begun: false };
      // Not within a step of the core, nor before the proposals of this turn.
      void Promise.resolve().then(() => {
        if (this.pending !== null) this.hand(change);
      });
    });
  }

  /** The core's answer: whether the change has begun. */
  answer(outcome: ChangeOutcome): void {
    if (!outcome.ok) this.fail(outcome.reason);
    else if (this.pending !== null) this.pending.begun = true;
  }

  settle(membership: Membership): void {
    const { pending } = this;
    if (pending?.begun !== true) return;
    this.pending = null;
    pending.resolve(membership);
  }

  fail(reason: MembershipRefusal): void {
    const { pending } = this;
    this.pending = null;
    pending?.reject(new MembershipError(reason));
  }
}

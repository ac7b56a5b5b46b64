// The nouns of consensus that storage, core, codec and driver share. Payloads are opaque here.
import type { LogIndex, MemberId, Term } from "../kernel/ids.ts";

/** One position of the replicated log. An empty payload is the no-op with which a leader starts its term. */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly payload: Uint8Array;
}

/** What must survive a crash besides the log (Raft paper, figure 2, "persistent state"). */
export interface HardState {
  readonly term: Term;
  readonly votedFor: MemberId | null;
}

/**
 * Who decides. While `outgoing` is not empty the configuration is joint (section 6): a decision needs a majority of
 * `voters` and a majority of `outgoing`. Learners receive the log and decide nothing.
 */
export interface Membership {
  readonly voters: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

/** The last entry that a snapshot covers, and the membership in force there (section 7). */
export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  readonly membership: Membership;
}

/** True for the entry that a leader writes at the start of its term; it carries nothing for the state machine. */
export function isNoOp(entry: Entry): boolean {
  return entry.payload.length === 0;
}

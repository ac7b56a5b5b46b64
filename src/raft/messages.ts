// What members say to each other. `term` is always the sender's current term when it spoke; `from` and `to` are not
// on the wire, the connection's handshake has them.
import type { LogIndex, MemberId, Term } from "../kernel/ids.ts";
import type { Entry, SnapshotMeta } from "./types.ts";

interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: Term;
}

/** "Would you vote for me in `forTerm`?" Binds nobody (dissertation, section 9.6). */
export interface PreVote extends Envelope {
  readonly kind: "pre-vote";
  readonly forTerm: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

export interface PreVoteReply extends Envelope {
  readonly kind: "pre-vote-reply";
  readonly forTerm: Term;
  readonly granted: boolean;
  /** The speaker does not remember what it may have promised before; see `electionResult`. */
  readonly amnesia: boolean;
}

/** RequestVote. `transfer`: the old leader asked for this election, so a live leader is no reason to refuse. */
export interface Vote extends Envelope {
  readonly kind: "vote";
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly transfer: boolean;
}

export interface VoteReply extends Envelope {
  readonly kind: "vote-reply";
  readonly granted: boolean;
  readonly amnesia: boolean;
}

/** AppendEntries. */
export interface Append extends Envelope {
  readonly kind: "append";
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly commit: LogIndex;
  readonly entries: readonly Entry[];
}

/** Everything up to `match` is durable here and equal to the leader's log. */
export interface AppendAccepted extends Envelope {
  readonly kind: "append-accepted";
  readonly match: LogIndex;
}

/** The entry at `prevIndex` is missing or differs; the leader should look for agreement at the hint or below. */
export interface AppendRejected extends Envelope {
  readonly kind: "append-rejected";
  readonly prevIndex: LogIndex;
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

/** `commit` never exceeds what the follower is known to match. `round` numbers the leader's reads. */
export interface Heartbeat extends Envelope {
  readonly kind: "heartbeat";
  readonly commit: LogIndex;
  readonly round: number;
}

export interface HeartbeatReply extends Envelope {
  readonly kind: "heartbeat-reply";
  readonly round: number;
  /** For so long from now on the speaker supports no other candidate: what a lease rests on. 0 where leases are off. */
  readonly promiseMs: number;
}

/** A piece of InstallSnapshot. */
export interface SnapshotChunk extends Envelope {
  readonly kind: "snapshot-chunk";
  readonly meta: SnapshotMeta;
  /** Of the whole: where it is equal, another member's snapshot may be gone on with. 1 to NAME_UNITS_MAX units. */
  readonly digest: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly done: boolean;
}

/** The receiver has the snapshot at `index` up to `offset` bytes and wants what follows. */
export interface SnapshotProgress extends Envelope {
  readonly kind: "snapshot-progress";
  readonly index: LogIndex;
  readonly offset: number;
}

/** The leader's order to stand for election at once (dissertation, section 3.10). */
export interface TimeoutNow extends Envelope {
  readonly kind: "timeout-now";
}

/**
 * "I lost data: forget what I have acknowledged, and tell me what I need." `amnesia`: the terms and votes may be lost
 * too, so that only a leader that is certainly still the newest may answer.
 */
export interface HealRequest extends Envelope {
  readonly kind: "heal-request";
  readonly amnesia: boolean;
  /** The round of the heartbeat that this answers; 0 for none. */
  readonly round: number;
  /** Of the speaker's process; the answer names it. */
  readonly nonce: number;
}

/** A log that is durable up to `index` in this term makes up for whatever the receiver has lost. */
export interface HealTarget extends Envelope {
  readonly kind: "heal-target";
  readonly index: LogIndex;
  readonly nonce: number;
}

export type Message =
  | PreVote
  | PreVoteReply
  | Vote
  | VoteReply
  | Append
  | AppendAccepted
  | AppendRejected
  | Heartbeat
  | HeartbeatReply
  | SnapshotChunk
  | SnapshotProgress
  | TimeoutNow
  | HealRequest
  | HealTarget;

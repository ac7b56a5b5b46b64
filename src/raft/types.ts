// The nouns of consensus that storage, core, codec and driver share. Payloads are opaque here.
import type { GroupId, LogIndex, MemberId, Term } from "../kernel/ids.ts";

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
  /** Data was lost here: until a leader has made up for it this member grants no vote (healing.ts). */
  readonly healing: boolean;
}

/** Where a member is found. Raft dials the first address; the second is for clients and opaque here. */
export interface Contact {
  readonly raftAddress: string;
  readonly apiAddress: string;
}

/**
 * Who decides. While `outgoing` is not empty the configuration is joint (section 6): a decision needs a majority of
 * `voters` and a majority of `outgoing`. Learners receive the log and decide nothing.
 */
export interface Membership {
  readonly voters: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
  /** By member id. A member without one is found as the configuration of this process says. */
  readonly contacts: Readonly<Record<string, Contact>>;
  /** Of the group that these are the members of (group-id.ts). Absent before it is founded, and in logs of old. */
  readonly groupId?: GroupId;
}

/** One step that an operator asks for. Voters come and go by way of a joint configuration, learners at once. */
export type MembershipChange =
  | { readonly kind: "add-learner"; readonly id: MemberId; readonly contact: Contact }
  | { readonly kind: "promote"; readonly id: MemberId }
  | { readonly kind: "remove"; readonly id: MemberId };

/** Why a change of membership was not made, or (the last two) is not known to have been made. */
export type MembershipRefusal =
  | "not-leader"
  /**
   * Another change is under way, leadership is being handed over, the leader's term has not begun to commit, or a voter
   * that would stay is still making up for lost data.
   */
  | "busy"
  | "unknown-member"
  | "already-member"
  /** A learner must hold nearly all of the log, and have been heard lately, before it may vote. */
  | "not-caught-up"
  | "last-voter"
  | "too-many"
  | "stopped"
  | "lost-leadership";

/** The last entry that a snapshot covers, and the membership in force there (section 7). */
export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  readonly membership: Membership;
}

/** The first byte of an entry that changes the membership: the one byte that msgpack never uses. */
export const MEMBERSHIP_ENTRY_TAG = 0xc1;

/** True for the entry that a leader writes at the start of its term; it carries nothing for the state machine. */
export function isNoOp(entry: Pick<Entry, "payload">): boolean {
  return entry.payload.length === 0;
}

/** True for the entry of a change of membership (membership-entry.ts). */
export function isMembershipEntry(entry: Pick<Entry, "payload">): boolean {
  return entry.payload[0] === MEMBERSHIP_ENTRY_TAG;
}

/** True for what Raft writes for itself: the state machine passes over it, but counts its index as applied. */
export function isOwn(entry: Pick<Entry, "payload">): boolean {
  return isNoOp(entry) || isMembershipEntry(entry);
}

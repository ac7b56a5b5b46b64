// Reads by lease (dissertation, section 6.4.1), off unless the operator asks for them: a quorum that answered a heartbeat
// supports no other candidate for the shortest election timeout after it heard it, so until then nobody else leads. The
// lease is counted from the tick at which the heartbeat left, and shortened by what clocks and ticks may differ
// (limits.ts). It never holds once a transfer was begun in this term: the order to stand for election may still be under
// way. A member that starts counts as having heard a leader at that moment, for it may have promised so before.
import { quorumValue } from "./membership.ts";
import type { Leader, RaftState } from "./state.ts";

/** Gives the heartbeats that leave now a round of their own, whose answers extend the lease. */
export function beginRound(state: RaftState, leader: Leader): void {
  leader.round++;
  noteRound(state, leader);
}

/** Notes when the newest round leaves. */
export function noteRound(state: RaftState, leader: Leader): void {
  if (!state.tuning.leaseReads) return;
  if (leader.sentRounds.at(-1)?.at === state.now) return;
  leader.sentRounds.push({ round: leader.round, at: state.now });
  // What left longer ago than a lease lasts can extend none.
  const useful = leader.sentRounds.findIndex(({ at }) => state.now - at <= state.tuning.leaseTicks);
  if (useful > 0) leader.sentRounds.splice(0, useful);
}

/** Time may have passed that no tick has counted, or another member was told to stand: nothing is certain. */
export function dropLease(leader: Leader): void {
  leader.sentRounds = [];
}

/** True if nobody else can lead now. */
export function holdsLease(state: RaftState, leader: Leader): boolean {
  if (!state.tuning.leaseReads || leader.transferred || state.commit < leader.termStart) return false;
  const confirmed = quorumValue(state.membership, (member) =>
    member === state.self ? leader.round : (leader.progress.get(member)?.round ?? 0),
  );
  const newest = leader.sentRounds.findLast(({ round }) => round <= confirmed);
  return newest !== undefined && state.now - newest.at < state.tuning.leaseTicks;
}

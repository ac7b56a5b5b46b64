// Reads by lease (dissertation, section 6.4.1), off unless the operator asks for them: a quorum that answered a heartbeat
// supports no other candidate for the shortest election timeout after it heard it, so until then nobody else leads. The
// lease is counted from the tick at which the heartbeat left, and shortened by what clocks and ticks may differ
// (limits.ts). It never holds once a transfer was begun in this term: the order to stand for election may still be under
// way. Only answers count that promise so long a support, so a member that has leases off or shorter timeouts carries none;
// between two starts of a member with different ones a timeout has to pass. A member that starts counts as having heard a leader at that moment, for it may have promised so before.
import type { Output } from "./io.ts";
import { quorumValue } from "./membership.ts";
import type { HeartbeatReply } from "./messages.ts";
import type { Progress } from "./progress.ts";
import type { Leader, RaftState } from "./state.ts";

/** For how long this member supports nobody else after it has heard a leader. Milliseconds. */
export function promised(state: RaftState): number {
  return state.tuning.leaseReads ? state.tuning.electionMinMs : 0;
}

/**
 * Takes the answer to a round. Of a member that has leases off, or shorter timeouts than this one, it confirms that the
 * leader led and carries no lease.
 */
export function notePromise(
  state: RaftState,
  progress: Progress,
  { from, round, promiseMs }: HeartbeatReply,
  out: Output,
): void {
  if (!state.tuning.leaseReads || round === 0) return;
  if (promiseMs >= state.tuning.electionMinMs) {
    progress.promisedRound = Math.max(progress.promisedRound, Math.min(round, progress.round));
    progress.hasRefusedLease = false;
  } else if (!progress.hasRefusedLease) {
    progress.hasRefusedLease = true;
    const facts = { member: from, promiseMs, neededMs: state.tuning.electionMinMs };
    out.trace.push({ level: "warn", event: "raft.no-lease-from", facts });
  }
}

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
    member === state.self ? leader.round : (leader.progress.get(member)?.promisedRound ?? 0),
  );
  const newest = leader.sentRounds.findLast(({ round }) => round <= confirmed);
  return newest !== undefined && state.now - newest.at < state.tuning.leaseTicks;
}

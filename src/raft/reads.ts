// ReadIndex (dissertation, section 6.4): a read may be served at the commit index of its arrival once a quorum has
// confirmed, after its arrival, that this member still leads. No clock is trusted. Rounds are numbered by the leader and
// never reused within its term, so that an answer to one read cannot be taken for an answer to another.
import type { Output } from "./io.ts";
import { holdsLease } from "./lease.ts";
import { PENDING_READS_MAX } from "./limits.ts";
import { quorumValue } from "./membership.ts";
import type { Leader, RaftState } from "./state.ts";

export function onReadIndex(state: RaftState, id: number, out: Output): void {
  const leader = state.role;
  if (leader.kind !== "leader") {
    out.reads.push({ ok: false, id, reason: "not-leader" });
    return;
  }
  if (leader.reads.length + leader.earlyReads.length >= PENDING_READS_MAX) {
    out.reads.push({ ok: false, id, reason: "overloaded" });
    return;
  }
  // Before its own no-op is committed a leader does not know the commit index of its predecessors.
  if (state.commit < leader.termStart) leader.earlyReads.push(id);
  else if (holdsLease(state, leader)) out.reads.push({ ok: true, id, index: state.commit });
  else enqueue(state, leader, id);
}

/** Lets in the reads that came before the term's no-op was committed. */
export function promoteEarlyReads(state: RaftState, leader: Leader): void {
  if (leader.earlyReads.length === 0 || state.commit < leader.termStart) return;
  for (const id of leader.earlyReads.splice(0)) enqueue(state, leader, id);
}

/** Answers the reads whose round a quorum has confirmed. */
export function answerReads(state: RaftState, leader: Leader, out: Output): void {
  if (leader.reads.length === 0) return;
  const confirmed = quorumValue(state.membership, (member) =>
    member === state.self ? leader.round : (leader.progress.get(member)?.round ?? 0),
  );
  let count = 0;
  for (const read of leader.reads) {
    if (read.round > confirmed) break;
    out.reads.push({ ok: true, id: read.id, index: read.index });
    count++;
  }
  if (count > 0) leader.reads.splice(0, count);
}

/** All reads of one step share one round, which is sent when the step ends. */
function enqueue(state: RaftState, leader: Leader, id: number): void {
  if (!leader.roundWanted) {
    leader.round++;
    leader.roundWanted = true;
  }
  leader.reads.push({ id, index: state.commit, round: leader.round });
}

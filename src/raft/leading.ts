// The leader's side of replication: what it concludes from answers and from silence (Raft paper, 5.3, 5.4.2).
import { asIndex, type MemberId } from "../kernel/ids.ts";
import { tickMembership } from "./changes.ts";
import { advanceCommit } from "./committing.ts";
import { isStalled } from "./durability.ts";
import { entriesBetween, lastIndex, lastWithTermAtMost, termAt, totalMemoryBytes } from "./entry-log.ts";
import { answerHeals, onHealRequest } from "./healers.ts";
import type { Output, ProposalOutcome } from "./io.ts";
import { beginRound, notePromise, noteRound } from "./lease.ts";
import { quorumValue } from "./membership.ts";
import type { AppendAccepted, AppendRejected, HealRequest, HeartbeatReply } from "./messages.ts";
import { noteAccepted, type Progress, probe } from "./progress.ts";
import { answerReads, promoteEarlyReads } from "./reads.ts";
import { becomeFollower } from "./roles.ts";
import {
  appendOwn,
  broadcastAppends,
  retrySnapshot,
  sendAppends,
  sendHeartbeat,
  sendSomething,
} from "./sending.ts";
import type { Leader, RaftState } from "./state.ts";
import { completeTransfer, tickTransfer } from "./transfer.ts";

/** Accepts payloads into the log, all or none. */
export function propose(state: RaftState, payloads: readonly Uint8Array[], out: Output): ProposalOutcome {
  const leader = state.role;
  if (leader.kind !== "leader") return { ok: false, reason: "not-leader" };
  if (leader.transfer !== null) return { ok: false, reason: "transferring" };
  if (leader.uncommittedBytes >= state.tuning.uncommittedBytesMax) return { ok: false, reason: "overloaded" };
  const first = asIndex(lastIndex(state.log) + 1);
  appendOwn(state, leader, payloads);
  broadcastAppends(state, leader, out);
  return { ok: true, first, term: state.term };
}

export function tickLeader(state: RaftState, leader: Leader, out: Output): void {
  // A leader whose disk hangs still sends heartbeats, and would keep the others from electing one whose disk works.
  const stalled = isStalled(state, state.tuning.storageStallTicks);
  if (stalled || lacksQuorum(state, leader)) {
    const reason = stalled ? "own storage does not answer" : "no quorum answers";
    out.trace.push({ level: "warn", event: "raft.step-down", facts: { term: state.term, reason } });
    becomeFollower(state, state.term, null, out);
    return;
  }
  tickTransfer(state, leader, out);
  leader.heartbeatElapsed++;
  const due = leader.heartbeatElapsed >= state.tuning.heartbeatTicks;
  if (due) leader.heartbeatElapsed = 0;
  if (due && state.tuning.leaseReads) beginRound(state, leader);
  for (const [member, progress] of leader.progress) {
    if (due || progress.toldCommit < Math.min(state.commit, progress.match)) {
      sendHeartbeat(state, leader, member, progress, out);
    }
    if (due) retrySnapshot(state, member, progress, out);
  }
  tickMembership(state, leader, out);
}

export function onAppendAccepted(state: RaftState, message: AppendAccepted, out: Output): void {
  const heard = hearFollower(state, message.from);
  if (heard === null) return;
  const { leader, progress } = heard;
  // A follower that claims more than was ever sent would be counted for entries that it cannot have.
  if (message.match > lastIndex(state.log)) return;
  noteAccepted(progress, message.match);
  leaderMayCommit(state);
  sendAppends(state, message.from, progress, out);
  completeTransfer(state, leader, message.from, out);
}

export function onAppendRejected(state: RaftState, message: AppendRejected, out: Output): void {
  const heard = hearFollower(state, message.from);
  if (heard === null) return;
  const { progress } = heard;
  if (progress.mode.kind === "snapshot") return;
  if (message.hintIndex < progress.match) {
    // Agreement never shrinks, unless the follower lost its log. It is filled again from where it stands.
    out.trace.push({ level: "warn", event: "raft.follower-log-lost", facts: { member: message.from } });
    progress.match = message.hintIndex;
    probe(progress, asIndex(message.hintIndex + 1), false);
    sendAppends(state, message.from, progress, out);
    return;
  }
  const stale =
    message.prevIndex <= progress.match ||
    (progress.mode.kind === "probe" && message.prevIndex !== progress.next - 1);
  if (stale) return;
  const agreed = lastWithTermAtMost(state.log, message.hintIndex, message.hintTerm, 0);
  const below = Math.min(agreed, message.prevIndex - 1);
  probe(progress, asIndex(Math.max(below, progress.match) + 1), false);
  sendAppends(state, message.from, progress, out);
}

export function onHeartbeatReply(state: RaftState, message: HeartbeatReply, out: Output): void {
  const heard = hearFollower(state, message.from);
  if (heard === null) return;
  const { leader, progress } = heard;
  if (message.round > progress.round && message.round <= leader.round) progress.round = message.round;
  progress.answered = Math.max(progress.answered, progress.round);
  notePromise(state, progress, message, out);
  answerReads(state, leader, out);
  answerHeals(state, leader, out);
  if (progress.mode.kind === "probe") progress.mode.paused = false;
  // Behind without an answer: something was lost.
  if (progress.match < lastIndex(state.log)) sendSomething(state, message.from, progress, out);
  completeTransfer(state, leader, message.from, out);
}

export function onHealRequestHeard(state: RaftState, message: HealRequest, out: Output): void {
  const heard = hearFollower(state, message.from);
  if (heard !== null) onHealRequest(state, heard.leader, message, out);
}

/** Falls back to probing: what was under way to the member may be lost. It is not sent to until it answers. */
export function onUnreachable(state: RaftState, member: MemberId): void {
  if (state.role.kind !== "leader") return;
  const progress = state.role.progress.get(member);
  if (progress?.mode.kind === "replicate") probe(progress, asIndex(progress.match + 1), true);
  if (progress?.mode.kind === "snapshot") progress.mode.sentTo = progress.mode.offset;
}

/** The commit rule: a quorum holds the entry durably, and it is of this term (section 5.4.2, figure 8). */
export function leaderMayCommit(state: RaftState): void {
  const leader = state.role;
  if (leader.kind !== "leader") return;
  const held = quorumValue(state.membership, (member) =>
    member === state.self ? state.durability.durableIndex : (leader.progress.get(member)?.match ?? 0),
  );
  if (held <= state.commit || termAt(state.log, held) !== state.term) return;
  leader.uncommittedBytes -= totalMemoryBytes(entriesBetween(state.log, state.commit + 1, held));
  advanceCommit(state, asIndex(held));
  promoteEarlyReads(state, leader);
}

/** Sends a heartbeat to everybody with a new round, if a read asked for one in this step. */
export function flushRound(state: RaftState, out: Output): void {
  const leader = state.role;
  if (leader.kind !== "leader" || !leader.roundWanted) return;
  leader.roundWanted = false;
  noteRound(state, leader);
  for (const [member, progress] of leader.progress) sendHeartbeat(state, leader, member, progress, out);
  answerReads(state, leader, out);
}

function hearFollower(state: RaftState, member: MemberId): { leader: Leader; progress: Progress } | null {
  if (state.role.kind !== "leader") return null;
  const progress = state.role.progress.get(member);
  if (progress === undefined) return null;
  progress.heardAt = state.now;
  return { leader: state.role, progress };
}

/** Check-quorum: no majority has spoken for a whole election timeout (dissertation, section 6.2). */
function lacksQuorum(state: RaftState, leader: Leader): boolean {
  const since = quorumValue(state.membership, (member) =>
    member === state.self ? state.now : (leader.progress.get(member)?.heardAt ?? 0),
  );
  return state.now - since > state.tuning.electionMaxTicks;
}

// The leader's side of healing (healing.ts): when it may tell a member what makes up for its loss.
import { assert } from "../kernel/assert.ts";
import { asIndex, type MemberId } from "../kernel/ids.ts";
import { lastIndex } from "./entry-log.ts";
import type { Output } from "./io.ts";
import { everyVoter, isVoter, quorumValue } from "./membership.ts";
import type { HealRequest } from "./messages.ts";
import { forget } from "./progress.ts";
import { sendSomething } from "./sending.ts";
import type { Leader, RaftState } from "./state.ts";

/** Damage is answered at once, amnesia after a round that proves that nobody newer leads. */
export function onHealRequest(state: RaftState, leader: Leader, message: HealRequest, out: Output): void {
  const progress = leader.progress.get(message.from);
  assert(progress !== undefined, "a request is handed on for a known member only", { from: message.from });
  progress.healsAt = lastIndex(state.log);
  // Who remembers nothing is no newer leader either: that much it can say.
  if (message.amnesia && message.round <= leader.round && message.round > progress.answered) {
    progress.answered = message.round;
  }
  const answered = message.round > 0 && message.round <= progress.healedAt;
  if (!answered && !message.amnesia) answer(state, leader, message.from, message.nonce, out);
  else if (!answered && leader.heals.get(message.from)?.nonce !== message.nonce) {
    if (!leader.roundWanted) leader.round++;
    leader.roundWanted = true;
    leader.heals.set(message.from, { round: leader.round, nonce: message.nonce });
  }
  answerHeals(state, leader, out);
}

/** Answers the members whose round is confirmed. */
export function answerHeals(state: RaftState, leader: Leader, out: Output): void {
  for (const [member, { round, nonce }] of leader.heals) {
    if (!isConfirmed(state, leader, member, round)) continue;
    leader.heals.delete(member);
    answer(state, leader, member, nonce, out);
  }
}

/**
 * A voter may have voted for anybody in any later term: all other voters must have answered since it asked. A learner has
 * no vote to lose, so for it a quorum is enough.
 */
function isConfirmed(state: RaftState, leader: Leader, member: MemberId, round: number): boolean {
  const { membership, self } = state;
  if (!isVoter(membership, member)) {
    const heard = (other: MemberId): number => leader.progress.get(other)?.round ?? 0;
    return quorumValue(membership, (other) => (other === self ? leader.round : heard(other))) >= round;
  }
  return everyVoter(membership).every(
    (voter) => voter === member || voter === self || (leader.progress.get(voter)?.answered ?? 0) >= round,
  );
}

function answer(state: RaftState, leader: Leader, member: MemberId, nonce: number, out: Output): void {
  const progress = leader.progress.get(member);
  if (progress === undefined) return;
  const index = lastIndex(state.log);
  forget(progress, asIndex(index + 1));
  const { self: from, term } = state;
  out.trace.push({ level: "info", event: "raft.heals", facts: { member, target: index } });
  out.messages.push({ kind: "heal-target", from, to: member, term, index, nonce });
  sendSomething(state, member, progress, out);
  // If the answer gets lost, the member asks again at a heartbeat of a later round.
  progress.healedAt = leader.round;
  leader.round++;
}

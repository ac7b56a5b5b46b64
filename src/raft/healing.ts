// A member that lost data never votes with what it lost (docs/decisions/0027). Two kinds of loss:
//
// damage    The log opened with a hole and was cut, or could not be read; term and vote are known. The member grants no
//           vote until a leader of its term or a later one has filled its log again. It may append and acknowledge.
// amnesia   The disk is empty. It may be a founder's first start or a disk that was wiped: nobody here can tell. Terms and
//           votes may be lost too, so the member promises nothing at all (no acknowledgement, no answer to a round) until
//           a leader has made sure that it is not an old one. Its vote counts only if every single voter votes the same.
//
// The healing member asks the leader that it hears. The leader forgets what the member once acknowledged and names its
// last index as the target; when the log is durable up to there, in that same term, the member is whole again. Whatever
// earlier acknowledgements of it were counted for lies at or below the target.
import type { LogIndex, MemberId } from "../kernel/ids.ts";
import { lastIndex } from "./entry-log.ts";
import type { Output } from "./io.ts";
import type { HealTarget } from "./messages.ts";
import { type RaftState, startHealing } from "./state.ts";

/** What the hard state says. An empty log says it by itself, so a founder's first start writes nothing. */
export function isHealingOnDisk(state: RaftState): boolean {
  if (state.healing === null) return false;
  if (state.healing.kind === "damage") return true;
  return state.healing.marked || (lastIndex(state.log) > 0 && !state.healing.atOnce);
}

/** True while this member must neither acknowledge entries nor confirm that somebody leads. */
export function mayNotPromise(state: RaftState): boolean {
  return state.healing?.kind === "amnesia" && state.healing.target === null;
}

/** A vote from here would be one that counts only if all voters agree. */
export function isAmnesiac(state: RaftState): boolean {
  return state.healing?.kind === "amnesia";
}

/**
 * A new term has a new leader: it has to be asked anew. The mark on the disk stays: a snapshot of the term before may be
 * on its way there, and would make the member look whole.
 */
export function restartHealing(state: RaftState): void {
  if (state.healing === null) return;
  const { kind, nonce, marked } = state.healing;
  state.healing = { ...startHealing(kind, nonce), marked };
}

/** Asks the leader at its first word. It is asked again at its heartbeats until it has answered. */
export function askAtFirst(state: RaftState, leader: MemberId, out: Output): void {
  if (state.healing !== null && !state.healing.asked) askAgain(state, leader, 0, out);
}

/** @param round of the heartbeat that this answers */
export function askAgain(state: RaftState, leader: MemberId, round: number, out: Output): void {
  const { healing, self: from, term } = state;
  if (healing === null || healing.target !== null) return;
  healing.asked = true;
  const amnesia = healing.kind === "amnesia";
  const { nonce } = healing;
  out.messages.push({ kind: "heal-request", from, to: leader, term, amnesia, round, nonce });
}

/** The leader's answer: from now on what this member says may be believed. */
export function onHealTarget(state: RaftState, message: HealTarget): void {
  const follows = state.role.kind === "follower" && state.role.leader === message.from;
  if (!follows || state.healing?.nonce !== message.nonce || state.healing.target !== null) return;
  state.healing.target = message.index;
  // A vote of this term may be among what was lost; with this one there is no other.
  state.votedFor ??= message.from;
}

/** Our log agrees with the leader's up to `match`, as we are about to acknowledge. */
export function noteMatch(state: RaftState, match: LogIndex): void {
  const { healing } = state;
  if (healing?.target == null || match < healing.target) return;
  healing.reached = true;
  const { unwrittenFrom, written } = state.durability;
  healing.atOnce ||= unwrittenFrom === 1 && state.log.baseIndex === 0 && !written.healing;
}

/** Notes after which write the log is durable up to the target. */
export function tieHealing(state: RaftState): void {
  const { healing } = state;
  if (healing?.reached === true) healing.wholeAfter ??= state.durability.lastWrite;
}

/** Healing ends when that write is durable (`durable` is the number of the last one that is); the step in which this is found writes it down. */
export function endHealing(state: RaftState, durable: number, out: Output): void {
  const { healing } = state;
  if (healing === null || healing.wholeAfter === null || healing.wholeAfter > durable) return;
  out.trace.push({
    level: "info",
    event: "raft.healed",
    facts: { kind: healing.kind, target: healing.target },
  });
  state.healing = null;
}

/**
 * True if a snapshot may be stored. Without log and with a snapshot a member would look whole, so one that remembers
 * nothing writes down first that it is not.
 */
export function mayStoreSnapshot(state: RaftState): boolean {
  if (state.healing?.kind !== "amnesia") return true;
  state.healing.marked = true;
  return state.durability.written.healing && state.durability.pending.length === 0;
}

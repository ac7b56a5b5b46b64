// Changes of the membership, on the leader (Raft paper, section 6; dissertation, chapter 4). Voters change by way of a
// joint configuration, which the leader leaves by itself as soon as it is committed; learners come and go by one entry.
// One change at a time, and none before the leader's own term has begun to commit: a configuration of an earlier term
// could otherwise still win against the new one (the error of the first single-server algorithm).
import { assertNever } from "../kernel/assert.ts";
import { asIndex, type MemberId } from "../kernel/ids.ts";
import { current, isUnsettled } from "./configurations.ts";
import { entriesBetween, lastIndex, totalBytes } from "./entry-log.ts";
import type { ChangeOutcome, Output } from "./io.ts";
import { MEMBERS_MAX, MESSAGE_ENTRIES_MAX } from "./limits.ts";
import { everyMember, isJoint, isVoter } from "./membership.ts";
import { encodeMembershipEntry } from "./membership-entry.ts";
import { newProgress } from "./progress.ts";
import { answerReads } from "./reads.ts";
import { becomeFollower } from "./roles.ts";
import { appendOwn, broadcastAppends } from "./sending.ts";
import type { Leader, RaftState } from "./state.ts";
import { onTransfer } from "./transfer.ts";
import type { Contact, Membership, MembershipChange, MembershipRefusal } from "./types.ts";

/** Begins a change. What comes of it is told by `changed` of a later output. */
export function onChangeMembership(state: RaftState, change: MembershipChange, out: Output): ChangeOutcome {
  const leader = state.role;
  if (leader.kind !== "leader") return { ok: false, reason: "not-leader" };
  const settled = state.commit >= leader.termStart && !isUnsettled(state) && !isJoint(state.membership);
  if (!settled || leader.transfer !== null) return { ok: false, reason: "busy" };
  const next = membershipAfter(state, leader, change);
  if (typeof next === "string") return { ok: false, reason: next };
  appendMembership(state, leader, next, out);
  return { ok: true, index: current(state).index };
}

/**
 * What a leader does about the membership as time passes: leaves a joint configuration that is committed (its own or one
 * that it inherited), lets go those that were removed, and goes itself when it was removed. Only at ticks, because the
 * driver has promised indexes to proposals that gather between inputs.
 */
export function tickMembership(state: RaftState, leader: Leader, out: Output): void {
  releaseLeavers(state, leader);
  if (state.commit < leader.termStart || isUnsettled(state)) return;
  const { membership } = state;
  if (isJoint(membership)) appendMembership(state, leader, leaveJoint(membership), out);
  else if (!isVoter(membership, state.self) && leader.transfer === null) retire(state, leader, out);
}

/** The membership that an accepted change leads to next, or why it is not accepted. */
function membershipAfter(
  state: RaftState,
  leader: Leader,
  change: MembershipChange,
): Membership | MembershipRefusal {
  const { membership } = state;
  const { voters, learners, contacts } = membership;
  const { id } = change;
  const known = everyMember(membership).includes(id);
  switch (change.kind) {
    case "add-learner":
      if (known) return "already-member";
      if (everyMember(membership).length >= MEMBERS_MAX) return "too-many";
      return { ...membership, learners: [...learners, id], contacts: { ...contacts, [id]: change.contact } };
    case "promote":
      if (!known) return "unknown-member";
      if (!learners.includes(id)) return "already-member";
      if (!isCaughtUp(state, leader, id)) return "not-caught-up";
      return { ...membership, voters: [...voters, id], outgoing: voters, learners: without(learners, id) };
    case "remove":
      if (!known) return "unknown-member";
      if (learners.includes(id)) return leaveJoint({ ...membership, learners: without(learners, id) });
      if (voters.length === 1) return "last-voter";
      // Without this one, the votes of those that are still healing might be needed, and they have none.
      if (without(voters, id).some((voter) => isHealing(leader, voter))) return "busy";
      return { ...membership, voters: without(voters, id), outgoing: voters };
    default:
      return assertNever(change);
  }
}

function isHealing(leader: Leader, member: MemberId): boolean {
  return (leader.progress.get(member)?.healsAt ?? null) !== null;
}

/**
 * A new voter that lags would make a quorum wait for it: what it lacks must fit in one message. And it must hold the entry
 * that added it: what was acknowledged before may come from a removed member of this name, whose disk is gone.
 */
function isCaughtUp(state: RaftState, leader: Leader, id: MemberId): boolean {
  const progress = leader.progress.get(id);
  if (progress === undefined || progress.mode.kind !== "replicate") return false;
  if (progress.healsAt !== null || state.now - progress.heardAt >= state.tuning.electionMinTicks)
    return false;
  if (progress.match < current(state).index) return false;
  const end = lastIndex(state.log);
  if (progress.match < state.log.baseIndex || end - progress.match > MESSAGE_ENTRIES_MAX) return false;
  const lacking = progress.match === end ? [] : entriesBetween(state.log, progress.match + 1, end);
  return totalBytes(lacking) <= state.tuning.messageBytesMax;
}

/** The configuration after a joint one, without the contacts of those who do not belong to it. */
function leaveJoint(membership: Membership): Membership {
  const next: Membership = { ...membership, outgoing: [], contacts: {} };
  const contacts: Record<string, Contact> = {};
  for (const member of everyMember(next)) {
    const contact = membership.contacts[member];
    if (contact !== undefined) contacts[member] = contact;
  }
  return { ...next, contacts };
}

/** Who joins is told by the log alone where the others are. */
function withContacts(state: RaftState, next: Membership): Membership {
  const told = everyMember(next).flatMap((member) => {
    const contact = next.contacts[member] ?? state.contacts[member];
    return contact === undefined ? [] : [[member, contact] as const];
  });
  return { ...next, contacts: { ...next.contacts, ...Object.fromEntries(told) } };
}

function appendMembership(state: RaftState, leader: Leader, next: Membership, out: Output): void {
  appendOwn(state, leader, [encodeMembershipEntry(withContacts(state, next))]);
  const { membership } = state;
  const facts = { voters: membership.voters, outgoing: membership.outgoing, learners: membership.learners };
  out.trace.push({
    level: "info",
    event: "raft.membership",
    facts: { index: current(state).index, ...facts },
  });
  followMembership(state, leader);
  broadcastAppends(state, leader, out);
  // Those that waited for a member that counts no more might wait for ever: nobody may be left to answer a heartbeat.
  answerReads(state, leader, out);
}

/** Begins to replicate to new members. Those that were removed are kept until they have heard of it. */
function followMembership(state: RaftState, leader: Leader): void {
  const members = everyMember(state.membership);
  const next = asIndex(lastIndex(state.log) + 1);
  for (const member of members) {
    if (member === state.self) continue;
    const progress = leader.progress.get(member);
    if (progress === undefined) leader.progress.set(member, newProgress(next, state.now));
    else progress.leavingSince = null;
  }
  for (const [member, progress] of leader.progress) {
    if (!members.includes(member)) progress.leavingSince ??= state.now;
  }
}

/** A removed member that knows it is one keeps quiet; so once its removal is committed, it is told so for a while. */
function releaseLeavers(state: RaftState, leader: Leader): void {
  for (const [member, progress] of leader.progress) {
    if (progress.leavingSince === null) continue;
    if (isUnsettled(state)) progress.leavingSince = state.now;
    if (state.now - progress.leavingSince > 2 * state.tuning.electionMaxTicks) leader.progress.delete(member);
  }
}

/** The leader is not in the new configuration, which is committed: it hands over, and leads no more either way. */
function retire(state: RaftState, leader: Leader, out: Output): void {
  if (!leader.retiring) {
    leader.retiring = true;
    onTransfer(state, null, out);
    return;
  }
  out.trace.push({ level: "info", event: "raft.retired", facts: { term: state.term } });
  becomeFollower(state, state.term, null, out);
}

function without(members: readonly MemberId[], member: MemberId): readonly MemberId[] {
  return members.filter((other) => other !== member);
}

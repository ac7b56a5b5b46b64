// The consensus algorithm as a function: one input in, its effects out. No I/O, no clock, no randomness but the Random
// in the state. The order in which effects must happen is written in io.ts. The same state and the same input always
// give the same output.
import { assert, assertNever } from "../kernel/assert.ts";
import type { LogIndex } from "../kernel/ids.ts";
import { onChangeMembership } from "./changes.ts";
import { current } from "./configurations.ts";
import { durableThrough, issueWrite, notePersisted } from "./durability.ts";
import {
  becomePreCandidate,
  countOwnVote,
  mayStand,
  onLeaderGone,
  onPreVote,
  onPreVoteReply,
  onVote,
  onVoteReply,
  tickElection,
  tieOwnVote,
} from "./election.ts";
import { entriesBetween } from "./entry-log.ts";
import { onAppend, onHeartbeat, onTimeoutNow } from "./following.ts";
import { noteFounded, noteSpeaker } from "./group-id.ts";
import { endHealing, onHealTarget, tieHealing } from "./healing.ts";
import { emptyOutput, type Input, type Output } from "./io.ts";
import {
  flushRound,
  leaderMayCommit,
  onAppendAccepted,
  onAppendRejected,
  onHealRequestHeard,
  onHeartbeatReply,
  onUnreachable,
  propose,
  tickLeader,
} from "./leading.ts";
import { dropLease } from "./lease.ts";
import { ENTRY_BYTES_MAX } from "./limits.ts";
import { everyMember, isJoint } from "./membership.ts";
import type { Message } from "./messages.ts";
import { onReadIndex } from "./reads.ts";
import { becomeFollower, hasLiveLeader } from "./roles.ts";
import {
  onChunkStored,
  onCompact,
  onReceiveFailed,
  onSnapshotChunk,
  onSnapshotGone,
  onSnapshotProgress,
  onSnapshotReceived,
  onSnapshotSaved,
} from "./snapshots.ts";
import { knownLeader, type RaftState } from "./state.ts";
import { onTransfer } from "./transfer.ts";
import { MEMBERSHIP_ENTRY_TAG, type Membership } from "./types.ts";

/** Takes one input, changes the state, and returns what is to be done about it. */
export function step(state: RaftState, input: Input): Output {
  const out = emptyOutput();
  const { commit: commitBefore, membership, role } = state;
  dispatch(state, input, out);
  endHealing(state, durableThrough(state), out);
  flushRound(state, out);
  issueWrite(state, out, out.restore);
  tieOwnVote(state);
  tieHealing(state);
  if (state.membership !== membership) out.membership = state.membership;
  if (role.kind === "leader") out.changed = settledChange(state, commitBefore);
  const from = out.restore === null ? commitBefore : out.restore.index;
  if (state.commit > from) out.committed = entriesBetween(state.log, from + 1, state.commit);
  reportRole(state, out);
  return out;
}

/** Stands for election now instead of at the next timeout; pre-vote decides as always. For tests and operators. */
export function campaign(state: RaftState): Output {
  const out = emptyOutput();
  if (state.role.kind !== "leader" && mayStand(state)) becomePreCandidate(state, out);
  issueWrite(state, out, null);
  tieOwnVote(state);
  reportRole(state, out);
  return out;
}

/** The outcome of a change that this step has committed; a joint configuration is only half of one. */
function settledChange(state: RaftState, commitBefore: LogIndex): Membership | null {
  const { index, membership } = current(state);
  const settled = index > commitBefore && index <= state.commit && !isJoint(membership);
  return settled ? membership : null;
}

function dispatch(state: RaftState, input: Input, out: Output): void {
  switch (input.kind) {
    case "tick":
      onTick(state, out);
      break;
    case "message":
      onMessage(state, input.message, out);
      break;
    case "propose":
      onPropose(state, input.payloads, out);
      break;
    case "persisted":
      onPersisted(state, input.write, out);
      break;
    case "read-index":
      for (const id of input.ids) onReadIndex(state, id, out);
      break;
    case "transfer":
      onTransfer(state, input.to, out);
      break;
    case "unreachable":
      onUnreachable(state, input.member);
      break;
    case "leader-gone":
      onLeaderGone(state, input.member);
      break;
    case "clock-skipped":
      if (state.role.kind === "leader") dropLease(state.role);
      break;
    case "founded-elsewhere":
      noteFounded(state, input.by);
      break;
    case "change-membership":
      out.change = onChangeMembership(state, input.change, out);
      break;
    case "snapshot-saved":
      onSnapshotSaved(state, input.meta);
      break;
    case "compact":
      onCompact(state, input.upTo);
      break;
    case "chunk-stored":
      onChunkStored(state, input.meta, input.offset, out);
      break;
    case "snapshot-received":
      onSnapshotReceived(state, input.meta, out);
      break;
    case "snapshot-gone":
      onSnapshotGone(state, input.to, input.meta, out);
      break;
    case "receive-failed":
      onReceiveFailed(state, input.meta, out);
      break;
    default:
      assertNever(input);
  }
}

function onTick(state: RaftState, out: Output): void {
  state.now++;
  if (state.role.kind === "leader") tickLeader(state, state.role, out);
  else tickElection(state, out);
}

function onPropose(state: RaftState, payloads: readonly Uint8Array[], out: Output): void {
  for (const payload of payloads) {
    assert(payload.length > 0, "an empty payload is a leader's no-op");
    assert(payload[0] !== MEMBERSHIP_ENTRY_TAG, "the membership is changed by change-membership only");
    assert(payload.length <= ENTRY_BYTES_MAX, "an entry is too large", { bytes: payload.length });
  }
  out.proposal = propose(state, payloads, out);
}

function onPersisted(state: RaftState, write: number, out: Output): void {
  notePersisted(state, write);
  countOwnVote(state, durableThrough(state), out);
  leaderMayCommit(state);
}

function onMessage(state: RaftState, message: Message, out: Output): void {
  if (message.to !== state.self || isStrange(state, message)) {
    out.trace.push({ level: "warn", event: "raft.stranger", facts: { from: message.from, to: message.to } });
    return;
  }
  noteSpeaker(state, message);
  // Pre-votes speak of a future term and change nobody's present one; whose log is good may have fallen behind.
  if (message.kind === "pre-vote") {
    onPreVote(state, message, out);
    return;
  }
  if (message.term < state.term && message.kind !== "pre-vote-reply") {
    onStale(state, message, out);
    return;
  }
  if (message.term > state.term) {
    if (message.kind === "vote" && !message.transfer && hasLiveLeader(state)) return;
    becomeFollower(state, message.term, null, out);
  }
  handle(state, message, out);
}

/**
 * Candidates and leaders may be strangers: their membership may be newer than ours. Answers may not, for only members are
 * asked; nor may another leader of the term in which this member leads.
 */
function isStrange(state: RaftState, message: Message): boolean {
  if (everyMember(state.membership).includes(message.from)) return false;
  switch (message.kind) {
    case "pre-vote":
    case "vote":
      return false;
    case "append":
    case "heartbeat":
    case "snapshot-chunk":
    case "timeout-now":
    case "heal-target":
      return state.role.kind === "leader" && message.term === state.term;
    default:
      return state.role.kind !== "leader" || !state.role.progress.has(message.from);
  }
}

/** The sender's term is over: it is told so, unless it was only answering. */
function onStale(state: RaftState, message: Message, out: Output): void {
  const { self: from, term } = state;
  const to = message.from;
  if (message.kind === "vote")
    out.messages.push({ kind: "vote-reply", from, to, term, granted: false, amnesia: false });
  const leads =
    message.kind === "append" || message.kind === "heartbeat" || message.kind === "snapshot-chunk";
  if (leads) out.messages.push({ kind: "heartbeat-reply", from, to, term, round: 0, promiseMs: 0 });
}

/** The message is of the current term, or answers a pre-vote. */
function handle(state: RaftState, message: Exclude<Message, { kind: "pre-vote" }>, out: Output): void {
  switch (message.kind) {
    case "pre-vote-reply":
      onPreVoteReply(state, message, out);
      break;
    case "vote":
      onVote(state, message, out);
      break;
    case "vote-reply":
      onVoteReply(state, message, out);
      break;
    case "append":
      onAppend(state, message, out);
      break;
    case "append-accepted":
      onAppendAccepted(state, message, out);
      break;
    case "append-rejected":
      onAppendRejected(state, message, out);
      break;
    case "heartbeat":
      onHeartbeat(state, message, out);
      break;
    case "heartbeat-reply":
      onHeartbeatReply(state, message, out);
      break;
    case "snapshot-chunk":
      onSnapshotChunk(state, message, out);
      break;
    case "snapshot-progress":
      onSnapshotProgress(state, message, out);
      break;
    case "timeout-now":
      onTimeoutNow(state, message, out);
      break;
    case "heal-request":
      onHealRequestHeard(state, message, out);
      break;
    case "heal-target":
      onHealTarget(state, message);
      break;
    default:
      assertNever(message);
  }
}

function reportRole(state: RaftState, out: Output): void {
  const leader = knownLeader(state);
  const { reported } = state;
  const same =
    reported.role === state.role.kind && reported.term === state.term && reported.leader === leader;
  if (same) return;
  state.reported = { role: state.role.kind, term: state.term, leader };
  out.roleChange = state.reported;
}

// Pre-vote, vote and the ways up to leader (Raft paper, 5.2 and 5.4.1; dissertation, 9.6).
import { asIndex, asTerm, type MemberId } from "../kernel/ids.ts";
import { below } from "../kernel/random.ts";
import { isUnsettled, previousMembership } from "./configurations.ts";
import { isStalled, sendDurable } from "./durability.ts";
import { entriesBetween, isUpToDate, lastIndex, lastTerm, totalMemoryBytes } from "./entry-log.ts";
import { isBarred, termStartPayload } from "./group-id.ts";
import { isAmnesiac, restartHealing } from "./healing.ts";
import type { Output } from "./io.ts";
import { electionResult, everyMember, isVoter, type VoteResult } from "./membership.ts";
import type { PreVote, PreVoteReply, Vote, VoteReply } from "./messages.ts";
import { newProgress } from "./progress.ts";
import { abortReceive, becomeFollower, hasLiveLeader, resetElectionTimer } from "./roles.ts";
import { appendOwn, broadcastAppends } from "./sending.ts";
import type { Candidate, Leader, PreCandidate, RaftState } from "./state.ts";

/** The timer of a member that does not lead. */
export function tickElection(state: RaftState, out: Output): void {
  if (!mayStand(state)) return;
  state.elapsed++;
  if (state.elapsed >= state.timeout) {
    // Whose disk hangs could win nothing with votes that it cannot make durable, only disturb.
    const stalled = isStalled(state, state.tuning.electionMaxTicks);
    if (!stalled && !awaitsOwnVote(state)) becomePreCandidate(state, out);
    return;
  }
  const canvassing = state.role.kind === "precandidate" || state.role.kind === "candidate";
  if (canvassing && state.elapsed % state.tuning.heartbeatTicks === 0) canvass(state, out);
}

/**
 * A voter that has lost nothing. Also one whose removal is not known to be committed: without it the others might be
 * unable to commit just that (dissertation, section 4.2.2).
 */
export function mayStand(state: RaftState): boolean {
  if (state.healing?.kind === "damage") return false;
  if (isVoter(state.membership, state.self)) return true;
  const before = isUnsettled(state) ? previousMembership(state) : null;
  return before !== null && isVoter(before, state.self);
}

/**
 * The leader of this term is dead for certain, so there is no need to wait until it has been silent for long enough. Once
 * a term, and after a random delay; pre-vote decides as always. A lease that may still be trusted is waited out.
 */
export function onLeaderGone(state: RaftState, member: MemberId): void {
  const { role, tuning } = state;
  if (role.kind !== "follower" || role.leader !== member) return;
  if (state.goneTerm === state.term || tuning.leaseReads) return;
  state.goneTerm = state.term;
  state.leaderHeardAt = Number.NEGATIVE_INFINITY;
  const soon = state.elapsed + 1 + below(state.random, tuning.heartbeatTicks);
  state.timeout = Math.min(state.timeout, soon);
}

/** Asks whether an election could be won, without disturbing anybody's term. */
export function becomePreCandidate(state: RaftState, out: Output): void {
  if (isBarred(state)) {
    sayBarred(state, out);
    // It looks again after another timeout, not at every tick, also if its own timeout is that of one that is alone.
    resetElectionTimer(state);
    state.timeout = Math.max(state.timeout, state.tuning.electionMinTicks);
    return;
  }
  state.role = {
    kind: "precandidate",
    votes: new Map([[state.self, true]]),
    amnesiacs: new Set(isAmnesiac(state) ? [state.self] : []),
  };
  resetElectionTimer(state);
  if (resultFor(state, state.role) === "won") becomeCandidate(state, false, out);
  else canvass(state, out);
}

function sayBarred(state: RaftState, out: Output): void {
  if (state.barredSaid) return;
  state.barredSaid = true;
  const { foundedElsewhere, knownGroup } = state;
  const why =
    foundedElsewhere === null
      ? `this member has belonged to group ${knownGroup} and has lost its log`
      : `${foundedElsewhere} belongs to a group of this name already, and this member has no data`;
  const reason = `${why}: it founds none, and waits for that group's leader to bring it back, if it is a member`;
  out.trace.push({ level: "warn", event: "raft.founds-nothing", facts: { reason } });
}

/** Starts a term of its own (figure 2, "candidates"). Its vote and its requests leave once term and log are durable. */
export function becomeCandidate(state: RaftState, transfer: boolean, out: Output): void {
  state.term = asTerm(state.term + 1);
  state.votedFor = state.self;
  restartHealing(state);
  const amnesiacs = new Set(isAmnesiac(state) ? [state.self] : []);
  state.role = { kind: "candidate", votes: new Map(), amnesiacs, transfer, ownVoteAfter: null };
  resetElectionTimer(state);
  canvass(state, out);
}

/** Notes after which write the own vote counts. */
export function tieOwnVote(state: RaftState): void {
  if (state.role.kind === "candidate") state.role.ownVoteAfter ??= state.durability.lastWrite;
}

/** A new term would only wait for another write, and one that is alone would start a term at every tick. */
function awaitsOwnVote(state: RaftState): boolean {
  return state.role.kind === "candidate" && !state.role.votes.has(state.self);
}

/** Counts the own vote once it is durable; `durable` is the number of the last durable write. */
export function countOwnVote(state: RaftState, durable: number, out: Output): void {
  if (state.role.kind !== "candidate" || state.role.ownVoteAfter === null) return;
  if (state.role.ownVoteAfter > durable || state.role.votes.has(state.self)) return;
  state.role.votes.set(state.self, true);
  concludeVote(state, state.role, out);
}

export function onPreVote(state: RaftState, message: PreVote, out: Output): void {
  const open = message.forTerm > state.term && !hasLiveLeader(state) && state.healing?.kind !== "damage";
  const granted = open && mayFollow(state, message);
  out.messages.push({
    kind: "pre-vote-reply",
    from: state.self,
    to: message.from,
    term: state.term,
    forTerm: message.forTerm,
    granted,
    amnesia: isAmnesiac(state),
  });
}

export function onPreVoteReply(state: RaftState, message: PreVoteReply, out: Output): void {
  if (state.role.kind !== "precandidate" || message.forTerm !== state.term + 1) return;
  // A refusal may become a grant when the refuser's leader has been silent for long enough: the last word counts.
  note(state.role, message);
  if (resultFor(state, state.role) === "won") becomeCandidate(state, false, out);
}

/** The sender's term is ours by now. The same candidate may ask again and gets the same answer. */
export function onVote(state: RaftState, message: Vote, out: Output): void {
  const free = state.votedFor === null && state.role.kind === "follower" && state.role.leader === null;
  const promised = state.tuning.leaseReads && !message.transfer && hasLiveLeader(state);
  const open = (free || state.votedFor === message.from) && state.healing?.kind !== "damage" && !promised;
  const granted = open && mayFollow(state, message);
  const reply: VoteReply = {
    kind: "vote-reply",
    from: state.self,
    to: message.from,
    term: state.term,
    granted,
    amnesia: isAmnesiac(state),
  };
  if (!granted) {
    out.messages.push(reply);
    return;
  }
  state.votedFor = message.from;
  state.elapsed = 0;
  sendDurable(state, reply);
}

/** The candidate's log lacks nothing that this member knows of, and would not begin a group where there is one. */
function mayFollow(state: RaftState, message: PreVote | Vote): boolean {
  return isUpToDate(state.log, message) && !(isBarred(state) && message.lastIndex === 0);
}

export function onVoteReply(state: RaftState, message: VoteReply, out: Output): void {
  if (state.role.kind !== "candidate" || state.role.votes.has(message.from)) return;
  note(state.role, message);
  concludeVote(state, state.role, out);
}

/** Asks all voters that have not granted yet; said again at every heartbeat, since messages get lost. */
function canvass(state: RaftState, out: Output): void {
  if (state.role.kind !== "precandidate" && state.role.kind !== "candidate") return;
  for (const member of everyMember(state.membership)) {
    if (member === state.self || !isVoter(state.membership, member)) continue;
    if (state.role.votes.get(member) === true) continue;
    if (state.role.kind === "candidate") sendDurable(state, voteFor(state, member, state.role.transfer));
    else out.messages.push(preVoteFor(state, member));
  }
}

function voteFor(state: RaftState, to: MemberId, transfer: boolean): Vote {
  const { self: from, term, log } = state;
  return { kind: "vote", from, to, term, lastIndex: lastIndex(log), lastTerm: lastTerm(log), transfer };
}

function preVoteFor(state: RaftState, to: MemberId): PreVote {
  const { self: from, term, log } = state;
  const forTerm = asTerm(term + 1);
  return { kind: "pre-vote", from, to, term, forTerm, lastIndex: lastIndex(log), lastTerm: lastTerm(log) };
}

function concludeVote(state: RaftState, candidate: Candidate, out: Output): void {
  const result = resultFor(state, candidate);
  if (result === "won") becomeLeader(state, out);
  if (result === "lost") becomeFollower(state, state.term, null, out);
}

function note(role: PreCandidate | Candidate, reply: PreVoteReply | VoteReply): void {
  role.votes.set(reply.from, reply.granted);
  if (reply.amnesia) role.amnesiacs.add(reply.from);
  else role.amnesiacs.delete(reply.from);
}

function resultFor(state: RaftState, { votes, amnesiacs }: PreCandidate | Candidate): VoteResult {
  return electionResult(state.membership, votes, amnesiacs);
}

/** Starts to lead with an entry of its own, so that what earlier terms left can be committed with it (section 8). */
function becomeLeader(state: RaftState, out: Output): void {
  abortReceive(state, out);
  const end = lastIndex(state.log);
  const next = asIndex(end + 1);
  const progress: Leader["progress"] = new Map();
  for (const member of everyMember(state.membership)) {
    if (member !== state.self) progress.set(member, newProgress(next, state.now));
  }
  const open = state.commit < end ? entriesBetween(state.log, state.commit + 1, end) : [];
  const leader: Leader = {
    kind: "leader",
    progress,
    termStart: next,
    heartbeatElapsed: 0,
    uncommittedBytes: totalMemoryBytes(open),
    round: 0,
    roundWanted: false,
    reads: [],
    earlyReads: [],
    transfer: null,
    transferred: false,
    retiring: false,
    heals: new Map(),
    sentRounds: [],
  };
  state.role = leader;
  // Every voter has granted: nobody knows of anything that this log lacks.
  state.healing = null;
  appendOwn(state, leader, [termStartPayload(state)]);
  broadcastAppends(state, leader, out);
}

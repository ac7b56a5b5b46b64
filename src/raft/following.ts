// The follower's side of replication (Raft paper, 5.3 and figure 2, "AppendEntries RPC, receiver implementation").
import { assert } from "../kernel/assert.ts";
import { asIndex, type LogIndex, type Term } from "../kernel/ids.ts";
import { advanceCommit } from "./committing.ts";
import { noteAppended } from "./configurations.ts";
import { acknowledge, truncateLog } from "./durability.ts";
import { becomeCandidate, mayStand } from "./election.ts";
import { appendEntries, firstDifference, lastIndex, lastWithTermAtMost, termAt } from "./entry-log.ts";
import { askAgain, askAtFirst, mayNotPromise } from "./healing.ts";
import type { Output } from "./io.ts";
import { promised } from "./lease.ts";
import type { Append, Heartbeat, TimeoutNow } from "./messages.ts";
import { abortReceive, hearLeader } from "./roles.ts";
import type { RaftState } from "./state.ts";
import type { Entry } from "./types.ts";

export function onAppend(state: RaftState, message: Append, out: Output): void {
  hearLeader(state, message.from, out);
  askAtFirst(state, message.from, out);
  if (mayNotPromise(state)) return;
  const { prevIndex, prevTerm, entries } = skipCommitted(state, message);
  if (termAt(state.log, prevIndex) !== prevTerm) {
    reject(state, message, out);
    return;
  }
  const position = firstDifference(state.log, entries);
  const news = entries.slice(position);
  const first = news[0];
  if (first !== undefined) {
    if (first.index <= lastIndex(state.log)) truncateLog(state, first.index);
    appendEntries(state.log, news);
    noteAppended(state, news);
  }
  const match = asIndex(prevIndex + entries.length);
  // Only what this message has verified may be committed; a longer log may still hold another leader's entries.
  advanceCommit(state, asIndex(Math.min(message.commit, match)));
  if (state.receiving !== null && state.receiving.meta.index <= state.commit) abortReceive(state, out);
  acknowledge(state, message.from, match);
}

export function onHeartbeat(state: RaftState, message: Heartbeat, out: Output): void {
  hearLeader(state, message.from, out);
  askAgain(state, message.from, message.round, out);
  if (mayNotPromise(state)) return;
  if (message.commit <= lastIndex(state.log)) advanceCommit(state, message.commit);
  else out.trace.push({ level: "warn", event: "raft.log-lost", facts: { commit: message.commit } });
  out.messages.push({
    kind: "heartbeat-reply",
    from: state.self,
    to: message.from,
    term: state.term,
    round: message.round,
    promiseMs: promised(state),
  });
}

/** Stands for election without pre-vote: the leader wants to go. */
export function onTimeoutNow(state: RaftState, message: TimeoutNow, out: Output): void {
  const follows = state.role.kind === "follower" && state.role.leader === message.from;
  if (!follows || !mayStand(state) || state.healing !== null) return;
  becomeCandidate(state, true, out);
}

/** What is committed is equal on both sides (leader completeness), so an append may as well start there. */
function skipCommitted(
  state: RaftState,
  message: Append,
): { readonly prevIndex: LogIndex; readonly prevTerm: Term; readonly entries: readonly Entry[] } {
  const { prevIndex, entries } = message;
  if (prevIndex >= state.commit) return message;
  const prevTerm = termAt(state.log, state.commit);
  assert(prevTerm !== undefined, "the committed entry is retained");
  const known = message.entries[state.commit - prevIndex - 1];
  assert(known === undefined || known.term === prevTerm, "a leader contradicts a committed entry", {
    index: state.commit,
    ours: prevTerm,
    theirs: known?.term,
  });
  return { prevIndex: state.commit, prevTerm, entries: entries.slice(state.commit - prevIndex) };
}

function reject(state: RaftState, message: Append, out: Output): void {
  const hint = lastWithTermAtMost(state.log, message.prevIndex, message.prevTerm, state.commit);
  out.messages.push({
    kind: "append-rejected",
    from: state.self,
    to: message.from,
    term: state.term,
    prevIndex: message.prevIndex,
    hintIndex: asIndex(hint),
    hintTerm: termAt(state.log, hint) ?? state.log.baseTerm,
  });
}

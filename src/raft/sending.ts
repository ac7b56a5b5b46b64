// What a leader sends: entries as flow control allows, heartbeats, and orders for pieces of a snapshot.
import { present } from "../kernel/assert.ts";
import { asIndex, type MemberId } from "../kernel/ids.ts";
import { noteAppended } from "./configurations.ts";
import { appendEntries, entriesWithin, lastIndex, memoryBytes, termAt, totalBytes } from "./entry-log.ts";
import type { Output } from "./io.ts";
import { MESSAGE_ENTRIES_MAX } from "./limits.ts";
import { maySend, noteSent, type Progress, startSnapshotMode } from "./progress.ts";
import { requestChunks, snapshotToSend } from "./snapshots.ts";
import type { Leader, RaftState } from "./state.ts";

/** Adds entries of the current term to the leader's own log. */
export function appendOwn(state: RaftState, leader: Leader, payloads: readonly Uint8Array[]): void {
  for (const payload of payloads) {
    const entry = { index: asIndex(lastIndex(state.log) + 1), term: state.term, payload };
    appendEntries(state.log, [entry]);
    noteAppended(state, [entry]);
    leader.uncommittedBytes += memoryBytes(entry);
  }
}

export function broadcastAppends(state: RaftState, leader: Leader, out: Output): void {
  for (const [member, progress] of leader.progress) sendAppends(state, member, progress, out);
}

/** Sends what flow control allows, or at least an empty append, which makes the follower say where it stands. */
export function sendSomething(state: RaftState, member: MemberId, progress: Progress, out: Output): void {
  if (!sendAppends(state, member, progress, out)) sendOneAppend(state, member, progress, out);
}

/** Sends as much as flow control allows. @returns whether anything was sent or asked for */
export function sendAppends(state: RaftState, member: MemberId, progress: Progress, out: Output): boolean {
  let sent = false;
  while (progress.next <= lastIndex(state.log) && maySend(progress, state.tuning)) {
    sendOneAppend(state, member, progress, out);
    sent = true;
  }
  return sent;
}

function sendOneAppend(state: RaftState, member: MemberId, progress: Progress, out: Output): void {
  if (progress.mode.kind === "snapshot") return;
  const prevIndex = asIndex(progress.next - 1);
  const prevTerm = termAt(state.log, prevIndex);
  if (prevTerm === undefined) {
    startSnapshot(state, member, progress, out);
    return;
  }
  const entries = maySend(progress, state.tuning)
    ? entriesWithin(state.log, progress.next, state.tuning.messageBytesMax, MESSAGE_ENTRIES_MAX)
    : [];
  const { self: from, term, commit } = state;
  out.messages.push({ kind: "append", from, to: member, term, prevIndex, prevTerm, commit, entries });
  noteSent(progress, entries.length, totalBytes(entries));
  noteToldCommit(progress, Math.min(commit, progress.match));
}

export function sendHeartbeat(
  state: RaftState,
  leader: Leader,
  member: MemberId,
  progress: Progress,
  out: Output,
): void {
  const commit = asIndex(Math.min(state.commit, progress.match));
  const { self: from, term } = state;
  out.messages.push({ kind: "heartbeat", from, to: member, term, commit, round: leader.round });
  noteToldCommit(progress, commit);
}

function noteToldCommit(progress: Progress, commit: number): void {
  if (commit > progress.toldCommit) progress.toldCommit = asIndex(commit);
}

function startSnapshot(state: RaftState, member: MemberId, progress: Progress, out: Output): void {
  const meta = present(snapshotToSend(state, progress) ?? undefined, "compacted entries without a snapshot");
  startSnapshotMode(progress, meta, state.now);
  requestChunks(state, member, progress, out);
}

/** Pieces that were not acknowledged for long are sent again, from the first that is missing. */
export function retrySnapshot(state: RaftState, member: MemberId, progress: Progress, out: Output): void {
  const { mode } = progress;
  if (mode.kind !== "snapshot" || state.now - mode.heardAt < state.tuning.snapshotRetryTicks) return;
  // It holds nothing of this one, so it may as well begin with the newest.
  if (mode.offset === 0 && (snapshotToSend(state, progress)?.index ?? 0) > mode.meta.index) {
    startSnapshot(state, member, progress, out);
    return;
  }
  mode.heardAt = state.now;
  mode.sentTo = mode.offset;
  requestChunks(state, member, progress, out);
}

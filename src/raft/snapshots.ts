// Snapshots in the core: catching up a follower piece by piece, and forgetting what a snapshot covers (section 7). The
// bytes are read and written by the driver; the core says which and when.
import { assert } from "../kernel/assert.ts";
import type { LogIndex, MemberId } from "../kernel/ids.ts";
import { advanceCommit } from "./committing.ts";
import { noteCompacted } from "./configurations.ts";
import { acknowledge, resetLog, sendDurable } from "./durability.ts";
import { compactTo, termAt } from "./entry-log.ts";
import { askAtFirst, mayNotPromise, mayStoreSnapshot } from "./healing.ts";
import type { Output } from "./io.ts";
import { SENT_SNAPSHOTS_MAX } from "./limits.ts";
import type { SnapshotChunk, SnapshotProgress } from "./messages.ts";
import { type Progress, startSnapshotMode } from "./progress.ts";
import { abortReceive, hearLeader } from "./roles.ts";
import type { RaftState } from "./state.ts";
import type { SnapshotMeta } from "./types.ts";

/** The leader's side: the follower says where it is, the next piece is asked for. */
export function onSnapshotProgress(state: RaftState, message: SnapshotProgress, out: Output): void {
  if (state.role.kind !== "leader") return;
  const progress = state.role.progress.get(message.from);
  if (progress === undefined) return;
  progress.heardAt = state.now;
  const { mode } = progress;
  if (mode.kind !== "snapshot" || mode.meta.index !== message.index) return;
  // It holds nothing of this one, so it may as well begin with the newest.
  if (message.offset === 0 && takeNewest(state, progress)) {
    requestChunks(state, message.from, progress, out);
    return;
  }
  // The same place once more: what follows is on its way already, and if it was lost, the timer sends it again.
  if (message.offset === mode.offset && message.offset > 0) return;
  // Back to the beginning, or to a place that was passed: the follower has lost what came after it.
  const again = message.offset === 0 || message.offset < mode.offset || message.offset > mode.sentTo;
  if (again) mode.sentTo = message.offset;
  mode.offset = message.offset;
  mode.heardAt = state.now;
  requestChunks(state, message.from, progress, out);
}

/** The snapshot that was being sent to the member cannot be read any more. */
export function onSnapshotGone(state: RaftState, member: MemberId, meta: SnapshotMeta, out: Output): void {
  const progress = state.role.kind === "leader" ? state.role.progress.get(member) : undefined;
  if (progress?.mode.kind !== "snapshot" || progress.mode.meta.index !== meta.index) return;
  if (takeNewest(state, progress)) requestChunks(state, member, progress, out);
}

/** @returns false if there is none newer than the one that is being sent */
function takeNewest(state: RaftState, progress: Progress): boolean {
  const newest = snapshotToSend(state, progress);
  const { mode } = progress;
  if (mode.kind !== "snapshot" || newest === null || newest.index <= mode.meta.index) return false;
  startSnapshotMode(progress, newest, state.now);
  return true;
}

/**
 * The one with which a transfer to this member begins: the newest, or, if as many others as may be kept are on their way to
 * others already, the newest of those from which the log goes on. So no transfer has to begin anew for the sake of another.
 */
export function snapshotToSend(state: RaftState, to: Progress): SnapshotMeta | null {
  const { snapshot } = state;
  const others = liveFollowers(state).flatMap((progress) =>
    progress !== to && progress.mode.kind === "snapshot" ? [progress.mode.meta] : [],
  );
  const indexes = new Set(others.map(({ index }) => index));
  if (snapshot === null || indexes.size < SENT_SNAPSHOTS_MAX || indexes.has(snapshot.index)) return snapshot;
  const useful = others.filter(({ index }) => index >= state.log.baseIndex);
  return useful.sort((a, b) => b.index - a.index)[0] ?? snapshot;
}

/** Asks for the pieces that fit in the window. What begins past the end of the snapshot is for the driver to pass over. */
export function requestChunks(state: RaftState, member: MemberId, progress: Progress, out: Output): void {
  const { mode } = progress;
  const { term, tuning } = state;
  if (mode.kind !== "snapshot") return;
  const { meta } = mode;
  const end = mode.offset + tuning.snapshotWindowChunks * tuning.snapshotChunkBytes;
  while (mode.sentTo < end) {
    out.chunkRequests.push({ to: member, term, meta, offset: mode.sentTo });
    mode.sentTo += tuning.snapshotChunkBytes;
  }
}

/** The follower's side. Pieces are taken in order; whatever else comes is answered with the offset wanted. */
export function onSnapshotChunk(state: RaftState, message: SnapshotChunk, out: Output): void {
  hearLeader(state, message.from, out);
  askAtFirst(state, message.from, out);
  if (mayNotPromise(state)) return;
  const { meta } = message;
  // The snapshot brings nothing new: it must not touch a log that is as long and agrees (figure 13, step 6).
  if (meta.index <= state.commit || termAt(state.log, meta.index) === meta.term) {
    advanceCommit(state, meta.index);
    abortReceive(state, out);
    acknowledge(state, message.from, state.commit);
    return;
  }
  if (!mayStoreSnapshot(state)) {
    sendDurable(state, progressOf(state, message.from, meta, 0));
    return;
  }
  if (!isReceiving(state, meta) || state.receiving?.digest !== message.digest) {
    beginReceive(state, message, out);
  }
  const { receiving } = state;
  if (receiving === null) return;
  receiving.from = message.from;
  if (receiving.complete) return;
  if (message.offset !== receiving.offset) {
    sendProgress(state, message.from, meta, receiving.offset, out);
    return;
  }
  receiving.offset += message.bytes.length;
  receiving.complete = message.done;
  out.receive.push({ kind: "chunk", meta, offset: message.offset, bytes: message.bytes, done: message.done });
}

/** A piece is written: the next one may come. */
export function onChunkStored(state: RaftState, meta: SnapshotMeta, offset: number, out: Output): void {
  const { receiving } = state;
  if (receiving === null || !isReceiving(state, meta) || receiving.complete) return;
  if (follows(state, receiving.from)) sendProgress(state, receiving.from, meta, offset, out);
}

/** All of a snapshot is durable. The log is replaced unless it has come to agree with the snapshot meanwhile. */
export function onSnapshotReceived(state: RaftState, meta: SnapshotMeta, out: Output): void {
  const from = state.receiving?.from;
  if (isReceiving(state, meta)) state.receiving = null;
  assert(meta.index > (state.snapshot?.index ?? 0), "snapshots never go back", { index: meta.index });
  state.snapshot = meta;
  if (meta.index <= state.commit || termAt(state.log, meta.index) === meta.term) {
    advanceCommit(state, meta.index);
  } else {
    resetLog(state, meta);
    state.commit = meta.index;
    out.restore = meta;
  }
  const leader = state.role.kind === "follower" ? state.role.leader : null;
  if (leader !== null && leader === from) acknowledge(state, leader, meta.index);
}

/** The leader is told at once to begin again: it would otherwise learn of it only by its timer. */
export function onReceiveFailed(state: RaftState, meta: SnapshotMeta, out: Output): void {
  const { receiving } = state;
  if (receiving === null || !isReceiving(state, meta)) return;
  state.receiving = null;
  if (follows(state, receiving.from)) sendProgress(state, receiving.from, meta, 0, out);
}

/** Our own state machine made a snapshot. */
export function onSnapshotSaved(state: RaftState, meta: SnapshotMeta): void {
  assert(meta.index <= state.commit, "only committed entries go into a snapshot", { index: meta.index });
  if (meta.index <= (state.snapshot?.index ?? 0)) return;
  state.snapshot = meta;
}

export function onCompact(state: RaftState, upTo: LogIndex): void {
  assert(upTo <= (state.snapshot?.index ?? 0), "only what a snapshot covers is forgotten", { upTo });
  compactTo(state.log, upTo);
  noteCompacted(state, state.log.baseIndex);
}

/** The snapshots that are being sent to members that are alive, newest first; no more than SENT_SNAPSHOTS_MAX. */
export function snapshotsBeingSent(state: RaftState): readonly LogIndex[] {
  const sent = liveFollowers(state).flatMap(({ mode }) =>
    mode.kind === "snapshot" ? [mode.meta.index] : [],
  );
  return [...new Set(sent)].sort((a, b) => b - a).slice(0, SENT_SNAPSHOTS_MAX);
}

/** What members that are alive go on from with entries: of those in front of it none is needed. Null if nobody lags. */
export function neededFrom(state: RaftState): LogIndex | null {
  const kept = new Set(snapshotsBeingSent(state));
  let lowest: LogIndex | null = null;
  for (const { mode, match } of liveFollowers(state)) {
    const from = mode.kind === "snapshot" ? mode.meta.index : match;
    const isKnown = mode.kind === "snapshot" ? kept.has(from) : from > 0;
    if (isKnown && from >= state.log.baseIndex && (lowest === null || from < lowest)) lowest = from;
  }
  return lowest;
}

function liveFollowers(state: RaftState): readonly Progress[] {
  if (state.role.kind !== "leader") return [];
  return [...state.role.progress.values()].filter(
    ({ heardAt }) => state.now - heardAt <= state.tuning.laggardTicks,
  );
}

function isReceiving(state: RaftState, meta: SnapshotMeta): boolean {
  return state.receiving?.meta.index === meta.index && state.receiving.meta.term === meta.term;
}

function follows(state: RaftState, leader: MemberId): boolean {
  return state.role.kind === "follower" && state.role.leader === leader;
}

function beginReceive(state: RaftState, message: SnapshotChunk, out: Output): void {
  abortReceive(state, out);
  if (message.offset !== 0) {
    sendProgress(state, message.from, message.meta, 0, out);
    return;
  }
  const { meta, digest, from } = message;
  state.receiving = { meta, digest, from, offset: 0, complete: false };
  out.receive.push({ kind: "begin", meta });
}

function sendProgress(state: RaftState, to: MemberId, meta: SnapshotMeta, offset: number, out: Output): void {
  out.messages.push(progressOf(state, to, meta, offset));
}

function progressOf(state: RaftState, to: MemberId, meta: SnapshotMeta, offset: number): SnapshotProgress {
  return { kind: "snapshot-progress", from: state.self, to, term: state.term, index: meta.index, offset };
}

// Snapshots in the core: catching up a follower piece by piece, and forgetting what a snapshot covers (section 7). The
// bytes are read and written by the driver; the core says which and when.
import { assert } from "../kernel/assert.ts";
import type { LogIndex } from "../kernel/ids.ts";
import { advanceCommit } from "./committing.ts";
import { resetLog, sendDurable } from "./durability.ts";
import { compactTo, termAt } from "./entry-log.ts";
import type { Output } from "./io.ts";
import type { SnapshotChunk, SnapshotProgress } from "./messages.ts";
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
  if (mode.kind !== "snapshot" || mode.index !== message.index || state.snapshot?.index !== mode.index)
    return;
  // That piece is on its way already; if it was lost, the timer sends it again.
  if (message.offset === mode.offset) return;
  mode.offset = message.offset;
  mode.askedAt = state.now;
  out.chunkRequests.push({
    to: message.from,
    term: state.term,
    meta: state.snapshot,
    offset: message.offset,
  });
}

/** The follower's side. Pieces are taken in order; whatever else comes is answered with the offset wanted. */
export function onSnapshotChunk(state: RaftState, message: SnapshotChunk, out: Output): void {
  hearLeader(state, message.from, out);
  const { meta } = message;
  // The snapshot brings nothing new: it must not touch a log that is as long and agrees (figure 13, step 6).
  if (meta.index <= state.commit || termAt(state.log, meta.index) === meta.term) {
    advanceCommit(state, meta.index);
    abortReceive(state, out);
    acknowledge(state, message.from, state.commit);
    return;
  }
  if (!isReceiving(state, meta)) beginReceive(state, message, out);
  const { receiving } = state;
  if (receiving === null || receiving.complete) return;
  if (message.offset !== receiving.offset) {
    askFor(state, message, receiving.offset, out);
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
  out.messages.push({
    kind: "snapshot-progress",
    from: state.self,
    to: receiving.from,
    term: state.term,
    index: meta.index,
    offset,
  });
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
    state.membership = meta.membership;
    out.restore = meta;
  }
  const leader = state.role.kind === "follower" ? state.role.leader : null;
  if (leader !== null && leader === from) acknowledge(state, leader, meta.index);
}

export function onReceiveFailed(state: RaftState, meta: SnapshotMeta): void {
  if (isReceiving(state, meta)) state.receiving = null;
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
}

function isReceiving(state: RaftState, meta: SnapshotMeta): boolean {
  return state.receiving?.meta.index === meta.index && state.receiving.meta.term === meta.term;
}

function beginReceive(state: RaftState, message: SnapshotChunk, out: Output): void {
  abortReceive(state, out);
  if (message.offset !== 0) {
    askFor(state, message, 0, out);
    return;
  }
  state.receiving = { meta: message.meta, from: message.from, offset: 0, complete: false };
  out.receive.push({ kind: "begin", meta: message.meta });
}

function askFor(state: RaftState, message: SnapshotChunk, offset: number, out: Output): void {
  out.messages.push({
    kind: "snapshot-progress",
    from: state.self,
    to: message.from,
    term: state.term,
    index: message.meta.index,
    offset,
  });
}

function acknowledge(state: RaftState, leader: SnapshotChunk["from"], match: LogIndex): void {
  sendDurable(state, { kind: "append-accepted", from: state.self, to: leader, term: state.term, match });
}

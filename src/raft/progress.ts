// What a leader knows of one follower, and how much it may send there unanswered.
import { assert } from "../kernel/assert.ts";
import { asIndex, type LogIndex } from "../kernel/ids.ts";
import type { CoreTuning } from "./limits.ts";
import type { SnapshotMeta } from "./types.ts";

/**
 * probe: it is not known where the logs agree, so one append at a time. replicate: they agree, so appends are sent
 * ahead of their answers. snapshot: the follower needs entries that are compacted, so nothing but the snapshot is sent.
 */
export type ProgressMode =
  | { readonly kind: "probe"; paused: boolean }
  | { readonly kind: "replicate" }
  /**
   * The follower has stored the snapshot up to `offset`; what starts before `sentTo` was asked for. Bytes. A newer
   * snapshot does not replace it: if they come faster than one is sent, the follower would never have one.
   */
  | {
      readonly kind: "snapshot";
      readonly meta: SnapshotMeta;
      offset: number;
      sentTo: number;
      heardAt: number;
    };

export interface Progress {
  /** The highest index that the follower has said to hold durably and equal to ours. */
  match: LogIndex;
  /** The next index to send. */
  next: LogIndex;
  mode: ProgressMode;
  /** Appends under way in the order sent: the last index and the bytes of each. */
  inflight: { readonly last: LogIndex; readonly bytes: number }[];
  inflightBytes: number;
  /** The tick of the follower's last word. */
  heardAt: number;
  /** The latest round of heartbeats that it has answered. */
  round: number;
  /** The latest round that it has answered with a promise that is long enough for a lease. */
  promisedRound: number;
  /** Its last answer promised too little. */
  hasRefusedLease: boolean;
  /** The latest round that it has answered even though it may confirm nothing (healing.ts). */
  answered: number;
  /** The round in which it was told what heals it; what it asked up to then is answered. */
  healedAt: number;
  /** It has asked to be healed and does not hold this index yet; it has no vote until then. Null if it is whole. */
  healsAt: LogIndex | null;
  /** The highest commit index it was told. */
  toldCommit: LogIndex;
  /** The tick since which it belongs to the membership no more; null while it does. */
  leavingSince: number | null;
}

export function newProgress(next: LogIndex, now: number): Progress {
  return {
    match: asIndex(0),
    next,
    mode: { kind: "probe", paused: false },
    inflight: [],
    inflightBytes: 0,
    heardAt: now,
    round: 0,
    promisedRound: 0,
    hasRefusedLease: false,
    answered: 0,
    healedAt: 0,
    healsAt: null,
    toldCommit: asIndex(0),
    leavingSince: null,
  };
}

export function probe(progress: Progress, next: LogIndex, paused: boolean): void {
  assert(next > progress.match, "a probe starts after the match", { next, match: progress.match });
  progress.mode = { kind: "probe", paused };
  progress.next = next;
  clearInflight(progress);
}

/** The follower lost data: what it has acknowledged counts no more, and where it stands is found anew. */
export function forget(progress: Progress, next: LogIndex): void {
  progress.match = asIndex(0);
  progress.toldCommit = asIndex(0);
  probe(progress, next, false);
}

export function startSnapshotMode(progress: Progress, meta: SnapshotMeta, now: number): void {
  progress.mode = { kind: "snapshot", meta, offset: 0, sentTo: 0, heardAt: now };
  clearInflight(progress);
}

/** Whether another append with entries may leave now. */
export function maySend(progress: Progress, tuning: CoreTuning): boolean {
  switch (progress.mode.kind) {
    case "probe":
      return !progress.mode.paused;
    case "replicate":
      return (
        progress.inflight.length < tuning.inflightMessagesMax &&
        progress.inflightBytes < tuning.inflightBytesMax
      );
    case "snapshot":
      return false;
  }
}

/** Notes an append that was sent. A probe waits for its answer; replication goes on behind it. */
export function noteSent(progress: Progress, count: number, bytes: number): void {
  if (progress.mode.kind === "probe") progress.mode.paused = true;
  if (progress.mode.kind !== "replicate" || count === 0) return;
  progress.next = asIndex(progress.next + count);
  progress.inflight.push({ last: asIndex(progress.next - 1), bytes });
  progress.inflightBytes += bytes;
}

/** Takes an acknowledgement. @returns false if it tells nothing new */
export function noteAccepted(progress: Progress, match: LogIndex): boolean {
  releaseInflight(progress, match);
  const news = match > progress.match;
  if (news) progress.match = match;
  if (progress.healsAt !== null && match >= progress.healsAt) progress.healsAt = null;
  if (progress.next <= progress.match) progress.next = asIndex(progress.match + 1);
  const { mode } = progress;
  if (mode.kind === "probe" || (mode.kind === "snapshot" && match >= mode.meta.index)) {
    progress.mode = { kind: "replicate" };
    progress.next = asIndex(progress.match + 1);
  }
  return news;
}

function releaseInflight(progress: Progress, match: LogIndex): void {
  let answered = 0;
  for (const sent of progress.inflight) {
    if (sent.last > match) break;
    progress.inflightBytes -= sent.bytes;
    answered++;
  }
  if (answered > 0) progress.inflight.splice(0, answered);
}

function clearInflight(progress: Progress): void {
  progress.inflight = [];
  progress.inflightBytes = 0;
}

// Every bound and every default of this room, in one place. Times become ticks here; the core knows ticks only.
import { assert } from "../kernel/assert.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Largest payload that propose accepts. */
export const ENTRY_BYTES_MAX = 8 * MIB;
/** Entries in one append message: it stops before this size, but always carries at least one entry. */
export const MESSAGE_BYTES_MAX = 1 * MIB;
/** Entries in one append message. */
export const MESSAGE_ENTRIES_MAX = 4096;
/** Append messages sent to a follower and not yet answered. */
export const INFLIGHT_MESSAGES_MAX = 128;
/** Bytes of entries sent to a follower and not yet answered. */
export const INFLIGHT_BYTES_MAX = 16 * MIB;
/** Bytes of memory that a leader has accepted and not committed; beyond it propose answers "overloaded". */
export const UNCOMMITTED_BYTES_MAX = 64 * MIB;
/** One piece of a snapshot on the wire. */
export const SNAPSHOT_CHUNK_BYTES = 1 * MIB;
/** Pieces of a snapshot sent to a follower and not yet acknowledged. */
export const SNAPSHOT_WINDOW_CHUNKS = 4;
/** By how much the clocks of two members may differ in speed, in parts per million, where reads go by lease. */
export const CLOCK_DRIFT_PPM_MAX = 1000;
/** Numbers that tell the starts of a healing member apart. */
export const HEALING_NONCES = 2 ** 31;
/** Entries kept in front of a snapshot so that a slow follower needs no snapshot. */
export const TRAILING_ENTRIES_MAX = 10_000;
/** Bytes of memory kept in front of a snapshot, whichever of the two bounds is reached first. */
export const TRAILING_BYTES_MAX = 32 * MIB;
/** Bytes of memory kept in front of a snapshot for a follower that is alive and has not come so far, or is being sent an older one. */
export const LAGGARD_BYTES_MAX = 128 * MIB;
/** For one that has been silent for longer nothing is kept. */
export const LAGGARD_SILENT_MS_MAX = 30_000;
/** Different snapshots that are kept readable at once because followers are being sent them. */
export const SENT_SNAPSHOTS_MAX = 4;
/** Bookkeeping of one entry in a message or in a call, added to its payload where these are bounded. */
export const ENTRY_OVERHEAD_BYTES = 32;
/**
 * What an entry in memory costs beside its payload, added to it wherever memory is bounded: on Node 24 (x64) 260 to 340
 * bytes of V8's heap, and up to 600 outside it for one that came in a frame of its own.
 */
export const ENTRY_MEMORY_BYTES = 1024;
/** Largest frame that is sent or accepted between members. */
export const FRAME_BYTES_MAX = ENTRY_BYTES_MAX + MESSAGE_BYTES_MAX + 64 * KIB;
/** Bytes waiting in a connection; beyond it messages to that member are dropped, which Raft repairs. */
export const PEER_BUFFER_BYTES_MAX = 32 * MIB;
/** Storage appends of the leader under way; beyond it proposals gather for the next one. */
export const PROPOSAL_ROUNDS_MAX = 8;
/** Reads waiting for their round of heartbeats. */
export const PENDING_READS_MAX = 10_000;
/** Reads that wait at all: for their turn, for their round, or for their index to be applied. */
export const GATHERED_READS_MAX = 2 * PENDING_READS_MAX;
/** Messages that wait for this member's disk; beyond it they are dropped, which Raft repairs. */
export const WITHHELD_MESSAGES_MAX = 4096;
/** Greatest term that is believed. */
export const TERM_MAX = 2 ** 52;
/** By how much a message's term may be ahead of ours; elections ten times a second take three thousand years for it. */
export const TERM_JUMP_MAX = 2 ** 40;
/** Members of a cluster, learners included. */
export const MEMBERS_MAX = 31;
/** UTF-16 units of a member id or a cluster name on the wire. */
export const NAME_UNITS_MAX = 255;
/** UTF-16 units of an address in a member's contact. */
export const ADDRESS_UNITS_MAX = 512;
/** Committed entries handed to the state machine in one turn; the rest waits for the next. */
export const APPLY_ENTRIES_MAX = 1024;
/** Bytes of entries handed to the state machine in one call, unless one entry has more. */
export const APPLY_BYTES_MAX = 256 * KIB;
/** A turn in which the state machine has worked for so long takes no more. */
export const APPLY_TURN_MS = 8;
/** Connections that have not said who they are yet; more are closed at once. */
export const STRANGERS_MAX = 64;
/** Wait before the first and the last attempts to connect again. */
export const RECONNECT_MIN_MS = 20;
export const RECONNECT_MAX_MS = 1000;
/** A connection that has not introduced itself by then is closed. */
export const HANDSHAKE_TIMEOUT_MS = 5000;
/** Longest frame that is taken from a connection that has not introduced itself. */
export const HANDSHAKE_BYTES_MAX = 4 * KIB;
/** A connection that has lasted so long is dialled again without a pause when it breaks. */
export const CONNECTION_STABLE_MS = 200;
/** A connection is dialled anew when nothing was heard for so many of the longest election timeouts … */
export const SILENT_ELECTIONS_MAX = 5;
/** … and more than so many frames were sent meanwhile. */
export const UNANSWERED_FRAMES_MIN = 8;
/** Callers that are not among the members, each with a connection back to it; more are refused. */
export const GUESTS_MAX = 8;
/** Members of other groups that are remembered as complained of, so that it is done once. */
export const FOREIGN_MAX = 64;
/** A founder that needs nobody's vote leaves the others so long to call, in case it was one of many and has lost its data. */
export const FOUNDING_MS = 1200;
/** The connection to one that is not among the members is closed when nothing was sent for so long. */
export const GUEST_IDLE_MS = 5000;
/** After a pause of the process no more than this many ticks are caught up, so that the messages that waited in the
 * sockets are read before anybody concludes that the leader is silent. */
export const CATCH_UP_TICKS_MAX = 5;

/** What an operator may set. All times in milliseconds. */
export interface RaftTuning {
  readonly tickMs: number;
  readonly heartbeatMs: number;
  /** Election timeouts are drawn uniformly from [electionMinMs, electionMaxMs], anew for each election. */
  readonly electionMinMs: number;
  readonly electionMaxMs: number;
  /** How long a founder that has no peers waits before it founds a group alone. */
  readonly foundingMs: number;
  /** A leader whose own disk has not answered for so long steps down. */
  readonly storageStallMs: number;
  /** A piece of a snapshot that was not acknowledged is sent again. */
  readonly snapshotRetryMs: number;
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly snapshotChunkBytes: number;
  readonly snapshotWindowChunks: number;
  /** Serve linearizable reads from the leader's lease where it holds one. It trusts the clocks, so it is off by default. */
  readonly leaseReads: boolean;
  readonly clockDriftPpmMax: number;
  readonly trailingEntriesMax: number;
  readonly trailingBytesMax: number;
  readonly laggardBytesMax: number;
  readonly laggardSilentMs: number;
}

export const DEFAULT_TUNING: RaftTuning = {
  tickMs: 10,
  heartbeatMs: 50,
  electionMinMs: 300,
  electionMaxMs: 600,
  foundingMs: FOUNDING_MS,
  storageStallMs: 5000,
  snapshotRetryMs: 1000,
  messageBytesMax: MESSAGE_BYTES_MAX,
  inflightMessagesMax: INFLIGHT_MESSAGES_MAX,
  inflightBytesMax: INFLIGHT_BYTES_MAX,
  uncommittedBytesMax: UNCOMMITTED_BYTES_MAX,
  snapshotChunkBytes: SNAPSHOT_CHUNK_BYTES,
  snapshotWindowChunks: SNAPSHOT_WINDOW_CHUNKS,
  leaseReads: false,
  clockDriftPpmMax: CLOCK_DRIFT_PPM_MAX,
  trailingEntriesMax: TRAILING_ENTRIES_MAX,
  trailingBytesMax: TRAILING_BYTES_MAX,
  laggardBytesMax: LAGGARD_BYTES_MAX,
  laggardSilentMs: LAGGARD_SILENT_MS_MAX,
};

/** The same in the core's unit. */
export interface CoreTuning {
  readonly heartbeatTicks: number;
  readonly electionMinTicks: number;
  readonly electionMaxTicks: number;
  readonly storageStallTicks: number;
  readonly snapshotRetryTicks: number;
  readonly laggardTicks: number;
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly snapshotChunkBytes: number;
  readonly snapshotWindowChunks: number;
  readonly leaseReads: boolean;
  readonly leaseTicks: number;
  /** The shortest election timeout by the clock. */
  readonly electionMinMs: number;
}

/**
 * Ticks that a lease lasts: the shortest election timeout, less the drift of the clocks, less what a member's count of
 * ticks may lag behind its clock (it catches up after the messages that waited, so to it a heartbeat seems older), less
 * one tick at each end for what a count leaves out.
 */
export function leaseTicksOf(electionMinTicks: number, clockDriftPpmMax: number): number {
  const sure = Math.floor((electionMinTicks * (1_000_000 - clockDriftPpmMax)) / 1_000_000);
  return sure - CATCH_UP_TICKS_MAX - 2;
}

export function coreTuning(tuning: RaftTuning): CoreTuning {
  const ticks = (ms: number): number => Math.max(1, Math.round(ms / tuning.tickMs));
  assert(tuning.tickMs > 0, "a tick must last", { tickMs: tuning.tickMs });
  assert(tuning.heartbeatMs * 2 <= tuning.electionMinMs, "two heartbeats must fit in an election timeout", {
    heartbeatMs: tuning.heartbeatMs,
    electionMinMs: tuning.electionMinMs,
  });
  assert(tuning.electionMinMs < tuning.electionMaxMs, "election timeouts need a range to be drawn from");
  const leaseTicks = leaseTicksOf(ticks(tuning.electionMinMs), tuning.clockDriftPpmMax);
  assert(!tuning.leaseReads || leaseTicks > ticks(tuning.heartbeatMs), "a lease must outlast a heartbeat", {
    leaseTicks,
  });
  return {
    heartbeatTicks: ticks(tuning.heartbeatMs),
    electionMinTicks: ticks(tuning.electionMinMs),
    electionMaxTicks: ticks(tuning.electionMaxMs),
    storageStallTicks: ticks(tuning.storageStallMs),
    snapshotRetryTicks: ticks(tuning.snapshotRetryMs),
    laggardTicks: ticks(tuning.laggardSilentMs),
    messageBytesMax: tuning.messageBytesMax,
    inflightMessagesMax: tuning.inflightMessagesMax,
    inflightBytesMax: tuning.inflightBytesMax,
    uncommittedBytesMax: tuning.uncommittedBytesMax,
    snapshotChunkBytes: tuning.snapshotChunkBytes,
    snapshotWindowChunks: tuning.snapshotWindowChunks,
    leaseReads: tuning.leaseReads,
    leaseTicks,
    electionMinMs: Math.floor(ticks(tuning.electionMinMs) * tuning.tickMs),
  };
}

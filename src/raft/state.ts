// The state of one member: one plain object that only the core writes to. Inputs and outputs are in io.ts.
import { assert } from "../kernel/assert.ts";
import { asIndex, asTerm, type GroupId, type LogIndex, type MemberId, type Term } from "../kernel/ids.ts";
import type { Random } from "../kernel/ports.ts";
import { below } from "../kernel/random.ts";
import { appendEntries, type EntryLog, lastIndex, lastTerm } from "./entry-log.ts";
import { type CoreTuning, HEALING_NONCES } from "./limits.ts";
import { type Configuration, configurationsIn } from "./membership-entry.ts";
import type { Message } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { drawTimeout } from "./timeouts.ts";
import type { Entry, HardState, Membership, SnapshotMeta } from "./types.ts";

export interface Follower {
  readonly kind: "follower";
  /** The leader of this term, once it was heard. */
  leader: MemberId | null;
}

export interface PreCandidate {
  readonly kind: "precandidate";
  readonly votes: Map<MemberId, boolean>;
  /** Of those that voted, the ones that do not remember what they have promised (healing.ts). */
  readonly amnesiacs: Set<MemberId>;
}

export interface Candidate {
  readonly kind: "candidate";
  readonly votes: Map<MemberId, boolean>;
  readonly amnesiacs: Set<MemberId>;
  /** The old leader asked for this election. */
  readonly transfer: boolean;
  /** Our own vote counts once the write with this number is durable; null before it was issued. */
  ownVoteAfter: number | null;
}

/** Which round left when. */
export interface SentRound {
  readonly round: number;
  readonly at: number;
}

export interface Leader {
  readonly kind: "leader";
  readonly progress: Map<MemberId, Progress>;
  /** The index of this term's no-op. Until it is committed there are no reads and nothing is known to be committed. */
  readonly termStart: LogIndex;
  heartbeatElapsed: number;
  /** Bytes of entries after the commit index. */
  uncommittedBytes: number;
  /** The latest round of heartbeats; rounds number the reads, and no number is used twice in a term. */
  round: number;
  roundWanted: boolean;
  /** Reads that wait until a quorum has answered their round. */
  reads: { readonly id: number; readonly index: LogIndex; readonly round: number }[];
  /** Reads that came before this term's no-op was committed. */
  earlyReads: number[];
  transfer: { readonly to: MemberId; elapsed: number } | null;
  /** A transfer was begun in this term: the order may still arrive, so no lease holds. */
  transferred: boolean;
  /** It is not in the committed configuration and has begun to hand over. */
  retiring: boolean;
  /** Members that asked for their healing, and the round that has to be answered before they are. */
  readonly heals: Map<MemberId, { readonly round: number; readonly nonce: number }>;
  /** When the latest rounds left, oldest first; empty unless reads go by lease. */
  sentRounds: SentRound[];
}

export type Role = Follower | PreCandidate | Candidate | Leader;

/** A write handed to storage and not yet durable. */
export interface PendingWrite {
  readonly number: number;
  /** Our log is durable up to here once the write is; lowered when a later truncation takes entries away. */
  lastIndex: LogIndex;
  readonly issuedAt: number;
}

/** A message that promises something which is not durable yet. */
export interface WithheldMessage {
  readonly afterWrite: number;
  readonly message: Message;
}

/** What a healing member knows of its way back. */
export interface Healing {
  readonly kind: "damage" | "amnesia";
  /** Of this start of the process: an answer to an earlier one heals nothing. */
  readonly nonce: number;
  /** The leader of this term was asked, at least once. */
  asked: boolean;
  /** What the leader of this term answered. */
  target: LogIndex | null;
  /** The log agrees with the leader's up to the target. */
  reached: boolean;
  /** It does durably once this write is durable; null before that write was issued. */
  wholeAfter: number | null;
  /** The very first write of entries holds all that is needed: it is there as a whole or not at all, and needs no mark. */
  atOnce: boolean;
  /** The hard state says that this member is healing although its log is empty. */
  marked: boolean;
}

export interface RaftState {
  readonly self: MemberId;
  readonly tuning: CoreTuning;
  readonly random: Random;
  /** Ticks since the start: the core's only notion of time. */
  now: number;
  term: Term;
  votedFor: MemberId | null;
  role: Role;
  /** The membership in force: the last of `configurations`. */
  membership: Membership;
  /** Those of the retained log in its order, and before them the one in force at its base. Never empty. */
  configurations: readonly Configuration[];
  /** Where this process was told that members are; the log may know it of some only. */
  readonly contacts: Membership["contacts"];
  /** The group that this member is known to have belonged to when it started, whatever it has lost since. */
  readonly knownGroup: GroupId | null;
  /** One that belongs to a group and is connected to this member; null if there is none (group-id.ts). */
  foundedElsewhere: MemberId | null;
  /** It was said that this member founds nothing. */
  barredSaid: boolean;
  /** Null for a member that has lost nothing, or nothing any more. */
  healing: Healing | null;
  log: EntryLog;
  commit: LogIndex;
  /** The newest snapshot that is durable here. */
  snapshot: SnapshotMeta | null;
  /**
   * The snapshot being received: the offset that is wanted next, and whether all of it has come. A leader that has the
   * same one goes on with it.
   */
  receiving: {
    readonly meta: SnapshotMeta;
    readonly digest: string;
    /** Who sent of it last. */
    from: MemberId;
    offset: number;
    complete: boolean;
  } | null;
  /** Ticks since the election timer was last reset, and the timeout drawn for this election. */
  elapsed: number;
  timeout: number;
  /** The tick at which the leader of this term was last heard. */
  leaderHeardAt: number;
  /** The term whose leader was reported dead; a second report changes nothing. */
  goneTerm: Term | null;
  durability: {
    /** Our log is durable up to here. */
    durableIndex: LogIndex;
    /** The first index that no write contains yet. */
    unwrittenFrom: LogIndex;
    /** What the last write said; the next one is needed when it differs. */
    written: HardState;
    lastWrite: number;
    pending: PendingWrite[];
    withheld: WithheldMessage[];
  };
  /** What was last reported to the driver. */
  reported: { role: Role["kind"]; term: Term; leader: MemberId | null };
}

/** What a member finds on its disk; all empty for a new one. */
export interface Recovered {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta | undefined;
  /** The entries on disk, in order; those that the snapshot covers may be among them. */
  readonly entries: readonly Entry[];
  /** What was given to `RaftStorage.rememberGroup` last; undefined if nothing was, or it cannot be read. */
  readonly groupId?: GroupId | undefined;
}

export interface CoreOptions {
  readonly self: MemberId;
  /** In force until the log or a snapshot says otherwise; without voters for a member that joins. */
  readonly membership: Membership;
  readonly recovered: Recovered;
  readonly tuning: CoreTuning;
  readonly random: Random;
}

/** A follower as it comes out of a crash: it knows nothing of leaders, and commits only what the snapshot covers. */
export function createState(options: CoreOptions): RaftState {
  const { recovered, tuning, random } = options;
  const snapshot = recovered.snapshot ?? null;
  const log = recoveredLog(snapshot, recovered.entries);
  const base: Configuration = {
    index: log.baseIndex,
    membership: snapshot?.membership ?? options.membership,
  };
  const configurations = [base, ...configurationsIn(log.entries)];
  const membership = configurations.at(-1)?.membership ?? base.membership;
  const end = lastIndex(log);
  // A crash can leave entries of a term whose hard state was lost: no vote of that term has left this member.
  const newer = lastTerm(log) > recovered.hardState.term;
  const { healing } = recovered.hardState;
  const hardState: HardState = newer ? { term: lastTerm(log), votedFor: null, healing } : recovered.hardState;
  return {
    self: options.self,
    tuning,
    random,
    now: 0,
    term: hardState.term,
    votedFor: hardState.votedFor,
    role: { kind: "follower", leader: null },
    membership,
    configurations,
    contacts: options.membership.contacts,
    knownGroup: recovered.groupId ?? null,
    foundedElsewhere: null,
    barredSaid: false,
    healing: healingAtStart(healing, end, random),
    log,
    commit: log.baseIndex,
    snapshot,
    receiving: null,
    elapsed: 0,
    timeout: drawTimeout(tuning, membership, options.self, random),
    // With leases, this member may have promised before its crash to support nobody else for a while.
    leaderHeardAt: tuning.leaseReads ? 0 : Number.NEGATIVE_INFINITY,
    goneTerm: null,
    durability: {
      durableIndex: end,
      unwrittenFrom: asIndex(end + 1),
      written: recovered.hardState,
      lastWrite: 0,
      pending: [],
      withheld: [],
    },
    reported: { role: "follower", term: hardState.term, leader: null },
  };
}

/** Without log and snapshot it cannot be told a first start from a wiped disk. */
function healingAtStart(damaged: boolean, end: LogIndex, random: Random): Healing | null {
  if (!damaged && end > 0) return null;
  return startHealing(damaged ? "damage" : "amnesia", below(random, HEALING_NONCES));
}

export function startHealing(kind: Healing["kind"], nonce: number): Healing {
  return {
    kind,
    nonce,
    asked: false,
    target: null,
    reached: false,
    wholeAfter: null,
    atOnce: false,
    marked: false,
  };
}

/** True if the entries on disk go on where the snapshot ends; if not, they are older than it and are of no use. */
export function continuesSnapshot(snapshot: SnapshotMeta, entries: readonly Entry[]): boolean {
  const covered = entries.find((entry) => entry.index === snapshot.index);
  if (covered !== undefined) return covered.term === snapshot.term;
  return entries.length === 0 || entries[0]?.index === snapshot.index + 1;
}

/** The leader of the current term as far as this member knows. */
export function knownLeader(state: RaftState): MemberId | null {
  if (state.role.kind === "leader") return state.self;
  return state.role.kind === "follower" ? state.role.leader : null;
}

function recoveredLog(snapshot: SnapshotMeta | null, entries: readonly Entry[]): EntryLog {
  const base = { baseIndex: snapshot?.index ?? asIndex(0), baseTerm: snapshot?.term ?? asTerm(0) };
  const log: EntryLog = { ...base, entries: [] };
  if (snapshot !== null && !continuesSnapshot(snapshot, entries)) return log;
  const rest = entries.filter((entry) => entry.index > base.baseIndex);
  assert(rest.length === 0 || rest[0]?.index === base.baseIndex + 1, "entries are missing on disk", {
    baseIndex: base.baseIndex,
    first: rest[0]?.index,
  });
  appendEntries(log, rest);
  return log;
}

// What the master offers to the rooms around it, and what it wants of them. The api submits commands and delivers
// effects; it never touches state but to read it.
import type { GroupId, LogIndex, MemberId, Millis, Term } from "../kernel/ids.ts";
import type { ArchiveHealth } from "../log/index.ts";
import type { Entry } from "../raft/index.ts";
import type { Command, Rejection } from "../state/commands.ts";
import type { Reply } from "../state/decide.ts";
import type { Effect } from "../state/effects.ts";
import type { Event } from "../state/events.ts";
import type { ClusterState } from "../state/model.ts";
import type { MembershipChange, MembersOutcome, MemberView, TransferOutcome } from "./members.ts";

export interface Master {
  start(): Promise<void>;
  /** Hands leadership over if it leads, then stops; the data directory can be opened again. */
  stop(): Promise<void>;
  /**
   * Decides a command and, if it gave events, waits until they are committed. Commands are decided in the order of the
   * calls; outcomes come in that order too. Never rejects.
   */
  submit(command: Command): Promise<Outcome>;
  /** The same for commands that come in masses: without a promise for each. `done` may be called before this returns. */
  order(command: Command, done: (outcome: Outcome) => void): void;
  status(): MasterStatus;
  /** The live state, to be read and not kept. On a leader it may be ahead of what is committed: see `settled`. */
  state(): ClusterState;
  /**
   * Resolves to true when all that `state()` shows at the time of the call is committed and this master is confirmed to
   * lead: a read that is answered after it is linearizable. False if leadership was lost meanwhile.
   */
  settled(): Promise<boolean>;
  /** Committed entries with events, from this index on, as far back as the log is kept in memory. */
  history(from: LogIndex): Iterable<HistoryEntry>;
  /** The same entries, and Raft's own between them, as the bytes that the log holds. */
  entries(from: LogIndex): readonly Entry[];
  /** Who belongs to the cluster, as far as this master knows, in the order of their ids. */
  members(): readonly MemberView[];
  /** Adds, promotes or removes one member; resolves when that is committed. Never rejects. */
  changeMembers(change: MembershipChange): Promise<MembersOutcome>;
  /** Hands leadership to this voter, or to the one that is furthest; resolves when another leads. Never rejects. */
  transferLeadership(to: MemberId | null): Promise<TransferOutcome>;
  /** Where effects go. One sink; given before start. */
  attach(sink: EffectSink): void;
}

export interface HistoryEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly time: Millis;
  readonly events: readonly Event[];
}

export type Outcome =
  /** Done and durable on a majority; or nothing needed to be done. */
  | { readonly kind: "done"; readonly reply: Reply | null }
  | { readonly kind: "rejected"; readonly rejection: Rejection }
  /** Nothing has happened; ask the leader. */
  | { readonly kind: "not-leader"; readonly leader: MemberId | null }
  /** Nothing has happened: the queue of uncommitted work is full, or its events are too much for one entry. */
  | { readonly kind: "overloaded" }
  /** Leadership was lost before the commit: it may happen or not; ask the next leader. */
  | { readonly kind: "unknown" };

export interface EffectSink {
  /** In the order of the log, after commit, on the leader only. Must not block or throw. */
  deliver(effect: Effect): void;
  /** This master has begun to lead and takes commands. */
  onLeading(term: Term): void;
  /** It does not lead, or another member does now: every stream and agent connection is to be closed. */
  onNotLeading(leader: MemberId | null): void;
}

export interface MasterStatus {
  readonly self: MemberId;
  readonly role: "follower" | "precandidate" | "candidate" | "leader";
  readonly term: Term;
  readonly leader: MemberId | null;
  /** It leads, has applied all of the log and takes commands. */
  readonly ready: boolean;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Events applied since the log began (from the newest snapshot's count on). */
  readonly events: number;
  /** Which group of masters this one belongs to; null while it knows of none. */
  readonly groupId: GroupId | null;
  /** Whether the archive of its log works; null without one. */
  readonly archive: ArchiveHealth | null;
  readonly members: readonly MemberView[];
}

// What the driver offers and what it asks for: the types between this room and its users.
import type { LogIndex, MemberId, Term } from "../kernel/ids.ts";
import type { Clock, Network, Random, Tracer } from "../kernel/ports.ts";
import type { RaftTuning } from "./limits.ts";
import type { PeerAddress } from "./peers.ts";
import type { Recovered } from "./state.ts";
import type { RaftStatus } from "./status.ts";
import type { RaftStorage } from "./storage.ts";
import type { Entry, Membership, MembershipChange, SnapshotMeta } from "./types.ts";

export interface RoleStatus {
  readonly role: "follower" | "precandidate" | "candidate" | "leader";
  readonly term: Term;
  readonly leader: MemberId | null;
  /** This member leads, and all that earlier leaders committed is applied here (its own no-op among it). */
  readonly ready: boolean;
}

/** What is replicated. Its methods must not throw: an exception ends the node. */
export interface StateMachine {
  /** Committed entries in order, each once per start; no-ops are among them with an empty payload (`isNoOp`), like Raft's
   * other entries (`isOwn`), for which the state machine has no use. */
  applyCommitted(entries: readonly Entry[]): void;
  /**
   * The state is to be replaced by this snapshot: at the start one from disk, later one from the leader. Entries that
   * follow wait until the promise settles. The pieces can be read during the call only.
   */
  restore(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Called before the entries that the change brings are applied. */
  onRoleChange(status: RoleStatus): void;
}

export type ProposeResult =
  | { readonly ok: true; readonly index: LogIndex; readonly term: Term }
  | {
      readonly ok: false;
      /** "overloaded" also while leadership is being handed over: the caller may try again. */
      readonly reason: "not-leader" | "overloaded" | "stopped";
      readonly leader: MemberId | null;
    };

export interface RaftNodeOptions {
  readonly self: MemberId;
  /**
   * The members and where they are dialled. All founders for a founder; a member that joins an existing cluster is not
   * among them (they may be empty) and learns from the leader who belongs to it. A membership on disk wins over this.
   */
  readonly members: readonly PeerAddress[];
  /** Where the others dial this member; needed if it is not among `members`. */
  readonly address?: string;
  /** Where to listen if it is not this member's address. */
  readonly listenAddress?: string;
  readonly clusterName: string;
  readonly recovered: Recovered;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly storage: RaftStorage;
  readonly stateMachine: StateMachine;
  readonly tracer: Tracer;
  readonly tuning?: Partial<RaftTuning>;
  /** Storage failed or the impossible happened; the node has stopped dead and the process should end. */
  onFatal(reason: string, cause: unknown): void;
}

export interface RaftNode {
  /** Restores the state machine from the snapshot on disk, listens, and takes part. */
  start(): Promise<void>;
  /**
   * Offers an entry, 1 to ENTRY_BYTES_MAX bytes. An accepted one is committed at that index in that term or never;
   * never, if `onRoleChange` says before it is applied that this member leads that term no more.
   */
  propose(payload: Uint8Array): ProposeResult;
  /** Whether `propose` would accept an entry now. */
  acceptsProposals(): boolean;
  /** Resolves once this member is known to lead and has applied all that was committed at the call (linearizable
   * reads). Rejects with a ReadIndexError. */
  readIndex(): Promise<LogIndex>;
  /**
   * Persists the state machine's state as of this committed index, then forgets the log before it, except for a window
   * (`trailingEntriesMax`, `trailingBytesMax`) for slow followers. Does nothing if there is a newer
   * snapshot, or while a member that joins does not know the members as of that index.
   */
  saveSnapshot(
    index: LogIndex,
    data: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** The committed entries from this index on. Retained is everything after the newest snapshot, and a window before. */
  readCommitted(from: LogIndex): readonly Entry[];
  /** The newest snapshot and its bytes; the bytes must be read before the promise of `use` settles. */
  readSnapshot(use: (meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void>;
  /** Hands leadership to the member, or to the one that is furthest. Nothing happens on a member that does not lead. */
  transferLeadership(to?: MemberId): void;
  /**
   * Adds, promotes or removes one member; one change at a time. Resolves with the membership once it is committed (after
   * the joint one, if voters change); rejects with MembershipError. After "lost-leadership" the change may still happen.
   */
  changeMembership(change: MembershipChange): Promise<Membership>;
  status(): RaftStatus;
  /** Hands over leadership if it can, then ends; writes under way are waited for. */
  stop(): Promise<void>;
}

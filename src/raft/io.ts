// What goes into the core and what comes out of it.
//
// The order law, which the core itself keeps:
//  1. Writes are to be made durable in the order of their numbers; `persisted` reports the number of the last durable
//     write, which stands for all before it.
//  2. `messages` may leave at once and in any order with the write of the same output. What promises something
//     (votes, requests for votes, acknowledgements of entries) is held back inside the core until the writes that it
//     promises are reported durable; it then is among the messages of that output.
//  3. A leader's appends leave in parallel with its own write; it counts itself only after its own `persisted`.
//  4. Committed entries may be applied at once: a quorum holds them durably, although this member's write may be
//     under way. `restore` comes before the committed entries of the same output.
import type { LogIndex, MemberId, Term } from "../kernel/ids.ts";
import type { Message } from "./messages.ts";
import type { Role } from "./state.ts";
import type {
  Entry,
  HardState,
  Membership,
  MembershipChange,
  MembershipRefusal,
  SnapshotMeta,
} from "./types.ts";

export type Input =
  /** One tick of time has passed. */
  | { readonly kind: "tick" }
  | { readonly kind: "message"; readonly message: Message }
  /** Payloads for the end of the log, none empty, each at most ENTRY_BYTES_MAX. Answered by `proposal`. */
  | { readonly kind: "propose"; readonly payloads: readonly Uint8Array[] }
  /** All writes up to this number are durable. */
  | { readonly kind: "persisted"; readonly write: number }
  /** Reads that share a round; each is answered in `reads` under its id, perhaps by a later step. */
  | { readonly kind: "read-index"; readonly ids: readonly number[] }
  /** Hand leadership to this member, or to the one that is furthest. Ignored by a member that does not lead. */
  | { readonly kind: "transfer"; readonly to: MemberId | null }
  /** The connection to the member broke or messages to it were dropped. */
  | { readonly kind: "unreachable"; readonly member: MemberId }
  /** Time has passed that no tick has counted (the process was paused for long): no lease holds. */
  | { readonly kind: "clock-skipped" }
  /** The member's process is dead: its connection closed and nobody answers at its address. */
  | { readonly kind: "leader-gone"; readonly member: MemberId }
  /** A member that belongs to a group is connected to this one; null: none is any more. */
  | { readonly kind: "founded-elsewhere"; readonly by: MemberId | null }
  /** Change who belongs to the cluster. Answered by `change`, and by `changed` once it is committed. */
  | { readonly kind: "change-membership"; readonly change: MembershipChange }
  /** A snapshot that this member's state machine made of its own state is durable. */
  | { readonly kind: "snapshot-saved"; readonly meta: SnapshotMeta }
  /** Entries up to this index may be forgotten; the newest snapshot must cover them. */
  | { readonly kind: "compact"; readonly upTo: LogIndex }
  /** A received piece is written; `offset` is where the next one starts. */
  | { readonly kind: "chunk-stored"; readonly meta: SnapshotMeta; readonly offset: number }
  /** A received snapshot is durable and is now the newest one. */
  | { readonly kind: "snapshot-received"; readonly meta: SnapshotMeta }
  /** A piece that was asked for cannot be read: a newer snapshot has replaced that one. */
  | { readonly kind: "snapshot-gone"; readonly to: MemberId; readonly meta: SnapshotMeta }
  /** Receiving failed or was given up; it may begin anew. */
  | { readonly kind: "receive-failed"; readonly meta: SnapshotMeta };

/** One write to storage. `resetTo` replaces the whole log by a snapshot and precedes the rest of the same write. */
export interface Write {
  readonly number: number;
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly resetTo: SnapshotMeta | null;
}

export type ProposalOutcome =
  | { readonly ok: true; readonly first: LogIndex; readonly term: Term }
  | { readonly ok: false; readonly reason: "not-leader" | "overloaded" | "transferring" };

export type ChangeOutcome =
  | { readonly ok: true; readonly index: LogIndex }
  | { readonly ok: false; readonly reason: MembershipRefusal };

export type ReadOutcome =
  /** The read may be served once this index is applied. */
  | { readonly ok: true; readonly id: number; readonly index: LogIndex }
  | { readonly ok: false; readonly id: number; readonly reason: "not-leader" | "overloaded" };

/** A piece of a snapshot is to be read and sent as a message `snapshot-chunk`. */
export interface ChunkRequest {
  readonly to: MemberId;
  readonly term: Term;
  readonly meta: SnapshotMeta;
  readonly offset: number;
}

/** What to do with the snapshot that is being received. */
export type ReceiveStep =
  | { readonly kind: "begin"; readonly meta: SnapshotMeta }
  /** Answer with `chunk-stored`, or with `snapshot-received` after the last piece. */
  | {
      readonly kind: "chunk";
      readonly meta: SnapshotMeta;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly done: boolean;
    }
  | { readonly kind: "abort"; readonly meta: SnapshotMeta };

export interface RoleChange {
  readonly role: Role["kind"];
  readonly term: Term;
  readonly leader: MemberId | null;
}

export interface TraceEvent {
  readonly level: "debug" | "info" | "warn";
  readonly event: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Mutable while a step fills it, read-only for who receives it. */
export interface Output {
  messages: Message[];
  write: Write | null;
  committed: readonly Entry[];
  roleChange: RoleChange | null;
  proposal: ProposalOutcome | null;
  /** The answer to `change-membership`. */
  change: ChangeOutcome | null;
  /** The membership now in force here, when this step changed it: it may change back as long as it is not committed. */
  membership: Membership | null;
  /** While this member led, the last entry of a change was committed: this is the membership that came out of it. */
  changed: Membership | null;
  reads: ReadOutcome[];
  chunkRequests: ChunkRequest[];
  receive: ReceiveStep[];
  /** The state machine is to be replaced by the newest snapshot. */
  restore: SnapshotMeta | null;
  trace: TraceEvent[];
}

export function emptyOutput(): Output {
  return {
    messages: [],
    write: null,
    committed: [],
    roleChange: null,
    proposal: null,
    change: null,
    membership: null,
    changed: null,
    reads: [],
    chunkRequests: [],
    receive: [],
    restore: null,
    trace: [],
  };
}

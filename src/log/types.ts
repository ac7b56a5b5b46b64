// What the log stores and answers with. Payloads are opaque bytes: their meaning belongs to the callers.
import type { LogIndex, MemberId, Term } from "../kernel/ids.ts";

/** One replicated entry (Raft paper, section 5.3). `payload` may be empty; it must not change while it is appended. */
export interface LogEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly payload: Uint8Array;
}

/** What a member must remember before it answers a message (Raft paper, figure 2: currentTerm and votedFor). */
export interface HardState {
  readonly term: Term;
  readonly votedFor: MemberId | null;
  /**
   * True from the moment the log lost what may have been acknowledged until Raft says that the leader has made it good:
   * until then this member decides nothing.
   */
  readonly healing: boolean;
}

/** Without `healing` that stays as it is. */
export type HardStateUpdate = Omit<HardState, "healing"> & Partial<Pick<HardState, "healing">>;

/** A point of the log: the entry with this index had this term. Index 0 with term 0 is the point before the log. */
export interface LogPoint {
  readonly index: LogIndex;
  readonly term: Term;
}

/** A snapshot replaces all entries up to and including `index`. `bytes` is the length of its content. */
export interface SnapshotMeta extends LogPoint {
  readonly bytes: number;
}

/** What opening changed on the disk. Only `damageCut` may lose what was acknowledged; then the member is healing. */
export type Repair =
  /** The end of the newest segment was no whole batch: its write had not been acknowledged. */
  | {
      readonly kind: "tailCut";
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
      readonly why: string;
    }
  /** Only zeros followed the last whole batch: space written ahead, or a write of which nothing had arrived. */
  | { readonly kind: "zerosCut"; readonly file: string; readonly offset: number; readonly bytes: number }
  /** The newest segment had been created but its header never became durable. */
  | { readonly kind: "segmentRemoved"; readonly file: string; readonly why: string }
  /** What followed a damaged place was put aside, under the names given. */
  | {
      readonly kind: "damageCut";
      readonly file: string;
      readonly offset: number;
      readonly why: string;
      readonly putAside: readonly string[];
    }
  /** A damaged snapshot was passed over: an older one and the entries after it give the same state. */
  | { readonly kind: "snapshotSkipped"; readonly file: string; readonly why: string }
  /** A snapshot beyond the log, or in conflict with it, had been installed but the entries were still there. */
  | { readonly kind: "entriesDropped"; readonly snapshot: LogPoint };

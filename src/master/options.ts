// What a master is made of: who it is, the ports it runs on, and what an operator may set.
import type { MemberId } from "../kernel/ids.ts";
import type { Clock, Disk, Network, NewHash, Random, Tracer } from "../kernel/ports.ts";
import type { ArchiveOptions, LogLimits } from "../log/index.ts";
import type { RaftTuning } from "../raft/index.ts";
import type { Settings } from "../state/commands.ts";
import type { Policy } from "../state/policy.ts";

export interface MasterOptions {
  readonly self: MemberId;
  /** The founders, this one among them; when `joining`, this one only. A membership in the log wins over both. */
  readonly members: readonly MasterMember[];
  /** It is to be added to an existing cluster: until it is it belongs to none. */
  readonly joining?: boolean;
  /** Members of other clusters are refused by name. */
  readonly clusterName: string;
  readonly settings: Settings;
  /**
   * What the operator has set about offers, as of now: asked at the beginning of a term and often while this member
   * leads, and the same object until something is set otherwise. Without it what the log says holds on.
   */
  policy?(): Policy;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
  /** Folder of the log on the disk. */
  readonly directory: string;
  readonly tracer: Tracer;
  /** For digests of the state; without it one in plain JavaScript, at a seventh of the speed. */
  readonly newHash?: NewHash;
  /** What becomes of log segments that snapshots have made superfluous; without it they are deleted. */
  readonly archive?: ArchiveOptions;
  /** Where Raft listens, if it is not this member's address. */
  readonly raftListenAddress?: string;
  /** The process must end: its disk or its state can no longer be trusted. */
  onFatal(reason: string, cause: FatalCause): void;
  readonly tuning?: {
    readonly raft?: Partial<RaftTuning>;
    readonly log?: Partial<LogLimits>;
    /** Entries between snapshots; the same on every member. */
    readonly snapshotIntervalEntries?: number;
    /** Tasks and other small parts in one chunk of a snapshot; the same on every member. For tests. */
    readonly snapshotChunkUnits?: number;
  };
}

export interface MasterMember {
  readonly id: MemberId;
  /** Where the other members reach its Raft port. */
  readonly raftAddress: string;
  /** `host:port` of its API. */
  readonly apiAddress: string;
}

export type FatalCause =
  /** Log or snapshot cannot be read or written. */
  | "disk"
  /** This member's state differs from the leader's. */
  | "diverged"
  /** An assertion failed. */
  | "bug";

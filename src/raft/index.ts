// The public face of this room: the node for the master, the core for simulations and tools.
export { ReadIndexError } from "./gatherers.ts";
export { drawGroupId } from "./group-id.ts";
export { ENTRY_BYTES_MAX, type RaftTuning, TRAILING_ENTRIES_MAX, UNCOMMITTED_BYTES_MAX } from "./limits.ts";
export {
  decodeMembershipEntry,
  encodeMembershipEntry,
  packMembership,
  unpackMembership,
} from "./membership-entry.ts";
export { MembershipError } from "./membership-error.ts";
export { createRaftNode } from "./node.ts";
export type { ProposeResult, RaftNode, RaftNodeOptions, RoleStatus, StateMachine } from "./node-api.ts";
export type { Recovered } from "./state.ts";
export type { RaftStatus } from "./status.ts";
export type { AppendBatch, RaftStorage, SnapshotSink } from "./storage.ts";
export {
  type Contact,
  type Entry,
  type HardState,
  isOwn,
  type Membership,
  type MembershipChange,
  type MembershipRefusal,
  type SnapshotMeta,
} from "./types.ts";

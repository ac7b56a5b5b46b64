// What an operator sees of a member.
import type { GroupId, LogIndex, MemberId, Term } from "../kernel/ids.ts";
import { lastIndex } from "./entry-log.ts";
import { groupIdOf } from "./group-id.ts";
import { knownLeader, type RaftState } from "./state.ts";
import type { Membership } from "./types.ts";

export interface FollowerStatus {
  readonly id: MemberId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: "probe" | "replicate" | "snapshot";
  /** Ticks since its last word. */
  readonly silentTicks: number;
  /** It has lost data and has not been given all of it back. */
  readonly healing: boolean;
}

export interface RaftStatus {
  readonly self: MemberId;
  readonly role: "follower" | "precandidate" | "candidate" | "leader";
  readonly term: Term;
  readonly leader: MemberId | null;
  readonly ready: boolean;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  /** The last index in memory, and the last that is durable here. */
  readonly last: LogIndex;
  readonly durable: LogIndex;
  /** The index that the newest snapshot covers; 0 if there is none. */
  readonly snapshot: LogIndex | 0;
  readonly membership: Membership;
  /** Of the group that this member belongs to; null while it does not know. */
  readonly groupId: GroupId | null;
  /** What this member has lost and not made up for yet (healing.ts); it has no vote until then. */
  readonly healing: "damage" | "amnesia" | null;
  /** Known to the leader only; empty on the others. */
  readonly followers: readonly FollowerStatus[];
}

export function statusOf(core: RaftState, applied: LogIndex, ready: boolean): RaftStatus {
  return {
    self: core.self,
    role: core.role.kind,
    term: core.term,
    leader: knownLeader(core),
    ready,
    commit: core.commit,
    applied,
    last: lastIndex(core.log),
    durable: core.durability.durableIndex,
    snapshot: core.snapshot?.index ?? 0,
    membership: core.membership,
    groupId: groupIdOf(core),
    healing: core.healing?.kind ?? null,
    followers: followersOf(core),
  };
}

function followersOf(core: RaftState): readonly FollowerStatus[] {
  if (core.role.kind !== "leader") return [];
  return [...core.role.progress].map(([id, { match, next, mode, heardAt, healsAt }]) => ({
    id,
    match,
    next,
    state: mode.kind,
    silentTicks: core.now - heardAt,
    healing: healsAt !== null,
  }));
}

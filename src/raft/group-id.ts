// Which group of members a log belongs to (docs/decisions/0031). The id is drawn by the leader that founds the group, in
// its very first entry, and every membership after it carries it on. Two members that both know theirs and differ do not
// talk to each other: equal index and term mean equal entries only within one group.
import { asId, type GroupId, type MemberId } from "../kernel/ids.ts";
import type { Random } from "../kernel/ports.ts";
import { current, isUnsettled } from "./configurations.ts";
import { lastIndex } from "./entry-log.ts";
import { isAlone } from "./membership.ts";
import { type Configuration, encodeMembershipEntry } from "./membership-entry.ts";
import type { Message } from "./messages.ts";
import type { RaftState } from "./state.ts";

const WORDS = 4;
const WORD_DIGITS = 8;
const NO_PAYLOAD = new Uint8Array(0);

/** 128 random bits. */
export function drawGroupId(random: Random): GroupId {
  const words = Array.from({ length: WORDS }, () => random.uint32().toString(16).padStart(WORD_DIGITS, "0"));
  return asId<GroupId>(words.join(""));
}

/**
 * The entry with which a leader starts its term: nothing, or the membership with an id, if it has none. Such a leader
 * founds the group, or is the first one of a group of old that finds its membership settled.
 */
export function termStartPayload(state: RaftState): Uint8Array {
  const { membership, random } = state;
  if (membership.groupId !== undefined || isUnsettled(state)) return NO_PAYLOAD;
  // Until the first change of members each process is told the addresses; from then on the log knows them.
  const contacts = current(state).index === 0 ? {} : membership.contacts;
  return encodeMembershipEntry({ ...membership, contacts, groupId: drawGroupId(random) });
}

/**
 * The id that this member insists on; null while it has none that nobody can take back. One that is making up for lost
 * data does not know how far its log is behind: the log of a recovered group begins under the id of the one before. It
 * insists on what was noted beside the log.
 */
export function groupIdOf(state: RaftState): GroupId | null {
  return (state.healing === null ? groupInLog(state) : null) ?? state.knownGroup;
}

/**
 * The id to be noted beside the log, for when that is lost: one that a majority holds. A founder's own might never come to
 * be known by anybody else. One that the log leaves behind, as that of a recovered group does, is noted no more, although
 * it is the newest that is known to be committed after a restart.
 */
export function groupToRemember(state: RaftState): GroupId | null {
  if (state.healing !== null) return null;
  const committed = state.configurations.findLast(({ index }) => index <= state.commit)?.membership.groupId;
  return committed === groupInLog(state) ? (committed ?? null) : null;
}

function groupInLog(state: RaftState): GroupId | null {
  const { configurations } = state;
  for (let at = configurations.length - 1; at >= 0; at--) {
    const { groupId } = configurations[at]?.membership ?? {};
    if (groupId === undefined) return null;
    if (isForGood(state, at)) return groupId;
  }
  return null;
}

/**
 * A group of old may have drawn several ids that were never committed. All others are unique from the first: a group is
 * founded by all its members together (healing.ts), and recovered by one alone.
 */
function isForGood(state: RaftState, at: number): boolean {
  const { configurations, durability, commit, self } = state;
  const [before, { index, membership }] = [configurations[at - 1], configurations[at] as Configuration];
  if (index <= commit) return true;
  if (index > durability.durableIndex) return false;
  return index === 1 || isAlone(membership, self) || before?.membership.groupId !== undefined;
}

/** True for a first start, or one after a loss of all data, that needs nobody's vote. */
export function foundsAlone(state: RaftState): boolean {
  return lastIndex(state.log) === 0 && isAlone(state.membership, state.self);
}

/**
 * True while this member has nothing and hears from somebody who belongs to a group, or knows that it has belonged to one
 * itself: then it neither founds one nor lets others.
 */
export function isBarred(state: RaftState): boolean {
  return lastIndex(state.log) === 0 && (state.foundedElsewhere !== null || state.knownGroup !== null);
}

/**
 * One that would found alone takes it for a sign as well that somebody leads or stands with a log: a group of old has no
 * id yet by which it could be known. It stays one when that leader's term is over.
 */
export function noteSpeaker(state: RaftState, message: Message): void {
  if (foundsAlone(state) && hasEntries(message)) noteFounded(state, message.from);
}

function hasEntries(message: Message): boolean {
  switch (message.kind) {
    case "pre-vote":
    case "vote":
      return message.lastIndex > 0;
    case "append":
    case "heartbeat":
    case "snapshot-chunk":
    case "heal-target":
      return true;
    default:
      return false;
  }
}

/**
 * @param by one that belongs to a group and is connected to this member; null: none is any more. Among several founders
 * that may be one whose disk has lost the group right after it was founded. One that founds alone knows better.
 */
export function noteFounded(state: RaftState, by: MemberId | null): void {
  if (by !== null || !isAlone(state.membership, state.self)) state.foundedElsewhere = by;
}

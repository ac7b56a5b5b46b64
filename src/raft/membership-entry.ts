// A membership as bytes: the payload of the entry that changes it, the head of a snapshot, a field on the wire. What is
// read is checked member by member, so that nobody's bytes become a membership that could not exist.
import { pack, unpack } from "msgpackr";
import { assert, present } from "../kernel/assert.ts";
import { asId, compareText, type GroupId, type LogIndex, type MemberId } from "../kernel/ids.ts";
import { ADDRESS_UNITS_MAX, MEMBERS_MAX, NAME_UNITS_MAX } from "./limits.ts";
import {
  type Contact,
  type Entry,
  isMembershipEntry,
  MEMBERSHIP_ENTRY_TAG,
  type Membership,
} from "./types.ts";

const VERSION = 1;
const HEAD_BYTES = 2;
const CONTACTS_MAX = 2 * MEMBERS_MAX;

/** The payload of a membership entry: the tag, a version byte, msgpack of the membership. */
export function encodeMembershipEntry(membership: Membership): Uint8Array {
  const body = packMembership(membership);
  const payload = new Uint8Array(HEAD_BYTES + body.length);
  payload[0] = MEMBERSHIP_ENTRY_TAG;
  payload[1] = VERSION;
  payload.set(body, HEAD_BYTES);
  return payload;
}

/** @returns null if the payload is not a well-formed membership entry of a version known here */
export function decodeMembershipEntry(payload: Uint8Array): Membership | null {
  if (payload[0] !== MEMBERSHIP_ENTRY_TAG || payload[1] !== VERSION) return null;
  return unpackMembership(payload.subarray(HEAD_BYTES));
}

/** The membership that an entry brings; null for every other entry. The entry was checked where it came in. */
function membershipOf(entry: Entry): Membership | null {
  if (!isMembershipEntry(entry)) return null;
  return present(decodeMembershipEntry(entry.payload) ?? undefined, "a membership entry is well formed", {
    index: entry.index,
  });
}

/** In force from `index` on. The first one of a history is that of a snapshot, or of the process's configuration. */
export interface Configuration {
  readonly index: LogIndex;
  readonly membership: Membership;
}

/** Those of the entries that change the membership. */
export function configurationsIn(entries: readonly Entry[]): readonly Configuration[] {
  const found: Configuration[] = [];
  for (const entry of entries) {
    const membership = membershipOf(entry);
    if (membership !== null) found.push({ index: entry.index, membership });
  }
  return found;
}

/** 16 bytes in hex. */
export function isGroupId(value: unknown): value is GroupId {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
}

/** Equal memberships give equal bytes. */
export function packMembership(membership: Membership): Uint8Array {
  const { voters, outgoing, learners, groupId } = membership;
  const ids = Object.keys(membership.contacts).sort(compareText);
  const contacts = ids.map(
    (id) => [id, present(membership.contacts[id], "a contact that is there")] as const,
  );
  const pairs = contacts.map(([id, { raftAddress, apiAddress }]) => [id, { raftAddress, apiAddress }]);
  assert(ids.length <= CONTACTS_MAX, "contacts are those of members", { contacts: ids.length });
  const id = groupId === undefined ? {} : { groupId };
  return pack({ voters, outgoing, learners, contacts: Object.fromEntries(pairs), ...id });
}

/** @returns null if the bytes are not a membership; missing `contacts` (format of old) stand for none */
export function unpackMembership(bytes: Uint8Array): Membership | null {
  try {
    return asMembership(unpack(bytes));
  } catch {
    return null;
  }
}

function asMembership(value: unknown): Membership | null {
  if (!isRecord(value)) return null;
  const parts: Partial<Record<keyof Membership, unknown>> = value;
  const voters = asMembers(parts.voters);
  const outgoing = asMembers(parts.outgoing);
  const learners = asMembers(parts.learners);
  const contacts = asContacts(parts.contacts ?? {});
  if (voters === null || outgoing === null || learners === null || contacts === null) return null;
  const overlap = learners.some((member) => voters.includes(member));
  if (voters.length === 0 || overlap) return null;
  const { groupId } = parts;
  if (groupId === undefined) return { voters, outgoing, learners, contacts };
  return isGroupId(groupId) ? { voters, outgoing, learners, contacts, groupId } : null;
}

function asMembers(value: unknown): readonly MemberId[] | null {
  if (!Array.isArray(value) || value.length > MEMBERS_MAX) return null;
  const members: MemberId[] = [];
  for (const one of value as readonly unknown[]) {
    if (typeof one !== "string" || one.length === 0 || one.length > NAME_UNITS_MAX) return null;
    if (members.includes(asId<MemberId>(one))) return null;
    members.push(asId<MemberId>(one));
  }
  return members;
}

function asContacts(value: unknown): Readonly<Record<string, Contact>> | null {
  if (!isRecord(value)) return null;
  const contacts: Record<string, Contact> = {};
  // What could not be packed again must not come in.
  if (Object.keys(value).length > CONTACTS_MAX) return null;
  for (const id of Object.keys(value).sort(compareText)) {
    const contact = value[id];
    if (!isRecord(contact)) return null;
    const { raftAddress, apiAddress } = contact as { raftAddress?: unknown; apiAddress?: unknown };
    if (!isAddress(raftAddress) || !isAddress(apiAddress)) return null;
    contacts[id] = { raftAddress, apiAddress };
  }
  return contacts;
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && value.length <= ADDRESS_UNITS_MAX;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

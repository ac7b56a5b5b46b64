// What a master does about a damaged log: with peers to make it good it goes back to what comes before the damage; a
// cluster's only voter has nobody to ask and refuses, so that an operator decides (`tepui recover`, or a backup).
import type { MemberId } from "../kernel/ids.ts";
import type { DamagedLog, RepairChoice } from "../log/index.ts";
import { isOwn, type Membership, unpackMembership } from "../raft/index.ts";
import { decodeMembership, MEMBERSHIP_BYTES_MAX } from "./membership-header.ts";

/** Tag and version byte in front of an entry's membership. */
const ENTRY_HEAD_BYTES = 2;

/** @param configured the founding members, for a log that holds no membership yet; empty for one that joins */
export function repairWithPeers(
  self: MemberId,
  configured: readonly MemberId[],
): (damaged: DamagedLog) => Promise<RepairChoice> {
  return async (damaged) => {
    const membership = lastInEntries(damaged) ?? (await inSnapshot(damaged));
    const deciding = membership === null ? configured : [...membership.voters, ...membership.outgoing];
    const isAlone = deciding.length > 0 && deciding.every((member) => member === self);
    return isAlone ? "refuse" : "cut";
  };
}

/** A membership counts from when it is appended, so the newest entry that holds one is the newest membership. */
function lastInEntries({ entries }: DamagedLog): Membership | null {
  const newest = entries.findLast((entry) => entry.payload.length > 0 && isOwn(entry));
  return newest === undefined ? null : unpackMembership(newest.payload.subarray(ENTRY_HEAD_BYTES));
}

async function inSnapshot(damaged: DamagedLog): Promise<Membership | null> {
  const reader = await damaged.readSnapshot();
  if (reader === undefined) return null;
  try {
    return decodeMembership(await reader.read(0, MEMBERSHIP_BYTES_MAX)).membership;
  } finally {
    await reader.close();
  }
}

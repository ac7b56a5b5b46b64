// What a master does about a damaged log: with peers to make it good it goes back to what comes before the damage; a
// cluster's only voter has nobody to ask and refuses, so that an operator decides (`tepui recover`, or a backup).
import type { LogIndex, MemberId } from "../kernel/ids.ts";
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
    const [inEntries, inSnapshot] = [lastInEntries(damaged), await ofSnapshot(damaged)];
    const isSnapshotNewer = (inSnapshot?.index ?? 0) >= (inEntries?.index ?? 0);
    const [newer, older] = isSnapshotNewer ? [inSnapshot, inEntries] : [inEntries, inSnapshot];
    const membership = newer?.membership ?? older?.membership ?? null;
    const deciding = membership === null ? configured : [...membership.voters, ...membership.outgoing];
    const isAlone = deciding.length > 0 && deciding.every((member) => member === self);
    return isAlone ? "refuse" : "cut";
  };
}

interface Found {
  /** Of the entry, or of the snapshot that it is in front of. */
  readonly index: LogIndex;
  readonly membership: Membership | null;
}

/** A membership counts from when it is appended, so the newest entry that holds one is the newest of the entries'. */
function lastInEntries({ entries }: DamagedLog): Found | null {
  const newest = entries.findLast((entry) => entry.payload.length > 0 && isOwn(entry));
  if (newest === undefined) return null;
  return { index: newest.index, membership: unpackMembership(newest.payload.subarray(ENTRY_HEAD_BYTES)) };
}

/** The entries before the damage may end before the snapshot does. */
async function ofSnapshot(damaged: DamagedLog): Promise<Found | null> {
  const reader = await damaged.readSnapshot();
  if (reader === undefined) return null;
  try {
    const { membership } = decodeMembership(await reader.read(0, MEMBERSHIP_BYTES_MAX));
    return { index: reader.meta.index, membership };
  } finally {
    await reader.close();
  }
}

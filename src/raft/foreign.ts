// What an operator is told when a member meets one of another group: which two, and what to do about it. Only he knows
// which of them went astray, and whether there was a recovery.
import type { GroupId, MemberId } from "../kernel/ids.ts";

export interface Foreign {
  readonly member: MemberId;
  readonly address: string;
  readonly theirs: GroupId;
  readonly ours: GroupId;
}

/** @param isMember the one that was met is a member here, by its name */
export function foreignReason(
  self: MemberId,
  { member, address, theirs, ours }: Foreign,
  isMember: boolean,
): string {
  const remedy = "stop it, empty its data directory and start it with --join under a new name";
  if (isMember) {
    return (
      `refused: the data directory of ${member} (${address}) belongs to another cluster, ${theirs}, than this one's, ${ours}. ` +
      `If ${member} was started with an empty data directory and without --join: ${remedy}. ` +
      `If that cluster was made by tepui recover: stop ${self} for good, for it was left behind`
    );
  }
  return (
    `refused: this data directory belongs to another cluster, ${ours}, than that of ${member} (${address}), ${theirs}. ` +
    `If ${self} was started with an empty data directory and without --join: ${remedy}. ` +
    `If this cluster was made by tepui recover: stop ${member} for good, for it was left behind`
  );
}

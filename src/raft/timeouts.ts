// Election timeouts: drawn anew for each election, so that a split vote does not repeat (Raft paper, section 5.2).
import type { MemberId } from "../kernel/ids.ts";
import type { Random } from "../kernel/ports.ts";
import { between } from "../kernel/random.ts";
import type { CoreTuning } from "./limits.ts";
import { isAlone } from "./membership.ts";
import type { Membership } from "./types.ts";

/** Ticks. A member that is alone has nobody to disturb and stands at its first tick. */
export function drawTimeout(
  tuning: CoreTuning,
  membership: Membership,
  self: MemberId,
  random: Random,
): number {
  if (isAlone(membership, self)) return 1;
  return between(random, tuning.electionMinTicks, tuning.electionMaxTicks);
}

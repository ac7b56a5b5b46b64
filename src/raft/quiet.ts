// Ticks at which nothing can happen. The driver passes over them at once, so that a member that waits sleeps until the
// tick that matters: the end of its election timeout, or its next heartbeat.
import { assert } from "../kernel/assert.ts";
import { mayStand } from "./election.ts";
import { isPlainFor, quorumValue } from "./membership.ts";
import type { Leader, RaftState } from "./state.ts";

/**
 * How many ticks from now on would change nothing but the count of ticks and send nothing, if no other input comes
 * between. Never more than the longest election timeout.
 */
export function quietTicks(state: RaftState): number {
  const { role, tuning } = state;
  if (role.kind === "leader") return Math.max(0, quietTicksOfLeader(state, role));
  if (!mayStand(state)) return tuning.electionMaxTicks;
  // A candidate asks again and again, and one whose own vote is not durable waits beyond its timeout.
  if (role.kind !== "follower") return 0;
  return Math.max(0, Math.min(state.timeout - state.elapsed - 1, tuning.electionMaxTicks));
}

/** What so many ticks would do. @param count at most `quietTicks` */
export function passQuietTicks(state: RaftState, count: number): void {
  assert(count <= quietTicks(state), "only ticks at which nothing happens are passed over", { count });
  state.now += count;
  if (state.role.kind === "leader") state.role.heartbeatElapsed += count;
  else if (mayStand(state)) state.elapsed += count;
}

/** As `tickLeader` goes: step down, hand over, tell of commits, heartbeats, changes of membership. */
function quietTicksOfLeader(state: RaftState, leader: Leader): number {
  const { membership, tuning, durability, now } = state;
  if (leader.transfer !== null || !isPlainFor(membership, state.self)) return 0;
  for (const { leavingSince, toldCommit, match } of leader.progress.values()) {
    if (leavingSince !== null || toldCommit < Math.min(state.commit, match)) return 0;
  }
  const heard = quorumValue(membership, (member) =>
    member === state.self ? now : (leader.progress.get(member)?.heardAt ?? 0),
  );
  const oldestWrite = durability.pending[0]?.issuedAt ?? now;
  return Math.min(
    tuning.heartbeatTicks - leader.heartbeatElapsed - 1,
    tuning.electionMaxTicks - (now - heard),
    tuning.storageStallTicks - (now - oldestWrite),
  );
}

// Leadership transfer (dissertation, section 3.10): the leader takes no more proposals, brings the target up to date
// and tells it to stand at once. If that does not succeed within an election timeout, it leads on.
import type { MemberId } from "../kernel/ids.ts";
import { lastIndex } from "./entry-log.ts";
import type { Output } from "./io.ts";
import { isVoter } from "./membership.ts";
import type { Leader, RaftState } from "./state.ts";

export function onTransfer(state: RaftState, wanted: MemberId | null, out: Output): void {
  const leader = state.role;
  if (leader.kind !== "leader") return;
  const to = wanted ?? furthest(state, leader);
  if (to === null || to === state.self || !isVoter(state.membership, to)) return;
  leader.transfer = { to, elapsed: 0 };
  leader.transferred = true;
  out.trace.push({ level: "info", event: "raft.transfer", facts: { to, term: state.term } });
  completeTransfer(state, leader, to, out);
}

/** Sends the order once the target holds all of the log; said again at each of its answers, since messages get lost. */
export function completeTransfer(state: RaftState, leader: Leader, member: MemberId, out: Output): void {
  if (leader.transfer?.to !== member) return;
  if (leader.progress.get(member)?.match !== lastIndex(state.log)) return;
  out.messages.push({ kind: "timeout-now", from: state.self, to: member, term: state.term });
}

export function tickTransfer(state: RaftState, leader: Leader, out: Output): void {
  if (leader.transfer === null) return;
  leader.transfer.elapsed++;
  if (leader.transfer.elapsed < state.tuning.electionMinTicks) return;
  out.trace.push({ level: "warn", event: "raft.transfer-failed", facts: { to: leader.transfer.to } });
  leader.transfer = null;
}

/** The voter with the longest matching log that has not lost data; the last heard of among equals. */
function furthest(state: RaftState, leader: Leader): MemberId | null {
  let best: { member: MemberId; match: number; heardAt: number } | null = null;
  for (const [member, { match, heardAt, healsAt }] of leader.progress) {
    if (!isVoter(state.membership, member) || healsAt !== null) continue;
    const better = best === null || match > best.match || (match === best.match && heardAt > best.heardAt);
    if (better) best = { member, match, heardAt };
  }
  return best?.member ?? null;
}

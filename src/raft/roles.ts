// The way down: any role to follower. The ways up are in election.ts.
import { assert } from "../kernel/assert.ts";
import type { MemberId, Term } from "../kernel/ids.ts";
import { restartHealing } from "./healing.ts";
import type { Output } from "./io.ts";
import type { Leader, RaftState } from "./state.ts";
import { drawTimeout } from "./timeouts.ts";

/** Follows in the given term. The vote is kept unless the term is new (Raft paper, figure 2, "all servers"). */
export function becomeFollower(state: RaftState, term: Term, leader: MemberId | null, out: Output): void {
  assert(term >= state.term, "terms never decrease", { term, current: state.term });
  if (state.role.kind === "leader") failReads(state.role, out);
  if (term > state.term) {
    state.term = term;
    state.votedFor = null;
    restartHealing(state);
  }
  state.role = { kind: "follower", leader };
  resetElectionTimer(state);
  if (leader !== null) state.leaderHeardAt = state.now;
}

/** Starts the wait for the next election with a fresh timeout. */
export function resetElectionTimer(state: RaftState): void {
  state.elapsed = 0;
  state.timeout = drawTimeout(state.tuning, state.membership, state.self, state.random);
}

/** Notes a sign of life from the leader of the current term. */
export function hearLeader(state: RaftState, leader: MemberId, out: Output): void {
  assert(state.role.kind !== "leader", "two leaders in one term", { term: state.term, leader });
  if (state.role.kind !== "follower") becomeFollower(state, state.term, leader, out);
  if (state.role.kind === "follower") state.role.leader = leader;
  state.elapsed = 0;
  state.leaderHeardAt = state.now;
}

/**
 * True while a leader is alive for all this member knows: then it supports no other candidate (section 6, end). Where reads
 * go by lease this is a promise to that leader, which no newer term and no restart takes back.
 */
export function hasLiveLeader(state: RaftState): boolean {
  if (state.role.kind === "leader") return true;
  const heard = state.now - state.leaderHeardAt < state.tuning.electionMinTicks;
  if (state.tuning.leaseReads) return heard;
  return heard && state.role.kind === "follower" && state.role.leader !== null;
}

/** Gives up the snapshot that is being received. */
export function abortReceive(state: RaftState, out: Output): void {
  if (state.receiving === null) return;
  out.receive.push({ kind: "abort", meta: state.receiving.meta });
  state.receiving = null;
}

function failReads(leader: Leader, out: Output): void {
  for (const read of leader.reads) out.reads.push({ ok: false, id: read.id, reason: "not-leader" });
  for (const id of leader.earlyReads) out.reads.push({ ok: false, id, reason: "not-leader" });
}

// Reads by lease (dissertation, section 6.4.1): none of them may miss what was committed before it began, for any drawn
// timeouts, as long as clocks run alike.
import { describe, expect, it } from "vitest";
import { asTerm } from "../../../src/kernel/ids.ts";
import { CATCH_UP_TICKS_MAX, coreTuning, DEFAULT_TUNING, leaseTicksOf } from "../../../src/raft/limits.ts";
import { CoreCluster, memberId, numberOf } from "./support/core-cluster.ts";
import { accepted, heartbeat, heartbeatReply, OneCore, ofKind, preVote, vote } from "./support/one-core.ts";

const SEEDS = 60;

function founded(seed: string, leaseTicks: number): CoreCluster {
  const cluster = new CoreCluster(3, { seed, tuning: { leaseReads: true, leaseTicks } });
  for (let i = 0; i < 200 && cluster.core(1).role.kind !== "leader"; i++) {
    for (const number of [1, 2, 3]) cluster.tick(number);
    cluster.settle();
    const leader = [...cluster.members.values()].find(({ core }) => core.role.kind === "leader");
    if (leader !== undefined && leader.id !== memberId(1)) {
      cluster.input(numberOf(leader.id), { kind: "transfer", to: memberId(1) });
      cluster.settle();
    }
  }
  for (let i = 0; i < 4; i++) {
    for (const number of [1, 2, 3]) cluster.tick(number);
    cluster.settle();
  }
  return cluster;
}

/** Reads at m1 that were served at an index below what the others had committed by then. */
function staleReads(cluster: CoreCluster, ticks: number): { stale: number; served: number } {
  const found = { stale: 0, served: 0 };
  for (let i = 1; i <= ticks; i++) {
    for (const number of [2, 3, 1]) cluster.tick(number);
    cluster.settle();
    const leader = [2, 3].find((number) => cluster.core(number).role.kind === "leader");
    if (leader !== undefined) cluster.propose(leader, `n${i}`);
    cluster.settle();
    const committed = Math.max(cluster.core(2).commit, cluster.core(3).commit);
    const [read] = cluster.input(1, { kind: "read-index", ids: [i] }).reads;
    if (read?.ok !== true) continue;
    found.served++;
    if (read.index < committed) found.stale++;
  }
  return found;
}

describe("a lease", () => {
  function cutOff(leaseTicks: number): { stale: number; served: number } {
    const sum = { stale: 0, served: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const cluster = founded(`cut ${seed}`, leaseTicks);
      cluster.isolated = memberId(1);
      const { stale, served } = staleReads(cluster, 40);
      sum.stale += stale;
      sum.served += served;
    }
    return sum;
  }

  it("serves reads on a leader that is cut off, but none after another one may have been elected", () => {
    const { stale, served } = cutOff(8);
    expect(served).toBeGreaterThan(SEEDS);
    expect(stale).toBe(0);
  });

  it("that lasted longer than the shortest election timeout would be found out here", () => {
    expect(cutOff(18).stale).toBeGreaterThan(0);
  });

  it("is over when a transfer begins, and stays so in that term (bug 7)", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = founded(`transfer ${seed}`, 8);
      cluster.input(1, { kind: "transfer", to: memberId(2) });
      const order = cluster.network.find(({ kind }) => kind === "timeout-now");
      if (order === undefined) throw new Error("no order to stand");
      cluster.deliver(order);
      cluster.isolated = memberId(1);
      expect(staleReads(cluster, 10).stale).toBe(0);
      expect(cluster.core(2).role.kind).toBe("leader");
    }
  });

  it("binds who has answered it, in a newer term and after a restart too", () => {
    const tuning = { leaseReads: true, leaseTicks: 8 };
    const core = new OneCore({ term: 1, tuning });
    core.tick(20);
    core.hear(heartbeat(2, 1, 0, 1));
    core.hear({ kind: "vote-reply", ...heartbeatFrom(3), term: asTerm(2), granted: false, amnesia: false });
    expect(core.state.term).toBe(2);
    expect(ofKind(core.hear(vote(3, 2, [9, 1])), "vote-reply")[0]?.granted).toBe(false);
    core.tick(10);
    expect(ofKind(core.hear(vote(3, 2, [9, 1])), "vote-reply")[0]?.granted).toBe(true);
    const restarted = new OneCore({ term: 1, tuning });
    expect(ofKind(restarted.hear(preVote(3, 1, [9, 1])), "pre-vote-reply")[0]?.granted).toBe(false);
    restarted.tick(10);
    expect(ofKind(restarted.hear(preVote(3, 1, [9, 1])), "pre-vote-reply")[0]?.granted).toBe(true);
  });

  it("is not cut short by the report that the leader is dead: it might be wrong", () => {
    const core = new OneCore({ term: 1, tuning: { leaseReads: true, leaseTicks: 8 } });
    core.hear(heartbeat(2, 1));
    core.take({ kind: "leader-gone", member: memberId(2) });
    expect(ofKind(core.hear(preVote(3, 1, [9, 1])), "pre-vote-reply")[0]?.granted).toBe(false);
  });

  it("rests on those alone who promise as much: not on a member that has leases off or shorter timeouts", () => {
    const tuning = { leaseReads: true, leaseTicks: 8, electionMinMs: 300 };
    for (const [promiseMs, isServed] of [
      [0, false],
      [299, false],
      [300, true],
    ] as const) {
      const core = new OneCore({ term: 1, tuning });
      core.lead();
      core.hear(accepted(2, 2, 1));
      core.hear(accepted(3, 2, 1));
      const sent = ofKind(core.tick(2), "heartbeat").at(-1);
      const answered = core.hear(heartbeatReply(2, 2, sent?.round ?? -1, promiseMs));
      expect(core.take({ kind: "read-index", ids: [7] }).reads.length).toBe(isServed ? 1 : 0);
      const warned = answered.trace.filter(({ event }) => event === "raft.no-lease-from");
      expect(warned.length).toBe(isServed ? 0 : 1);
      // Without a lease the round that the read has asked for confirms it.
      const { role } = core.state;
      const round = role.kind === "leader" ? role.round : -1;
      const { reads, trace } = core.hear(heartbeatReply(2, 2, round, promiseMs));
      expect([reads.length, trace.length]).toEqual([isServed ? 0 : 1, 0]);
    }
  });

  it("is promised by those that have leases on, for their shortest timeout", () => {
    for (const leaseReads of [true, false]) {
      const core = new OneCore({ term: 1, tuning: { leaseReads, leaseTicks: 8, electionMinMs: 300 } });
      const [reply] = ofKind(core.hear(heartbeat(2, 1, 0, 4)), "heartbeat-reply");
      expect(reply).toMatchObject({ round: 4, promiseMs: leaseReads ? 300 : 0 });
    }
  });

  it("is off by default, and shorter than the shortest timeout by drift and by ticks that are caught up", () => {
    const tuning = coreTuning(DEFAULT_TUNING);
    expect(tuning.leaseReads).toBe(false);
    expect(tuning.leaseTicks).toBeLessThan(tuning.electionMinTicks - CATCH_UP_TICKS_MAX);
    expect(leaseTicksOf(1000, 10_000)).toBe(990 - CATCH_UP_TICKS_MAX - 2);
  });
});

function heartbeatFrom(number: number): {
  from: ReturnType<typeof memberId>;
  to: ReturnType<typeof memberId>;
} {
  return { from: memberId(number), to: memberId(1) };
}

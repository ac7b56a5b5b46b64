// One broken member cannot use up the terms, nor make others believe in a log from the future.
import { expect, it } from "vitest";
import { asIndex, asTerm, type MemberId } from "../../../src/kernel/ids.ts";
import { encodeMessage } from "../../../src/raft/codec.ts";
import { encodeHandshake } from "../../../src/raft/handshake.ts";
import { TERM_JUMP_MAX, TERM_MAX } from "../../../src/raft/limits.ts";
import type { Message } from "../../../src/raft/messages.ts";
import { faultOf } from "../../../src/raft/plausible.ts";
import { bytes, memberId } from "./support/core-cluster.ts";
import { NodeCluster } from "./support/node-cluster.ts";
import { append, heartbeat, preVote, vote } from "./support/one-core.ts";

const own = asTerm(10);

it("terms may be far ahead of ours, and not absurdly far", () => {
  for (const term of [1, 10, 11, 1_000_000, 10 + TERM_JUMP_MAX]) {
    expect(faultOf(heartbeat(2, term), own)).toBeNull();
    expect(faultOf(vote(2, term, [3, 1]), own)).toBeNull();
    expect(faultOf(preVote(2, term, [3, 1]), own)).toBeNull();
  }
  for (const term of [11 + TERM_JUMP_MAX, Number.MAX_SAFE_INTEGER]) {
    expect(faultOf(heartbeat(2, term), own)).toContain("broken");
    expect(faultOf(preVote(2, term, [3, 1]), own)).toContain("broken");
  }
  expect(faultOf(heartbeat(2, TERM_MAX + 1), asTerm(TERM_MAX))).toContain("broken");
});

it("logs and snapshots are not newer than who speaks of them", () => {
  const membership = { voters: [memberId(1)], outgoing: [], learners: [], contacts: {} };
  const envelope = { from: memberId(2), to: memberId(1), term: own };
  const late = asTerm(11);
  const faulty: readonly Message[] = [
    vote(2, 10, [3, 11]),
    preVote(2, 10, [3, 11]),
    { ...envelope, kind: "pre-vote", forTerm: asTerm(12), lastIndex: asIndex(1), lastTerm: own },
    append(2, 10, [3, 11]),
    { ...envelope, kind: "append-rejected", prevIndex: asIndex(1), hintIndex: asIndex(1), hintTerm: late },
    {
      ...envelope,
      kind: "snapshot-chunk",
      meta: { index: asIndex(5), term: late, membership },
      digest: "d",
      offset: 0,
      bytes: bytes("x"),
      done: true,
    },
  ];
  for (const message of faulty) expect(faultOf(message, own)).toContain("names term");
});

it("a member that names an absurd term is hung up on, and the cluster stays in its term", async () => {
  const cluster = new NodeCluster(3);
  await cluster.start();
  const leader = cluster.leader();
  const [mad] = cluster.followers();
  if (mad === undefined) throw new Error("no follower");
  const before = leader.node.status().term;
  cluster.kill(mad);
  const from: MemberId = mad.id;
  for (let i = 0; i < 3; i++) {
    let closed = false;
    const connection = cluster.network.host(from).dial(leader.id, {
      onFrame: () => undefined,
      onClose: () => {
        closed = true;
      },
    });
    await cluster.clock.advance(5);
    connection.send(
      encodeHandshake({ clusterName: "test", from, to: leader.id, address: from, groupId: null }),
    );
    const term = asTerm(Number.MAX_SAFE_INTEGER - i);
    connection.send(
      encodeMessage({ kind: "heartbeat-reply", from, to: leader.id, term, round: 0, promiseMs: 0 }),
    );
    await cluster.clock.advance(20);
    expect(closed).toBe(true);
  }
  await cluster.clock.advance(1000);
  expect(leader.node.status()).toMatchObject({ role: "leader", term: before });
  expect(cluster.warnings.some(({ facts }) => String(facts?.reason).includes("broken"))).toBe(true);
});

// A snapshot that arrives while the one before is still to be restored: what is restored is what the bytes say.
import { describe, expect, it } from "vitest";
import { asIndex, asTerm, type MemberId } from "../../../src/kernel/ids.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { encodeMessage } from "../../../src/raft/codec.ts";
import { encodeHandshake } from "../../../src/raft/handshake.ts";
import { createRaftNode } from "../../../src/raft/index.ts";
import { votersOnly } from "../../../src/raft/membership.ts";
import type { Message } from "../../../src/raft/messages.ts";
import { bytes, entry, memberId } from "./support/core-cluster.ts";
import { MemoryNetwork } from "./support/memory-network.ts";
import { MemoryStorage } from "./support/memory-storage.ts";
import { TextMachine } from "./support/node-cluster.ts";
import { VirtualClock } from "./support/virtual-clock.ts";

const ids = [memberId(1), memberId(2), memberId(3)];

/** Member 1 with an entry of its own; the test speaks for the others. */
async function follower() {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock);
  const storage = new MemoryStorage(clock);
  const machine = new TextMachine();
  let fatal: string | null = null;
  const hardState = { term: asTerm(1), votedFor: null, healing: false };
  storage.hardState = hardState;
  storage.entries = [entry(1, 1)];
  const node = createRaftNode({
    self: memberId(1),
    members: ids.map((id) => ({ id, address: id })),
    clusterName: "test",
    recovered: { hardState, snapshot: undefined, entries: [entry(1, 1)] },
    clock,
    random: seededRandom(1),
    network: network.host("m1"),
    storage,
    stateMachine: machine,
    tracer: silentTracer,
    // The test takes its time.
    tuning: { electionMinMs: 50_000, electionMaxMs: 60_000 },
    onFatal: (reason) => {
      fatal = reason;
    },
  });
  await node.start();
  const speak = async (from: MemberId) => {
    const connection = network.host(from).dial("m1", { onFrame: () => undefined, onClose: () => undefined });
    await clock.advance(5);
    connection.send(
      encodeHandshake({ clusterName: "test", from, to: memberId(1), address: from, groupId: null }),
    );
    return (message: Message) => connection.send(encodeMessage(message));
  };
  return {
    clock,
    storage,
    machine,
    node,
    fatal: () => fatal,
    two: await speak(memberId(2)),
    three: await speak(memberId(3)),
  };
}

function chunk(from: number, term: number, index: number, content: readonly string[]): Message {
  const meta = { index: asIndex(index), term: asTerm(1), membership: votersOnly(ids) };
  const image = bytes(JSON.stringify(content));
  const envelope = { from: memberId(from), to: memberId(1), term: asTerm(term) };
  return { kind: "snapshot-chunk", ...envelope, meta, digest: "d", offset: 0, bytes: image, done: true };
}

describe("a snapshot that is received before the one before is restored", () => {
  it("is applied once: entries that it covers do not follow it", async () => {
    const { clock, storage, machine, node, fatal, two, three } = await follower();
    // The disk takes its time for the first one; meanwhile its leader sends the next.
    storage.delayMs = 1000;
    two(chunk(2, 2, 3, ["a", "b", "c"]));
    two(chunk(2, 2, 5, ["a", "b", "c", "d", "e"]));
    // The first one is there, and the second one is being written when another leader goes on with the log.
    for (let i = 0; i < 40 && node.status().commit < 3; i++) await clock.advance(100);
    const term = asTerm(3);
    const envelope = { from: memberId(3), to: memberId(1), term };
    const entries = [entry(4, 1, "d"), entry(5, 1, "e"), entry(6, 3, "f")];
    three({
      kind: "append",
      ...envelope,
      prevIndex: asIndex(3),
      prevTerm: asTerm(1),
      commit: asIndex(6),
      entries,
    });
    await clock.advance(20_000);
    expect(fatal()).toBeNull();
    expect(node.status()).toMatchObject({ commit: 6, applied: 6, snapshot: 5 });
    expect(machine.texts).toEqual(["a", "b", "c", "d", "e", "f"]);
    await Promise.race([node.stop(), clock.advance(10_000)]);
  });
});

// Connections between members as they come and go: who is dialled, who is answered, and what is noticed of the dead.
import { describe, expect, it } from "vitest";
import { asId, asTerm, type GroupId, type MemberId } from "../../../src/kernel/ids.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { encodeHandshake } from "../../../src/raft/handshake.ts";
import { GUEST_IDLE_MS, GUESTS_MAX, HANDSHAKE_TIMEOUT_MS, STRANGERS_MAX } from "../../../src/raft/limits.ts";
import type { Message } from "../../../src/raft/messages.ts";
import { Peers } from "../../../src/raft/peers.ts";
import { memberId } from "./support/core-cluster.ts";
import { MemoryNetwork } from "./support/memory-network.ts";
import { VirtualClock } from "./support/virtual-clock.ts";

const SILENCE_MS = 3000;
const CLUSTER = "test";
const BLUE = asId<GroupId>("1".repeat(32));
const GREEN = asId<GroupId>("2".repeat(32));

interface Party {
  readonly peers: Peers;
  readonly got: Message[];
  readonly gone: MemberId[];
  readonly founded: (MemberId | null)[];
  readonly unreachable: MemberId[];
  die(): void;
}

function harness() {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock);
  const warnings: string[] = [];
  const errors: string[] = [];

  /** A member that knows of these others. Its address is its name. */
  async function party(number: number, others: readonly number[], answers = false): Promise<Party> {
    const self = memberId(number);
    const process = clock.ofProcess();
    const made: Omit<Party, "peers"> = { got: [], gone: [], founded: [], unreachable: [], die: process.die };
    const peers = new Peers({
      self,
      address: self,
      listenAddress: self,
      clusterName: CLUSTER,
      silenceMs: SILENCE_MS,
      clock: process.clock,
      random: seededRandom(`peers ${number}`),
      network: network.host(self),
      tracer: {
        ...silentTracer,
        warn: (_, facts) => warnings.push(String(facts?.reason)),
        error: (_, facts) => errors.push(String(facts?.reason)),
      },
      faultOf: () => null,
      onMessage: (message) => {
        made.got.push(message);
        if (answers && message.kind === "heartbeat")
          peers.send(heartbeat(message.to, message.from, "-reply"));
      },
      onUnreachable: (member) => made.unreachable.push(member),
      onGone: (member) => made.gone.push(member),
      onFounded: (by) => made.founded.push(by),
    });
    peers.update(addresses(others));
    await peers.start();
    await clock.advance(20);
    return { ...made, peers };
  }

  function killed(number: number, party: Party): void {
    party.die();
    network.vanish(memberId(number));
  }

  async function chatter(from: Party, self: number, to: number, ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 50) {
      from.peers.send(heartbeat(memberId(self), memberId(to)));
      await clock.advance(50);
    }
  }

  return { clock, network, warnings, errors, party, killed, chatter };
}

function addresses(numbers: readonly number[]) {
  return numbers.map((number) => ({ id: memberId(number), address: memberId(number) }));
}

function heartbeat(from: MemberId, to: MemberId, reply: "" | "-reply" = ""): Message {
  const envelope = { from, to, term: asTerm(1) };
  return reply === ""
    ? { kind: "heartbeat", ...envelope, commit: 0 as never, round: 0 }
    : { kind: "heartbeat-reply", ...envelope, round: 0, promiseMs: 0 };
}

it("a member that is not known yet is answered at the address that it gives", async () => {
  const { clock, party, chatter } = harness();
  const joining = await party(4, [], true);
  const leader = await party(1, [4], true);
  await chatter(leader, 1, 4, 200);
  await clock.advance(20);
  expect(joining.got.length).toBeGreaterThan(0);
  expect(leader.got.map(({ kind, from }) => `${kind} ${from}`)).toContain("heartbeat-reply m4");
});

it("the connection to one that is no member is closed when nobody speaks to it, and made again when somebody does", async () => {
  const { clock, network, party, chatter } = harness();
  const joining = await party(4, [], true);
  const leader = await party(1, [4], true);
  expect(network.count("m4", "m1")).toBe(1);
  await clock.advance(2 * GUEST_IDLE_MS + 100);
  expect(network.count("m4", "m1")).toBe(0);
  await chatter(leader, 1, 4, 200);
  expect(network.count("m4", "m1")).toBe(1);
  expect(leader.got.length).toBeGreaterThan(0);
  await joining.peers.stop();
});

it("one that has left still hears what it is told, then its connection ends", async () => {
  const { clock, network, party } = harness();
  const one = await party(1, [2]);
  const two = await party(2, [1]);
  one.peers.update(addresses([1]));
  one.peers.send(heartbeat(memberId(1), memberId(2)));
  await clock.advance(10);
  expect(two.got).toHaveLength(1);
  await clock.advance(2 * GUEST_IDLE_MS + 100);
  expect(network.count("m1", "m2")).toBe(0);
});

it("members that are new are dialled, at a changed address too", async () => {
  const { network, clock, party } = harness();
  const one = await party(1, [2]);
  const two = await party(2, [1]);
  one.peers.update([
    { id: memberId(2), address: "m2" },
    { id: memberId(3), address: "elsewhere" },
  ]);
  const arrived: string[] = [];
  await network.host("elsewhere").listen("elsewhere", () => {
    arrived.push("elsewhere");
    return { onFrame: () => undefined, onClose: () => undefined };
  });
  await clock.advance(100);
  expect([network.count("m1", "m2"), arrived]).toEqual([1, ["elsewhere"]]);
  await network.host("moved").listen("moved", () => {
    arrived.push("moved");
    return { onFrame: () => undefined, onClose: () => undefined };
  });
  one.peers.update([{ id: memberId(2), address: "moved" }]);
  await clock.advance(100);
  expect([network.count("m1", "m2"), arrived]).toEqual([0, ["elsewhere", "moved"]]);
  await two.peers.stop();
});

describe("groups", () => {
  it("members that know theirs and differ do not listen to each other, and each is told once", async () => {
    const { clock, errors, party, chatter } = harness();
    const one = await party(1, [2]);
    const two = await party(2, [1]);
    one.peers.joinGroup(BLUE);
    two.peers.joinGroup(GREEN);
    await clock.advance(20);
    await chatter(one, 1, 2, 5000);
    await chatter(two, 2, 1, 5000);
    expect([one.got, two.got]).toEqual([[], []]);
    expect(errors.sort()).toEqual([
      expect.stringContaining("m1 (m1) belongs to another cluster, 1111"),
      expect.stringContaining("m2 (m2) belongs to another cluster, 2222"),
    ]);
  });

  it("a member that does not know its group yet is listened to, until it has one that differs", async () => {
    const { clock, network, party, chatter } = harness();
    const one = await party(1, [2]);
    const two = await party(2, [1]);
    one.peers.joinGroup(BLUE);
    await chatter(two, 2, 1, 100);
    const heard = one.got.length;
    expect([heard > 0, one.founded, two.founded]).toEqual([true, [], ["m1"]]);
    two.peers.joinGroup(BLUE);
    await chatter(two, 2, 1, 100);
    expect([one.got.length > heard, one.founded]).toEqual([true, ["m2"]]);
    expect([network.count("m1", "m2"), network.count("m2", "m1")]).toEqual([1, 1]);
    two.peers.joinGroup(GREEN);
    await clock.advance(20);
    expect([one.founded, two.founded]).toEqual([
      ["m2", null],
      ["m1", null],
    ]);
  });

  it("one that is no member here is called back, so that it hears it too", async () => {
    const { clock, network, errors, party } = harness();
    const recovered = await party(1, []);
    recovered.peers.joinGroup(BLUE);
    const old = await party(2, [1]);
    old.peers.joinGroup(GREEN);
    await clock.advance(3000);
    expect(errors.sort()).toEqual([
      expect.stringContaining("refused: the data directory of m1 (m1) belongs to another cluster, 1111"),
      expect.stringContaining("refused: this data directory belongs to another cluster, 1111"),
    ]);
    await old.peers.stop();
    await clock.advance(3 * GUEST_IDLE_MS);
    expect(network.count("m1", "m2")).toBe(0);
  });

  it("nobody takes another name on a connection", async () => {
    const { clock, network, warnings, party } = harness();
    const one = await party(1, [2, 3]);
    const names = { clusterName: CLUSTER, to: memberId(1), address: "m2", groupId: null };
    const closed: string[] = [];
    const connection = network.host("m2").dial("m1", {
      onOpen: () => {
        connection.send(encodeHandshake({ ...names, from: memberId(2) }));
        connection.send(encodeHandshake({ ...names, from: memberId(3) }));
      },
      onFrame: () => undefined,
      onClose: () => closed.push("m2"),
    });
    await clock.advance(20);
    expect([closed, warnings]).toEqual([["m2"], ['another name than "m2"']]);
    await one.peers.stop();
  });
});

it("a new connection of a member closes the one before", async () => {
  const { clock, network, party } = harness();
  const one = await party(1, [2]);
  const greeting = encodeHandshake({
    clusterName: CLUSTER,
    from: memberId(2),
    to: memberId(1),
    address: "m2",
    groupId: null,
  });
  const closed: number[] = [];
  for (const number of [1, 2, 3]) {
    const connection = network.host("m2").dial("m1", {
      onOpen: () => connection.send(greeting),
      onFrame: () => undefined,
      onClose: () => closed.push(number),
    });
    await clock.advance(20);
  }
  expect(closed).toEqual([1, 2]);
  await one.peers.stop();
});

it("a member whose process is dead is told of within milliseconds, once both connections are gone", async () => {
  const { clock, party, killed } = harness();
  const one = await party(1, [2]);
  const two = await party(2, [1]);
  await clock.advance(1000);
  killed(2, two);
  await clock.advance(5);
  expect(one.gone).toEqual(["m2"]);
});

it("a member whose machine is dark or cut off is not told of as dead", async () => {
  const { clock, network, party } = harness();
  const one = await party(1, [2, 3]);
  const two = await party(2, [1]);
  const three = await party(3, [1]);
  await clock.advance(1000);
  two.die();
  network.goDark("m2");
  network.cut("m1", "m3");
  await clock.advance(10_000);
  expect(one.gone).toEqual([]);
  await three.peers.stop();
});

it("a member that speaks to us is not dead, though nobody listens at its address", async () => {
  const { clock, network, party } = harness();
  const one = await party(1, [2]);
  const greeting = encodeHandshake({
    clusterName: CLUSTER,
    from: memberId(2),
    to: memberId(1),
    address: "m2",
    groupId: null,
  });
  const connection = network.host("m2").dial("m1", {
    onOpen: () => connection.send(greeting),
    onFrame: () => undefined,
    onClose: () => undefined,
  });
  await clock.advance(5000);
  expect(one.gone).toEqual([]);
  connection.close();
  await clock.advance(5000);
  expect(one.gone).toEqual(["m2"]);
});

it("a member that lost its power is dialled anew when it is back, long before anything times out", async () => {
  const { network, party, chatter } = harness();
  const one = await party(1, [2], true);
  const two = await party(2, [1], true);
  await chatter(one, 1, 2, 500);
  two.die();
  network.goDark("m2");
  await chatter(one, 1, 2, 1000);
  const again = await party(2, [1], true);
  await chatter(one, 1, 2, 300);
  expect(again.got.length).toBeGreaterThan(0);
});

it("a connection that carries nothing while the other way works is made anew when the other side dials again", async () => {
  const { network, party, chatter } = harness();
  const one = await party(1, [2], true);
  const two = await party(2, [1], true);
  await chatter(two, 2, 1, 500);
  network.stall("m1", "m2");
  two.got.length = 0;
  await chatter(two, 2, 1, SILENCE_MS + 500);
  expect(two.got.map(({ kind }) => kind)).toContain("heartbeat-reply");
  await one.peers.stop();
});

it("two members far from each other do not go on dialling anew because the other one has", async () => {
  const { network, party, chatter } = harness();
  network.delayMs = 150;
  const one = await party(1, [2], true);
  const two = await party(2, [1], true);
  await chatter(two, 2, 1, 2000);
  network.stall("m1", "m2");
  await chatter(two, 2, 1, 2 * SILENCE_MS);
  const broken = one.unreachable.length + two.unreachable.length;
  two.got.length = 0;
  await chatter(two, 2, 1, 2 * SILENCE_MS);
  expect(one.unreachable.length + two.unreachable.length).toBe(broken);
  expect(two.got.length).toBeGreaterThan(0);
});

it("a connection on which nothing comes back is dialled anew, unless this process was only paused", async () => {
  const { clock, network, party, chatter } = harness();
  const one = await party(1, [2], true);
  const two = await party(2, [1], true);
  await chatter(one, 1, 2, 500);
  one.peers.send(heartbeat(memberId(1), memberId(2)));
  clock.pause(10 * SILENCE_MS);
  await chatter(one, 1, 2, 500);
  expect(one.unreachable).toEqual([]);
  network.goDark("m2");
  await chatter(one, 1, 2, SILENCE_MS + 500);
  expect(one.unreachable).toEqual(["m2"]);
  await two.peers.stop();
});

it("strangers, half handshakes and those who say nothing are bounded and hung up on", async () => {
  const { clock, network, warnings, party } = harness();
  const one = await party(1, [2]);
  let closed = 0;
  const dial = (frame: Uint8Array | null) => {
    const connection = network.host("stranger").dial("m1", {
      onOpen: () => {
        if (frame !== null) connection.send(frame);
      },
      onFrame: () => undefined,
      onClose: () => closed++,
    });
  };
  const names = { from: memberId(7), to: memberId(1), clusterName: CLUSTER, address: "m7", groupId: null };
  const whole = encodeHandshake(names);
  const bad = [
    whole.subarray(0, whole.length - 1),
    Uint8Array.from([...whole, 0]),
    encodeHandshake({ ...names, clusterName: "another" }),
    encodeHandshake({ ...names, to: memberId(9) }),
    encodeHandshake({ ...names, from: memberId(1) }),
    new Uint8Array(0),
  ];
  for (const frame of bad) dial(frame);
  await clock.advance(20);
  expect(closed).toBe(bad.length);
  expect(warnings).toEqual([
    "malformed handshake",
    "malformed handshake",
    'cluster "another"',
    'meant for member "m9"',
    "our own name",
    "not a member's handshake",
  ]);
  for (let i = 0; i < STRANGERS_MAX + 3; i++) dial(null);
  await clock.advance(20);
  expect(closed).toBe(bad.length + 3);
  await clock.advance(HANDSHAKE_TIMEOUT_MS);
  expect(closed).toBe(bad.length + 3 + STRANGERS_MAX);
  await one.peers.stop();
});

it("no more than a few that are not among the members are known at one time", async () => {
  const { clock, network, warnings, party } = harness();
  const one = await party(1, []);
  for (let i = 0; i < GUESTS_MAX + 2; i++) {
    const from = memberId(100 + i);
    const greeting = encodeHandshake({
      clusterName: CLUSTER,
      from,
      to: memberId(1),
      address: from,
      groupId: null,
    });
    const connection = network.host(from).dial("m1", {
      onOpen: () => connection.send(greeting),
      onFrame: () => undefined,
      onClose: () => undefined,
    });
    await clock.advance(5);
  }
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain("too many");
  await one.peers.stop();
});

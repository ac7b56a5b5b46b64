// Who cuts a damaged log and who refuses: only a member with others who decide can be made whole by them.
import { expect, test } from "vitest";
import { asId, asIndex, asTerm, type MemberId } from "../../../src/kernel/ids.ts";
import { type DamagedLog, LogDamage } from "../../../src/log/index.ts";
import { encodeMembership } from "../../../src/master/membership-header.ts";
import { repairWithPeers } from "../../../src/master/repair-choice.ts";
import { packMembership } from "../../../src/raft/index.ts";
import { Machine, point } from "../log/fixture.ts";

const [a, b] = [asId<MemberId>("a"), asId<MemberId>("b")];

/** A log without a snapshot whose entries bring these voters, one after the other. */
function damaged(...voters: (readonly MemberId[])[]): DamagedLog {
  const entries = voters.map((each, at) => {
    const body = packMembership({ voters: each, outgoing: [], learners: [], contacts: {} });
    const payload = new Uint8Array([0xc1, 1, ...body]);
    return { index: asIndex(at + 1), term: asTerm(1), payload };
  });
  const noOp = { index: asIndex(entries.length + 1), term: asTerm(1), payload: new Uint8Array(0) };
  return {
    damage: new LogDamage("f", 0, "why"),
    entries: [...entries, noOp],
    readSnapshot: async () => undefined,
  };
}

test("a member among several configured ones cuts, one alone refuses", async () => {
  expect(await repairWithPeers(a, [a, b])(damaged())).toBe("cut");
  expect(await repairWithPeers(a, [a])(damaged())).toBe("refuse");
});

test("a member that joins has others", async () => {
  expect(await repairWithPeers(a, [])(damaged())).toBe("cut");
});

test("the newest membership in the log counts more than the configured one", async () => {
  expect(await repairWithPeers(a, [a, b])(damaged([a, b], [a]))).toBe("refuse");
  expect(await repairWithPeers(a, [a])(damaged([a], [a, b]))).toBe("cut");
});

test("the snapshot's membership counts more than that of an entry before it", async () => {
  const machine = new Machine();
  const { log } = await machine.open();
  const alone = encodeMembership({ voters: [a], outgoing: [], learners: [], contacts: {} });
  await machine.run(log.writeSnapshot(point(9), [alone]));
  const readSnapshot = () => log.readSnapshot();
  const choose = repairWithPeers(a, [a, b]);
  expect(await machine.run(choose({ ...damaged([a, b]), readSnapshot }))).toBe("refuse");
  const later = damaged([a], [a, b]).entries.map((each) => ({ ...each, index: asIndex(each.index + 8) }));
  expect(await machine.run(choose({ ...damaged(), entries: later, readSnapshot }))).toBe("cut");
});

test("a learner has the voter", async () => {
  expect(await repairWithPeers(a, [a])(damaged([b]))).toBe("cut");
});

// The caller's side of a change of membership.
import { expect, it } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import { Changing } from "../../../src/raft/changing.ts";
import { votersOnly } from "../../../src/raft/membership.ts";
import type { MembershipChange } from "../../../src/raft/types.ts";
import { memberId } from "./support/core-cluster.ts";

const before = votersOnly([1].map(memberId));
const after = votersOnly([1, 2].map(memberId));
const promote: MembershipChange = { kind: "promote", id: memberId(2) };

it("a membership that the leader writes by itself is not taken for the change that waits to begin", async () => {
  const handed: MembershipChange[] = [];
  const changing = new Changing((change) => void handed.push(change));
  const outcome = changing.add(promote);
  changing.settle(before);
  await Promise.resolve();
  expect(handed).toEqual([promote]);
  changing.answer({ ok: true, index: asIndex(5) });
  changing.settle(after);
  expect(await outcome).toEqual(after);
});

it("a change that is not accepted is over", async () => {
  const changing = new Changing(() => changing.answer({ ok: false, reason: "not-caught-up" }));
  await expect(changing.add(promote)).rejects.toMatchObject({ reason: "not-caught-up" });
  const again = changing.add(promote);
  await expect(changing.add(promote)).rejects.toMatchObject({ reason: "busy" });
  await expect(again).rejects.toMatchObject({ reason: "not-caught-up" });
});

// What operators have set about offers, with several masters: the leader's holds, on every member; masters that differ take
// turns, and say so; a change takes effect while the master leads.
import { expect, test } from "vitest";
import { DEFAULT_POLICY, type Policy, policyOf } from "../../../src/state/policy.ts";
import { MasterCluster } from "./cluster.ts";
import { subscribe } from "./pipeline-rig.ts";

async function startedWith(...policies: readonly (() => Policy)[]): Promise<MasterCluster> {
  const cluster = new MasterCluster(policies.length);
  for (const [at, policy] of policies.entries()) cluster.policies.set(`m${at + 1}`, policy);
  await cluster.start();
  return cluster;
}

/** As each member that is up has it. */
function policies(cluster: MasterCluster): readonly Policy[] {
  return cluster.members.filter(({ up }) => up).map(({ master }) => master.state().policy);
}

test("the leader's settings hold on every member; the next leader's follow, with a warning that names what differs", async () => {
  const own = [1_000, 2_000, 3_000].map((offerTimeoutMs) => policyOf({ offerTimeoutMs }));
  const cluster = await startedWith(...own.map((policy) => () => policy));
  await cluster.submit(subscribe("s"));
  await cluster.quiet();
  const first = cluster.leader();
  const indexOf = (id: string) => Number(id.slice(1)) - 1;
  for (const policy of policies(cluster)) expect(policy).toEqual(own[indexOf(first.id)]);
  expect(cluster.warned).toEqual([]);

  cluster.kill(first);
  await cluster.clock.until(() => cluster.isLedByOther(first));
  const second = cluster.leader();
  await cluster.submit(subscribe("t"));
  await cluster.quiet();
  for (const policy of policies(cluster)) expect(policy).toEqual(own[indexOf(second.id)]);
  expect(cluster.warned).toEqual([`${second.id}: policy differs from the last leader's: offerTimeoutMs`]);
  await cluster.restart(first);
  await cluster.quiet();
  expect(new Set(cluster.digests()).size).toBe(1);
});

test("what is set otherwise while a master leads is in the log soon, once", async () => {
  let policy = policyOf({ whitelist: new Set(["h1"]) });
  const cluster = await startedWith(() => policy);
  const { master } = cluster.leader();
  expect(master.state().policy.whitelist).toEqual(new Set(["h1"]));
  const before = master.status().events;
  await cluster.clock.advance(2_000);
  expect(master.status().events).toBe(before);

  policy = policyOf({ whitelist: new Set(["h1", "h2"]) });
  await cluster.clock.until(() => master.state().policy.whitelist?.has("h2") === true);
  policy = policyOf({ whitelist: new Set(["h2", "h1"]) });
  await cluster.clock.advance(2_000);
  expect(master.status().events).toBe(before + 1);
});

test("a master that is started again under other flags brings them; one with none leaves those on record", async () => {
  const cluster = await startedWith(() => policyOf({ roleSorter: "random" }));
  const [only] = cluster.members;
  if (only === undefined) throw new Error("there is one");
  for (const [given, held] of [
    [() => policyOf({ offerTimeoutMs: 5_000 }), policyOf({ offerTimeoutMs: 5_000 })],
    [undefined, policyOf({ offerTimeoutMs: 5_000 })],
    [() => DEFAULT_POLICY, DEFAULT_POLICY],
  ] as const) {
    if (given === undefined) cluster.policies.delete("m1");
    else cluster.policies.set("m1", given);
    cluster.kill(only);
    await cluster.restart(only);
    await cluster.clock.until(() => only.master.status().ready);
    expect(only.master.state().policy).toEqual(held);
  }
  expect(cluster.warned).toEqual([]);
});

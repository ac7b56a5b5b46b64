// What a cluster decides by itself fits into an entry of the log, however large the cluster is: the rest comes later.
import { expect, test } from "vitest";
import { asId, asMillis } from "../../../src/kernel/ids.ts";
import { encodeEntry } from "../../../src/state/codec.ts";
import type { Event } from "../../../src/state/events.ts";
import { EXPIRY_EVENTS_MAX } from "../../../src/state/limits.ts";
import { Cluster, scalars, settings, taskSpec } from "./cluster.ts";

const ENTRY_BYTES_MAX = 8 * 1024 * 1024;

function packedBytes(events: readonly Event[]): number {
  return encodeEntry({ time: asMillis(0), events }).length;
}

test("agents with many tasks become unreachable in several commands", () => {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe({ failoverTimeoutMs: 1e9 });
  const agents = [1, 2, 3].map(() => cluster.agent(scalars({ cpus: 1_000, mem: 1e6 })));
  const perAgent = EXPIRY_EVENTS_MAX / 2 + 1;
  for (const offer of cluster.allocate()) {
    const ids = Array.from({ length: perAgent }, (_, i) => `${offer.agentId}-${i}`);
    cluster.accept(
      [offer],
      ids.map((id) => taskSpec(id, offer.agentId)),
    );
  }
  for (const agentId of agents) cluster.loseAgent(agentId);
  cluster.wait(settings.agentReconnectMs);
  const counts: number[] = [];
  for (;;) {
    const { events } = cluster.try({ kind: "expire" });
    if (events.length === 0) break;
    expect(packedBytes(events)).toBeLessThan(ENTRY_BYTES_MAX);
    counts.push(events.length);
  }
  expect(counts).toEqual([EXPIRY_EVENTS_MAX, 3 * (perAgent + 1) - EXPIRY_EVENTS_MAX]);
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(3 * perAgent);
});

/** An agent that is silent for too long, with more tasks than one command makes unreachable. */
function silentAgent(tasks: number) {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe({ capabilities: ["PARTITION_AWARE"], failoverTimeoutMs: 1e9 });
  const agentId = cluster.agent(scalars({ cpus: 10_000, mem: 1e7 }));
  const [offer] = cluster.allocate();
  if (offer === undefined) throw new Error("nothing is offered");
  const ids = Array.from({ length: tasks }, (_, i) => `t${i}`);
  cluster.accept(
    [offer],
    ids.map((id) => taskSpec(id, agentId)),
  );
  cluster.loseAgent(agentId);
  cluster.wait(settings.agentReconnectMs);
  cluster.do({ kind: "expire" });
  return { cluster, frameworkId, agentId, ids };
}

test("an agent with more tasks than one command has room for becomes unreachable after the last of them", () => {
  const { cluster, frameworkId, agentId } = silentAgent(EXPIRY_EVENTS_MAX + 10);
  const { connection } = cluster.state.agents.get(agentId) ?? {};
  expect(connection?.kind).toBe("disconnected");
  expect(cluster.framework(frameworkId).tasks.size).toBe(10);
  const told = cluster.do({ kind: "reconcile", frameworkId, tasks: [{ taskId: asId("t0"), agentId: null }] });
  expect(told).toMatchObject([{ event: { status: { state: "TASK_UNREACHABLE" } } }]);
  expect(cluster.try({ kind: "expire" }).events.at(-1)).toMatchObject({ kind: "AgentUnreachable", agentId });
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(EXPIRY_EVENTS_MAX + 10);
});

test("an agent that comes back while its tasks are being made unreachable has them all again", () => {
  const { cluster, frameworkId, agentId, ids } = silentAgent(EXPIRY_EVENTS_MAX + 10);
  cluster.register(
    scalars({ cpus: 10_000, mem: 1e7 }),
    ids.map((id) => [frameworkId, id, "TASK_RUNNING"]),
    agentId,
  );
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(0);
  expect(cluster.framework(frameworkId).tasks.size).toBe(ids.length);
  expect(cluster.try({ kind: "expire" }).events).toEqual([]);
});

test("offers of agents whose resources take much to say are made in several cycles", () => {
  const cluster = new Cluster();
  cluster.subscribe();
  const ranges = Array.from({ length: 2_000 }, (_, i) => ({ begin: 2 * i, end: 2 * i }));
  const wide = [
    ...scalars({ cpus: 1, mem: 32 }),
    { name: "ports", meta: "", value: { kind: "ranges", ranges } as const },
  ];
  const agents = 200;
  for (let i = 0; i < agents; i++) cluster.agent(wide);
  let offered = 0;
  while (offered < agents) {
    const { events } = cluster.try({ kind: "allocate" });
    expect(packedBytes(events)).toBeLessThan(ENTRY_BYTES_MAX);
    const before = offered;
    offered = cluster.state.offers.size;
    expect(offered).toBeGreaterThan(before);
  }
  expect(offered).toBe(agents);
});

// Time travel: forth and back by patches, and one line for each event.
import { applyPatches, type Patch } from "immer";
import { describe, expect, it } from "vitest";
import { describeEvent } from "../../../src/debugger/describe.ts";
import { inspect, replay, stateOf } from "../../../src/debugger/replay.ts";
import type { ClusterState } from "../../../src/state/model.ts";
import { createClusterState, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, customExecutor, taskSpec } from "../state/cluster.ts";

function story() {
  const cluster = new Cluster();
  const id = cluster.subscribe();
  const agentId = cluster.agent();
  const executor = customExecutor("e1");
  cluster.accept([cluster.offer()], [taskSpec("t1", agentId), taskSpec("t2", agentId, { executor })], 5_000);
  cluster.acknowledge(id, "t1", cluster.status(id, "t1", "TASK_FINISHED").uuid);
  cluster.loseAgent(agentId);
  cluster.wait(75_000);
  cluster.do({ kind: "expire" });
  cluster.register(undefined, [], agentId);
  return cluster;
}

function patched(state: ClusterState, patches: readonly Patch[]): ClusterState {
  return applyPatches(state, [...patches]);
}

describe("inspect", () => {
  it("gives patches that lead from each state to the next, and back", () => {
    let before = createClusterState();
    for (const { patches, inverse, state } of inspect(before, story().entries())) {
      expect(digest(patched(before, patches))).toBe(digest(state));
      expect(patched(state, inverse)).toEqual(before);
      before = state;
    }
  });

  it("names only what an event changed", () => {
    const changes = [...inspect(createClusterState(), story().entries())];
    const acknowledged = changes.find(({ event }) => event.kind === "TaskStatusAcknowledged");
    const roots = new Set(acknowledged?.patches.map(({ path }) => path[0]));
    expect(roots).toEqual(new Set(["frameworks", "agents", "eventCount"]));
  });

  it("counts entries from 0 and gives events in their order", () => {
    const cluster = story();
    const seen = [...inspect(createClusterState(), cluster.entries())];
    expect(seen.map(({ event }) => event.kind)).toEqual(
      cluster.log.flatMap(({ events }) => events.map(({ kind }) => kind)),
    );
    expect(seen.at(-1)?.entry).toBe(cluster.log.length - 1);
  });
});

describe("replay", () => {
  it("goes on from a snapshot as from the log's beginning", () => {
    const cluster = story();
    const entries = cluster.entries();
    const half = replay(undefined, entries.slice(0, 4));
    if (!half.ok) throw new Error(half.error.message);
    const whole = replay(encodeSnapshot(half.value), entries.slice(4));
    expect(whole.ok && digest(whole.value)).toBe(digest(cluster.state));
  });

  it("refuses a snapshot that is none", () => {
    expect(replay(new Uint8Array([1]), [])).toMatchObject({ ok: false, error: { kind: "malformed" } });
    expect(stateOf(undefined).ok).toBe(true);
  });
});

describe("describeEvent", () => {
  it("says what happened in one line each", () => {
    const lines = story().log.flatMap(({ events }) => events.map(describeEvent));
    expect(lines.slice(0, 8)).toEqual([
      "ClusterFounded cluster c",
      "LeaderElected m1 leads in term 1",
      'FrameworkSubscribed c-0000 "test" in dev',
      "AgentRegistered c-S0 host:5051 cpus:2; mem:4096",
      "OffersMade c-O0 of c-S0 to c-0000 (dev)",
      "OffersAccepted c-0000: c-O0, unused cpus:1.7; mem:4032, refused until 1005000",
      "TaskLaunched t1 of c-0000 on c-S0 with cpus:0.1; mem:32",
      "TaskLaunched t2 of c-0000 on c-S0 with cpus:0.1; mem:32, starts executor e1 with cpus:0.1",
    ]);
    expect(lines.at(-1)).toMatch(
      /^TaskStatusUpdated t2 of c-0000 on c-S0 TASK_GONE REASON_AGENT_REREGISTERED ".*" \(by the master\)$/,
    );
  });

  it("stays one line whatever a client wrote", () => {
    const cluster = new Cluster();
    cluster.subscribe({ name: "a\nb\u001b[31m\u2028" });
    const line = describeEvent(
      cluster.log[1]?.events[0] ?? { kind: "ClusterFounded", clusterId: "x" as never },
    );
    expect(line).toBe('FrameworkSubscribed c-0000 "a\\u000ab\\u001b[31m\\u2028" in dev');
  });
});

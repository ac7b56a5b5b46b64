// Feedback of operations (SC18, SC20, SC21): told until acknowledged, also by the next leader; reconciliation; volumes that
// grow and shrink.
import { describe, expect, it } from "vitest";
import { format, type Resources } from "../../../src/allocator/index.ts";
import { type AgentId, asId, asTerm, type FrameworkId } from "../../../src/kernel/ids.ts";
import { totalOf } from "../../../src/state/agent-resources.ts";
import type { Conversion } from "../../../src/state/commands.ts";
import type { FrameworkEvent } from "../../../src/state/effects.ts";
import {
  OPERATION_RETRY_MS_MAX,
  OPERATION_RETRY_MS_MIN,
  OPERATIONS_PER_FRAMEWORK_MAX,
} from "../../../src/state/limits.ts";
import { numberOfStatus, uuidOf } from "../../../src/state/operation-uuids.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars, told } from "./cluster.ts";

const RESERVED = meta({});
const VOLUME = meta({ disk: { persistence: { id: "v" }, volume: { mode: "RW", container_path: "data" } } });

function meta(more: object): string {
  const reservations = [{ type: "DYNAMIC", role: "dev" }];
  return JSON.stringify({ name: "", type: "SCALAR", reservations, ...more });
}

function disk(amount: number, ofMeta: string): Resources {
  return scalars({ disk: amount }).map((resource) => ({ ...resource, meta: ofMeta }));
}

function convert(type: Conversion["type"], resources: Resources, more: Partial<Conversion> = {}): Conversion {
  return { kind: "convert", type, operationId: null, resources, source: null, invalid: null, ...more };
}

function withAgent(): { cluster: Cluster; agentId: AgentId; frameworkId: FrameworkId } {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe();
  return { cluster, frameworkId, agentId: cluster.agent(scalars({ cpus: 4, disk: 100, mem: 1000 })) };
}

function reserve(cluster: Cluster, operationId: string, millis = 1): readonly FrameworkEvent[] {
  const operation = convert("RESERVE", disk(millis, RESERVED), { operationId });
  return told(cluster.acceptWith([cluster.offer()], [operation]));
}

function uuidIn([event]: readonly FrameworkEvent[]): string {
  if (event?.kind !== "operation-finished" || event.uuid === null) throw new Error("not finished");
  return event.uuid;
}

describe("the end of an operation with an id", () => {
  it("is told with a uuid that is like no other", () => {
    const { cluster, agentId } = withAgent();
    const finished = { kind: "operation-finished", operationId: "op", agentId };
    const events = [...reserve(cluster, "op"), ...reserve(cluster, "op")];
    expect(events).toMatchObject([finished, finished]);
    expect(new Set(events.map((event) => uuidIn([event]))).size).toBe(2);
  });

  it("is told again until it is acknowledged, at longer and longer intervals", () => {
    const { cluster, frameworkId } = withAgent();
    const uuid = uuidIn(reserve(cluster, "op"));
    const tells: number[] = [];
    const begin = cluster.now;
    while (tells.length < 12) {
      cluster.wait(1_000);
      if (told(cluster.do({ kind: "expire" })).length > 0) tells.push(cluster.now - begin);
    }
    const waits = tells.map((at, n) => at - (tells[n - 1] ?? 0));
    expect(waits.slice(0, 3)).toEqual([1, 2, 4].map((times) => times * OPERATION_RETRY_MS_MIN));
    expect(Math.max(...waits)).toBe(OPERATION_RETRY_MS_MAX);
    cluster.do({ kind: "acknowledge-operation", frameworkId, operationId: "op", uuid });
    cluster.wait(OPERATION_RETRY_MS_MAX);
    expect(told(cluster.do({ kind: "expire" }))).toEqual([]);
    expect(cluster.state.operations.size).toBe(0);
  });

  it("is told to a framework that subscribes again, under another leader and from a snapshot too", () => {
    const { cluster, agentId, frameworkId } = withAgent();
    const [first] = reserve(cluster, "op");
    cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2) });
    const again = decodeSnapshot(encodeSnapshot(cluster.state));
    if (!again.ok) throw new Error(again.error.message);
    cluster.state = again.value;
    const { effects } = cluster.try({
      kind: "subscribe",
      frameworkId,
      spec: cluster.framework(frameworkId).spec,
      suppressedRoles: [],
      streamId: cluster.newStream(),
    });
    expect(told(effects).filter(({ kind }) => kind === "operation-finished")).toEqual([first]);
    expect(first).toMatchObject({ operationId: "op", agentId });
  });

  it("is not acknowledged by another framework, another id, or another uuid", () => {
    const { cluster, frameworkId } = withAgent();
    const uuid = uuidIn(reserve(cluster, "op"));
    const other = cluster.subscribe();
    const kind = "acknowledge-operation";
    cluster.do({ kind, frameworkId: other, operationId: "op", uuid });
    cluster.do({ kind, frameworkId, operationId: "other", uuid });
    cluster.do({ kind, frameworkId, operationId: "op", uuid: "0".repeat(32) });
    expect(cluster.state.operations.size).toBe(1);
    cluster.do({ kind, frameworkId, operationId: "op", uuid });
    expect(cluster.state.operations.size).toBe(0);
  });

  it("is waited for no longer when the framework or the agent is gone", () => {
    const { cluster, agentId, frameworkId } = withAgent();
    reserve(cluster, "op");
    cluster.do({ kind: "unregister-agent", agentId });
    expect(cluster.state.operations.size).toBe(0);
    cluster.agent(scalars({ cpus: 1, disk: 10, mem: 100 }));
    reserve(cluster, "op");
    expect(cluster.state.operations.size).toBe(1);
    cluster.do({ kind: "teardown", frameworkId });
    expect(cluster.state.operations.size).toBe(0);
  });

  it("is waited for by an agent that drains", () => {
    const { cluster, agentId, frameworkId } = withAgent();
    const uuid = uuidIn(reserve(cluster, "op"));
    cluster.do({ kind: "drain-agent", agentId, config: { maxGraceNanos: null, markGone: false } });
    const drain = () => cluster.state.agents.get(agentId)?.deactivation?.drain?.state;
    cluster.do({ kind: "expire" });
    expect(drain()).toBe("draining");
    cluster.do({ kind: "acknowledge-operation", frameworkId, operationId: "op", uuid });
    cluster.do({ kind: "expire" });
    expect(drain()).toBe("drained");
  });

  it("is bounded: one operation too many is refused before it is done", () => {
    const { cluster, agentId } = withAgent();
    const one = (n: number) => convert("RESERVE", disk(0.001, RESERVED), { operationId: `op-${n}` });
    const all = Array.from({ length: OPERATIONS_PER_FRAMEWORK_MAX + 1 }, (_each, n) => one(n));
    const events = told(cluster.acceptWith([cluster.offer()], all));
    expect(events.filter(({ kind }) => kind === "operation-finished")).toHaveLength(
      OPERATIONS_PER_FRAMEWORK_MAX,
    );
    expect(events.at(-1)).toMatchObject({ kind: "operation-error" });
    const agent = cluster.state.agents.get(agentId);
    expect(agent === undefined ? "" : format(totalOf(agent))).toContain("disk:99");
  });
});

describe("reconciliation of operations", () => {
  it("names all that wait when none is named, without uuid", () => {
    const { cluster, agentId, frameworkId } = withAgent();
    reserve(cluster, "a");
    reserve(cluster, "b");
    const events = told(cluster.do({ kind: "reconcile-operations", frameworkId, operations: [] }));
    const finished = { kind: "operation-finished", agentId, uuid: null };
    expect(events).toEqual([
      { ...finished, operationId: "a" },
      { ...finished, operationId: "b" },
    ]);
  });

  it("says of others where they might be", () => {
    const { cluster, agentId, frameworkId } = withAgent();
    const away = cluster.agent(scalars({ cpus: 1 }));
    cluster.loseAgent(away);
    cluster.wait(80_000);
    cluster.do({ kind: "expire" });
    const asked = [null, agentId, away, asId<AgentId>("nobody")].map((on) => ({
      operationId: "x",
      agentId: on,
    }));
    const events = told(cluster.do({ kind: "reconcile-operations", frameworkId, operations: asked }));
    expect(events.map((event) => ("state" in event ? event.state : event.kind))).toEqual([
      "OPERATION_UNKNOWN",
      "OPERATION_UNKNOWN",
      "OPERATION_UNREACHABLE",
      "OPERATION_UNKNOWN",
    ]);
  });
});

describe("a volume", () => {
  function withVolume() {
    const all = withAgent();
    const made = [convert("RESERVE", disk(30, RESERVED)), convert("CREATE", disk(10, VOLUME))];
    all.cluster.acceptWith([all.cluster.offer()], made);
    return all;
  }
  const grow = convert("GROW_VOLUME", disk(25, VOLUME), {
    source: [...disk(15, RESERVED), ...disk(10, VOLUME)],
    operationId: "grow",
  });
  const shrink = convert("SHRINK_VOLUME", [...disk(6, RESERVED), ...disk(4, VOLUME)], {
    source: disk(10, VOLUME),
    operationId: "shrink",
  });
  const sizes = (cluster: Cluster, agentId: AgentId) => {
    const total = totalOf(cluster.state.agents.get(agentId) as never);
    return [VOLUME, RESERVED].map((of) => {
      const value = total.find((resource) => resource.meta === of)?.value;
      return value?.kind === "scalar" ? value.millis / 1_000 : 0;
    });
  };

  it("grows by what is reserved in the same way, by an offer", () => {
    const { cluster, agentId } = withVolume();
    const effects = cluster.acceptWith([cluster.offer()], [grow]);
    expect(told(effects)).toMatchObject([{ kind: "operation-finished", operationId: "grow" }]);
    expect(sizes(cluster, agentId)).toEqual([25, 5]);
  });

  it("shrinks and gives back what is reserved, by an operator", () => {
    const { cluster, agentId } = withVolume();
    cluster.do({ kind: "operate", agentId, operation: { ...shrink, operationId: null } });
    expect(sizes(cluster, agentId)).toEqual([4, 26]);
  });

  it("of another size than is said, or without so much free, stays as it is", () => {
    const { cluster, agentId } = withVolume();
    const wrong = {
      ...shrink,
      source: disk(9, VOLUME),
      resources: [...disk(5, RESERVED), ...disk(4, VOLUME)],
    };
    const tooMuch = {
      ...grow,
      source: [...disk(25, RESERVED), ...disk(10, VOLUME)],
      resources: disk(35, VOLUME),
    };
    const effects = cluster.acceptWith([cluster.offer()], [wrong, tooMuch]);
    expect(told(effects).map(({ kind }) => kind)).toEqual(["operation-error", "operation-error"]);
    expect(sizes(cluster, agentId)).toEqual([10, 20]);
  });

  it("that is shared, or is no volume, is not resized", () => {
    const { cluster, agentId } = withVolume();
    const shared = VOLUME.replace("}}}", '}},"shared":{}}');
    const all = [
      { ...shrink, source: disk(10, shared), resources: [...disk(6, RESERVED), ...disk(4, shared)] },
      { ...shrink, source: disk(20, RESERVED), resources: disk(4, RESERVED) },
    ];
    for (const operation of all) {
      const { decision } = cluster.try({ kind: "operate", agentId, operation });
      expect(decision).toMatchObject({ kind: "rejected", rejection: { code: "operation-invalid" } });
    }
  });
});

describe("the uuid of a status", () => {
  it("gives its number back, and no other uuid does", () => {
    for (const number of [0, 7, 2 ** 40]) expect(numberOfStatus(uuidOf("status", number))).toBe(number);
    expect(numberOfStatus(uuidOf("operation", 7))).toBeNull();
    expect(numberOfStatus("ff")).toBeNull();
  });
});

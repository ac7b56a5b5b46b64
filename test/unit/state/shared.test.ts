// Shared persistent volumes (AL17): any number of tasks and offers hold one at a time, and it counts once.
import { describe, expect, it } from "vitest";
import { allocatedOf, format, type Resources } from "../../../src/allocator/index.ts";
import { type AgentId, asId, type FrameworkId, type RoleName } from "../../../src/kernel/ids.ts";
import { totalOf } from "../../../src/state/agent-resources.ts";
import type { Conversion } from "../../../src/state/commands.ts";
import type { FrameworkCapability, Offer } from "../../../src/state/model.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars, taskSpec, told, toldStates } from "./cluster.ts";

const TAKING: readonly FrameworkCapability[] = ["MULTI_ROLE", "PARTITION_AWARE", "SHARED_RESOURCES"];
const RESERVED = meta({});
const VOLUME = meta({
  disk: { persistence: { id: "v" }, volume: { mode: "RW", container_path: "data" } },
  shared: {},
});

function meta(more: object): string {
  const reservations = [{ type: "DYNAMIC", role: "dev" }];
  return JSON.stringify({ name: "", type: "SCALAR", reservations, ...more });
}

function disk(amount: number, ofMeta: string): Resources {
  return scalars({ disk: amount }).map((resource) => ({ ...resource, meta: ofMeta }));
}

function convert(
  type: Conversion["type"],
  resources: Resources,
  operationId: string | null = null,
): Conversion {
  return { kind: "convert", type, operationId, resources, source: null, invalid: null };
}

function onVolume(id: string, agentId: AgentId, cpus = 0.5) {
  const resources = [...scalars({ cpus }), ...disk(10, VOLUME)];
  return taskSpec(id, agentId, { resources });
}

/** A framework that takes shared resources and an agent with a shared volume of 10 MB that nobody holds. */
function withVolume(): { cluster: Cluster; agentId: AgentId; frameworkId: FrameworkId } {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe({ capabilities: TAKING });
  const agentId = cluster.agent(scalars({ cpus: 4, disk: 100, mem: 1000 }));
  cluster.acceptWith(
    [cluster.offer()],
    [convert("RESERVE", disk(10, RESERVED)), convert("CREATE", disk(10, VOLUME))],
  );
  return { cluster, agentId, frameworkId };
}

function hasVolume({ resources }: Offer): boolean {
  return resources.some(({ meta: own }) => own === VOLUME);
}

describe("a shared volume", () => {
  it("is held by several tasks of one LAUNCH, and once more by the next offer", () => {
    const { cluster, agentId, frameworkId } = withVolume();
    const tasks = ["a", "b", "c"].map((id) => onVolume(id, agentId));
    expect(toldStates(cluster.accept([cluster.offer()], tasks))).toEqual([]);
    expect(cluster.framework(frameworkId).tasks.size).toBe(3);
    expect(hasVolume(cluster.offer())).toBe(true);
  });

  it("is offered in one offer of a cycle, and to another framework of the role in the next", () => {
    const { cluster, agentId } = withVolume();
    cluster.accept([cluster.offer()], [onVolume("a", agentId)]);
    const other = cluster.subscribe({ capabilities: TAKING });
    const offers = cluster.allocate();
    expect(offers.filter(hasVolume)).toHaveLength(1);
    for (const { frameworkId, id } of offers) {
      if (frameworkId !== other) cluster.decline(frameworkId, [id], 60_000);
    }
    const [theirs] = [...offers, ...cluster.allocate()].filter(({ frameworkId }) => frameworkId === other);
    if (theirs === undefined) throw new Error("no offer");
    expect(toldStates(cluster.accept([theirs], [onVolume("b", agentId)]))).toEqual([]);
    expect(cluster.framework(other).tasks.size).toBe(1);
  });

  it("is kept from frameworks that cannot take it", () => {
    const { cluster, frameworkId } = withVolume();
    cluster.do({ kind: "teardown", frameworkId });
    cluster.subscribe();
    expect(hasVolume(cluster.offer())).toBe(false);
  });

  it("counts once for a framework and its role on an agent, however many tasks hold it", () => {
    const { cluster, agentId, frameworkId } = withVolume();
    const tasks = ["a", "b"].map((id) => onVolume(id, agentId));
    cluster.accept([cluster.offer()], tasks, 60_000);
    const role = asId<RoleName>("dev");
    expect(allocatedOf(cluster.state.allocator, { role }).get("disk")).toBe(10_000);
    expect(allocatedOf(cluster.state.allocator, { frameworkId, role }).get("disk")).toBe(10_000);
    cluster.status(frameworkId, "a", "TASK_FINISHED");
    expect(allocatedOf(cluster.state.allocator, { role }).get("disk")).toBe(10_000);
    cluster.status(frameworkId, "b", "TASK_FINISHED");
    expect(allocatedOf(cluster.state.allocator, { role }).get("disk")).toBeUndefined();
  });

  it("is not destroyed while a task uses it, by nobody", () => {
    const { cluster, agentId, frameworkId } = withVolume();
    cluster.accept([cluster.offer()], [onVolume("a", agentId)]);
    const offer = cluster.offer();
    const effects = cluster.acceptWith([offer], [convert("DESTROY", disk(10, VOLUME), "op")]);
    expect(told(effects)).toEqual([
      { kind: "operation-error", operationId: "op", message: "Persistent volumes in use" },
    ]);
    const operation = convert("DESTROY", disk(10, VOLUME));
    const { decision } = cluster.try({ kind: "operate", agentId, operation });
    expect(decision).toMatchObject({ kind: "rejected", rejection: { code: "operation-invalid" } });
    cluster.status(frameworkId, "a", "TASK_FINISHED");
    cluster.do({ kind: "operate", agentId, operation });
    expect(format(totalOf(cluster.state.agents.get(agentId) as never))).not.toContain("SHARED");
  });

  it("is not destroyed by the call that launches a task on it before", () => {
    const { cluster, agentId } = withVolume();
    const launch = { kind: "launch", operationId: null, tasks: [onVolume("a", agentId)] } as const;
    const destroy = convert("DESTROY", disk(10, VOLUME), "op");
    const effects = cluster.acceptWith([cluster.offer()], [launch, destroy]);
    expect(told(effects)).toMatchObject([{ kind: "operation-error", message: "Persistent volumes in use" }]);
  });

  it("is taken from the offers of others when it is destroyed", () => {
    const { cluster, agentId } = withVolume();
    const first = cluster.offer();
    const other = cluster.subscribe({ capabilities: TAKING });
    cluster.accept([first], [onVolume("a", agentId, 1)]);
    cluster.status(first.frameworkId, "a", "TASK_FINISHED");
    const held = cluster.offer();
    cluster.agent(scalars({ cpus: 1 }));
    const [more] = [...cluster.state.offers.values()].filter(({ id }) => id !== held.id);
    expect(more).toBeUndefined();
    expect(hasVolume(held)).toBe(true);
    const operation = convert("DESTROY", disk(10, VOLUME));
    const effects = cluster.do({ kind: "operate", agentId, operation });
    expect(told(effects)).toEqual([{ kind: "rescind", offerId: held.id }]);
    expect(other).toBeDefined();
  });

  it("is taken from the offers of others also when the call that destroys it makes an equal one", () => {
    const { cluster, agentId, frameworkId } = withVolume();
    const [a, b] = [onVolume("a", agentId, 1), taskSpec("b", agentId, { cpus: 1 })];
    cluster.accept([cluster.offer()], [a, b]);
    const first = cluster.offer();
    cluster.status(frameworkId, "b", "TASK_FINISHED");
    const [second] = cluster.allocate();
    if (second === undefined) throw new Error("no offer");
    cluster.status(frameworkId, "a", "TASK_FINISHED");
    expect([first, second].every(hasVolume)).toBe(true);
    const again = [convert("DESTROY", disk(10, VOLUME)), convert("CREATE", disk(10, VOLUME))];
    const effects = cluster.acceptWith([first], again);
    expect(told(effects)).toEqual([{ kind: "rescind", offerId: second.id }]);
    expect(cluster.state.agents.get(agentId)?.volumes).toHaveLength(1);
  });

  it("is in a restored state as it was", () => {
    const { cluster, agentId } = withVolume();
    cluster.accept([cluster.offer()], [onVolume("a", agentId), onVolume("b", agentId)]);
    cluster.offer();
    const again = decodeSnapshot(encodeSnapshot(cluster.state));
    if (!again.ok) throw new Error(again.error.message);
    cluster.state = again.value;
    cluster.status(
      cluster.framework([...cluster.state.frameworks.keys()][0] as never).id,
      "a",
      "TASK_FINISHED",
    );
    expect(cluster.state.offers.size).toBe(1);
  });
});

// Persistent volumes as the log has them: what an agent is told of its own, and which one a task means (RV08).
import { describe, expect, it } from "vitest";
import type { ConversionType, Resources } from "../../../src/allocator/index.ts";
import { sum } from "../../../src/allocator/index.ts";
import type { AgentId } from "../../../src/kernel/ids.ts";
import type { Conversion, Operation } from "../../../src/state/commands.ts";
import type { Effect } from "../../../src/state/effects.ts";
import { withKnownVolumes } from "../../../src/state/volumes.ts";
import { Cluster, scalars, sent, sentAtAll, taskSpec, told } from "./cluster.ts";

const OWN = scalars({ cpus: 2, disk: 100, mem: 4096 });
const RESERVED = [{ type: "DYNAMIC", role: "dev" }];

interface Use {
  readonly path?: string;
  readonly mode?: string;
  readonly source?: object;
  readonly principal?: string;
}

function disk(megabytes: number, id?: string, use: Use = {}): Resources {
  const { path = "data", mode = "RW", source, principal } = use;
  const persistence = { id, ...(principal === undefined ? {} : { principal }) };
  const parts = {
    ...(id === undefined ? {} : { persistence, volume: { mode, container_path: path } }),
    ...(source === undefined ? {} : { source }),
  };
  const meta = {
    name: "",
    type: "SCALAR",
    reservations: RESERVED,
    ...(Object.keys(parts).length === 0 ? {} : { disk: parts }),
  };
  return scalars({ disk: megabytes }).map((resource) => ({ ...resource, meta: JSON.stringify(meta) }));
}

function operation(type: ConversionType, resources: Resources): Conversion {
  return { kind: "convert", type, operationId: null, resources, source: null, invalid: null };
}

function withAgent(): { readonly cluster: Cluster; readonly agentId: AgentId } {
  const cluster = new Cluster();
  cluster.subscribe({ capabilities: ["MULTI_ROLE", "RESERVATION_REFINEMENT"] });
  return { cluster, agentId: cluster.agent(OWN) };
}

function accept(cluster: Cluster, ...operations: readonly Operation[]): readonly Effect[] {
  return cluster.acceptWith([cluster.offer()], operations);
}

function volumesTold(effects: readonly Effect[]) {
  return sentAtAll(effects).flatMap((message) => (message.kind === "volumes" ? [message] : []));
}

describe("an agent is told of its volumes", () => {
  it("all of them, after each that is made or destroyed, and before the task that uses it", () => {
    const { cluster, agentId } = withAgent();
    const task = taskSpec("t", agentId, { resources: sum([scalars({ cpus: 1, mem: 32 }), disk(10, "a")]) });
    const effects = accept(
      cluster,
      operation("RESERVE", disk(30)),
      operation("CREATE", disk(10, "a")),
      operation("CREATE", disk(10, "b")),
      { kind: "launch", operationId: null, tasks: [task] },
    );
    expect(sent(effects).map(({ kind }) => kind)).toEqual(["volumes", "volumes", "run"]);
    const [first, second] = volumesTold(effects);
    expect(first?.volumes.map(({ role, id, source }) => [role, id, source])).toEqual([["dev", "a", null]]);
    expect(second?.volumes.map(({ id }) => id)).toEqual(["a", "b"]);
    const later = accept(cluster, operation("DESTROY", disk(10, "b")));
    expect(volumesTold(later).map(({ volumes }) => volumes.map(({ id }) => id))).toEqual([["a"]]);
  });

  it("with what tells a volume from another one of its id", () => {
    const { cluster } = withAgent();
    accept(cluster, operation("RESERVE", disk(30)));
    const make = operation("CREATE", disk(10, "a"));
    const [before] = volumesTold(accept(cluster, make));
    const effects = accept(cluster, operation("DESTROY", disk(10, "a")), make);
    const [none, after] = volumesTold(effects);
    expect(none?.volumes).toEqual([]);
    expect(after?.volumes[0]?.since).toBeGreaterThan(before?.volumes[0]?.since ?? Number.NaN);
  });

  it("with the disk that it is on (RV09)", () => {
    const { cluster } = withAgent();
    const source = { type: "MOUNT", mount: { root: "/mnt/d" } };
    const own = disk(10, undefined, { source }).map((each) => ({
      ...each,
      meta: JSON.stringify({ name: "", type: "SCALAR", disk: { source } }),
    }));
    cluster.agent(sum([scalars({ cpus: 1, mem: 64 }), own]));
    const offer = cluster
      .allocate()
      .find(({ resources }) => resources.some(({ meta }) => meta.includes("MOUNT")));
    if (offer === undefined) throw new Error("the disk is not offered");
    const effects = cluster.acceptWith(
      [offer],
      [operation("RESERVE", disk(10, undefined, { source })), operation("CREATE", disk(10, "a", { source }))],
    );
    expect(volumesTold(effects)[0]?.volumes[0]?.source).toEqual({ type: "MOUNT", root: "/mnt/d" });
  });

  it("when it is back, also that there are none, of a cluster that may have forgotten some", () => {
    const { cluster, agentId } = withAgent();
    cluster.loseAgent(agentId);
    const [first] = volumesTold(cluster.register(OWN, [], agentId).effects);
    expect(first).toMatchObject({ volumes: [], asOf: 0 });
    accept(cluster, operation("RESERVE", disk(10)), operation("CREATE", disk(10, "a")));
    cluster.loseAgent(agentId);
    const away = cluster.try({ kind: "operate", agentId, operation: operation("DESTROY", disk(10, "a")) });
    expect(away.decision.kind).toBe("accepted");
    const [message] = volumesTold(cluster.register(OWN, [], agentId).effects);
    expect(message).toMatchObject({
      agentId,
      volumes: [],
      asOf: cluster.state.agents.get(agentId)?.volumesAt,
    });
    expect(message?.asOf).toBeGreaterThan(0);
  });
});

describe("a volume is the one of its role and id, however it is used", () => {
  it("a task may use it under another path and for reading only, and holds what was offered", () => {
    const { cluster, agentId } = withAgent();
    accept(cluster, operation("RESERVE", disk(10)), operation("CREATE", disk(10, "a", { principal: "op" })));
    const offer = cluster.offer();
    const resources = sum([scalars({ cpus: 1, mem: 32 }), disk(10, "a", { path: "other", mode: "RO" })]);
    const effects = cluster.acceptWith(
      [offer],
      [{ kind: "launch", operationId: null, tasks: [taskSpec("t", agentId, { resources })] }],
    );
    expect(told(effects)).toEqual([]);
    const held = cluster.task(offer.frameworkId, "t").resources;
    expect(held).toEqual(sum([scalars({ cpus: 1, mem: 32 }), disk(10, "a", { principal: "op" })]));
  });

  it("and may be destroyed under another path", () => {
    const { cluster, agentId } = withAgent();
    accept(cluster, operation("RESERVE", disk(10)), operation("CREATE", disk(10, "a")));
    accept(cluster, operation("DESTROY", disk(10, "a", { path: "other" })));
    expect(cluster.state.agents.get(agentId)?.volumes).toEqual([]);
  });

  it("but not as much of it as one likes, nor under another id, role or source", () => {
    const known = disk(10, "a");
    for (const other of [disk(10, "b"), disk(10, "a", { source: { type: "PATH", path: { root: "/x" } } })]) {
      expect(withKnownVolumes(other, known)).toEqual(other);
    }
    expect(withKnownVolumes(disk(5, "a", { path: "other" }), known)).toEqual(disk(5, "a"));
  });
});

// RESERVE, UNRESERVE, CREATE and DESTROY: SC16, SC17, MO13, MO14, RV05 to RV08, traps 14 to 16 and 38.
import { describe, expect, it } from "vitest";
import { type ConversionType, format, type Resources, sum } from "../../../src/allocator/index.ts";
import { type AgentId, asId, type FrameworkId, type RoleName } from "../../../src/kernel/ids.ts";
import { totalOf } from "../../../src/state/agent-resources.ts";
import type { Conversion } from "../../../src/state/commands.ts";
import { CONVERSIONS_PER_ACCEPT_MAX, MESSAGE_CHARACTERS_MAX } from "../../../src/state/limits.ts";
import type { FrameworkSpec } from "../../../src/state/model.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { agentSpec, Cluster, scalars, taskSpec, told, toldStates } from "./cluster.ts";

const OWN = scalars({ cpus: 2, disk: 100, mem: 4096 });

interface Parts {
  readonly stack?: readonly object[];
  readonly disk?: object;
  readonly more?: object;
}

const DYNAMIC = { type: "DYNAMIC", role: "dev", principal: "op" };
const VOLUME = {
  persistence: { id: "v1", principal: "op" },
  volume: { mode: "RW", container_path: "data" },
};

function special(amounts: Readonly<Record<string, number>>, parts: Parts = {}): Resources {
  const { stack = [DYNAMIC], disk, more } = parts;
  const meta = JSON.stringify({
    name: "",
    type: "SCALAR",
    ...(stack.length === 0 ? {} : { reservations: stack }),
    ...(disk === undefined ? {} : { disk }),
    ...more,
  });
  return scalars(amounts).map((resource) => ({ ...resource, meta }));
}

function operation(type: ConversionType, resources: Resources, more: Partial<Conversion> = {}): Conversion {
  return { kind: "convert", type, operationId: null, resources, source: null, invalid: null, ...more };
}

function withAgent(parts: Partial<FrameworkSpec> = {}): { cluster: Cluster; agentId: AgentId } {
  const cluster = new Cluster();
  cluster.subscribe(parts);
  return { cluster, agentId: cluster.agent(OWN) };
}

function operate(cluster: Cluster, agentId: AgentId, ...args: Parameters<typeof operation>) {
  return cluster.try({ kind: "operate", agentId, operation: operation(...args) });
}

function textOfTotal(cluster: Cluster, agentId: AgentId): string {
  const agent = cluster.state.agents.get(agentId);
  return agent === undefined ? "none" : format(totalOf(agent));
}

describe("operations of ACCEPT", () => {
  it("run one after the other, each on what those before have made (trap 14)", () => {
    const { cluster, agentId } = withAgent();
    const offer = cluster.offer();
    const volume = special({ disk: 64 }, { disk: VOLUME });
    const task = taskSpec("t", agentId, {
      resources: sum([special({ cpus: 0.5 }), volume, scalars({ mem: 32 })]),
    });
    const effects = cluster.acceptWith(
      [offer],
      [
        operation("RESERVE", special({ cpus: 1, disk: 64 })),
        operation("CREATE", volume),
        { kind: "launch", operationId: null, tasks: [task] },
      ],
    );
    expect(toldStates(effects)).toEqual([]);
    expect(cluster.framework(offer.frameworkId).tasks.size).toBe(1);
    expect(textOfTotal(cluster, agentId)).toBe(
      "cpus:1; cpus(reservations: [(DYNAMIC,dev,op)]):1; disk:36; " +
        "disk(reservations: [(DYNAMIC,dev,op)])[v1:data]:64; mem:4096",
    );
  });

  it("undo each other without a trace", () => {
    const { cluster, agentId } = withAgent();
    const volume = special({ disk: 64 }, { disk: VOLUME });
    const reserved = special({ cpus: 1, disk: 64 });
    cluster.acceptWith([cluster.offer()], [operation("RESERVE", reserved), operation("CREATE", volume)]);
    expect(cluster.state.agents.get(agentId)?.conversions).toBeDefined();
    cluster.acceptWith([cluster.offer()], [operation("DESTROY", volume), operation("UNRESERVE", reserved)]);
    expect(cluster.state.agents.get(agentId)?.conversions).toBeUndefined();
    expect(textOfTotal(cluster, agentId)).toBe(format(OWN));
  });

  it("are carried out up to so many in one call, with messages of bounded length", () => {
    const { cluster, agentId } = withAgent();
    const labels = { labels: [{ key: "k", value: "x".repeat(10_000) }] };
    const large = special({ cpus: 1 }, { stack: [{ ...DYNAMIC, labels }] });
    const reserve = operation("RESERVE", large);
    const bad = (id: string) => operation("UNRESERVE", special({ cpus: 1 }), { operationId: id });
    const many = Array.from({ length: CONVERSIONS_PER_ACCEPT_MAX }, (_, at) => bad(`op-${at}`));
    const launch = { kind: "launch", operationId: null, tasks: [taskSpec("t", agentId)] } as const;
    const effects = cluster.acceptWith([cluster.offer()], [reserve, ...many, launch]);
    const messages = told(effects).flatMap((event) =>
      event.kind === "operation-error" ? [event.message] : [],
    );
    expect(messages).toHaveLength(CONVERSIONS_PER_ACCEPT_MAX);
    for (const message of messages) expect(message.length).toBeLessThanOrEqual(MESSAGE_CHARACTERS_MAX);
    expect(messages[0]).toContain("cpus(allocated: dev):1; cpus(allocated: dev)(reservations");
    expect(messages.at(-1)).toContain(`${CONVERSIONS_PER_ACCEPT_MAX} operations`);
    expect(messages.at(-2)).not.toContain(`${CONVERSIONS_PER_ACCEPT_MAX} operations`);
    expect(cluster.task(cluster.state.frameworks.keys().next().value as FrameworkId, "t").id).toBe("t");
  });

  it("refuse again what was not used, but nothing that they have made (trap 16)", () => {
    const { cluster } = withAgent();
    cluster.acceptWith([cluster.offer()], [operation("RESERVE", special({ cpus: 1 }))], 60_000);
    expect(format(cluster.offer().resources)).toBe(
      "cpus:1; cpus(reservations: [(DYNAMIC,dev,op)]):1; disk:100; mem:4096",
    );
  });

  it("with an id are told of: finished, or what is wrong; without one they fail in silence (trap 15)", () => {
    const { cluster, agentId } = withAgent();
    const effects = cluster.acceptWith(
      [cluster.offer()],
      [
        operation("RESERVE", special({ cpus: 1 }), { operationId: "good" }),
        operation("RESERVE", special({ cpus: 2 }), { operationId: "bad" }),
        operation("RESERVE", special({ cpus: 2 })),
      ],
    );
    expect(told(effects)).toEqual([
      { kind: "operation-finished", operationId: "good", agentId, uuid: expect.any(String) as string },
      {
        kind: "operation-error",
        operationId: "bad",
        message:
          "cpus(allocated: dev):1; cpus(allocated: dev)(reservations: [(DYNAMIC,dev,op)]):1; " +
          "disk(allocated: dev):100; mem(allocated: dev):4096 does not contain cpus(allocated: dev):2",
      },
    ]);
  });

  it.each([
    [
      "a role that is not the offer's",
      { stack: [{ type: "DYNAMIC", role: "web" }] },
      /cannot be reserved for role 'web'/,
    ],
    ["a static reservation", { stack: [{ type: "STATIC", role: "dev" }] }, /is not dynamically reserved/],
    ["nothing reserved", { stack: [] }, /^Resource cpus:1 is not dynamically reserved$/],
    [
      "another principal",
      { stack: [{ ...DYNAMIC, principal: "x" }] },
      /principal 'x', and the framework's is 'op'/,
    ],
    ["no principal", { stack: [{ type: "DYNAMIC", role: "dev" }] }, /has no principal/],
    [
      "a refinement without the capability",
      { stack: [{ type: "STATIC", role: "d" }, DYNAMIC] },
      /reserved for dev within/,
    ],
    ["revocable resources", { more: { revocable: {} } }, /is revocable/],
  ] as const)("RESERVE refuses %s", (_what, parts, message) => {
    const { cluster } = withAgent({ principal: "op" });
    const effects = cluster.acceptWith(
      [cluster.offer()],
      [operation("RESERVE", special({ cpus: 1 }, parts), { operationId: "x" })],
    );
    expect(told(effects)).toMatchObject([
      { kind: "operation-error", message: expect.stringMatching(message) },
    ]);
  });

  it.each([
    ["unreserved disk", { stack: [], disk: VOLUME }, /is not reserved/],
    ["what is no volume", {}, /is no persistent volume/],
    ["a read-only volume", { disk: { ...VOLUME, volume: { mode: "RO", container_path: "d" } } }, /mode RW/],
    ["a host path", { disk: { ...VOLUME, volume: { ...VOLUME.volume, host_path: "/" } } }, /host_path/],
    [
      "a path that leads out",
      { disk: { ...VOLUME, volume: { mode: "RW", container_path: "../d" } } },
      /lead out/,
    ],
    [
      "an id that is no name",
      { disk: { ...VOLUME, persistence: { id: "a/b", principal: "op" } } },
      /no good name/,
    ],
    ["a shared volume without the capability", { disk: VOLUME, more: { shared: {} } }, /SHARED_RESOURCES/],
    [
      "an id that is taken",
      { disk: { ...VOLUME, persistence: { id: "v0", principal: "op" } } },
      /^Persistence ID 'v0' is not unique$/,
    ],
  ] as const)("CREATE refuses %s", (_what, parts, message) => {
    const { cluster } = withAgent({ principal: "op" });
    const taken = special({ disk: 10 }, { disk: { ...VOLUME, persistence: { id: "v0", principal: "op" } } });
    const effects = cluster.acceptWith(
      [cluster.offer()],
      [
        operation("RESERVE", special({ disk: 50 })),
        operation("CREATE", taken),
        operation("CREATE", special({ disk: 10 }, parts), { operationId: "x" }),
      ],
    );
    expect(told(effects)).toMatchObject([
      { kind: "operation-error", message: expect.stringMatching(message) },
    ]);
  });

  it("use volumes as a whole (trap 38)", () => {
    const { cluster, agentId } = withAgent();
    const effects = cluster.acceptWith(
      [cluster.offer()],
      [
        operation("RESERVE", special({ disk: 50 })),
        operation("CREATE", special({ disk: 50 }, { disk: VOLUME })),
        {
          kind: "launch",
          operationId: null,
          tasks: [taskSpec("t", agentId, { resources: special({ disk: 10 }, { disk: VOLUME }) })],
        },
        operation("DESTROY", special({ disk: 10 }, { disk: VOLUME }), { operationId: "x" }),
      ],
    );
    expect(toldStates(effects)).toEqual(["TASK_ERROR"]);
    expect(told(effects).at(-1)).toMatchObject({ message: "Persistent volumes not found" });
  });

  it("refine what is reserved for a role above (RV06)", () => {
    const cluster = new Cluster();
    cluster.subscribe({
      roles: [asId<RoleName>("dev/eu")],
      capabilities: ["MULTI_ROLE", "RESERVATION_REFINEMENT"],
    });
    const outer = { type: "STATIC", role: "dev" };
    const agentId = cluster.agent(sum([special({ cpus: 2 }, { stack: [outer] }), scalars({ mem: 64 })]));
    const refined = special({ cpus: 1 }, { stack: [outer, { type: "DYNAMIC", role: "dev/eu" }] });
    cluster.acceptWith([cluster.offer()], [operation("RESERVE", refined)]);
    expect(textOfTotal(cluster, agentId)).toContain("(reservations: [(STATIC,dev),(DYNAMIC,dev/eu)]):1");
    cluster.acceptWith([cluster.offer()], [operation("UNRESERVE", refined)]);
    expect(textOfTotal(cluster, agentId)).toBe("cpus(reservations: [(STATIC,dev)]):2; mem:64");
  });
});

describe("operations of an operator", () => {
  it("rescind what is in their way and no more, with a filter of 5 seconds", () => {
    const { cluster, agentId } = withAgent();
    const other = cluster.agent(OWN);
    cluster.allocate();
    const { effects } = operate(cluster, agentId, "RESERVE", special({ cpus: 1 }));
    expect(told(effects).map(({ kind }) => kind)).toEqual(["rescind"]);
    expect([...cluster.state.offers.values()].map((offer) => offer.agentId)).toEqual([other]);
    cluster.decline(cluster.offer().frameworkId, [...cluster.state.offers.keys()], 0);
    const reserved = cluster.allocate().filter((offer) => offer.agentId === agentId);
    expect(reserved.map(({ resources }) => format(resources)).join()).toContain("(DYNAMIC,dev,op)");
  });

  it("rescind nothing if what they need is free", () => {
    const { cluster, agentId } = withAgent();
    expect(operate(cluster, agentId, "RESERVE", special({ cpus: 1 })).events).toHaveLength(1);
  });

  it("that cannot be cost no offer, and say what there would be", () => {
    const { cluster, agentId } = withAgent();
    cluster.allocate();
    const { decision } = operate(cluster, agentId, "RESERVE", special({ cpus: 200 }));
    expect(decision).toMatchObject({
      rejection: {
        code: "operation-conflict",
        message: "cpus:2; disk:100; mem:4096 does not contain cpus:200",
      },
    });
    expect(cluster.state.offers.size).toBe(1);
  });

  it("leave alone what tasks hold", () => {
    const { cluster, agentId } = withAgent();
    cluster.accept([cluster.offer()], [taskSpec("t", agentId, { cpus: 1.5 })]);
    const { decision } = operate(cluster, agentId, "RESERVE", special({ cpus: 1 }));
    expect(decision).toMatchObject({ rejection: { code: "operation-conflict" } });
    expect(operate(cluster, agentId, "RESERVE", special({ cpus: 0.5 })).decision.kind).toBe("accepted");
  });

  it("reserve otherwise what the source names", () => {
    const { cluster, agentId } = withAgent();
    operate(cluster, agentId, "RESERVE", special({ cpus: 1 }));
    const ops = special({ cpus: 1 }, { stack: [{ type: "DYNAMIC", role: "ops" }] });
    const moved = operate(cluster, agentId, "RESERVE", ops, { source: special({ cpus: 1 }) });
    expect(moved.decision.kind).toBe("accepted");
    expect(textOfTotal(cluster, agentId)).toContain("cpus(reservations: [(DYNAMIC,ops)]):1");
    const more = operate(cluster, agentId, "RESERVE", ops, { source: scalars({ cpus: 0.5 }) });
    expect(more.decision).toMatchObject({ rejection: { code: "operation-invalid" } });
  });

  it("on an agent that is not there are refused", () => {
    const { cluster } = withAgent();
    expect(operate(cluster, asId("nope"), "RESERVE", []).decision).toMatchObject({
      rejection: { code: "agent-unknown", message: "No agent found with specified ID" },
    });
  });
});

describe("an agent that comes back", () => {
  it("names its own resources, and what was made of them counts again", () => {
    const { cluster, agentId } = withAgent();
    operate(cluster, agentId, "RESERVE", special({ cpus: 1 }));
    cluster.loseAgent(agentId);
    cluster.register(OWN, [], agentId);
    expect(textOfTotal(cluster, agentId)).toContain("(DYNAMIC,dev,op)]):1");
    cluster.register(scalars({ cpus: 3, disk: 100, mem: 4096 }), [], agentId);
    expect(textOfTotal(cluster, agentId)).toMatch(/^cpus:2; cpus\(reservations/);
  });

  it("is refused if it has less than what was made of it", () => {
    const { cluster, agentId } = withAgent();
    operate(cluster, agentId, "RESERVE", special({ cpus: 1.5 }));
    cluster.loseAgent(agentId);
    const { decision } = cluster.try({
      kind: "register-agent",
      agentId,
      spec: agentSpec(scalars({ cpus: 1, disk: 100, mem: 4096 })),
      connectionId: "again",
      tasks: [],
      executors: [],
    });
    expect(decision).toMatchObject({
      rejection: {
        code: "agent-refused",
        message: expect.stringContaining("less than what of it is reserved"),
      },
    });
  });

  it("is in a snapshot with what was made of it", () => {
    const { cluster, agentId } = withAgent();
    operate(cluster, agentId, "RESERVE", special({ cpus: 1 }));
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    expect(restored).toMatchObject({ ok: true });
    if (restored.ok) expect(restored.value).toEqual(cluster.state);
  });
});

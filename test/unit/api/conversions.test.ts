// What the wire says and what the state holds are the same thing, in both directions and in both encodings.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame, encodeFrames, frameReader } from "../../../src/api/agents/frames.ts";
import { frameworkSpec } from "../../../src/api/convert/frameworks.ts";
import { problemOfId, problemOfRole } from "../../../src/api/convert/ids.ts";
import { resourcesFromWire, resourcesReader, resourcesToWire } from "../../../src/api/convert/resources.ts";
import { taskSpec } from "../../../src/api/convert/tasks.ts";
import { failoverMsOf, refuseMsOf } from "../../../src/api/convert/times.ts";
import { formatOfAnswer } from "../../../src/api/http/formats.ts";
import { commandOf } from "../../../src/api/scheduler/commands.ts";
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../../../src/contract/codec.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import type { Resource, SchedulerCall, TaskInfo } from "../../../src/contract/types.ts";
import { asId, type FrameworkId } from "../../../src/kernel/ids.ts";
import { createClusterState } from "../../../src/state/snapshot.ts";

const name = fc.constantFrom("cpus", "mem", "disk", "gpus", "bandwidth");
const scalar = fc.record({
  name,
  type: fc.constant("SCALAR" as const),
  scalar: fc.record({ value: fc.integer({ min: 1, max: 10_000_000 }).map((millis) => millis / 1_000) }),
});
const ports = fc.record({
  name: fc.constant("ports"),
  type: fc.constant("RANGES" as const),
  ranges: fc.record({
    range: fc.array(
      fc.tuple(fc.nat(60_000), fc.nat(500)).map(([begin, more]) => ({ begin, end: begin + more })),
      { minLength: 1, maxLength: 4 },
    ),
  }),
});
const set = fc.record({
  name: fc.constant("zones"),
  type: fc.constant("SET" as const),
  set: fc.record({ item: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }) }),
});
const reserved = scalar.chain((resource) =>
  fc.constantFrom<Resource>(
    resource,
    { ...resource, role: "*" },
    { ...resource, role: "dev" },
    { ...resource, role: "dev", reservation: { principal: "p" } },
    { ...resource, reservations: [{ type: "STATIC", role: "dev" }] },
    { ...resource, reservations: [{ type: "DYNAMIC", role: "dev", principal: "p" }] },
  ),
);
const resources: fc.Arbitrary<Resource[]> = fc.array(fc.oneof(reserved, ports, set), { maxLength: 6 });

describe("resources", () => {
  it("come back from every format in which they are written", () => {
    fc.assert(
      fc.property(resources, fc.constantFrom("refined" as const, "plain" as const), (list, format) => {
        const held = resourcesFromWire(list);
        if (!held.ok) throw new Error(held.error);
        expect(resourcesFromWire(resourcesToWire(held.value, format, "dev"))).toEqual(held);
      }),
    );
  });

  it("are the same whichever of the two formats they came in", () => {
    const cpus = { name: "cpus", type: "SCALAR", scalar: { value: 1.5 } } as const;
    const same: readonly [Resource, Resource][] = [
      [cpus, { ...cpus, role: "*" }],
      [
        { ...cpus, role: "dev" },
        { ...cpus, reservations: [{ type: "STATIC", role: "dev" }] },
      ],
      [
        { ...cpus, role: "dev", reservation: { principal: "p" } },
        { ...cpus, reservations: [{ type: "DYNAMIC", role: "dev", principal: "p" }] },
      ],
    ];
    for (const [old, refined] of same) expect(resourcesFromWire([old])).toEqual(resourcesFromWire([refined]));
  });

  it("keep apart what may not be combined", () => {
    const disk = { name: "disk", type: "SCALAR", scalar: { value: 10 } } as const;
    const list: Resource[] = [
      disk,
      { ...disk, disk: { persistence: { id: "v1" } }, shared: {} },
      { ...disk, revocable: {} },
      { ...disk, disk: { persistence: { id: "v1" } } },
      { ...disk, disk: { source: { type: "MOUNT", mount: { root: "/mnt" } } } },
      { ...disk, provider_id: { value: "rp" } },
      { ...disk, role: "dev" },
    ];
    const held = resourcesFromWire(list);
    expect(held.ok && held.value.length).toBe(list.length);
    expect(held.ok && resourcesFromWire(resourcesToWire(held.value, "refined", null))).toEqual(held);
  });

  const cpus = { name: "cpus", type: "SCALAR" } as const;
  it.each<[string, Resource]>([
    ["negative", { ...cpus, scalar: { value: -1 } }],
    ["infinite", { ...cpus, scalar: { value: Number.POSITIVE_INFINITY } }],
    ["not a number", { ...cpus, scalar: { value: Number.NaN } }],
    ["without a value", cpus],
    ["text", { name: "x", type: "TEXT" }],
    ["nameless", { ...cpus, name: "", scalar: { value: 1 } }],
    ["a range backwards", { name: "ports", type: "RANGES", ranges: { range: [{ begin: 2, end: 1 }] } }],
    [
      "in both formats",
      { ...cpus, scalar: { value: 1 }, role: "a", reservations: [{ type: "STATIC", role: "a" }] },
    ],
    ["reserved for *", { ...cpus, scalar: { value: 1 }, role: "*", reservation: {} }],
    ["reserved for no role", { ...cpus, scalar: { value: 1 }, reservations: [{ type: "DYNAMIC" }] }],
    ["reserved for a bad role", { ...cpus, scalar: { value: 1 }, role: "a b" }],
  ])("are refused when %s", (_, resource) => {
    expect(resourcesFromWire([resource]).ok).toBe(false);
  });
});

const text = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
const id = text.map((value) => ({ value }));
const task: fc.Arbitrary<TaskInfo> = fc.record(
  {
    name: text,
    task_id: id,
    agent_id: id,
    resources,
    command: fc.record({ value: text, shell: fc.boolean() }, { requiredKeys: ["shell"] }),
    data: fc.uint8Array({ maxLength: 8 }),
    labels: fc.record({ labels: fc.array(fc.record({ key: text, value: text }), { maxLength: 2 }) }),
    kill_policy: fc.record({
      grace_period: fc.record({ nanoseconds: fc.bigInt({ min: 0n, max: 10n ** 12n }) }),
    }),
  },
  { requiredKeys: ["name", "task_id", "agent_id"] },
);
const filters = fc.record({ refuse_seconds: fc.double({ min: 0, max: 100, noNaN: true }) });
const calls: fc.Arbitrary<SchedulerCall> = fc.oneof(
  fc.record({
    type: fc.constant("ACCEPT" as const),
    framework_id: id,
    accept: fc.record({
      offer_ids: fc.array(id, { maxLength: 3 }),
      operations: fc.array(
        fc.record({
          type: fc.constant("LAUNCH" as const),
          launch: fc.record({ task_infos: fc.array(task, { maxLength: 3 }) }),
        }),
        { maxLength: 2 },
      ),
      filters,
    }),
  }),
  fc.record({
    type: fc.constant("DECLINE" as const),
    framework_id: id,
    decline: fc.record({ offer_ids: fc.array(id, { maxLength: 3 }), filters }),
  }),
  fc.record({
    type: fc.constant("KILL" as const),
    framework_id: id,
    kill: fc.record({ task_id: id, agent_id: id }, { requiredKeys: ["task_id"] }),
  }),
  fc.record({
    type: fc.constant("ACKNOWLEDGE" as const),
    framework_id: id,
    acknowledge: fc.record({
      task_id: id,
      agent_id: id,
      uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    }),
  }),
  fc.record({
    type: fc.constant("RECONCILE" as const),
    framework_id: id,
    reconcile: fc.record({
      tasks: fc.array(fc.record({ task_id: id, agent_id: id }, { requiredKeys: ["task_id"] }), {
        maxLength: 3,
      }),
    }),
  }),
  fc.record({
    type: fc.constant("MESSAGE" as const),
    framework_id: id,
    message: fc.record({ agent_id: id, executor_id: id, data: fc.uint8Array({ maxLength: 20 }) }),
  }),
  fc.record({
    type: fc.constant("REVIVE" as const),
    framework_id: id,
    revive: fc.record({ roles: fc.array(text, { maxLength: 3 }) }),
  }),
);

it("a call leads to the same command in JSON and in protobuf", () => {
  const state = createClusterState();
  fc.assert(
    fc.property(calls, (call) => {
      const frameworkId = asId<FrameworkId>(call.framework_id?.value ?? "");
      const json = decodeJson(messageTypes.SchedulerCall, encodeJson(messageTypes.SchedulerCall, call));
      const protobuf = decodeProtobuf(
        messageTypes.SchedulerCall,
        encodeProtobuf(messageTypes.SchedulerCall, call),
      );
      if (!json.ok || !protobuf.ok) throw new Error("a call of ours is not read back");
      const fromProtobuf = plain(commandOf(protobuf.value, frameworkId, state));
      const fromJson = plain(commandOf(json.value, frameworkId, state));
      expect(fromProtobuf).toEqual(fromJson);
      expect(fromJson).not.toBeNull();
    }),
  );
});

/** Bytes by what they are, whichever class holds them. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
}

describe("a task", () => {
  const cpus: Resource = { name: "cpus", type: "SCALAR", scalar: { value: 1 } };
  const good: TaskInfo = {
    name: "t",
    task_id: { value: "t" },
    agent_id: { value: "a" },
    resources: [cpus],
    command: { value: "true" },
  };
  const executor = { executor_id: { value: "e" }, command: { value: "e" }, resources: [cpus] };

  it("that is good has nothing said against it", () => {
    expect(taskSpec(good, "dev")).toMatchObject({ invalid: null, poisonsOperation: false, hasCommand: true });
    const { command: _command, ...others } = good;
    const custom = taskSpec({ ...others, executor }, "dev");
    expect(custom).toMatchObject({ invalid: null, hasCommand: false, executor: { executorId: "e" } });
  });

  it.each<[string, Partial<TaskInfo>, string]>([
    ["a slash in its id", { task_id: { value: "bad/id" } }, "'bad/id' contains invalid characters"],
    ["an empty id", { task_id: { value: "" } }, "ID must not be empty"],
    ["no resources", { resources: [] }, "Task uses no resources"],
    [
      "command and executor",
      { executor },
      "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
    ],
    ["another role than the offers", { resources: [{ ...cpus, allocation_info: { role: "ops" } }] }, "'ops'"],
    [
      "revocable and other cpus",
      { resources: [cpus, { ...cpus, revocable: {} }] },
      "mix revocable and other resources",
    ],
  ])("with %s fails alone", (_, change, message) => {
    const spec = taskSpec({ ...good, ...change }, "dev");
    expect(spec.invalid).toContain(message);
    expect(spec.poisonsOperation).toBe(false);
  });

  it.each<[string, Resource]>([
    ["negative", { ...cpus, scalar: { value: -1 } }],
    ["in both formats", { ...cpus, role: "dev", reservations: [{ type: "STATIC", role: "dev" }] }],
  ])("with a resource that is %s spoils its whole operation", (_, resource) => {
    expect(taskSpec({ ...good, resources: [resource] }, "dev").poisonsOperation).toBe(true);
  });

  it("may have a zero among its resources", () => {
    const zero: Resource = { name: "gpus", type: "SCALAR", scalar: { value: 0 } };
    expect(taskSpec({ ...good, resources: [zero, cpus] }, null).invalid).toBeNull();
  });

  it("cannot name a persistent volume without a size, which nobody would look for among what is offered", () => {
    const persistence = { id: "another-one's" };
    const disk = { persistence, volume: { container_path: "data", mode: "RW" } } as const;
    const reservations = [{ type: "DYNAMIC", role: "other" }] as const;
    const cpus = { name: "cpus", type: "SCALAR", scalar: { value: 1 } } as const;
    const empty: readonly Pick<Resource, "type" | "scalar" | "ranges" | "set">[] = [
      { type: "SCALAR", scalar: { value: 0 } },
      { type: "SCALAR", scalar: { value: 0.0004 } },
      { type: "RANGES", ranges: { range: [] } },
      { type: "SET", set: { item: [] } },
    ];
    for (const value of empty) {
      const volume = { name: "disk", ...value, reservations, disk };
      expect(taskSpec({ ...good, resources: [cpus, volume] }, "dev").invalid).toContain("has no size");
      const executor = { executor_id: { value: "e" }, command: { value: "true" }, resources: [volume] };
      expect(taskSpec({ ...good, executor }, "dev").invalid).toContain("has no size");
    }
  });
});

describe("ids and roles", () => {
  it("are taken or refused as Mesos does", () => {
    for (const bad of ["", ".", "..", "a/b", "a\\b", "a\nb", "a\u007f", "x".repeat(256)]) {
      expect(problemOfId(bad), JSON.stringify(bad)).not.toBeNull();
    }
    for (const fine of ["a", "a b", "...", "x".repeat(255), "ünïcödé"])
      expect(problemOfId(fine), fine).toBeNull();
    for (const bad of ["", "/a", "a/", "a//b", "a/../b", "a/*", "-a", "a/-b", "a b", "a\tb"]) {
      expect(problemOfRole(bad), JSON.stringify(bad)).not.toBeNull();
    }
    for (const fine of ["*", "a", "a/b/c", "a-b", "a.b"]) expect(problemOfRole(fine), fine).toBeNull();
  });

  it("are of bounded length and depth, for every level of a role is one more role", () => {
    const deep = (levels: number) => Array.from({ length: levels }, () => "r").join("/");
    expect([deep(32), "r".repeat(1_024)].map(problemOfRole)).toEqual([null, null]);
    expect(problemOfRole(deep(33))).toContain("more than 32 components");
    expect(problemOfRole("r".repeat(1_025))).toBe("Role must not be greater than 1024 characters");
  });
});

describe("times", () => {
  it("of filters: none, the default, at most a year", () => {
    expect([undefined, -1, Number.NaN].map(refuseMsOf)).toEqual([5_000, 5_000, 5_000]);
    expect([0, 0.5, 3, 1e300, Number.POSITIVE_INFINITY].map(refuseMsOf)).toEqual([
      0, 500, 3_000, 31_536_000_000, 31_536_000_000,
    ]);
  });

  it("of failover: never negative, never more than exact", () => {
    expect([undefined, -1, Number.NaN, 0, 1.5, Number.POSITIVE_INFINITY].map(failoverMsOf)).toEqual([
      0,
      0,
      0,
      0,
      1_500,
      Number.MAX_SAFE_INTEGER,
    ]);
  });
});

it("a framework has one role without MULTI_ROLE, and its own list with it", () => {
  expect(frameworkSpec({ user: "u", name: "n" }).roles).toEqual(["*"]);
  expect(frameworkSpec({ user: "u", name: "n", role: "dev" }).roles).toEqual(["dev"]);
  const multi = { user: "u", name: "n", roles: ["a", "b"], capabilities: [{ type: "MULTI_ROLE" as const }] };
  expect(frameworkSpec(multi).roles).toEqual(["a", "b"]);
});

it("JSON is chosen over protobuf whatever the weights, and neither is a refusal", () => {
  expect([undefined, "*/*", "application/*", "application/json"].map(formatOfAnswer)).toEqual(
    Array(4).fill("json"),
  );
  expect(formatOfAnswer("application/x-protobuf;q=1, application/json;q=0.1")).toBe("json");
  expect(formatOfAnswer("application/x-protobuf")).toBe("protobuf");
  expect(formatOfAnswer("text/html")).toBeNull();
});

describe("frames", () => {
  it("come out as they went in, in whatever pieces they arrive", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, sizes) => {
        const bytes = Buffer.concat(sent.map((frame) => encodeFrame(frame)));
        expect(Buffer.from(encodeFrames(sent))).toEqual(bytes);
        const received: number[][] = [];
        const read = frameReader(100, (frame) => void received.push([...frame]));
        let at = 0;
        for (let i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          expect(read(bytes.subarray(at, at + size))).toBe(true);
          at += size;
        }
        expect(received).toEqual(sent.map((frame) => [...frame]));
      }),
    );
  });

  it("that are too large are refused before they have arrived", () => {
    const received: Uint8Array[] = [];
    const reader = () => frameReader(100, (frame) => void received.push(frame));
    expect(reader()(Uint8Array.from([0, 0, 0, 101]))).toBe(false);
    expect(reader()(Uint8Array.from([0, 0, 0, 100]))).toBe(true);
    expect(received).toEqual([]);
  });
});

describe("resources of the tasks of one call", () => {
  const few = fc.record({
    name: fc.constantFrom("cpus", "mem"),
    type: fc.constant("SCALAR" as const),
    scalar: fc.record({ value: fc.constantFrom(0, 0.5, 1, -1, Number.NaN) }),
  });
  const special = fc.tuple(
    few,
    fc.constantFrom<Partial<Resource>>({ role: "dev" }, { role: "*" }, { revocable: {} }, { shared: {} }),
  );
  const list = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: few },
      special.map(([a, b]) => ({ ...a, ...b })),
      ports,
    ),
    {
      maxLength: 2,
    },
  );

  it("are read as if each list came alone, also where lists are equal or nearly so", () => {
    fc.assert(
      fc.property(fc.array(list, { maxLength: 12 }), (lists) => {
        const read = resourcesReader();
        for (const each of lists) expect(read(each)).toEqual(resourcesFromWire(each));
      }),
      { numRuns: 300 },
    );
  });

  it("are the same ones where the lists say the same", () => {
    const read = resourcesReader();
    const cpus = () => [{ name: "cpus", type: "SCALAR" as const, scalar: { value: 1 } }];
    expect(read(cpus())).toBe(read(cpus()));
  });
});

// Persistent volumes (RV08, RV09): made before tasks see them, destroyed when nothing uses them any more, whatever crashes
// in between; and nothing that names one leads anywhere else.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Agent } from "../../../src/agents/agent-types.ts";
import type { VolumeMount } from "../../../src/agents/runtime.ts";
import { faultOfUses, placeOf } from "../../../src/agents/volume-places.ts";
import type { AgentVolume, RegisterAgent, ToAgent } from "../../../src/contract/agent-protocol.ts";
import type { Resource } from "../../../src/contract/types.ts";
import { FRAMEWORK, Rig, type RigOptions, runCommand } from "./rig/rig.ts";

const REGISTRATION = "cluster-S0 1";
const PATH = "volumes/roles/dev/v1";

function volume(id: string, since = 1, source: AgentVolume["source"] = null): AgentVolume {
  return { role: "dev", id, since, source };
}

/** More than any `since` here. */
const AS_OF = 1_000;

function volumesFrame(...volumes: readonly AgentVolume[]): ToAgent {
  return { kind: "volumes", registration: REGISTRATION, asOf: AS_OF, volumes };
}

function use(id: string, containerPath = "data", mode: "RW" | "RO" = "RW"): Resource {
  return {
    name: "disk",
    type: "SCALAR",
    scalar: { value: 64 },
    reservations: [{ type: "DYNAMIC", role: "dev" }],
    allocation_info: { role: "dev" },
    disk: { persistence: { id }, volume: { container_path: containerPath, mode } },
  };
}

function running(taskId: string, script: string, ...uses: readonly Resource[]) {
  return runCommand(taskId, script, { resources: uses });
}

async function tell(rig: Rig, ...volumes: readonly AgentVolume[]): Promise<void> {
  rig.master.send(volumesFrame(...volumes));
  await rig.clock.advance(20);
}

/** Of all containers, in the order of their launches. */
function mountsOf(rig: Rig): readonly VolumeMount[] {
  return [...rig.machine.containers.values()].flatMap(({ spec }) => spec.volumes ?? []);
}

async function started(options: RigOptions = {}): Promise<Rig> {
  const rig = new Rig(options);
  await rig.startAgent();
  return rig;
}

test("a volume is made, stays when its task has ended, and goes when the cluster does not name it any more", async () => {
  const rig = await started();
  await tell(rig, volume("v1"));
  expect([...rig.volumes.folders.keys()]).toEqual([PATH]);
  await rig.run(running("t", "exit:0", use("v1")));
  rig.volumes.write(PATH, "file");
  expect(rig.master.states("t")).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
  await tell(rig, volume("v1"));
  expect(rig.volumes.folders.get(PATH)).toEqual(["file"]);
  await tell(rig);
  expect(rig.volumes.folders.size).toBe(0);
});

test("the container is told where it is, under which path and whether it may write", async () => {
  const rig = await started();
  await tell(rig, volume("v1"), volume("v2", 2));
  await rig.run(running("t", "run", use("v1", "./a//b/"), use("v2", "logs", "RO")));
  expect(mountsOf(rig)).toEqual([
    { source: `/var/lib/agent/${PATH}`, mounted: false, target: "a/b", readOnly: false, owned: true },
    {
      source: "/var/lib/agent/volumes/roles/dev/v2",
      mounted: false,
      target: "logs",
      readOnly: true,
      owned: true,
    },
  ]);
});

test("a volume in use is not given to another user", async () => {
  const rig = await started();
  await tell(rig, volume("v1"));
  await rig.run(running("t1", "run", use("v1")));
  await rig.run(running("t2", "run", use("v1")));
  expect(mountsOf(rig).map(({ owned }) => owned)).toEqual([true, false]);
});

test("a task whose volume the agent does not know is dropped, in Mesos' words", async () => {
  const rig = await started();
  await rig.run(running("t", "run", use("v1")));
  expect(rig.master.statuses("t").at(-1)).toMatchObject({
    state: "TASK_DROPPED",
    reason: "REASON_RESOURCES_UNKNOWN",
    message: "The checkpointed resources being used by the task or task group are unknown to the agent",
  });
});

test("what has no size shows nobody a volume: Mesos leaves it out, and nobody has counted it", async () => {
  const rig = await started();
  await tell(rig, volume("v1"));
  const parts = [{ scalar: { value: 0 } }, { scalar: { value: 0.0004 } }, {}];
  for (const [at, part] of parts.entries()) {
    const { scalar: _scalar, ...nothing } = use("v1");
    await rig.run(running(`t${at}`, "run", { ...nothing, ...part }));
  }
  expect(rig.machine.running()).toHaveLength(parts.length);
  expect(mountsOf(rig)).toEqual([]);
});

test("a task waits until its volume is made, and fails with the reason if it cannot be", async () => {
  const rig = await started();
  rig.volumes.fault = "ENOSPC: no space left on device";
  await tell(rig, volume("v1"));
  await rig.run(running("t1", "run", use("v1")));
  expect(rig.master.statuses("t1").at(-1)).toMatchObject({
    state: "TASK_FAILED",
    reason: "REASON_CONTAINER_LAUNCH_FAILED",
    message: expect.stringContaining("no space left on device"),
  });
  rig.volumes.fault = null;
  await rig.run(running("t2", "run", use("v1")));
  expect(rig.master.states("t2")).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
});

test("a volume that is destroyed while it is made is removed after that, once", async () => {
  const rig = await started();
  let release: () => void = () => undefined;
  rig.volumes.isFree = new Promise((resolve) => {
    release = resolve;
  });
  await tell(rig, volume("v1"));
  await tell(rig);
  expect(rig.volumes.done).toEqual([]);
  release();
  await rig.clock.advance(50);
  expect(rig.volumes.done).toEqual([`make ${PATH}`, `remove ${PATH}`]);
});

test("a volume that could not be removed is removed later", async () => {
  const rig = await started();
  await tell(rig, volume("v1"));
  rig.volumes.fault = "EBUSY";
  await tell(rig);
  expect(rig.volumes.folders.size).toBe(1);
  rig.volumes.fault = null;
  await rig.clock.advance(60_000);
  expect(rig.volumes.folders.size).toBe(0);
});

test("data go when the last container that uses them has ended, also of a framework that is no more", async () => {
  const rig = await started();
  await tell(rig, volume("v1"));
  await rig.run(running("t1", "stubborn", use("v1")));
  await rig.run(running("t2", "run", use("v1")));
  rig.master.send({ kind: "shutdown-framework", frameworkId: FRAMEWORK });
  await tell(rig);
  expect(rig.machine.running()).toHaveLength(1);
  expect(rig.volumes.folders.size).toBe(1);
  await rig.clock.advance(60_000);
  expect(rig.machine.running()).toEqual([]);
  expect(rig.volumes.folders.size).toBe(0);
});

test("a new volume of the same id gets nothing of the old one, and no task before that is gone", async () => {
  const rig = await started();
  await tell(rig, volume("v1", 1));
  rig.volumes.write(PATH, "old");
  await rig.run(running("old", "stubborn", use("v1")));
  rig.master.send({ kind: "shutdown-framework", frameworkId: FRAMEWORK });
  await tell(rig, volume("v1", 2));
  const other = running("new", "run", use("v1"));
  await rig.run({ ...other, framework: { ...other.framework, id: { value: "cluster-0002" } } });
  expect(rig.master.states("new")).toEqual([]);
  await rig.clock.advance(60_000);
  expect(rig.master.states("new")).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
  expect(rig.volumes.folders.get(PATH)).toEqual([]);
});

test("a task that is killed while it waits for its volume never starts", async () => {
  const rig = await started();
  await tell(rig, volume("v1", 1));
  await rig.run(running("old", "undying:0", use("v1")));
  await tell(rig, volume("v1", 2));
  await rig.run(running("t", "run", use("v1")));
  rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "t" });
  await rig.clock.advance(20);
  expect(rig.master.states("t")).toEqual(["TASK_KILLED"]);
});

test("a volume that was destroyed and one that was made while the agent was away: it catches up", async () => {
  const rig = await started();
  await tell(rig, volume("v1"), volume("v2", 2));
  rig.kill();
  rig.master.onRegister = (_frame, reply) => {
    reply({ kind: "registered", agentId: "cluster-S0", silenceMsMax: 1_000_000_000 });
    reply(volumesFrame(volume("v2", 2), volume("v3", 3)));
  };
  await rig.startAgent();
  await rig.clock.advance(50);
  expect([...rig.volumes.folders.keys()].sort()).toEqual(["volumes/roles/dev/v2", "volumes/roles/dev/v3"]);
});

test("a cluster that does not know the agent's volumes destroys none, and gets nothing that was in them", async () => {
  const rig = await started();
  await tell(rig, volume("v1"), volume("v2", 2));
  rig.volumes.write(PATH, "precious");
  rig.master.send({ kind: "volumes", registration: "other-S0 9", asOf: AS_OF, volumes: [volume("v2", 1)] });
  await rig.clock.advance(50);
  expect(rig.volumes.folders.get(PATH)).toEqual(["precious"]);
  await rig.run(running("t", "run", use("v1")));
  expect(rig.master.statuses("t").at(-1)?.reason).toBe("REASON_RESOURCES_UNKNOWN");
  rig.master.send({ kind: "volumes", registration: "other-S0 9", asOf: AS_OF, volumes: [volume("v1", 1)] });
  await rig.clock.advance(50);
  expect(rig.volumes.folders.get(PATH)).toEqual([]);
});

test("a cluster that the agent comes back to finds its volumes as they were, and has those destroyed that it has given up", async () => {
  const rig = await started();
  await tell(rig, volume("v1"), volume("v2", 2));
  rig.volumes.write(PATH, "precious");
  rig.master.send({ kind: "volumes", registration: "other-S0 9", asOf: 5, volumes: [] });
  await rig.clock.advance(50);
  await tell(rig, volume("v1"));
  expect([...rig.volumes.folders]).toEqual([[PATH, ["precious"]]]);
  await rig.run(running("t", "run", use("v1")));
  expect(rig.master.states("t")).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
});

describe("a cluster that was recovered from an older state", () => {
  const asOf = (count: number, ...volumes: readonly AgentVolume[]): ToAgent => ({
    kind: "volumes",
    registration: REGISTRATION,
    asOf: count,
    volumes,
  });
  const OTHER = "volumes/roles/dev/v2";

  test("does not destroy what was made after that, now or later", async () => {
    const rig = await started();
    await tell(rig, volume("v1"), volume("v2", 20));
    rig.volumes.write(OTHER, "precious");
    for (const frame of [asOf(10, volume("v1")), asOf(30, volume("v1"), volume("v3", 30)), asOf(40)]) {
      rig.master.send(frame);
      await rig.clock.advance(50);
      expect(rig.volumes.folders.get(OTHER)).toEqual(["precious"]);
    }
    expect([...rig.volumes.folders.keys()]).toEqual([OTHER]);
  });

  test("has what was made anew since then under its old id", async () => {
    const rig = await started();
    await tell(rig, volume("v1", 20));
    rig.volumes.write(PATH, "precious");
    for (const frame of [asOf(10, volume("v1", 1)), asOf(30, volume("v1", 1), volume("v3", 30))]) {
      rig.master.send(frame);
      await rig.clock.advance(50);
      expect(rig.volumes.folders.get(PATH)).toEqual(["precious"]);
    }
  });
});

test("an agent that leaves the cluster for good destroys none", async () => {
  const rig = new Rig();
  const agent = await rig.startAgent();
  await tell(rig, volume("v1"));
  rig.volumes.write(PATH, "precious");
  const left = agent.shutdown();
  await rig.clock.advance(2_000);
  await left;
  rig.master.agentId = "cluster-S1";
  await rig.startAgent();
  rig.master.send({ kind: "volumes", registration: "cluster-S1 2", asOf: AS_OF, volumes: [] });
  await rig.clock.advance(50);
  expect(rig.volumes.folders.get(PATH)).toEqual(["precious"]);
});

test("an agent says that it takes volumes", async () => {
  const rig = await started();
  const register = rig.master.frames.find((frame): frame is RegisterAgent => frame.kind === "register");
  expect(register?.takesVolumes).toBe(true);
});

describe("where volumes are", () => {
  const disks: readonly Resource[] = [
    { name: "disk", type: "SCALAR", disk: { source: { type: "PATH", path: { root: "/mnt/fast" } } } },
    { name: "disk", type: "SCALAR", disk: { source: { type: "MOUNT", mount: { root: "/mnt/whole" } } } },
  ];
  const path = (source: AgentVolume["source"], role = "eng/ads", id = "v") => {
    const found = placeOf({ role, id, since: 1, source }, disks);
    return found.ok ? found.value : null;
  };

  test("in the work folder, below a PATH root, or a MOUNT root itself", () => {
    expect(path(null)).toEqual({ path: "volumes/roles/eng ads/v", mounted: false });
    expect(path({ type: "PATH", root: "/mnt/fast" })).toEqual({
      path: "/mnt/fast/volumes/roles/eng ads/v",
      mounted: false,
    });
    expect(path({ type: "MOUNT", root: "/mnt/whole" })).toEqual({ path: "/mnt/whole", mounted: true });
  });

  test("not on disks that are not the agent's, nor where names would lead elsewhere", () => {
    expect(path({ type: "PATH", root: "/etc" })).toBeNull();
    expect(path({ type: "MOUNT", root: "/mnt/fast" })).toBeNull();
    expect(path({ type: "RAW", root: "" })).toBeNull();
    for (const bad of ["", ".", "..", "a/b", "a\\b", "a\0", "a\nb", "x".repeat(256)]) {
      expect(path(null, "dev", bad)).toBeNull();
    }
    for (const bad of ["", "..", "a/../b", "a//b", "/a", "a b"]) expect(path(null, bad)).toBeNull();
  });

  test("no text leads out of the folder of volumes", () => {
    const part = fc.constantFrom("..", ".", "", "/", "a", "b c", "\0", "\\", "…");
    const text = fc.oneof(
      fc.string(),
      fc.array(part).map((parts) => parts.join("/")),
    );
    fc.assert(
      fc.property(text, text, (role, id) => {
        const found = path(null, role, id);
        if (found === null) return;
        const parts = found.path.split("/");
        expect(parts).toHaveLength(4);
        expect(parts).not.toContain("..");
        expect(parts).not.toContain("");
      }),
    );
  });

  test("two volumes are never at one place", () => {
    const name = fc.stringMatching(/^[a-z/ ]{1,6}$/);
    fc.assert(
      fc.property(name, name, name, name, (roleA, idA, roleB, idB) => {
        const [a, b] = [path(null, roleA, idA), path(null, roleB, idB)];
        if (a === null || b === null || (roleA === roleB && idA === idB)) return;
        expect(a.path).not.toBe(b.path);
      }),
    );
  });
});

describe("container paths", () => {
  const fault = (hasImage: boolean, ...paths: readonly string[]) =>
    faultOfUses(
      paths.map((containerPath) => ({ role: "dev", id: "v", containerPath, readOnly: false })),
      hasImage,
    );

  test("are relative to the sandbox; absolute ones need an image", () => {
    expect(fault(false, "data")).toBeNull();
    expect(fault(false, "a/b", "a/c")).toBeNull();
    expect(fault(true, "/data")).toBeNull();
    expect(fault(false, "/data")).toContain("needs an image");
  });

  test("stay in the container and out of each other's way", () => {
    for (const bad of ["", ".", "./", "..", "../x", "a/../../x", "a\0", "/", "/.."]) {
      expect(fault(true, bad)).toContain("no path within the container");
    }
    expect(fault(false, "a", "a/b")).toContain("in the way");
    expect(fault(false, "a", "./a/")).toContain("in the way");
  });

  test("a task with a bad one is in error, and nothing is run", async () => {
    const rig = await started();
    await tell(rig, volume("v1"));
    await rig.run(running("t", "run", use("v1", "../x")));
    expect(rig.master.statuses("t").at(-1)).toMatchObject({
      state: "TASK_ERROR",
      reason: "REASON_TASK_INVALID",
    });
    expect(rig.machine.launched).toEqual([]);
  });
});

describe("a crash at any operation of the disk or of the volumes", () => {
  const step = fc.array(fc.subarray<string>(["a", "b", "c"]), { minLength: 1, maxLength: 6 });
  const plan = fc.record({
    steps: step,
    /** Of the volumes that stay from one step to the next, these are other ones of the same id. */
    renewed: fc.subarray<string>(["a", "b", "c"]),
    crashes: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
    kept: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  test("in the end there are the volumes that the cluster names, with all of their own data and no others", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, renewed, crashes, kept }) => {
        const rig = new Rig();
        const world: World = { rig, agent: null, current: [], written: new Set() };
        rig.master.onRegister = (_frame, reply) => {
          reply({ kind: "registered", agentId: "cluster-S0", silenceMsMax: 1_000_000_000 });
          reply(volumesFrame(...world.current));
        };
        planCrash(world, [...crashes], kept);
        start(world);
        let stamp = 0;
        for (const [index, ids] of steps.entries()) {
          world.current = ids.map((id) => {
            const before = world.current.find((each) => each.id === id);
            const isNew = before === undefined || (index > 0 && renewed.includes(id));
            return isNew ? volume(id, ++stamp) : before;
          });
          rig.master.send(volumesFrame(...world.current));
          await rig.clock.advance(3);
          writeWhereReady(world);
        }
        await rig.clock.advance(120_000);
        expectOwnData(world);
      }),
      { numRuns: 200 },
    );
  });

  interface World {
    readonly rig: Rig;
    agent: Agent | null;
    current: readonly AgentVolume[];
    /** Every mark that was ever written. */
    readonly written: Set<string>;
  }

  function start(world: World): void {
    world.agent = world.rig.newAgent();
    void world.agent.start();
  }

  /** What a task of each volume would write that the agent lets run. */
  function writeWhereReady({ rig, agent, written }: World): void {
    for (const { path, phase, since } of agent?.status().volumes ?? []) {
      const mark = `${path} ${since}`;
      if (phase !== "ready" || written.has(mark)) continue;
      rig.volumes.write(path, mark);
      written.add(mark);
    }
  }

  function expectOwnData({ rig, current, written }: World): void {
    const expected = current.map(({ id, since }): [string, string[]] => {
      const path = `volumes/roles/dev/${id}`;
      const mark = `${path} ${since}`;
      return [path, written.has(mark) ? [mark] : []];
    });
    expect(new Map([...rig.volumes.folders].sort())).toEqual(new Map(expected.sort()));
  }

  function planCrash(world: World, left: number[], kept: number): void {
    const { rig } = world;
    const gap = left.shift();
    if (gap === undefined) return;
    const at = rig.disk.operations + gap;
    rig.disk.beforeOperation = (operation) => {
      if (operation !== at) return;
      rig.disk.beforeOperation = () => undefined;
      rig.kill();
      world.agent = null;
      rig.disk.losePower(kept);
      rig.clock.after(2, () => {
        planCrash(world, left, kept);
        start(world);
      });
    };
  }
});

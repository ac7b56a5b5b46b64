// Custom executors and persistent volumes: they see those of their first task from their start on, and are shown those of
// later tasks before they hear of these.
import { expect, test } from "vitest";
import type { Agent, ExecutorStream } from "../../../src/agents/agent-types.ts";
import type { AgentVolume, ToAgent } from "../../../src/contract/agent-protocol.ts";
import type { ContainerInfo, ExecutorEvent, Resource } from "../../../src/contract/types.ts";
import { executorInfo, FRAMEWORK, Rig, runInExecutor } from "./rig/rig.ts";

const EXECUTOR = "e";
const ids = { framework_id: { value: FRAMEWORK }, executor_id: { value: EXECUTOR } };

function frame(...volumes: readonly string[]): ToAgent {
  const rows = volumes.map((id, at): AgentVolume => ({ role: "dev", id, since: at + 1, source: null }));
  return { kind: "volumes", registration: "cluster-S0 1", asOf: 1_000, volumes: rows };
}

function use(id: string, containerPath = id): Resource {
  return {
    name: "disk",
    type: "SCALAR",
    scalar: { value: 64 },
    reservations: [{ type: "DYNAMIC", role: "dev" }],
    disk: { persistence: { id }, volume: { container_path: containerPath, mode: "RW" } },
  };
}

const folder = (id: string) => `volumes/roles/dev/${id}`;

class World {
  readonly rig = new Rig();
  readonly events: ExecutorEvent[] = [];
  #agent: Agent | null = null;

  async start(): Promise<void> {
    this.#agent = await this.rig.startAgent();
  }

  async tell(...volumes: readonly string[]): Promise<void> {
    this.rig.master.send(frame(...volumes));
    await this.rig.clock.advance(20);
  }

  async run(taskId: string, uses: readonly Resource[], container?: ContainerInfo): Promise<void> {
    const executor = executorInfo(EXECUTOR, {
      resources: [use("own")],
      ...(container === undefined ? {} : { container }),
    });
    const run = runInExecutor(taskId, executor);
    await this.rig.run({ ...run, task: { ...run.task, resources: uses } });
  }

  async subscribe(): Promise<void> {
    const stream: ExecutorStream = {
      id: `stream-${this.events.length}`,
      send: (event) => void this.events.push(event),
      close: () => undefined,
    };
    await this.#agent?.executors.call({ ...ids, type: "SUBSCRIBE", subscribe: {} }, stream);
    await this.rig.clock.advance(20);
  }

  launched(): readonly (string | undefined)[] {
    return this.events
      .filter(({ type }) => type === "LAUNCH")
      .map(({ launch }) => launch?.task.task_id.value);
  }

  last(taskId: string) {
    return this.rig.master.statuses(taskId).at(-1);
  }
}

async function started(...volumes: readonly string[]): Promise<World> {
  const world = new World();
  await world.start();
  await world.tell(...volumes);
  return world;
}

test("an executor sees its own volumes and those of its first task; these are free when the task has ended", async () => {
  const world = await started("own", "v1");
  await world.run("t1", [use("v1")]);
  const [spec] = world.rig.machine.launched;
  expect(spec?.volumes?.map(({ target }) => target)).toEqual(["own", "v1"]);
  await world.tell("own");
  expect(world.rig.volumes.folders.has(folder("v1"))).toBe(true);
  world.rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "t1" });
  await world.rig.clock.advance(50);
  expect([...world.rig.volumes.folders.keys()]).toEqual([folder("own")]);
});

test("a volume of an executor's task stays until the executor has ended, also when its framework is gone", async () => {
  const world = await started("own", "v1");
  await world.run("t1", [use("v1")]);
  world.rig.master.send({ kind: "shutdown-framework", frameworkId: FRAMEWORK });
  await world.tell();
  expect([...world.rig.volumes.folders.keys()].sort()).toEqual([folder("own"), folder("v1")]);
  await world.rig.clock.advance(60_000);
  expect(world.rig.machine.running()).toEqual([]);
  expect(world.rig.volumes.folders.size).toBe(0);
});

test("one that runs is shown the volumes of a later task before it hears of the task", async () => {
  const world = await started("own", "v1");
  await world.run("t1", []);
  await world.subscribe();
  await world.run("t2", [use("v1")]);
  expect(world.rig.machine.attached.map(({ target }) => target)).toEqual(["v1"]);
  expect(world.launched()).toEqual(["t1", "t2"]);
});

test("the task waits until its volume is made", async () => {
  const world = await started("own");
  await world.run("t1", []);
  await world.subscribe();
  let release: () => void = () => undefined;
  world.rig.volumes.isFree = new Promise((resolve) => {
    release = resolve;
  });
  await world.tell("own", "v1");
  await world.run("t2", [use("v1")]);
  expect(world.launched()).toEqual(["t1"]);
  release();
  await world.rig.clock.advance(20);
  expect(world.launched()).toEqual(["t1", "t2"]);
});

test("a volume that cannot be shown or made fails the task, not the executor", async () => {
  const world = await started("own", "v1");
  await world.run("t1", []);
  await world.subscribe();
  world.rig.machine.attachFault = "the disk is gone";
  await world.run("t2", [use("v1")]);
  world.rig.volumes.fault = "ENOSPC";
  await world.tell("own", "v1", "v2");
  await world.run("t3", [use("v2")]);
  for (const [taskId, message] of [
    ["t2", "the disk is gone"],
    ["t3", "ENOSPC"],
  ] as const) {
    expect(world.last(taskId)).toMatchObject({
      state: "TASK_FAILED",
      reason: "REASON_CONTAINER_UPDATE_FAILED",
      message,
    });
  }
  expect(world.launched()).toEqual(["t1"]);
  expect(world.rig.machine.running()).toHaveLength(1);
});

test("a restart of the agent in between changes nothing of that", async () => {
  const world = await started("own", "v1");
  await world.run("t1", []);
  await world.run("t2", [use("v1")]);
  expect(world.rig.machine.attached).toEqual([]);
  world.rig.kill();
  await world.start();
  await world.subscribe();
  expect(world.rig.machine.attached.map(({ target }) => target)).toEqual(["v1"]);
  expect(world.launched()).toEqual(["t1", "t2"]);
});

test("a volume in the way of another one that is in use is refused, also in an image that runs", async () => {
  const world = await started("own", "v1", "v2");
  await world.run("t1", [use("v1", "data")]);
  await world.run("t2", [use("v2", "data")]);
  await world.run("t3", [use("v2", "own/x")]);
  for (const taskId of ["t2", "t3"]) {
    expect(world.last(taskId)).toMatchObject({ state: "TASK_ERROR", reason: "REASON_TASK_INVALID" });
  }
  await world.run("t4", [use("v1", "data")]);
  expect(world.rig.master.states("t4")).toEqual([]);
});

test("one with an image cannot be shown more than it sees, and its task is told so", async () => {
  const world = new World();
  const rig = new Rig({ runtime: "containerd" });
  Object.assign(world, { rig });
  await world.start();
  await world.tell("own", "v1");
  const image: ContainerInfo = {
    type: "MESOS",
    mesos: { image: { type: "DOCKER", docker: { name: "busybox" } } },
  };
  await world.run("t1", [], image);
  await world.run("t2", [use("v1")], image);
  expect(world.last("t2")).toMatchObject({
    state: "TASK_ERROR",
    reason: "REASON_TASK_INVALID",
    message: expect.stringContaining('"v1"'),
  });
});

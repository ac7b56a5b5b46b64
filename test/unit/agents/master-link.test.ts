// How the agent finds the leading master and keeps to it.
import { expect, test } from "vitest";
import { packFrame, unpackToAgent } from "../../../src/agents/frames.ts";
import {
  AGENT_FRAME_BYTES_MAX,
  PROTOCOL_VERSION,
  TASKS_PER_RUN_MAX,
} from "../../../src/contract/agent-protocol.ts";
import { encodedTaskInfo } from "../../../src/contract/encoded.ts";
import type { EncodedMessage } from "../../../src/kernel/encoded.ts";
import { commandTask, FRAMEWORK, framework, Rig, runCommand } from "./rig/rig.ts";

const masters = ["m1:5050", "m2:5050", "m3:5050"];

function registrations(rig: Rig) {
  return rig.master.frames.filter((frame) => frame.kind === "register");
}

test("the first registration has no id; the later ones have the id that was given", async () => {
  const rig = new Rig();
  await rig.startAgent();
  rig.master.breakConnection();
  await rig.clock.advance(500);
  rig.newAgent();
  await rig.startAgent();
  expect(registrations(rig).map(({ agentId }) => agentId)).toEqual([undefined, "cluster-S0", "cluster-S0"]);
  expect(registrations(rig)[0]).toMatchObject({
    protocolVersion: PROTOCOL_VERSION,
    version: "0.1.0",
    info: { hostname: "host-1" },
    tasks: [],
    executors: [],
  });
});

test("masters that are down are tried in turn, first after 100 to 200 ms each, then ever slower", async () => {
  const rig = new Rig({ masters });
  rig.master.down = true;
  await rig.startAgent();
  await rig.clock.advance(60_000);
  const dials = rig.master.dials;
  expect(dials.slice(0, 4).map(({ address }) => address)).toEqual([...masters, "m1:5050"]);
  const gaps = dials.slice(1).map(({ atMs }, index) => atMs - (dials[index]?.atMs ?? 0));
  for (const gap of gaps.slice(0, 3)) {
    expect(gap).toBeGreaterThanOrEqual(100);
    expect(gap).toBeLessThanOrEqual(201);
  }
  expect(Math.max(...gaps)).toBeLessThanOrEqual(4_001);
  expect(gaps.at(-1)).toBeGreaterThanOrEqual(2_000);
});

test("a redirect is followed at once", async () => {
  const rig = new Rig({ masters });
  rig.master.onRegister = (_frame, reply) => {
    if (rig.master.dials.at(-1)?.address === "m9:5050") {
      reply({ kind: "registered", agentId: "cluster-S7", silenceMsMax: 60_000 });
    } else reply({ kind: "redirect", leader: "m9:5050" });
  };
  const agent = await rig.startAgent();
  expect(rig.master.dials.map(({ address }) => address)).toEqual(["m1:5050", "m9:5050"]);
  expect(agent.status()).toMatchObject({
    agentId: "cluster-S7",
    link: { master: "m9:5050", registered: true },
  });
});

test("an agent that is not admitted goes on trying, with waits", async () => {
  const rig = new Rig({ masters: ["m1:5050"] });
  rig.master.onRegister = (_frame, reply) => reply({ kind: "redirect", leader: null, reason: "no domain" });
  const agent = await rig.startAgent();
  await rig.clock.advance(10_000);
  expect(agent.status().link.registered).toBe(false);
  expect(rig.master.dials.length).toBeGreaterThan(1);
  expect(rig.master.dials.length).toBeLessThan(100);
});

test("redirects in a circle are not followed without a wait", async () => {
  const rig = new Rig({ masters });
  rig.master.onRegister = (_frame, reply) => reply({ kind: "redirect", leader: "m2:5050" });
  await rig.startAgent();
  await rig.clock.advance(10_000);
  expect(rig.master.dials.length).toBeLessThan(100);
});

test("silence longer than the master said is a dead connection; a ping is an answer", async () => {
  const rig = new Rig();
  rig.master.silenceMsMax = 1_000;
  await rig.startAgent();
  for (let i = 0; i < 5; i++) {
    rig.master.send({ kind: "ping" });
    await rig.clock.advance(900);
  }
  expect(registrations(rig)).toHaveLength(1);
  expect(rig.master.frames.filter(({ kind }) => kind === "pong")).toHaveLength(5);
  await rig.clock.advance(500);
  expect(registrations(rig)).toHaveLength(2);
});

test("a master that does not answer the registration is given up", async () => {
  const rig = new Rig({ masters });
  rig.master.onRegister = () => undefined;
  await rig.startAgent();
  await rig.clock.advance(6_000);
  expect(rig.master.dials.map(({ address }) => address)).toEqual(["m1:5050", "m2:5050"]);
});

test("a registration tells every task that is not over and acknowledged", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("over", "exit:0"));
  await rig.run(runCommand("runs", "run"));
  await rig.run(runCommand("starts", "slow:60000"));
  rig.master.breakConnection();
  await rig.clock.advance(500);
  expect(registrations(rig).at(-1)?.tasks).toEqual([
    { frameworkId: FRAMEWORK, taskId: "runs", state: "TASK_RUNNING" },
    { frameworkId: FRAMEWORK, taskId: "starts", state: "TASK_STAGING" },
  ]);
});

test("a registration tells what older connections brought, when that is durable", async () => {
  const rig = new Rig({ masters });
  await rig.startAgent();
  let free = () => {};
  rig.disk.isFree = new Promise((resolve) => {
    free = resolve;
  });
  for (const taskId of ["first", "second"]) rig.master.send(runCommand(taskId, "run"));
  rig.master.send({ kind: "redirect", leader: "m9:5050" });
  await rig.clock.advance(100);
  expect(rig.master.dials.at(-1)?.address).toBe("m9:5050");
  expect(registrations(rig)).toHaveLength(1);
  free();
  await rig.clock.advance(100);
  expect(registrations(rig)).toHaveLength(2);
  expect(registrations(rig)[1]?.tasks).toMatchObject([{ taskId: "first" }, { taskId: "second" }]);
});

test("a registration that became ready too late is not sent to the next master", async () => {
  const rig = new Rig({ masters });
  await rig.startAgent();
  let free = () => {};
  rig.disk.isFree = new Promise((resolve) => {
    free = resolve;
  });
  rig.master.send(runCommand("t", "run"));
  rig.master.breakConnection();
  await rig.clock.advance(9_000);
  expect(rig.master.dials.slice(1).map(({ address }) => address)).toEqual(["m2:5050", "m3:5050"]);
  free();
  await rig.clock.advance(100);
  expect(registrations(rig)).toHaveLength(2);
});

test("updates of one turn go in one frame to a master that takes that, and alone to one that does not", async () => {
  const rig = new Rig();
  rig.master.acknowledges = false;
  await rig.startAgent();
  for (const taskId of ["a", "b", "c"]) await rig.run(runCommand(taskId, "run"));
  const alone = rig.master.frames.filter(({ kind }) => kind === "status").length;
  expect(alone).toBeGreaterThanOrEqual(3);
  rig.master.onRegister = (_frame, reply) =>
    reply({ kind: "registered", agentId: rig.master.agentId, silenceMsMax: 60_000, statusesMax: 2 });
  rig.master.breakConnection();
  await rig.clock.advance(500);
  const together = rig.master.frames.flatMap((frame) => (frame.kind === "statuses" ? [frame.statuses] : []));
  expect(together.map((statuses) => statuses.map(({ status }) => status.task_id.value))).toEqual([
    ["a", "b"],
  ]);
  expect(rig.master.frames.at(-1)).toMatchObject({ kind: "status", status: { task_id: { value: "c" } } });
});

test("tasks that come together run as if each had come alone, with the role of their offers", async () => {
  const rig = new Rig();
  await rig.startAgent();
  expect(registrations(rig)[0]).toMatchObject({ tasksPerRunMax: TASKS_PER_RUN_MAX });
  const resources = [{ name: "cpus", type: "SCALAR" as const, scalar: { value: 0.5 } }];
  const tasks = ["a", "b"].map((id) => encodedTaskInfo(commandTask(id, "run", { resources })));
  rig.master.send({ kind: "run-tasks", framework, role: "ads", tasks });
  await rig.clock.advance(100);
  expect(rig.machine.running()).toHaveLength(2);
  rig.master.breakConnection();
  await rig.clock.advance(500);
  expect(registrations(rig).at(-1)?.tasks).toMatchObject([{ taskId: "a" }, { taskId: "b" }]);
});

test("a task that cannot be read breaks the connection, and none of its frame runs", async () => {
  const rig = new Rig();
  await rig.startAgent();
  const good = encodedTaskInfo(commandTask("good", "run"));
  rig.master.send({
    kind: "run-tasks",
    framework,
    role: "dev",
    tasks: [good, "\u00ff\u00ff" as EncodedMessage],
  });
  await rig.clock.advance(500);
  expect(rig.machine.running()).toEqual([]);
  expect(registrations(rig)).toHaveLength(2);
});

test("shutdown by the master: every task is killed, the id is forgotten, the agent ends", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("t", "run"));
  rig.master.send({ kind: "shutdown", message: "you are gone" });
  await rig.clock.advance(5_000);
  expect(rig.machine.running()).toEqual([]);
  expect(rig.ends).toEqual([{ reason: "you are gone", failed: false }]);
  await rig.startAgent();
  expect(registrations(rig).at(-1)?.agentId).toBeUndefined();
});

test("shutdown by the operator: tasks are killed, their ends told, then the agent unregisters", async () => {
  const rig = new Rig();
  const agent = await rig.startAgent();
  await rig.run(runCommand("t", "stubborn"));
  const gone = agent.shutdown();
  await rig.clock.advance(10_000);
  await gone;
  expect(rig.master.states("t").at(-1)).toBe("TASK_KILLED");
  expect(rig.master.frames.at(-1)).toEqual({ kind: "unregister" });
  expect(rig.machine.running()).toEqual([]);
});

test("stop leaves the tasks running", async () => {
  const rig = new Rig();
  const agent = await rig.startAgent();
  await rig.run(runCommand("t", "run"));
  await agent.stop();
  await rig.clock.advance(60_000);
  expect(rig.machine.running()).toHaveLength(1);
});

test("a frame that is none breaks the connection", async () => {
  const rig = new Rig();
  await rig.startAgent();
  rig.master.send({ kind: "nonsense" } as never);
  await rig.clock.advance(500);
  expect(registrations(rig)).toHaveLength(2);
});

test("frames are checked for size and form", () => {
  const data = new Uint8Array(AGENT_FRAME_BYTES_MAX);
  expect(packFrame({ kind: "executor-message", frameworkId: "f", executorId: "e", data }).ok).toBe(false);
  expect(unpackToAgent(new Uint8Array(AGENT_FRAME_BYTES_MAX + 1)).ok).toBe(false);
  expect(unpackToAgent(Uint8Array.of(0xc1)).ok).toBe(false);
  const kill = packFrame({ kind: "kill", frameworkId: "f" } as never);
  expect(kill.ok && unpackToAgent(kill.value)).toEqual({ ok: false, error: "kill frame without taskId" });
});

// Updates reach the master in order, one at a time, until each is acknowledged (trap 2).
import { expect, test } from "vitest";
import { FRAMEWORK, Rig, runCommand } from "./rig/rig.ts";

async function silentMaster(): Promise<Rig> {
  const rig = new Rig();
  rig.master.acknowledges = false;
  await rig.startAgent();
  return rig;
}

function sent(rig: Rig): readonly string[] {
  return rig.master.statuses("t").map(({ state }) => state);
}

test("one update is in flight; the next follows its acknowledgement", async () => {
  const rig = await silentMaster();
  await rig.run(runCommand("t", "exit:0"));
  expect(sent(rig)).toEqual(["TASK_STARTING"]);
  for (const state of ["TASK_RUNNING", "TASK_FINISHED"]) {
    rig.master.acknowledge(rig.master.statuses("t").at(-1) ?? expect.fail(), FRAMEWORK);
    await rig.clock.advance(10);
    expect(sent(rig).at(-1)).toBe(state);
  }
});

test("the frame says the newest state besides the update's own", async () => {
  const rig = await silentMaster();
  await rig.run(runCommand("t", "exit:0:5"));
  await rig.clock.advance(10_000);
  const frame = rig.master.frames.filter(({ kind }) => kind === "status").at(-1);
  expect(frame).toMatchObject({ status: { state: "TASK_STARTING" }, latestState: "TASK_FINISHED" });
});

test("it is sent again after 10 s, 20 s, 40 s … and never more than 10 min apart", async () => {
  const rig = await silentMaster();
  const times: number[] = [];
  rig.master.onStatus = () => times.push(rig.clock.monotonicMs());
  await rig.run(runCommand("t", "run"));
  await rig.clock.advance(3 * 3_600_000);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  expect(gaps.slice(0, 7)).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000]);
  expect(Math.max(...gaps)).toBe(600_000);
});

test("an acknowledgement with another uuid changes nothing", async () => {
  const rig = await silentMaster();
  await rig.run(runCommand("t", "run"));
  rig.master.send({ kind: "acknowledge", frameworkId: FRAMEWORK, taskId: "t", uuid: new Uint8Array(16) });
  await rig.clock.advance(10_100);
  expect(sent(rig)).toEqual(["TASK_STARTING", "TASK_STARTING"]);
});

test("an acknowledgement of an update that was acknowledged before changes nothing", async () => {
  const rig = await silentMaster();
  await rig.run(runCommand("t", "run"));
  const [first] = rig.master.statuses("t");
  for (let i = 0; i < 3; i++) rig.master.acknowledge(first ?? expect.fail(), FRAMEWORK);
  await rig.clock.advance(100);
  expect(sent(rig)).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
});

test("after a new registration the unacknowledged update is sent at once", async () => {
  const rig = await silentMaster();
  await rig.run(runCommand("t", "run"));
  rig.master.breakConnection();
  await rig.clock.advance(300);
  expect(rig.master.frames.filter(({ kind }) => kind === "register")).toHaveLength(2);
  expect(sent(rig)).toEqual(["TASK_STARTING", "TASK_STARTING"]);
});

test("a task is forgotten when its end is acknowledged, and not before", async () => {
  const rig = new Rig();
  const agent = await rig.startAgent();
  rig.master.acknowledges = false;
  await rig.run(runCommand("t", "exit:0"));
  expect(agent.status().tasks).toHaveLength(1);
  rig.master.acknowledges = true;
  await rig.clock.advance(30_000);
  expect(agent.status()).toMatchObject({ tasks: [], containers: 0, sandboxesKept: 1 });
});

test("a sandbox is removed a week after its container ended", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("t", "exit:0"));
  await rig.clock.advance(6 * 86_400_000);
  expect(rig.removedSandboxes).toEqual([]);
  await rig.clock.advance(2 * 86_400_000);
  expect(rig.removedSandboxes).toEqual(rig.sandboxes);
});

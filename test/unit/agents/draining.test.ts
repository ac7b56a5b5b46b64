// An agent that is told to drain (MN08, trap 34): it ends what runs, says why, and takes nothing until that is over.
import { describe, expect, test } from "vitest";
import type { ExecutorStream } from "../../../src/agents/agent-types.ts";
import type { ExecutorEvent } from "../../../src/contract/types.ts";
import { executorInfo, FRAMEWORK, framework, Rig, runCommand, runInExecutor, seconds } from "./rig/rig.ts";

async function started(): Promise<Rig> {
  const rig = new Rig();
  await rig.startAgent();
  return rig;
}

function last(rig: Rig, taskId: string) {
  return rig.master.statuses(taskId).at(-1);
}

async function drain(
  rig: Rig,
  order: { maxGracePeriod?: { nanoseconds: bigint }; markGone: boolean } | null,
) {
  rig.master.send({ kind: "drain", order });
  await rig.clock.advance(10_000);
}

function graceMs({ machine }: Rig): number {
  const [term, kill] = machine.signals;
  expect([term?.signal, kill?.signal]).toEqual(["SIGTERM", "SIGKILL"]);
  return (kill?.atMs ?? 0) - (term?.atMs ?? 0);
}

describe("an agent that drains", () => {
  test("kills its tasks and says why, in KILLING and KILLED", async () => {
    const rig = await started();
    const knows = {
      ...framework,
      capabilities: [...(framework.capabilities ?? []), { type: "TASK_KILLING_STATE" }],
    } as const;
    await rig.run({ ...runCommand("t", "run"), framework: knows });
    await drain(rig, { markGone: false });
    expect(rig.master.states("t")).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]);
    const [starting, runningStatus, ...ending] = rig.master.statuses("t");
    expect([starting?.reason, runningStatus?.reason]).toEqual([undefined, undefined]);
    expect(ending.map(({ reason }) => reason)).toEqual(["REASON_AGENT_DRAINING", "REASON_AGENT_DRAINING"]);
  });

  test("leaves the reason of a task that ends by itself as it is", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "oom"));
    await drain(rig, { markGone: false });
    expect(last(rig, "t")?.reason).toBe("REASON_CONTAINER_LIMITATION_MEMORY");
  });

  test.each([
    ["the task's own, which is shorter", 2, 5, 2_000],
    ["the longest that is allowed, if the task's own is longer", 7, 5, 5_000],
    ["the task's own, if nothing is said", 7, null, 7_000],
    ["the default, if the task has none and it is shorter", null, 5, 3_000],
    ["the longest that is allowed, if the default is longer", null, 1, 1_000],
  ])("gives tasks as grace %s", async (_name, own, most, expected) => {
    const rig = await started();
    const policy = own === null ? {} : { kill_policy: { grace_period: seconds(own) } };
    await rig.run(runCommand("t", "stubborn", policy));
    const longest = most === null ? {} : { maxGracePeriod: seconds(most) };
    await drain(rig, { markGone: false, ...longest });
    expect(graceMs(rig)).toBe(expected);
  });

  test("shortens the grace when it is told again", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "stubborn", { kill_policy: { grace_period: seconds(60) } }));
    await drain(rig, { markGone: false });
    expect(rig.machine.signals).toHaveLength(1);
    await drain(rig, { markGone: false, maxGracePeriod: seconds(1) });
    expect(last(rig, "t")?.state).toBe("TASK_KILLED");
  });

  test("takes no task: it is dropped with the reason", async () => {
    const rig = await started();
    await drain(rig, { markGone: false });
    await rig.run(runCommand("t", "run"));
    expect(rig.machine.launched).toEqual([]);
    expect(last(rig, "t")).toMatchObject({ state: "TASK_DROPPED", reason: "REASON_AGENT_DRAINING" });
    await drain(rig, null);
    await rig.run(runCommand("t2", "run"));
    expect(last(rig, "t2")?.state).toBe("TASK_RUNNING");
  });

  test("tells executors to kill their tasks, with the grace where a task's own is longer or unknown", async () => {
    const rig = new Rig();
    const agent = await rig.startAgent();
    const executor = executorInfo("e");
    await rig.run(runInExecutor("t1", executor));
    const events: ExecutorEvent[] = [];
    const stream: ExecutorStream = { id: "s", send: (event) => events.push(event), close: () => undefined };
    const ids = { framework_id: { value: FRAMEWORK }, executor_id: { value: "e" } };
    await agent.executors.call({ ...ids, type: "SUBSCRIBE", subscribe: {} }, stream);
    const short = runInExecutor("t2", executor);
    await rig.run({ ...short, task: { ...short.task, kill_policy: { grace_period: seconds(1) } } });
    await drain(rig, { markGone: false, maxGracePeriod: seconds(4) });
    const kills = events.flatMap((event) => (event.type === "KILL" ? [event.kill] : []));
    expect(kills).toEqual([
      { task_id: { value: "t1" }, kill_policy: { grace_period: seconds(4) } },
      { task_id: { value: "t2" } },
    ]);
  });
});

describe("an agent that is to be gone afterwards", () => {
  test("says of its tasks that they are gone, once they are, to frameworks that know the word", async () => {
    const rig = await started();
    const knows = {
      ...framework,
      capabilities: [{ type: "PARTITION_AWARE" }, { type: "TASK_KILLING_STATE" }],
    } as const;
    await rig.run({ ...runCommand("t", "run"), framework: knows });
    await drain(rig, { markGone: true });
    const [killing, gone] = rig.master.statuses("t").slice(-2);
    expect(killing).toMatchObject({ state: "TASK_KILLING", reason: "REASON_AGENT_DRAINING" });
    expect(gone).toMatchObject({ state: "TASK_GONE_BY_OPERATOR", reason: "REASON_AGENT_DRAINING" });
  });

  test("says KILLED to the others", async () => {
    const rig = await started();
    await rig.run({ ...runCommand("t", "run"), framework: { ...framework, capabilities: [] } });
    await drain(rig, { markGone: true });
    expect(last(rig, "t")).toMatchObject({ state: "TASK_KILLED", reason: "REASON_AGENT_DRAINING" });
  });
});

describe("the order to drain", () => {
  test("outlives the agent's process: what ends before a master is found has the reason", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "stubborn", { kill_policy: { grace_period: seconds(60) } }));
    await drain(rig, { markGone: false });
    rig.kill();
    rig.master.down = true;
    await rig.startAgent();
    await rig.clock.advance(120_000);
    rig.master.down = false;
    rig.master.onRegister = (_frame, reply) =>
      reply({
        kind: "registered",
        agentId: rig.master.agentId,
        silenceMsMax: 1_000_000,
        drain: { markGone: false },
      });
    await rig.clock.advance(120_000);
    expect(last(rig, "t")).toMatchObject({ state: "TASK_KILLED", reason: "REASON_AGENT_DRAINING" });
  });

  test("comes with the registration, for an agent that was away, and ends with one that does not say it", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "run"));
    const registered = { kind: "registered", agentId: rig.master.agentId, silenceMsMax: 1_000_000 } as const;
    rig.master.onRegister = (_frame, reply) => reply({ ...registered, drain: { markGone: false } });
    rig.master.breakConnection();
    await rig.clock.advance(10_000);
    expect(last(rig, "t")).toMatchObject({ state: "TASK_KILLED", reason: "REASON_AGENT_DRAINING" });
    rig.master.onRegister = (_frame, reply) => reply(registered);
    rig.master.breakConnection();
    await rig.clock.advance(10_000);
    await rig.run(runCommand("t2", "run"));
    expect(last(rig, "t2")?.state).toBe("TASK_RUNNING");
  });

  test("must be one: another form breaks the connection, and nothing is killed", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "run"));
    const dials = rig.master.dials.length;
    rig.master.send({ kind: "drain", order: { markGone: "yes" } } as never);
    await rig.clock.advance(10_000);
    expect(rig.master.dials.length).toBeGreaterThan(dials);
    expect(last(rig, "t")?.state).toBe("TASK_RUNNING");
  });
});

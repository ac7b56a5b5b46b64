// Custom executors as the supervisor sees them: launched once, told what to do, heard, missed when they are gone.
import { describe, expect, test } from "vitest";
import type { Agent, ExecutorStream } from "../../../src/agents/agent-types.ts";
import { uuidBytes } from "../../../src/agents/statuses.ts";
import type { ExecutorCall, ExecutorEvent, TaskState, TaskStatus } from "../../../src/contract/types.ts";
import { executorInfo, FRAMEWORK, Rig, runInExecutor, seconds } from "./rig/rig.ts";

const EXECUTOR = "exec-1";
const ids = { framework_id: { value: FRAMEWORK }, executor_id: { value: EXECUTOR } };

class FakeExecutor implements ExecutorStream {
  readonly id: string;
  readonly events: ExecutorEvent[] = [];
  closed = false;

  constructor(id = "stream-1") {
    this.id = id;
  }

  send(event: ExecutorEvent): void {
    this.events.push(event);
  }

  close(): void {
    this.closed = true;
  }

  types(): readonly (string | undefined)[] {
    return this.events.map(({ type }) => type);
  }
}

let uuids = 0;

function status(taskId: string, state: TaskState): TaskStatus {
  const uuid = uuidBytes(`00000000-0000-4000-8000-${String(uuids++).padStart(12, "0")}`);
  return { task_id: { value: taskId }, state, source: "SOURCE_EXECUTOR", uuid };
}

async function subscribe(agent: Agent, executor: FakeExecutor, more: ExecutorCall["subscribe"] = {}) {
  return agent.executors.call({ ...ids, type: "SUBSCRIBE", subscribe: more }, executor);
}

function update(agent: Agent, taskStatus: TaskStatus) {
  return agent.executors.call({ ...ids, type: "UPDATE", update: { status: taskStatus } }, null);
}

async function withExecutor(settings = {}): Promise<{ rig: Rig; agent: Agent; executor: FakeExecutor }> {
  const rig = new Rig({ settings });
  const agent = await rig.startAgent();
  await rig.run(runInExecutor("t1", executorInfo(EXECUTOR)));
  const executor = new FakeExecutor();
  await subscribe(agent, executor);
  return { rig, agent, executor };
}

describe("launch and subscription", () => {
  test("the executor has its environment (EX08) and is launched once for all of its tasks", async () => {
    const { rig, executor } = await withExecutor();
    await rig.run(runInExecutor("t2", executorInfo(EXECUTOR)));
    expect(rig.machine.launched).toHaveLength(1);
    expect(executor.types()).toEqual(["SUBSCRIBED", "LAUNCH", "LAUNCH"]);
    expect(rig.machine.launched[0]?.environment).toMatchObject({
      LIBPROCESS_IP: "10.0.0.1",
      LIBPROCESS_PORT: "0",
      MESOS_AGENT_ENDPOINT: "10.0.0.1:5051",
      MESOS_CHECKPOINT: "1",
      MESOS_DIRECTORY: rig.machine.launched[0]?.sandbox,
      MESOS_EXECUTOR_ID: EXECUTOR,
      MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: "5secs",
      MESOS_FRAMEWORK_ID: FRAMEWORK,
      MESOS_HTTP_COMMAND_EXECUTOR: "0",
      MESOS_RECOVERY_TIMEOUT: "15mins",
      MESOS_SANDBOX: rig.machine.launched[0]?.sandbox,
      MESOS_SLAVE_ID: "cluster-S0",
      MESOS_SLAVE_PID: "slave(1)@10.0.0.1:5051",
      MESOS_SUBSCRIPTION_BACKOFF_MAX: "2secs",
    });
  });

  test("tasks wait until the executor subscribes; it is told who it is", async () => {
    const { rig, executor } = await withExecutor();
    expect(executor.events[0]?.subscribed).toMatchObject({
      executor_info: { executor_id: { value: EXECUTOR }, type: "CUSTOM", framework_id: { value: FRAMEWORK } },
      framework_info: { name: "test" },
      agent_info: { hostname: "host-1", id: { value: "cluster-S0" } },
      container_id: { value: rig.machine.launched[0]?.id },
    });
    expect(executor.events[1]?.launch?.task).toMatchObject({
      task_id: { value: "t1" },
      executor: { type: "CUSTOM" },
    });
  });

  test("who is not known is refused in Mesos' words", async () => {
    const rig = new Rig();
    const agent = await rig.startAgent();
    expect(await subscribe(agent, new FakeExecutor())).toEqual({
      status: 400,
      text: "Framework cannot be found",
    });
    await rig.run(runInExecutor("t1", executorInfo("other")));
    expect(await subscribe(agent, new FakeExecutor())).toEqual({
      status: 400,
      text: "Executor cannot be found",
    });
    await rig.run(runInExecutor("t2", executorInfo(EXECUTOR)));
    expect(await update(agent, status("t2", "TASK_RUNNING"))).toEqual({
      status: 403,
      text: "Executor is not subscribed",
    });
  });

  test("a new subscription ends the older stream", async () => {
    const { agent, executor } = await withExecutor();
    const again = new FakeExecutor("stream-2");
    await subscribe(agent, again, {
      unacknowledged_tasks: [executor.events[1]?.launch?.task ?? expect.fail()],
    });
    expect(executor.closed).toBe(true);
    expect(again.types()).toEqual(["SUBSCRIBED"]);
  });

  test("a heartbeat comes every 30 min", async () => {
    const { rig, executor } = await withExecutor();
    await rig.clock.advance(2 * 1_800_000 + 1_000);
    expect(executor.types().slice(2)).toEqual(["HEARTBEAT", "HEARTBEAT"]);
  });

  test("an executor that does not subscribe in time is killed and its tasks have failed", async () => {
    const rig = new Rig();
    await rig.startAgent();
    await rig.run(runInExecutor("t1", executorInfo(EXECUTOR)));
    await rig.clock.advance(61_000);
    expect(rig.machine.running()).toEqual([]);
    expect(rig.master.statuses("t1").at(-1)).toMatchObject({
      state: "TASK_FAILED",
      source: "SOURCE_AGENT",
      reason: "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
    });
  });
});

describe("updates and messages", () => {
  test("an update is completed by the agent, acknowledged to the executor and sent on", async () => {
    const { rig, agent, executor } = await withExecutor();
    const running = status("t1", "TASK_RUNNING");
    expect(await update(agent, { ...running, message: "hello" })).toEqual({ status: 202, text: "" });
    await rig.clock.advance(10);
    expect(executor.events.at(-1)).toEqual({
      type: "ACKNOWLEDGED",
      acknowledged: { task_id: { value: "t1" }, uuid: running.uuid },
    });
    const [sent] = rig.master.statuses("t1");
    expect(sent).toMatchObject({
      state: "TASK_RUNNING",
      message: "hello",
      source: "SOURCE_EXECUTOR",
      agent_id: { value: "cluster-S0" },
      container_status: { container_id: { value: rig.machine.launched[0]?.id }, executor_pid: 100 },
    });
    expect(sent?.executor_id).toBeUndefined();
  });

  test("a repeated update is acknowledged again and sent once", async () => {
    const { rig, agent, executor } = await withExecutor();
    const running = status("t1", "TASK_RUNNING");
    await update(agent, running);
    await rig.clock.advance(10);
    await update(agent, running);
    await rig.clock.advance(10);
    expect(executor.types().slice(2)).toEqual(["ACKNOWLEDGED", "ACKNOWLEDGED"]);
    expect(rig.master.statuses("t1")).toHaveLength(1);
  });

  test("nothing follows a terminal update", async () => {
    const { rig, agent } = await withExecutor();
    for (const state of ["TASK_FINISHED", "TASK_RUNNING"] as const) await update(agent, status("t1", state));
    await rig.clock.advance(100);
    expect(rig.master.states("t1")).toEqual(["TASK_FINISHED"]);
  });

  test("messages go both ways", async () => {
    const { rig, agent, executor } = await withExecutor();
    const data = Uint8Array.of(1, 2, 3);
    await agent.executors.call({ ...ids, type: "MESSAGE", message: { data } }, null);
    rig.master.send({ kind: "framework-message", frameworkId: FRAMEWORK, executorId: EXECUTOR, data });
    await rig.clock.advance(10);
    const frame = rig.master.frames.at(-1);
    expect(frame).toMatchObject({ kind: "executor-message", frameworkId: FRAMEWORK, executorId: EXECUTOR });
    expect(executor.events.at(-1)).toMatchObject({ type: "MESSAGE" });
    expect([...(executor.events.at(-1)?.message?.data ?? [])]).toEqual([1, 2, 3]);
  });
});

describe("killing", () => {
  const kill = { kind: "kill", frameworkId: FRAMEWORK, taskId: "t1" } as const;

  test("is the executor's business: it gets the call's policy", async () => {
    const { rig, executor } = await withExecutor();
    rig.master.send({ ...kill, killPolicy: { grace_period: seconds(1) } });
    await rig.clock.advance(10);
    expect(executor.events.at(-1)).toEqual({
      type: "KILL",
      kill: { task_id: { value: "t1" }, kill_policy: { grace_period: seconds(1) } },
    });
    expect(rig.machine.signals).toEqual([]);
  });

  test("before the delivery the task is KILLED, and an executor without any other task with it", async () => {
    const rig = new Rig();
    await rig.startAgent();
    await rig.run(runInExecutor("t1", executorInfo(EXECUTOR)));
    rig.master.send(kill);
    await rig.clock.advance(100);
    expect(rig.master.statuses("t1").at(-1)).toMatchObject({
      state: "TASK_KILLED",
      reason: "REASON_TASK_KILLED_DURING_LAUNCH",
    });
    expect(rig.machine.running()).toEqual([]);
  });

  test("while the executor is away it is told when it is back", async () => {
    const { rig, agent, executor } = await withExecutor();
    agent.executors.disconnected(executor.id);
    rig.master.send(kill);
    await rig.clock.advance(10);
    const again = new FakeExecutor("stream-2");
    await subscribe(agent, again, {
      unacknowledged_tasks: [executor.events[1]?.launch?.task ?? expect.fail()],
    });
    expect(again.types()).toEqual(["SUBSCRIBED", "KILL"]);
  });
});

describe("the end of an executor", () => {
  test("is told before its tasks' TASK_FAILED", async () => {
    const { rig, executor } = await withExecutor();
    rig.machine.end(rig.machine.running()[0] ?? expect.fail(), 9 * 256);
    await rig.clock.advance(100);
    const told = rig.master.frames.slice(-2);
    expect(told[0]).toEqual({
      kind: "executor-exited",
      frameworkId: FRAMEWORK,
      executorId: EXECUTOR,
      waitStatus: 2304,
    });
    expect(told[1]).toMatchObject({
      status: {
        state: "TASK_FAILED",
        message: "Executor terminated",
        source: "SOURCE_AGENT",
        reason: "REASON_EXECUTOR_TERMINATED",
        executor_id: { value: EXECUTOR },
      },
    });
    expect(executor.closed).toBe(true);
  });

  test("by order: SHUTDOWN, and SIGKILL after the grace", async () => {
    const { rig, executor } = await withExecutor();
    rig.master.send({ kind: "shutdown-executor", frameworkId: FRAMEWORK, executorId: EXECUTOR });
    await rig.clock.advance(4_000);
    expect(executor.types().at(-1)).toBe("SHUTDOWN");
    expect(rig.machine.signals).toEqual([]);
    await rig.clock.advance(2_000);
    expect(rig.machine.signals.map(({ signal }) => signal)).toEqual(["SIGKILL"]);
  });

  test("a task for an executor that is ending is not launched", async () => {
    const { rig } = await withExecutor();
    rig.master.send({ kind: "shutdown-executor", frameworkId: FRAMEWORK, executorId: EXECUTOR });
    await rig.run(runInExecutor("t2", executorInfo(EXECUTOR)));
    expect(rig.master.statuses("t2").at(-1)).toMatchObject({
      state: "TASK_DROPPED",
      reason: "REASON_EXECUTOR_TERMINATED",
    });
  });
});

describe("across a restart of the agent", () => {
  async function restarted(rig: Rig): Promise<Agent> {
    rig.kill();
    return rig.startAgent();
  }

  test("the executor comes back with what was not acknowledged; nothing is lost or doubled", async () => {
    const { rig, agent, executor } = await withExecutor();
    const task = executor.events[1]?.launch?.task ?? expect.fail();
    const running = status("t1", "TASK_RUNNING");
    await update(agent, running);
    await rig.clock.advance(10);
    const later = await restarted(rig);
    const again = new FakeExecutor("stream-2");
    const finished = status("t1", "TASK_FINISHED");
    await subscribe(later, again, {
      unacknowledged_tasks: [task],
      unacknowledged_updates: [{ status: running }, { status: finished }],
    });
    await rig.clock.advance(100);
    expect(again.types()).toEqual(["SUBSCRIBED", "ACKNOWLEDGED", "ACKNOWLEDGED"]);
    expect(rig.master.states("t1")).toEqual(["TASK_RUNNING", "TASK_FINISHED"]);
  });

  test("a task that it was sent and does not know is dropped (trap 31)", async () => {
    const { rig } = await withExecutor();
    const later = await restarted(rig);
    await subscribe(later, new FakeExecutor("stream-2"));
    await rig.clock.advance(100);
    expect(rig.master.statuses("t1").at(-1)).toMatchObject({
      state: "TASK_DROPPED",
      reason: "REASON_AGENT_RESTARTED",
    });
  });

  test("a task that was never sent is sent now", async () => {
    const rig = new Rig();
    await rig.startAgent();
    await rig.run(runInExecutor("t1", executorInfo(EXECUTOR)));
    const later = await restarted(rig);
    const executor = new FakeExecutor();
    await subscribe(later, executor);
    expect(executor.types()).toEqual(["SUBSCRIBED", "LAUNCH"]);
  });

  test("the registration names the living executors", async () => {
    const { rig } = await withExecutor();
    await restarted(rig);
    const register = rig.master.frames.filter((frame) => frame.kind === "register").at(-1);
    expect(register?.executors).toMatchObject([
      { frameworkId: FRAMEWORK, executor: { executor_id: { value: EXECUTOR } } },
    ]);
  });

  test("one that does not come back is killed", async () => {
    const { rig } = await withExecutor();
    await restarted(rig);
    await rig.clock.advance(16_000);
    expect(rig.machine.running()).toEqual([]);
    expect(rig.master.statuses("t1").at(-1)).toMatchObject({
      state: "TASK_FAILED",
      reason: "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    });
  });
});

test("an executor that the agent cannot give is refused by name", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runInExecutor("t1", executorInfo(EXECUTOR, { type: "DEFAULT" })));
  expect(rig.master.statuses("t1").at(-1)).toMatchObject({
    state: "TASK_ERROR",
    message: expect.stringContaining("DEFAULT"),
  });
});

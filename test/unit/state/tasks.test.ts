// Status updates, acknowledgements, kills and reconciliation: SC22 to SC26, traps 1 to 7, 40, and executors' messages.
import { describe, expect, it } from "vitest";
import { asId, type TaskId } from "../../../src/kernel/ids.ts";
import { COMPLETED_TASKS_MAX, STATUSES_MAX } from "../../../src/state/limits.ts";
import type { FrameworkCapability } from "../../../src/state/model.ts";
import {
  Cluster,
  customExecutor,
  scalars,
  sent,
  statusOf,
  taskSpec,
  told,
  toldStates,
  wires,
} from "./cluster.ts";

function running(capabilities: readonly FrameworkCapability[] = ["MULTI_ROLE", "PARTITION_AWARE"]) {
  const cluster = new Cluster();
  const id = cluster.subscribe({ capabilities });
  const agentId = cluster.agent();
  cluster.launch("t1");
  return { cluster, id, agentId };
}

describe("a status update", () => {
  it("reaches the framework, and its acknowledgement the agent (SC22)", () => {
    const { cluster, id, agentId } = running();
    const { uuid, effects } = cluster.status(id, "t1", "TASK_RUNNING");
    expect(toldStates(effects, id)).toEqual(["TASK_RUNNING"]);
    const acknowledged = cluster.acknowledge(id, "t1", uuid);
    expect(acknowledged).toEqual([
      { to: "agent", agentId, message: { kind: "acknowledge", frameworkId: id, taskId: "t1", uuid } },
    ]);
  });

  it("that the agent repeats is passed on again but is no event (trap 2)", () => {
    const { cluster, id } = running();
    const { uuid } = cluster.status(id, "t1", "TASK_RUNNING");
    const before = cluster.log.length;
    const effects = cluster.update(id, "t1", statusOf("TASK_RUNNING", uuid, cluster.now));
    expect(toldStates(effects)).toEqual(["TASK_RUNNING"]);
    expect(cluster.log.length).toBe(before);
  });

  it("that was acknowledged is acknowledged to the agent at once when it is repeated", () => {
    const { cluster, id } = running();
    const { uuid } = cluster.status(id, "t1", "TASK_RUNNING");
    cluster.acknowledge(id, "t1", uuid);
    const effects = cluster.update(id, "t1", statusOf("TASK_RUNNING", uuid, cluster.now));
    expect(told(effects)).toEqual([]);
    expect(sent(effects)).toMatchObject([{ kind: "acknowledge", uuid }]);
  });

  it("of a task that is not there is acknowledged to the agent so that it stops", () => {
    const { cluster, id, agentId } = running();
    const effects = cluster.update(id, "stray", statusOf("TASK_RUNNING", "aa", 1), "TASK_RUNNING", agentId);
    expect(told(effects)).toEqual([]);
    expect(sent(effects)).toEqual([{ kind: "acknowledge", frameworkId: id, taskId: "stray", uuid: "aa" }]);
  });

  it("from an agent that the task is not on changes nothing", () => {
    const { cluster, id } = running();
    const other = cluster.agent();
    cluster.update(id, "t1", statusOf("TASK_FAILED", "aa", 1), "TASK_FAILED", other);
    expect(cluster.task(id, "t1").state).toBe("TASK_STAGING");
  });

  it("of a removed framework's task has the agent shut the framework down (trap 24)", () => {
    const { cluster, id, agentId } = running();
    cluster.do({ kind: "teardown", frameworkId: id });
    const effects = cluster.update(id, "t1", statusOf("TASK_RUNNING", "aa", 1), "TASK_RUNNING", agentId);
    expect(sent(effects)).toEqual([{ kind: "shutdown-framework", frameworkId: id }]);
  });

  it("of an agent that is not registered is refused", () => {
    const { cluster, id } = running();
    const { decision } = cluster.try({
      kind: "update-status",
      agentId: asId("nobody"),
      frameworkId: id,
      taskId: asId("t1"),
      status: statusOf("TASK_RUNNING", "aa", 1),
      latestState: "TASK_RUNNING",
    });
    expect(decision).toMatchObject({ rejection: { code: "agent-unknown" } });
  });

  it("that come together count as if they had come one by one, of each task the first", () => {
    const { cluster, id, agentId } = running();
    const update = (taskId: string, uuid: string) =>
      ({
        frameworkId: id,
        taskId: asId<TaskId>(taskId),
        status: statusOf("TASK_RUNNING", uuid, 1),
        latestState: "TASK_RUNNING",
      }) as const;
    const updates = [update("t1", "aa"), update("nobody's", "bb"), update("t1", "cc")];
    const effects = cluster.do({ kind: "update-statuses", agentId, updates });
    expect(cluster.task(id, "t1").unacknowledged?.uuid).toBe("aa");
    expect(toldStates(effects)).toEqual(["TASK_RUNNING"]);
    expect(sent(effects)).toMatchObject([{ kind: "acknowledge", taskId: "nobody's", uuid: "bb" }]);
    const { decision } = cluster.try({ kind: "update-statuses", agentId: asId("nobody"), updates });
    expect(decision).toMatchObject({ rejection: { code: "agent-unknown" } });
  });

  it("frees the resources once the latest state is terminal, before the framework knows (trap 3)", () => {
    const { cluster, id } = running();
    cluster.status(id, "t1", "TASK_RUNNING", "TASK_FINISHED");
    expect(cluster.task(id, "t1")).toMatchObject({ state: "TASK_FINISHED", holdsResources: false });
    expect(cluster.offer().resources).toEqual(scalars({ cpus: 2, mem: 4096 }));
    const [latest] = wires(cluster.do({ kind: "reconcile", frameworkId: id, tasks: [] }));
    expect(latest).toMatchObject({ state: "TASK_RUNNING" });
  });

  it("keeps a terminal task among the tasks until it is acknowledged (trap 3)", () => {
    const { cluster, id } = running();
    const { uuid } = cluster.status(id, "t1", "TASK_FINISHED");
    expect(cluster.framework(id).tasks.has(asId("t1"))).toBe(true);
    cluster.acknowledge(id, "t1", uuid);
    expect(cluster.framework(id).tasks.size).toBe(0);
    expect(cluster.framework(id).completedTasks).toMatchObject([{ id: "t1", state: "TASK_FINISHED" }]);
  });

  it("never brings a terminal task back to life", () => {
    const { cluster, id } = running();
    cluster.status(id, "t1", "TASK_FAILED");
    cluster.status(id, "t1", "TASK_RUNNING");
    expect(cluster.task(id, "t1")).toMatchObject({ state: "TASK_FAILED", holdsResources: false });
  });

  it("loses its data when it is history; equal states in a row are one; few are kept (trap 40)", () => {
    const { cluster, id } = running();
    const data = new Uint8Array([1, 2]);
    const { effects } = cluster.status(id, "t1", "TASK_RUNNING", "TASK_RUNNING", undefined, { data });
    expect(wires(effects)[0]).toMatchObject({ data });
    cluster.status(id, "t1", "TASK_RUNNING", "TASK_RUNNING", undefined, { message: "again" });
    expect(cluster.task(id, "t1").statuses.map(({ wire }) => wire)).toEqual([
      { state: "TASK_RUNNING", source: "SOURCE_EXECUTOR", message: "again" },
    ]);
    for (let i = 0; i < STATUSES_MAX; i++) {
      cluster.status(id, "t1", "TASK_KILLING");
      cluster.status(id, "t1", "TASK_RUNNING");
    }
    expect(cluster.task(id, "t1").statuses).toHaveLength(STATUSES_MAX);
  });

  it("is not acknowledged by another uuid (trap 2)", () => {
    const { cluster, id } = running();
    cluster.status(id, "t1", "TASK_FINISHED");
    expect(cluster.acknowledge(id, "t1", "ff")).toEqual([]);
    expect(cluster.framework(id).tasks.size).toBe(1);
  });

  it("that is acknowledged while the agent is away is acknowledged when the agent repeats it", () => {
    const { cluster, id, agentId } = running();
    const { uuid } = cluster.status(id, "t1", "TASK_FINISHED");
    cluster.loseAgent(agentId);
    expect(cluster.acknowledge(id, "t1", uuid)).toEqual([]);
    cluster.register(undefined, [[id, "t1", "TASK_FINISHED"]], agentId);
    const effects = cluster.update(id, "t1", statusOf("TASK_FINISHED", uuid, 1), "TASK_FINISHED", agentId);
    expect(sent(effects)).toMatchObject([{ kind: "acknowledge", uuid }]);
  });
});

it("the oldest completed tasks are forgotten (OB06)", () => {
  const { cluster, id, agentId } = running();
  for (let i = 0; i <= COMPLETED_TASKS_MAX; i++) {
    cluster.accept([cluster.offer()], [taskSpec(`n${i}`, agentId)]);
    cluster.acknowledge(id, `n${i}`, cluster.status(id, `n${i}`, "TASK_FINISHED").uuid);
  }
  const { completedTasks } = cluster.framework(id);
  expect(completedTasks).toHaveLength(COMPLETED_TASKS_MAX);
  expect(completedTasks[0]?.id).toBe("n1");
});

describe("KILL (SC24, trap 7)", () => {
  it("goes to the agent with its policy", () => {
    const { cluster, id, agentId } = running();
    const policy = { grace_period: { nanoseconds: 5n } };
    const effects = cluster.do({ kind: "kill", frameworkId: id, taskId: asId("t1"), agentId, policy });
    expect(sent(effects)).toEqual([{ kind: "kill", frameworkId: id, taskId: "t1", policy }]);
  });

  it("with another agent's id is dropped", () => {
    const { cluster, id } = running();
    expect(cluster.kill(id, "t1", asId("other"))).toEqual([]);
    expect(cluster.task(id, "t1").kill).toBeNull();
  });

  it("of a task that has ended is dropped", () => {
    const { cluster, id } = running();
    cluster.status(id, "t1", "TASK_FAILED");
    expect(cluster.kill(id, "t1")).toEqual([]);
  });

  it("of an unknown task is answered by reconciliation (kill-unknown-task, kill-unknown-task-no-agent)", () => {
    const { cluster, id, agentId } = running();
    expect(wires(cluster.kill(id, "t-never", agentId))).toEqual([
      {
        task_id: { value: "t-never" },
        state: "TASK_GONE",
        message: "Reconciliation: Task is unknown to the agent",
        source: "SOURCE_MASTER",
        reason: "REASON_RECONCILIATION",
        agent_id: { value: agentId },
        timestamp: cluster.now / 1_000,
      },
    ]);
    expect(wires(cluster.kill(id, "t-never"))).toMatchObject([
      { state: "TASK_UNKNOWN", message: "Reconciliation: Task is unknown" },
    ]);
  });

  it("is remembered while the agent is away and said again when it comes back", () => {
    const { cluster, id, agentId } = running();
    cluster.status(id, "t1", "TASK_RUNNING");
    cluster.loseAgent(agentId);
    expect(sent(cluster.kill(id, "t1"))).toEqual([]);
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(sent(effects)).toMatchObject([{ kind: "kill", taskId: "t1" }]);
  });

  it("before delivery gives TASK_KILLED, and the task is not sent again", () => {
    const { cluster, id, agentId } = running();
    cluster.loseAgent(agentId);
    cluster.kill(id, "t1");
    const { effects } = cluster.register(undefined, [], agentId);
    expect(sent(effects)).toEqual([]);
    expect(wires(effects)).toMatchObject([
      { state: "TASK_KILLED", reason: "REASON_TASK_KILLED_DURING_LAUNCH", source: "SOURCE_MASTER" },
    ]);
    expect(cluster.framework(id).tasks.size).toBe(0);
  });

  it("of an unreachable task says so, and is carried out if the task comes back", () => {
    const { cluster, id, agentId } = running();
    cluster.status(id, "t1", "TASK_RUNNING");
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    expect(toldStates(cluster.kill(id, "t1"))).toEqual(["TASK_UNREACHABLE"]);
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(sent(effects)).toMatchObject([{ kind: "kill", taskId: "t1" }]);
  });
});

describe("reconciliation (SC23)", () => {
  it("explicit answers for each task as recorded (reconcile-explicit, trap 6)", () => {
    const { cluster, id, agentId } = running();
    cluster.status(id, "t1", "TASK_RUNNING", "TASK_RUNNING", undefined, {
      healthy: true,
      container_status: { executor_pid: 7 },
      data: new Uint8Array([1]),
      message: "mine",
    });
    const tasks = [
      { taskId: asId<never>("t1"), agentId },
      { taskId: asId<never>("t-unknown"), agentId: null },
      { taskId: asId<never>("t-unknown-2"), agentId },
      { taskId: asId<never>("t-unknown-3"), agentId: asId<never>("no-such-agent") },
    ];
    const effects = cluster.do({ kind: "reconcile", frameworkId: id, tasks });
    const answers = wires(effects);
    const common = {
      source: "SOURCE_MASTER",
      reason: "REASON_RECONCILIATION",
      timestamp: cluster.now / 1_000,
    };
    expect(answers).toEqual([
      {
        ...common,
        task_id: { value: "t1" },
        state: "TASK_RUNNING",
        message: "Reconciliation: Latest task state",
        agent_id: { value: agentId },
      },
      {
        ...common,
        task_id: { value: "t-unknown" },
        state: "TASK_UNKNOWN",
        message: "Reconciliation: Task is unknown",
      },
      {
        ...common,
        task_id: { value: "t-unknown-2" },
        state: "TASK_GONE",
        message: "Reconciliation: Task is unknown to the agent",
        agent_id: { value: agentId },
      },
      {
        ...common,
        task_id: { value: "t-unknown-3" },
        state: "TASK_UNKNOWN",
        message: "Reconciliation: Task is unknown",
        agent_id: { value: "no-such-agent" },
      },
    ]);
  });

  it("carries no uuid and changes nothing (trap 1)", () => {
    const { cluster, id } = running();
    const before = cluster.log.length;
    const [event] = told(cluster.do({ kind: "reconcile", frameworkId: id, tasks: [] }));
    expect(event).toMatchObject({ kind: "update", status: { uuid: null, state: "TASK_STAGING" } });
    expect(cluster.log.length).toBe(before);
  });

  it("implicit has terminal tasks that wait for an acknowledgement, not completed, refused or unreachable ones (trap 5)", () => {
    const { cluster, id, agentId } = running();
    cluster.accept([cluster.offer()], [taskSpec("bad", agentId, { cpus: 99 }), taskSpec("t2", agentId)]);
    cluster.status(id, "t1", "TASK_FINISHED");
    cluster.acknowledge(id, "t2", cluster.status(id, "t2", "TASK_FAILED").uuid);
    const asked = () => wires(cluster.do({ kind: "reconcile", frameworkId: id, tasks: [] }));
    expect(asked()).toMatchObject([{ task_id: { value: "t1" }, state: "TASK_FINISHED" }]);
    cluster.accept([cluster.offer()], [taskSpec("t3", agentId)]);
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    expect(asked()).toMatchObject([{ task_id: { value: "t1" } }]);
  });

  it("of a task on an unreachable agent says since when (trap 6)", () => {
    const { cluster, id, agentId } = running();
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    const since = cluster.now;
    cluster.wait(5_000);
    for (const [taskId, on] of [
      ["t1", null],
      ["stray", agentId],
    ] as const) {
      const tasks = [{ taskId: asId<never>(taskId), agentId: on }];
      expect(wires(cluster.do({ kind: "reconcile", frameworkId: id, tasks }))).toMatchObject([
        {
          state: "TASK_UNREACHABLE",
          agent_id: { value: agentId },
          unreachable_time: { nanoseconds: BigInt(since) * 1_000_000n },
        },
      ]);
    }
  });

  it("of unknown tasks is TASK_LOST for frameworks that know no partitions (trap 6)", () => {
    const { cluster, id, agentId } = running(["MULTI_ROLE"]);
    const tasks = [
      { taskId: asId<never>("a"), agentId: null },
      { taskId: asId<never>("b"), agentId },
    ];
    expect(toldStates(cluster.do({ kind: "reconcile", frameworkId: id, tasks }))).toEqual([
      "TASK_LOST",
      "TASK_LOST",
    ]);
  });
});

describe("messages (SC25, SC26)", () => {
  const data = new Uint8Array([9]);

  it("go to whom they are for, and are lost if that one is away", () => {
    const { cluster, id, agentId } = running();
    const executorId = asId<never>("e1");
    const down = { kind: "message-executor", frameworkId: id, agentId, executorId, data } as const;
    const up = { kind: "message-framework", frameworkId: id, agentId, executorId, data } as const;
    const stop = { kind: "shutdown-executor", frameworkId: id, agentId, executorId } as const;
    expect(sent(cluster.do(down))).toEqual([
      { kind: "framework-message", frameworkId: id, executorId, data },
    ]);
    expect(sent(cluster.do(stop))).toEqual([{ kind: "shutdown-executor", frameworkId: id, executorId }]);
    expect(told(cluster.do(up))).toEqual([{ kind: "message", agentId, executorId, data }]);
    cluster.loseAgent(agentId);
    expect([...cluster.do(down), ...cluster.do(stop)]).toEqual([]);
    cluster.loseFramework(id);
    expect(cluster.do(up)).toEqual([]);
  });
});

it("an executor that nobody knows may exit", () => {
  const { cluster, id, agentId } = running();
  const { executorId } = customExecutor("none");
  expect(
    cluster.do({ kind: "executor-exited", frameworkId: id, agentId, executorId, waitStatus: 0 }),
  ).toEqual([]);
});

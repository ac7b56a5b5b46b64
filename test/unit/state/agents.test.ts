// Agents that register, are silent, come back or go: MN01, MN09, traps 8 to 12 and 33.
import { describe, expect, it } from "vitest";
import { asId, type FrameworkId } from "../../../src/kernel/ids.ts";
import { UNREACHABLE_AGENT_MS_MAX } from "../../../src/state/limits.ts";
import type { FrameworkCapability, TaskStateName } from "../../../src/state/model.ts";
import {
  agentSpec,
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
  const id = cluster.subscribe({ capabilities, failoverTimeoutMs: 1e9 });
  const agentId = cluster.agent();
  cluster.launch("t1");
  cluster.acknowledge(id, "t1", cluster.status(id, "t1", "TASK_RUNNING").uuid);
  return { cluster, id, agentId };
}

function unreachable(capabilities?: readonly FrameworkCapability[]) {
  const { cluster, id, agentId } = running(capabilities);
  cluster.loseAgent(agentId);
  cluster.wait(75_000);
  return { cluster, id, agentId, effects: cluster.do({ kind: "expire" }) };
}

type Reported = [FrameworkId, string, TaskStateName];

describe("an agent that registers", () => {
  it("gets an id in Mesos' form on its own connection", () => {
    const cluster = new Cluster();
    const { agentId, effects } = cluster.register();
    expect(agentId).toBe("c-S0");
    expect(effects).toEqual([
      { to: "connection", connectionId: "connection-1", message: { kind: "registered", agentId } },
      { to: "operators", event: { kind: "agent-added", agentId } },
    ]);
    expect(cluster.register().agentId).toBe("c-S1");
  });

  it("is accepted under an id that this cluster never saw, and told to kill what the cluster does not know", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const { agentId, effects } = cluster.register(
      undefined,
      [
        [id, "t9", "TASK_RUNNING"],
        [asId("gone"), "t8", "TASK_RUNNING"],
        [id, "t7", "TASK_FINISHED"],
      ],
      asId("stranger"),
      [[id, "e1"]],
    );
    expect(agentId).toBe("stranger");
    expect(sent(effects)).toEqual([
      { kind: "shutdown-framework", frameworkId: "gone" },
      { kind: "shutdown-executor", frameworkId: id, executorId: "e1" },
      { kind: "kill", frameworkId: id, taskId: "t9", policy: null },
    ]);
  });

  it("twice has its older connection closed, whose end then means nothing", () => {
    const { cluster, id, agentId } = running();
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(effects.slice(0, 2)).toMatchObject([
      { to: "connection", connectionId: "connection-1", message: { kind: "replaced" } },
      { to: "connection", connectionId: "connection-2", message: { kind: "registered" } },
    ]);
    cluster.do({ kind: "disconnect-agent", agentId, connectionId: "connection-1" });
    expect(cluster.state.agents.get(agentId)?.connection.kind).toBe("connected");
  });

  it("may have more resources than before, but not less than its tasks use", () => {
    const { cluster, id, agentId } = running();
    cluster.register(scalars({ cpus: 3, mem: 4096 }), [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(cluster.offer().resources).toEqual(scalars({ cpus: 2.9, mem: 4064 }));
    const { decision } = cluster.try({
      kind: "register-agent",
      agentId,
      spec: agentSpec(scalars({ cpus: 0.05, mem: 4096 })),
      connectionId: "x",
      tasks: [],
      executors: [],
    });
    expect(decision).toMatchObject({ rejection: { code: "agent-refused" } });
  });
});

describe("an agent that comes back in time", () => {
  it("with other attributes is offered again to those who refused it, otherwise not", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const { agentId } = cluster.register();
    cluster.decline(id, [cluster.offer().id], 1e9);
    cluster.register(undefined, [], agentId);
    expect(cluster.allocate()).toEqual([]);
    cluster.register(undefined, [], agentId, [], null, "r1");
    expect(cluster.allocate()).toHaveLength(1);
  });

  it("is sent again what it never heard of", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const agentId = cluster.agent();
    cluster.launch("t1", "t2");
    cluster.loseAgent(agentId);
    const { effects } = cluster.register(undefined, [[id, "t2", "TASK_STAGING"]], agentId);
    expect(sent(effects)).toMatchObject([{ kind: "run", frameworkId: id, task: { name: "t1" } }]);
    expect(told(effects)).toEqual([]);
  });

  it.each([
    [["MULTI_ROLE", "PARTITION_AWARE"], "TASK_GONE"],
    [["MULTI_ROLE"], "TASK_LOST"],
  ] as const)(
    "without a task that ran: frameworks with %j are told %s (traps 8, 33)",
    (capabilities, state) => {
      const { cluster, id, agentId } = running(capabilities);
      cluster.loseAgent(agentId);
      const { effects } = cluster.register(undefined, [], agentId);
      expect(wires(effects)).toMatchObject([{ state, source: "SOURCE_MASTER", task_id: { value: "t1" } }]);
      expect(cluster.framework(id).completedTasks).toMatchObject([{ id: "t1", holdsResources: false }]);
    },
  );

  it("without a task whose end the framework has been told: that stays as it is", () => {
    const { cluster, id, agentId } = running();
    const { uuid } = cluster.status(id, "t1", "TASK_FINISHED");
    cluster.loseAgent(agentId);
    expect(told(cluster.register(undefined, [], agentId).effects)).toEqual([]);
    cluster.acknowledge(id, "t1", uuid);
    expect(cluster.framework(id).completedTasks).toMatchObject([{ state: "TASK_FINISHED" }]);
  });

  it("without an executor: its resources are free at once (trap 33)", () => {
    const { cluster, id, agentId } = running();
    const executor = customExecutor("e1", 0.5);
    cluster.accept([cluster.offer()], [taskSpec("t2", agentId, { executor })]);
    cluster.acknowledge(id, "t2", cluster.status(id, "t2", "TASK_FINISHED").uuid);
    cluster.loseAgent(agentId);
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId, []);
    expect(told(effects)).toEqual([]);
    expect(cluster.offer().resources).toEqual(scalars({ cpus: 1.9, mem: 4064 }));
  });

  it("keeps the executor of a task that is sent again", () => {
    const { cluster, id, agentId } = running();
    const executor = customExecutor("e1", 0.5);
    cluster.accept([cluster.offer()], [taskSpec("t2", agentId, { executor })]);
    cluster.loseAgent(agentId);
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(sent(effects)).toMatchObject([{ kind: "run" }]);
    expect(cluster.framework(id).executors.get(agentId)?.size).toBe(1);
  });
});

describe("an agent that disconnects", () => {
  it("has its offers rescinded and is not offered; its tasks go on, also without checkpointing", () => {
    const { cluster, id, agentId } = running();
    const offer = cluster.offer();
    const effects = cluster.loseAgent(agentId);
    expect(told(effects)).toEqual([{ kind: "rescind", offerId: offer.id }]);
    expect(cluster.allocate()).toEqual([]);
    expect(cluster.task(id, "t1")).toMatchObject({ state: "TASK_RUNNING", holdsResources: true });
  });
});

describe("an agent that stays away", () => {
  it.each([
    [["MULTI_ROLE", "PARTITION_AWARE"], "TASK_UNREACHABLE"],
    [["MULTI_ROLE"], "TASK_LOST"],
  ] as const)(
    "is unreachable: frameworks with %j are told %s, then FAILURE (traps 8, 11)",
    (capabilities, state) => {
      const { cluster, id, agentId, effects } = unreachable(capabilities);
      expect(told(effects, id)).toMatchObject([
        {
          kind: "update",
          status: {
            uuid: null,
            wire: {
              state,
              source: "SOURCE_MASTER",
              reason: "REASON_AGENT_REMOVED",
              unreachable_time: { nanoseconds: BigInt(cluster.now) * 1_000_000n },
            },
          },
        },
        { kind: "failure", agentId, executorId: null, waitStatus: null },
      ]);
      expect(cluster.task(id, "t1").holdsResources).toBe(false);
    },
  );

  it("is reported to every connected framework (trap 11)", () => {
    const { cluster, agentId } = running();
    const other = cluster.subscribe();
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    expect(told(cluster.do({ kind: "expire" }), other)).toEqual([
      { kind: "failure", agentId, executorId: null, waitStatus: null },
    ]);
  });

  it("does not count as unreachable before its deadline (MN01)", () => {
    const { cluster, agentId } = running();
    cluster.loseAgent(agentId);
    cluster.wait(74_999);
    cluster.do({ kind: "expire" });
    expect(cluster.state.agents.get(agentId)?.connection.kind).toBe("disconnected");
  });

  it("is forgotten in the end, its tasks with it", () => {
    const { cluster, id, agentId } = unreachable();
    cluster.wait(UNREACHABLE_AGENT_MS_MAX);
    expect(told(cluster.do({ kind: "expire" }))).toEqual([]);
    expect(cluster.state.agents.has(agentId)).toBe(false);
    expect(cluster.framework(id).completedTasks).toMatchObject([{ id: "t1", state: "TASK_UNREACHABLE" }]);
  });

  it("cannot report statuses until it has registered again", () => {
    const { cluster, id, agentId } = unreachable();
    const update = { kind: "update-status", agentId, frameworkId: id, taskId: asId<never>("t1") } as const;
    const status = statusOf("TASK_FINISHED", "aa", 1);
    expect(cluster.try({ ...update, status, latestState: status.state }).decision.kind).toBe("rejected");
  });
});

describe("an unreachable agent that comes back (trap 10)", () => {
  it.each([[["MULTI_ROLE", "PARTITION_AWARE"]], [["MULTI_ROLE"]]] as const)(
    "brings its tasks back to life for frameworks with %j; they hold resources again",
    (capabilities) => {
      const { cluster, id, agentId } = unreachable(capabilities);
      const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
      expect(wires(effects)).toMatchObject([
        { state: "TASK_RUNNING", reason: "REASON_AGENT_REREGISTERED", source: "SOURCE_MASTER" },
      ]);
      expect(cluster.task(id, "t1")).toMatchObject({ state: "TASK_RUNNING", holdsResources: true });
      expect(cluster.offer().resources).toEqual(scalars({ cpus: 1.9, mem: 4064 }));
    },
  );

  it("brings the rest of a finished task's updates", () => {
    const { cluster, id, agentId } = unreachable();
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_FINISHED"]], agentId);
    expect(toldStates(effects)).toEqual(["TASK_FINISHED"]);
    expect(cluster.task(id, "t1").holdsResources).toBe(false);
    cluster.acknowledge(id, "t1", cluster.status(id, "t1", "TASK_FINISHED").uuid);
    expect(cluster.framework(id).tasks.size).toBe(0);
  });

  it("with a task whose end it has told, as running again: both it and who has its resources cannot be there", () => {
    const { cluster, id, agentId } = running();
    cluster.accept([cluster.offer()], [taskSpec("t2", agentId, { cpus: 1.5 })]);
    cluster.status(id, "t2", "TASK_FAILED");
    cluster.status(id, "t2", "TASK_RUNNING");
    cluster.accept([cluster.offer()], [taskSpec("t3", agentId, { cpus: 1 })]);
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    const tasks = ["t1", "t3", "t2"].map((each): Reported => [id, each, "TASK_RUNNING"]);
    const { effects } = cluster.register(undefined, tasks, agentId);
    expect(toldStates(effects)).toEqual(["TASK_RUNNING", "TASK_RUNNING", "TASK_GONE"]);
    expect([...cluster.framework(id).tasks.keys()].toSorted()).toEqual(["t1", "t2"]);
    expect(sent(effects)).toContainEqual({ kind: "kill", frameworkId: id, taskId: "t3", policy: null });
  });

  it("with more than before although tasks have ended there since others took what they used", () => {
    const { cluster, id, agentId } = running();
    cluster.accept([cluster.offer()], [taskSpec("t2", agentId, { cpus: 1.5 })]);
    cluster.status(id, "t2", "TASK_RUNNING", "TASK_FINISHED");
    cluster.accept([cluster.offer()], [taskSpec("t3", agentId, { cpus: 1.5 })]);
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    const tasks: Reported[] = [
      [id, "t1", "TASK_RUNNING"],
      [id, "t2", "TASK_FINISHED"],
      [id, "t3", "TASK_RUNNING"],
    ];
    const { effects } = cluster.register(scalars({ cpus: 2.5, mem: 4096 }), tasks, agentId);
    expect(toldStates(effects)).toEqual(["TASK_RUNNING", "TASK_FINISHED", "TASK_RUNNING"]);
  });

  it("without a task: TASK_GONE, and the task is history", () => {
    const { cluster, id, agentId } = unreachable();
    expect(toldStates(cluster.register(undefined, [], agentId).effects)).toEqual(["TASK_GONE"]);
    expect(cluster.framework(id).unreachableTasks.size).toBe(0);
  });

  it("brings its executors back, which hold resources again", () => {
    const { cluster, id, agentId } = running();
    const executor = customExecutor("e1", 0.5);
    cluster.accept([cluster.offer()], [taskSpec("t2", agentId, { executor })]);
    cluster.status(id, "t2", "TASK_RUNNING");
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    cluster.register(
      undefined,
      [
        [id, "t1", "TASK_RUNNING"],
        [id, "t2", "TASK_RUNNING"],
      ],
      agentId,
      [[id, "e1"]],
    );
    expect(cluster.offer().resources).toEqual(scalars({ cpus: 1.3, mem: 4032 }));
  });
});

describe("an agent that unregisters (MN09, stream-agent-unregisters)", () => {
  it("loses its tasks, also for frameworks that know partitions: UPDATE, RESCIND, FAILURE", () => {
    const { cluster, agentId } = running();
    const offer = cluster.offer();
    const effects = cluster.do({ kind: "unregister-agent", agentId });
    expect(told(effects)).toMatchObject([
      {
        kind: "update",
        status: {
          wire: {
            task_id: { value: "t1" },
            state: "TASK_LOST",
            message: "Agent host removed: the agent unregistered",
            source: "SOURCE_MASTER",
            reason: "REASON_AGENT_REMOVED",
            agent_id: { value: agentId },
          },
        },
      },
      { kind: "rescind", offerId: offer.id },
      { kind: "failure", agentId, executorId: null },
    ]);
  });

  it("must not come back under its id (trap 10), and nobody knows its tasks (trap 6)", () => {
    const { cluster, id, agentId } = running();
    cluster.do({ kind: "unregister-agent", agentId });
    const again = {
      kind: "register-agent",
      agentId,
      spec: agentSpec(),
      connectionId: "x",
      tasks: [],
      executors: [],
    } as const;
    expect(cluster.try(again).decision).toMatchObject({ rejection: { code: "agent-gone" } });
    const tasks = [{ taskId: asId<never>("t1"), agentId }];
    expect(toldStates(cluster.do({ kind: "reconcile", frameworkId: id, tasks }))).toEqual(["TASK_UNKNOWN"]);
  });
});

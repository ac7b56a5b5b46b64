// ACCEPT and DECLINE: SC10 to SC14, traps 13 to 17, 25, 27, 28, EX16. Texts and states are the recorded ones.
import { describe, expect, it } from "vitest";
import { asId, type OfferId } from "../../../src/kernel/ids.ts";
import { REFUSE_MS_MAX } from "../../../src/state/limits.ts";
import { Cluster, customExecutor, scalars, sent, taskSpec, told, wires } from "./cluster.ts";

function ready(parts = {}) {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe(parts);
  const agentId = cluster.agent();
  return { cluster, frameworkId, agentId, offer: cluster.offer() };
}

describe("an offer", () => {
  it("is of one agent and role, with what the framework must know (SC10)", () => {
    const cluster = new Cluster();
    const frameworkId = cluster.subscribe();
    const agentId = cluster.agent();
    const events = told(cluster.do({ kind: "allocate" }), frameworkId);
    expect(events).toMatchObject([
      {
        kind: "offers",
        offers: [
          {
            offer: { id: "c-O0", agentId, role: "dev", resources: scalars({ cpus: 2, mem: 4096 }) },
            agent: { hostname: "host" },
            executorIds: [],
            multiRole: true,
          },
        ],
      },
    ]);
  });

  it("shows the framework's executors on the agent", () => {
    const { cluster, offer } = ready();
    cluster.accept([offer], [taskSpec("t1", offer.agentId, { executor: customExecutor("e1") })]);
    const [event] = told(cluster.do({ kind: "allocate" }));
    expect(event).toMatchObject({ offers: [{ executorIds: ["e1"] }] });
  });

  it("is rescinded when it is too old (AL13)", () => {
    const { cluster, offer } = ready();
    cluster.wait(5_000);
    cluster.setPolicy({ offerTimeoutMs: 5_000 });
    const effects = cluster.do({ kind: "expire" });
    expect(told(effects)).toEqual([{ kind: "rescind", offerId: offer.id }]);
    expect(cluster.state.offers.size).toBe(0);
  });
});

describe("LAUNCH", () => {
  it("sends the task to its agent and keeps it as STAGING without an update (SC14, trap 40)", () => {
    const { cluster, frameworkId, offer } = ready();
    const effects = cluster.accept([offer], [taskSpec("t1", offer.agentId)]);
    expect(told(effects)).toEqual([]);
    expect(sent(effects)).toMatchObject([
      { kind: "run", frameworkId, task: { task_id: { value: "t1" } }, framework: { name: "test" } },
    ]);
    expect(cluster.task(frameworkId, "t1")).toMatchObject({ state: "TASK_STAGING", statuses: [] });
  });

  it("fills in allocation_info where it is absent (trap 25)", () => {
    const { cluster, frameworkId, offer } = ready();
    const executor = customExecutor("e1");
    const wire = { ...executor.wire, resources: [{ name: "cpus" }] };
    cluster.accept([offer], [taskSpec("t1", offer.agentId, { executor: { ...executor, wire } })]);
    expect(cluster.task(frameworkId, "t1").wire).toMatchObject({
      resources: [{ name: "cpus", allocation_info: { role: "dev" } }],
      executor: {
        framework_id: { value: frameworkId },
        resources: [{ name: "cpus", allocation_info: { role: "dev" } }],
      },
    });
  });

  it("takes the offer's resources, the rest is offered again (trap 16)", () => {
    const { cluster, offer } = ready();
    cluster.accept([offer], [taskSpec("t1", offer.agentId, { cpus: 0.5 })]);
    expect(cluster.offer().resources).toEqual(scalars({ cpus: 1.5, mem: 4064 }));
  });

  it("may use several offers of one agent together", () => {
    const { cluster, agentId, offer } = ready();
    cluster.accept([offer], [taskSpec("t1", agentId, { cpus: 0.5 })]);
    const rest = cluster.offer();
    cluster.status(offer.frameworkId, "t1", "TASK_FINISHED");
    const freed = cluster.offer();
    cluster.accept([rest, freed], [taskSpec("t2", agentId, { cpus: 2 })]);
    expect(cluster.task(offer.frameworkId, "t2").resources).toEqual(scalars({ cpus: 2, mem: 32 }));
  });

  it.each([
    [
      "too much (launch-too-much)",
      { cpus: 64 },
      "Total resources cpus(allocated: dev):64; mem(allocated: dev):32 required by task and its executor is more than available cpus(allocated: dev):2; mem(allocated: dev):4096",
    ],
    ["without resources (launch-no-resources)", { resources: [] }, "Task uses no resources"],
    [
      "with a bad id (launch-bad-task-id)",
      { invalid: "'bad/id' contains invalid characters" },
      "'bad/id' contains invalid characters",
    ],
    [
      "without command and executor (launch-no-command-no-executor)",
      { hasCommand: false },
      "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
    ],
    [
      "with both command and executor (trap 28)",
      { hasCommand: true, executor: customExecutor("e1") },
      "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
    ],
    [
      "for another agent (launch-wrong-agent)",
      { agentId: asId<never>("other-agent") },
      "Task uses invalid agent other-agent while agent c-S0 is expected",
    ],
  ])("refuses a task %s with TASK_ERROR and goes on with the next (trap 14)", (_name, parts, message) => {
    const { cluster, frameworkId, offer } = ready();
    const tasks = [taskSpec("bad", offer.agentId, parts), taskSpec("good", offer.agentId)];
    const effects = cluster.accept([offer], tasks);
    expect(wires(effects)).toEqual([
      {
        task_id: { value: "bad" },
        state: "TASK_ERROR",
        message,
        source: "SOURCE_MASTER",
        reason: "REASON_TASK_INVALID",
        agent_id: { value: tasks[0]?.agentId },
        timestamp: cluster.now / 1_000,
      },
    ]);
    expect([...cluster.framework(frameworkId).tasks.keys()]).toEqual(["good"]);
  });

  it("refuses all tasks of the operation for one with a malformed resource (corrections to trap 14)", () => {
    const { cluster, offer } = ready();
    const bad = taskSpec("bad", offer.agentId, { invalid: "negative", poisonsOperation: true });
    const effects = cluster.acceptWith(
      [offer],
      [
        { kind: "launch", operationId: null, tasks: [taskSpec("same", offer.agentId), bad] },
        { kind: "launch", operationId: null, tasks: [taskSpec("next", offer.agentId)] },
      ],
    );
    expect(wires(effects).map(({ task_id, state, message }) => [task_id, state, message])).toEqual([
      [{ value: "same" }, "TASK_ERROR", "negative"],
      [{ value: "bad" }, "TASK_ERROR", "negative"],
    ]);
    expect(sent(effects)).toMatchObject([{ kind: "run", task: { name: "next" } }]);
  });

  it("refuses an id that a live or unreachable task has, not one of a completed task (trap 28)", () => {
    const { cluster, frameworkId, agentId, offer } = ready();
    const twice = cluster.accept([offer], [taskSpec("t1", agentId), taskSpec("t1", agentId)]);
    expect(wires(twice)).toMatchObject([{ state: "TASK_ERROR", message: "Task has duplicate ID: t1" }]);
    expect(wires(cluster.accept([cluster.offer()], [taskSpec("t1", agentId)]))).toHaveLength(1);
    cluster.acknowledge(frameworkId, "t1", cluster.status(frameworkId, "t1", "TASK_FINISHED").uuid);
    expect(wires(cluster.accept([cluster.offer()], [taskSpec("t1", agentId)]))).toEqual([]);
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    const other = cluster.agent();
    const unreachable = cluster.accept([cluster.offer()], [taskSpec("t1", other)]);
    expect(wires(unreachable)).toMatchObject([{ message: "Task has duplicate ID: t1" }]);
  });

  it("refuses tasks of a LAUNCH with an id (trap 15)", () => {
    const { cluster, offer } = ready();
    const tasks = [taskSpec("t1", offer.agentId)];
    const effects = cluster.acceptWith([offer], [{ kind: "launch", operationId: "op", tasks }]);
    expect(wires(effects)).toMatchObject([{ state: "TASK_ERROR", reason: "REASON_TASK_INVALID" }]);
  });

  it("refuses operations that are not there yet as invalid; silently without an id (traps 13, 15)", () => {
    const { cluster, offer } = ready();
    const group = [{ taskId: asId<never>("g1"), agentId: offer.agentId }];
    const effects = cluster.acceptWith(
      [offer],
      [
        { kind: "unsupported", type: "RESERVE", operationId: null, tasks: [] },
        { kind: "unsupported", type: "RESERVE", operationId: "r1", tasks: [] },
        { kind: "unsupported", type: "LAUNCH_GROUP", operationId: null, tasks: group },
      ],
    );
    expect(told(effects)).toMatchObject([
      { kind: "operation-error", operationId: "r1", message: "RESERVE is not supported" },
      { kind: "update", status: { state: "TASK_ERROR", wire: { reason: "REASON_TASK_GROUP_INVALID" } } },
    ]);
  });
});

describe("a custom executor", () => {
  it("is charged with its first task and holds its resources until it exits", () => {
    const { cluster, frameworkId, agentId, offer } = ready();
    const executor = customExecutor("e1", 0.5);
    cluster.accept([offer], [taskSpec("t1", agentId, { executor }), taskSpec("t2", agentId, { executor })]);
    cluster.status(frameworkId, "t1", "TASK_FINISHED");
    cluster.status(frameworkId, "t2", "TASK_FINISHED");
    expect(cluster.offer().resources).toEqual(scalars({ cpus: 1.5, mem: 4096 }));
    const failure = cluster.do({
      kind: "executor-exited",
      frameworkId,
      agentId,
      executorId: executor.executorId,
      waitStatus: 2304,
    });
    expect(told(failure)).toEqual([{ kind: "failure", agentId, executorId: "e1", waitStatus: 2304 }]);
    expect(cluster.offer().resources).toEqual(scalars({ cpus: 0.5 }));
  });

  it("must fit together with its task", () => {
    const { cluster, agentId, offer } = ready();
    const executor = customExecutor("e1", 1.5);
    const effects = cluster.accept([offer], [taskSpec("t1", agentId, { cpus: 1, executor })]);
    expect(wires(effects)).toMatchObject([
      {
        message: expect.stringContaining(
          "Total resources cpus(allocated: dev):2.5; mem(allocated: dev):32 required",
        ),
      },
    ]);
  });

  it("cannot use a port that its task uses", () => {
    const cluster = new Cluster();
    cluster.subscribe();
    const ports = (begin: number, end: number) =>
      ({ name: "ports", meta: "", value: { kind: "ranges", ranges: [{ begin, end }] } }) as const;
    const agentId = cluster.agent([...scalars({ cpus: 1 }), ports(1, 9)]);
    const executor = { ...customExecutor("e1"), resources: [ports(3, 4)] };
    const effects = cluster.accept(
      [cluster.offer()],
      [taskSpec("t1", agentId, { resources: [ports(4, 5)], executor })],
    );
    expect(wires(effects)).toMatchObject([{ state: "TASK_ERROR" }]);
  });

  it("must be described as the one of that id that lives (EX16, launch-executor-info-mismatch)", () => {
    const { cluster, agentId, offer } = ready();
    const tasks = [
      taskSpec("t1", agentId, { executor: customExecutor("e1") }),
      taskSpec("t2", agentId, { executor: customExecutor("e1", 0.1, "changed") }),
    ];
    const effects = cluster.accept([offer], tasks);
    const message = expect.stringMatching(
      /^ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID\./,
    );
    expect(wires(effects)).toMatchObject([{ state: "TASK_ERROR", reason: "REASON_TASK_INVALID", message }]);
  });
});

describe("ACCEPT with an invalid offer (trap 13)", () => {
  it("drops the tasks: TASK_DROPPED (launch-bad-offer), TASK_LOST for frameworks that know no partitions", () => {
    for (const [capabilities, state] of [
      [["MULTI_ROLE", "PARTITION_AWARE"], "TASK_DROPPED"],
      [["MULTI_ROLE"], "TASK_LOST"],
    ] as const) {
      const { cluster, frameworkId, agentId } = ready({ capabilities });
      const offers = [{ id: asId<OfferId>("no-such-offer-O0"), frameworkId }];
      expect(wires(cluster.accept(offers, [taskSpec("t1", agentId)]))).toMatchObject([
        {
          state,
          message: "Task launched with invalid offers: Offer no-such-offer-O0 is no longer valid",
          reason: "REASON_INVALID_OFFERS",
          source: "SOURCE_MASTER",
        },
      ]);
    }
  });

  it("discards the valid ones too, without RESCIND or filter", () => {
    const { cluster, frameworkId, agentId, offer } = ready();
    const effects = cluster.accept(
      [offer, { id: asId("none"), frameworkId }],
      [taskSpec("t1", agentId)],
      99_000,
    );
    expect(told(effects).map(({ kind }) => kind)).toEqual(["update"]);
    expect(cluster.state.offers.size).toBe(0);
    expect(cluster.offer().resources).toEqual(offer.resources);
  });

  it.each([
    ["a duplicate", (id: OfferId) => [id, id], /Duplicate offer c-O0/],
    ["none at all", () => [], /No offers specified/],
  ])("%s is invalid", (_name, pick, message) => {
    const { cluster, frameworkId, agentId, offer } = ready();
    const effects = cluster.do({
      kind: "accept",
      frameworkId,
      offerIds: pick(offer.id),
      operations: [{ kind: "launch", operationId: null, tasks: [taskSpec("t1", agentId)] }],
      refuseMs: 0,
    });
    expect(wires(effects)).toMatchObject([
      { state: "TASK_DROPPED", message: expect.stringMatching(message) },
    ]);
  });

  it("offers of two agents are invalid", () => {
    const { cluster, frameworkId, agentId, offer } = ready();
    cluster.agent();
    const effects = cluster.accept([offer, cluster.offer()], [taskSpec("t1", agentId)]);
    expect(wires(effects)).toMatchObject([{ reason: "REASON_INVALID_OFFERS" }]);
    expect(cluster.framework(frameworkId).offers.size).toBe(0);
  });

  it("another framework's offer is invalid and stays where it is", () => {
    const { cluster, agentId, offer } = ready();
    const thief = cluster.subscribe();
    const effects = cluster.accept([{ id: offer.id, frameworkId: thief }], [taskSpec("t1", agentId)]);
    expect(told(effects, thief)).toMatchObject([{ kind: "update", status: { state: "TASK_DROPPED" } }]);
    expect(cluster.state.offers.has(offer.id)).toBe(true);
  });

  it("other operations give OPERATION_ERROR if they have an id", () => {
    const { cluster, frameworkId } = ready();
    const effects = cluster.acceptWith(
      [{ id: asId("none"), frameworkId }],
      [
        { kind: "unsupported", type: "RESERVE", operationId: "r1", tasks: [] },
        { kind: "unsupported", type: "RESERVE", operationId: null, tasks: [] },
      ],
    );
    expect(told(effects)).toMatchObject([{ kind: "operation-error", operationId: "r1" }]);
  });
});

describe("filters (traps 16 and 17)", () => {
  it.each([
    [
      "DECLINE",
      (c: Cluster, o: { id: OfferId; frameworkId: never }) => c.decline(o.frameworkId, [o.id], 5_000),
    ],
    [
      "ACCEPT without operations",
      (c: Cluster, o: { id: OfferId; frameworkId: never }) => c.acceptWith([o], [], 5_000),
    ],
    [
      "LAUNCH without tasks",
      (c: Cluster, o: { id: OfferId; frameworkId: never }) => c.accept([o], [], 5_000),
    ],
  ])("%s refuses the offer for that long", (_name, refuse) => {
    const { cluster, offer } = ready();
    refuse(cluster, offer as never);
    cluster.wait(4_999);
    expect(cluster.allocate()).toEqual([]);
    cluster.wait(1);
    expect(cluster.allocate()).toHaveLength(1);
  });

  it("refuse the unused part of an ACCEPT, and what it contains", () => {
    const { cluster, frameworkId, agentId, offer } = ready();
    cluster.accept([offer], [taskSpec("t1", agentId)], 5_000);
    expect(cluster.allocate()).toEqual([]);
    cluster.status(frameworkId, "t1", "TASK_FINISHED");
    expect(cluster.offer().resources).toEqual(offer.resources);
  });

  it("0 installs none; a short one lasts an allocation interval; a long one a year at most", () => {
    const { cluster, offer } = ready();
    const refusal = (refuseMs: number) =>
      cluster.try({
        kind: "decline",
        frameworkId: offer.frameworkId,
        offerIds: [cluster.offer().id],
        refuseMs,
      }).events;
    cluster.decline(offer.frameworkId, [offer.id], 0);
    expect(refusal(0)).toMatchObject([{ refuseUntil: null }]);
    expect(refusal(10)).toMatchObject([{ refuseUntil: cluster.now + 1_000 }]);
    cluster.wait(1_000);
    expect(refusal(1e15)).toMatchObject([{ refuseUntil: cluster.now + REFUSE_MS_MAX }]);
  });

  it("leave unknown offers in a DECLINE alone", () => {
    const { cluster, frameworkId, offer } = ready();
    expect(
      cluster.try({ kind: "decline", frameworkId, offerIds: [asId("none")], refuseMs: 1 }).events,
    ).toEqual([]);
    cluster.decline(frameworkId, [asId("none"), offer.id, offer.id], 5_000);
    expect(cluster.state.offers.size).toBe(0);
  });

  it("that have ended leave the state", () => {
    const { cluster, offer } = ready();
    cluster.decline(offer.frameworkId, [offer.id], 5_000);
    cluster.wait(5_000);
    expect(cluster.try({ kind: "expire" }).events).toEqual([{ kind: "FiltersExpired", until: cluster.now }]);
    expect(cluster.try({ kind: "expire" }).events).toEqual([]);
  });
});

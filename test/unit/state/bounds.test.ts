// What a cluster decides by itself fits into an entry of the log, however large the cluster is: the rest comes later.
import { expect, test } from "vitest";
import {
  type AgentId,
  asId,
  asMillis,
  asTerm,
  type FrameworkId,
  type TaskId,
} from "../../../src/kernel/ids.ts";
import { encodeEntry } from "../../../src/state/codec.ts";
import type { AgentMessage, Effect } from "../../../src/state/effects.ts";
import type { Event } from "../../../src/state/events.ts";
import { EXPIRY_EVENTS_MAX, TASKS_AT_ONCE_MAX, UNREACHABLE_AGENT_MS_MAX } from "../../../src/state/limits.ts";
import type { Opaque } from "../../../src/state/model.ts";
import { agentSpec, Cluster, customExecutor, scalars, settings, statusOf, taskSpec } from "./cluster.ts";

const ENTRY_BYTES_MAX = 8 * 1024 * 1024;

function packedBytes(events: readonly Event[]): number {
  return encodeEntry({ time: asMillis(0), events }).length;
}

test("agents with many tasks become unreachable in several commands", () => {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe({ failoverTimeoutMs: 1e9 });
  const agents = [1, 2, 3].map(() => cluster.agent(scalars({ cpus: 1_000, mem: 1e6 })));
  const perAgent = EXPIRY_EVENTS_MAX / 2 + 1;
  for (const offer of cluster.allocate()) {
    const ids = Array.from({ length: perAgent }, (_, i) => `${offer.agentId}-${i}`);
    cluster.accept(
      [offer],
      ids.map((id) => taskSpec(id, offer.agentId)),
    );
  }
  for (const agentId of agents) cluster.loseAgent(agentId);
  cluster.wait(settings.agentReconnectMs);
  const counts: number[] = [];
  for (;;) {
    const { events } = cluster.try({ kind: "expire" });
    if (events.length === 0) break;
    expect(packedBytes(events)).toBeLessThan(ENTRY_BYTES_MAX);
    counts.push(events.length);
  }
  expect(counts).toEqual([EXPIRY_EVENTS_MAX, 3 * (perAgent + 1) - EXPIRY_EVENTS_MAX]);
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(3 * perAgent);
});

/** An agent that is silent for too long, with more tasks than one command makes unreachable. */
function silentAgent(tasks: number) {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe({ capabilities: ["PARTITION_AWARE"], failoverTimeoutMs: 1e9 });
  const agentId = cluster.agent(scalars({ cpus: 10_000, mem: 1e7 }));
  const [offer] = cluster.allocate();
  if (offer === undefined) throw new Error("nothing is offered");
  const ids = Array.from({ length: tasks }, (_, i) => `t${i}`);
  cluster.accept(
    [offer],
    ids.map((id) => taskSpec(id, agentId)),
  );
  cluster.loseAgent(agentId);
  cluster.wait(settings.agentReconnectMs);
  cluster.do({ kind: "expire" });
  return { cluster, frameworkId, agentId, ids };
}

test("an agent with more tasks than one command has room for becomes unreachable after the last of them", () => {
  const { cluster, frameworkId, agentId } = silentAgent(EXPIRY_EVENTS_MAX + 10);
  const { connection } = cluster.state.agents.get(agentId) ?? {};
  expect(connection?.kind).toBe("disconnected");
  expect(cluster.framework(frameworkId).tasks.size).toBe(10);
  const told = cluster.do({ kind: "reconcile", frameworkId, tasks: [{ taskId: asId("t0"), agentId: null }] });
  expect(told).toMatchObject([{ event: { status: { state: "TASK_UNREACHABLE" } } }]);
  expect(cluster.try({ kind: "expire" }).events.at(-1)).toMatchObject({ kind: "AgentUnreachable", agentId });
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(EXPIRY_EVENTS_MAX + 10);
});

test("an agent that comes back while its tasks are being made unreachable has them all again", () => {
  const { cluster, frameworkId, agentId, ids } = silentAgent(EXPIRY_EVENTS_MAX + 10);
  cluster.register(
    scalars({ cpus: 10_000, mem: 1e7 }),
    ids.map((id) => [frameworkId, id, "TASK_RUNNING"]),
    agentId,
  );
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(0);
  expect(cluster.framework(frameworkId).tasks.size).toBe(ids.length);
  expect(cluster.try({ kind: "expire" }).events).toEqual([]);
});

test("nobody reserves meanwhile what such tasks will hold again when their agent comes back", () => {
  const { cluster, frameworkId, agentId, ids } = silentAgent(EXPIRY_EVENTS_MAX + 10);
  const resources = scalars({ cpus: 10_000, mem: 1e7 });
  const meta = JSON.stringify({ name: "", type: "SCALAR", reservations: [{ type: "DYNAMIC", role: "dev" }] });
  const reserve = (cpus: number) => {
    const operation = {
      kind: "convert",
      type: "RESERVE",
      operationId: null,
      resources: scalars({ cpus }).map((each) => ({ ...each, meta })),
      source: null,
      invalid: null,
    } as const;
    return cluster.try({ kind: "operate", agentId, operation }).decision;
  };
  const tasks = ids.length;
  const used = Math.ceil(tasks * 0.1);
  expect(reserve(10_000 - used + 1)).toMatchObject({ kind: "rejected" });
  expect(reserve(10_000 - used)).toMatchObject({ kind: "accepted" });
  cluster.register(
    resources,
    ids.map((id) => [frameworkId, id, "TASK_RUNNING"]),
    agentId,
  );
  expect(cluster.framework(frameworkId).tasks.size).toBe(tasks);
});

test("offers of agents whose resources take much to say are made in several cycles", () => {
  const cluster = new Cluster();
  cluster.subscribe();
  const ranges = Array.from({ length: 2_000 }, (_, i) => ({ begin: 2 * i, end: 2 * i }));
  const wide = [
    ...scalars({ cpus: 1, mem: 32 }),
    { name: "ports", meta: "", value: { kind: "ranges", ranges } as const },
  ];
  const agents = 200;
  for (let i = 0; i < agents; i++) cluster.agent(wide);
  let offered = 0;
  while (offered < agents) {
    const { events } = cluster.try({ kind: "allocate" });
    expect(packedBytes(events)).toBeLessThan(ENTRY_BYTES_MAX);
    const before = offered;
    offered = cluster.state.offers.size;
    expect(offered).toBeGreaterThan(before);
  }
  expect(offered).toBe(agents);
});

/** A framework with so many tasks on one agent, some of them unreachable with another one. */
function crowded(tasks: number, parts: Parameters<Cluster["subscribe"]>[0] = {}) {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe(parts);
  const agents = [1, 2].map(() => cluster.agent(scalars({ cpus: 10_000, mem: 1e7 })));
  for (const [i, offer] of cluster.allocate().entries()) {
    const ids = Array.from({ length: i === 0 ? tasks : 10 }, (_, n) => `t${i}-${n}`);
    cluster.accept(
      [offer],
      ids.map((id) => taskSpec(id, offer.agentId)),
    );
  }
  const [agentId, lost] = agents;
  if (agentId === undefined || lost === undefined) throw new Error("no agents");
  return { cluster, frameworkId, agentId, lost };
}

function bounded(cluster: Cluster, from: number): number {
  const entries = cluster.log.slice(from);
  for (const { events } of entries) expect(events.length).toBeLessThanOrEqual(TASKS_AT_ONCE_MAX + 3);
  return entries.length;
}

test("a framework with very many tasks is torn down in several entries, the last of which removes it", () => {
  for (const cause of ["teardown", "failover-timeout"] as const) {
    const { cluster, frameworkId, lost } = crowded(2 * TASKS_AT_ONCE_MAX + 5, { failoverTimeoutMs: 1e6 });
    cluster.loseAgent(lost);
    cluster.wait(settings.agentReconnectMs);
    cluster.do({ kind: "expire" });
    const { completedTasks } = cluster.framework(frameworkId);
    expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(10);
    const from = cluster.log.length;
    if (cause === "failover-timeout") {
      cluster.loseFramework(frameworkId);
      cluster.wait(1e6);
    }
    const { effects, events } =
      cause === "teardown" ? cluster.try({ kind: "teardown", frameworkId }) : cluster.try({ kind: "expire" });
    expect(bounded(cluster, from)).toBeGreaterThanOrEqual(3);
    expect(events.filter(({ kind }) => kind === "FrameworkRemoved")).toMatchObject([{ frameworkId, cause }]);
    expect(cluster.state.frameworks.has(frameworkId)).toBe(false);
    expect(new Set(completedTasks.map(({ state }) => state))).toEqual(new Set(["TASK_KILLED"]));
    // Its stream ends, and it hears nothing more.
    expect(effects.filter(({ to }) => to === "stream")).toHaveLength(cause === "teardown" ? 1 : 0);
    expect(effects.filter(({ to }) => to === "framework")).toEqual([]);
    const told = effects.filter((effect) => effect.to === "agent");
    expect(told.length).toBeGreaterThanOrEqual(1);
    expect(new Set(told.map(({ message }) => message.kind))).toEqual(new Set(["shutdown-framework"]));
  }
});

test("the state of a task that has ended stays when its framework is removed in several entries", () => {
  const { cluster, frameworkId } = crowded(TASKS_AT_ONCE_MAX + 5);
  cluster.update(frameworkId, "t0-0", statusOf("TASK_FINISHED", "u1", 1));
  const { completedTasks } = cluster.framework(frameworkId);
  const first = cluster.framework(frameworkId).tasks.get(asId("t0-0"));
  cluster.do({ kind: "teardown", frameworkId });
  expect(first?.statuses.map(({ state }) => state)).toEqual(["TASK_FINISHED"]);
  expect(completedTasks.length).toBeGreaterThan(0);
});

test("a framework whose tasks ended with large statuses is removed in entries that have room for them", () => {
  const { cluster, frameworkId } = crowded(TASKS_AT_ONCE_MAX + 5, { failoverTimeoutMs: 1e6 });
  cluster.loseFramework(frameworkId);
  for (let i = 0; i < 500; i++) {
    const status = {
      state: "TASK_FINISHED",
      uuid: `u${i}`,
      at: asMillis(1),
      wire: new Uint8Array(20_000),
    } as const;
    cluster.update(frameworkId, `t0-${i}`, status);
  }
  cluster.wait(1e6);
  const from = cluster.log.length;
  cluster.do({ kind: "expire" });
  for (const { events } of cluster.log.slice(from)) {
    expect(packedBytes(events)).toBeLessThan(ENTRY_BYTES_MAX);
  }
  expect(cluster.state.frameworks.has(frameworkId)).toBe(false);
});

test("an agent with very many tasks unregisters in several entries", () => {
  const { cluster, frameworkId, agentId } = crowded(2 * TASKS_AT_ONCE_MAX + 5);
  const from = cluster.log.length;
  const { effects } = cluster.try({ kind: "unregister-agent", agentId });
  expect(bounded(cluster, from)).toBe(3);
  expect(cluster.state.agents.has(agentId)).toBe(false);
  expect(cluster.framework(frameworkId).tasks.size).toBe(10);
  const updates = effects.filter((effect) => effect.to === "framework" && effect.event.kind === "update");
  expect(updates).toHaveLength(2 * TASKS_AT_ONCE_MAX + 5);
});

test("an agent that was unreachable comes back with very many tasks in several entries", () => {
  const tasks = 2 * TASKS_AT_ONCE_MAX + 5;
  const { cluster, frameworkId, agentId } = crowded(tasks, { failoverTimeoutMs: 1e9 });
  cluster.loseAgent(agentId);
  cluster.wait(settings.agentReconnectMs);
  for (let i = 0; i < 3; i++) cluster.do({ kind: "expire" });
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(tasks);
  const from = cluster.log.length;
  const names = Array.from({ length: tasks - 3 }, (_, n): [typeof frameworkId, string, "TASK_RUNNING"] => [
    frameworkId,
    `t0-${n}`,
    "TASK_RUNNING",
  ]);
  const { effects, events } = cluster.register(scalars({ cpus: 10_000, mem: 1e7 }), names, agentId);
  expect(bounded(cluster, from)).toBe(3);
  expect(events.filter(({ kind }) => kind === "AgentReregistered")).toMatchObject([{ wasUnreachable: true }]);
  const { connection } = cluster.state.agents.get(agentId) ?? {};
  expect(connection?.kind).toBe("connected");
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(0);
  expect(cluster.framework(frameworkId).tasks.size).toBe(10 + tasks - 3);
  expect(effects.filter((effect) => effect.to === "connection")).toHaveLength(1);
});

test("what a lost leader has left half done of an agent's return is done again or undone", () => {
  const tasks = TASKS_AT_ONCE_MAX + 5;
  const { cluster, frameworkId, agentId } = crowded(tasks, { failoverTimeoutMs: 1e9 });
  cluster.loseAgent(agentId);
  cluster.wait(settings.agentReconnectMs);
  cluster.do({ kind: "expire" });
  const half = cluster.part({
    kind: "register-agent",
    agentId,
    spec: agentSpec(scalars({ cpus: 10_000, mem: 1e7 })),
    connectionId: "half",
    tasks: Array.from({ length: tasks }, (_, n) => ({
      frameworkId,
      taskId: asId(`t0-${n}`),
      state: "TASK_RUNNING" as const,
    })),
    executors: [],
  });
  expect(half.next).toBeDefined();
  cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2) });
  cluster.wait(settings.agentReconnectMs);
  cluster.do({ kind: "expire" });
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(tasks + 10);
});

test("an unreachable agent with very many tasks is forgotten in several commands, silently", () => {
  const tasks = 2 * EXPIRY_EVENTS_MAX + 10;
  const { cluster, frameworkId, agentId } = silentAgent(tasks);
  for (let i = 0; i < 3; i++) cluster.do({ kind: "expire" });
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(tasks);
  cluster.wait(UNREACHABLE_AGENT_MS_MAX);
  const left: number[] = [];
  while (cluster.state.agents.has(agentId)) {
    expect(cluster.do({ kind: "expire" })).toEqual([]);
    left.push(cluster.framework(frameworkId).unreachableTasks.size);
  }
  expect(left).toEqual([tasks - EXPIRY_EVENTS_MAX, tasks - 2 * EXPIRY_EVENTS_MAX, 0]);
  const { completedTasks } = cluster.framework(frameworkId);
  expect(completedTasks.at(-1)).toMatchObject({ id: `t${tasks - 1}`, state: "TASK_UNREACHABLE" });
  expect(cluster.try({ kind: "expire" }).events).toEqual([]);
});

test("an agent that comes back while it is being forgotten, under another leader, has what is left and kills the rest", () => {
  const { cluster, frameworkId, agentId, ids } = silentAgent(EXPIRY_EVENTS_MAX + 10);
  cluster.do({ kind: "expire" });
  cluster.wait(UNREACHABLE_AGENT_MS_MAX);
  cluster.do({ kind: "expire" });
  expect(cluster.framework(frameworkId).unreachableTasks.size).toBe(10);
  cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2) });
  const { effects } = cluster.register(
    scalars({ cpus: 10_000, mem: 1e7 }),
    ids.map((id) => [frameworkId, id, "TASK_RUNNING"]),
    agentId,
  );
  const killed = effects.filter((effect) => effect.to === "agent" && effect.message.kind === "kill");
  expect(killed).toHaveLength(EXPIRY_EVENTS_MAX);
  expect([...cluster.framework(frameworkId).tasks.keys()]).toEqual(ids.slice(-10));
  expect(cluster.try({ kind: "expire" }).events).toEqual([]);
});

/** The agent says that each of its tasks has ended; nobody acknowledges it. */
function endAll(cluster: Cluster, frameworkId: FrameworkId, agentId: AgentId, tasks: number): void {
  const updates = Array.from({ length: tasks }, (_, n) => ({
    frameworkId,
    taskId: asId<TaskId>(`t0-${n}`),
    status: statusOf("TASK_FINISHED", `u${n}`, 1),
    latestState: "TASK_FINISHED" as const,
  }));
  cluster.do({ kind: "update-statuses", agentId, updates });
}

test("an agent that unregisters with very many ends unacknowledged is removed in several entries", () => {
  const tasks = 2 * TASKS_AT_ONCE_MAX + 5;
  const { cluster, frameworkId, agentId } = crowded(tasks);
  endAll(cluster, frameworkId, agentId, tasks);
  const from = cluster.log.length;
  const { events } = cluster.try({ kind: "unregister-agent", agentId });
  expect(bounded(cluster, from)).toBeGreaterThanOrEqual(3);
  for (const event of events.filter(({ kind }) => kind === "AgentHistoryForgotten"))
    expect(event).toMatchObject({ tasks: TASKS_AT_ONCE_MAX, executors: 0 });
  expect(cluster.state.agents.has(agentId)).toBe(false);
  expect(cluster.framework(frameworkId).tasks.size).toBe(10);
});

function taskOf(message: AgentMessage): string {
  if (message.kind === "run") return String((message.task as Opaque).name);
  return "taskId" in message ? message.taskId : "";
}

/** What the agent is told, in order. */
/** But for what it hears of its volumes. */
function toldTo(agentId: string, effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) =>
    effect.to === "agent" && effect.agentId === agentId && effect.message.kind !== "volumes"
      ? [`${effect.message.kind} ${taskOf(effect.message)}`]
      : [],
  );
}

test("an agent new to the cluster is told in several entries what to kill, all of it after it is registered", () => {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe();
  const count = 2 * TASKS_AT_ONCE_MAX + 5;
  const strange = Array.from({ length: count }, (_, n) => `strange-${n}`);
  const from = cluster.log.length;
  const { effects, events, agentId } = cluster.register(
    scalars({ cpus: 1 }),
    strange.map((id) => [frameworkId, id, "TASK_RUNNING"]),
    asId("known-before"),
  );
  expect(events.map(({ kind }) => kind)).toEqual(["AgentRegistered", "AgentCorrected", "AgentCorrected"]);
  expect(cluster.log.length - from).toBe(3);
  for (const { events: some } of cluster.log.slice(from))
    expect(packedBytes(some)).toBeLessThan(ENTRY_BYTES_MAX / 2);
  expect(toldTo(agentId, effects)).toEqual(strange.map((id) => `kill ${id}`));
  expect(effects.findIndex(({ to }) => to === "connection")).toBe(0);
});

test("corrections with ids as long as they may be fit into their entries", () => {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe();
  const from = cluster.log.length;
  const { effects, agentId } = cluster.register(
    scalars({ cpus: 1 }),
    Array.from({ length: 3_000 }, (_, n) => [frameworkId, `${n}`.padStart(4_000, "x"), "TASK_RUNNING"]),
    asId("known-before"),
  );
  for (const { events } of cluster.log.slice(from))
    expect(packedBytes(events)).toBeLessThan(ENTRY_BYTES_MAX / 2);
  expect(toldTo(agentId, effects)).toHaveLength(3_000);
});

/** An agent with many custom executors, one for each of its tasks. */
function manyExecutors(count: number) {
  const cluster = new Cluster();
  const frameworkId = cluster.subscribe({ failoverTimeoutMs: 1e9 });
  const resources = scalars({ cpus: 10_000, mem: 1e7 });
  const agentId = cluster.agent(resources);
  const [offer] = cluster.allocate();
  if (offer === undefined) throw new Error("nothing is offered");
  const ids = Array.from({ length: count }, (_, n) => `t${n}`);
  const launch = ids.map((id) => taskSpec(id, agentId, { executor: customExecutor(`e-${id}`) }));
  cluster.accept([offer], launch);
  return { cluster, frameworkId, agentId, ids, resources };
}

test("an agent that comes back without its very many executors loses them in several entries", () => {
  const count = TASKS_AT_ONCE_MAX + 5;
  const { cluster, frameworkId, agentId, ids, resources } = manyExecutors(count);
  const updates = ids.map((id) => ({
    frameworkId,
    taskId: asId<TaskId>(id),
    status: statusOf("TASK_RUNNING", `u-${id}`, 1),
    latestState: "TASK_RUNNING" as const,
  }));
  cluster.do({ kind: "update-statuses", agentId, updates });
  const from = cluster.log.length;
  const { events } = cluster.register(resources, [], agentId);
  for (const { events: some } of cluster.log.slice(from))
    expect(packedBytes(some)).toBeLessThan(ENTRY_BYTES_MAX);
  expect(events.filter(({ kind }) => kind === "AgentCorrected").length).toBeGreaterThan(0);
  expect(cluster.framework(frameworkId).executors.size).toBe(0);
  expect(cluster.state.agents.get(agentId)?.executors.size).toBe(0);
  expect(cluster.framework(frameworkId).tasks.size).toBe(0);
});

test("what a lost leader has left unsaid to an agent is said when it registers with the next", () => {
  const count = TASKS_AT_ONCE_MAX + 5;
  const { cluster, frameworkId, agentId, ids, resources } = manyExecutors(count);
  const command = {
    kind: "register-agent",
    agentId,
    spec: agentSpec(resources),
    connectionId: "half",
    tasks: [],
    executors: [],
  } as const;
  const half = cluster.part(command);
  expect(half.next).toMatchObject({ kind: "correct-agent", agentId });
  expect(toldTo(agentId, half.effects)).toHaveLength(TASKS_AT_ONCE_MAX);
  cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2) });
  // A part that comes too late changes nothing.
  if (half.next === undefined) throw new Error("there is more");
  expect(cluster.try(half.next).events).toEqual([]);
  const again = cluster.try({ ...command, connectionId: "whole" });
  expect(toldTo(agentId, again.effects)).toEqual(ids.map((id) => `run ${id}`));
  expect(cluster.framework(frameworkId).tasks.size).toBe(count);
});

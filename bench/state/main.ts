// How fast the state machine is on a large cluster: 10,000 agents and 200,000 tasks are set up, then tasks end and new
// ones start. Prints events per second of evolve alone (a follower), of decide + evolve + effectsOf (a leader), of
// packing, and what a snapshot costs, all in CPU time. No disk, no network.
import type { Resources } from "../../src/allocator/index.ts";
import { type AgentId, asId, asMillis, asTerm, type FrameworkId } from "../../src/kernel/ids.ts";
import { decodeEntry, type Entry, encodeEntry } from "../../src/state/codec.ts";
import type { Command, Context, TaskSpec } from "../../src/state/commands.ts";
import { decide } from "../../src/state/decide.ts";
import { effectsOf } from "../../src/state/effects-of.ts";
import type { Event } from "../../src/state/events.ts";
import { evolve } from "../../src/state/evolve.ts";
import type { ClusterState, Offer } from "../../src/state/model.ts";
import { createClusterState, decodeSnapshot, digest, encodeSnapshot } from "../../src/state/snapshot.ts";

const AGENTS = Number(process.argv[2] ?? 10_000);
const FRAMEWORKS = 10;
const TASKS_PER_AGENT = 20;
/** Tasks that end and are replaced, in the measured part; four events each. */
const CHURN = 60_000;
const EVENTS_PER_ENTRY = 500;

const context: Context = {
  now: asMillis(1_000_000),
  newClusterId: asId("bench"),
  settings: { frameworkReconnectMs: 60_000, agentReconnectMs: 75_000, offerTimeoutMs: null },
};

interface Leader {
  readonly state: ClusterState;
  readonly entries: Entry[];
  batch: Event[];
  effects: number;
}

function run(leader: Leader, command: Command): readonly Event[] {
  const decision = decide(leader.state, command, context);
  if (decision.kind === "rejected") throw new Error(decision.rejection.message);
  for (const event of decision.events) {
    evolve(leader.state, event, context.now);
    leader.effects += effectsOf(event, leader.state).length;
    leader.batch.push(event);
  }
  if (leader.batch.length >= EVENTS_PER_ENTRY) cut(leader);
  return decision.events;
}

function cut(leader: Leader): void {
  if (leader.batch.length > 0) leader.entries.push({ time: context.now, events: leader.batch });
  leader.batch = [];
}

function scalars(cpus: number, mem: number): Resources {
  return [
    { name: "cpus", meta: "", value: { kind: "scalar", millis: cpus } },
    { name: "mem", meta: "", value: { kind: "scalar", millis: mem } },
  ];
}

function task(id: string, agentId: AgentId): TaskSpec {
  const scalar = (name: string, value: number) => ({ name, type: "SCALAR", scalar: { value } });
  return {
    taskId: asId(id),
    name: id,
    agentId,
    resources: scalars(100, 32_000),
    executor: null,
    hasCommand: true,
    invalid: null,
    poisonsOperation: false,
    wire: {
      name: id,
      task_id: { value: id },
      agent_id: { value: agentId },
      resources: [scalar("cpus", 0.1), scalar("mem", 32)],
      command: { shell: true, value: "sleep 60; echo done", user: "nobody" },
    },
  };
}

function setUp(leader: Leader): void {
  run(leader, { kind: "lead", memberId: asId("m1"), term: asTerm(1) });
  for (let i = 0; i < FRAMEWORKS; i++) {
    const spec = {
      name: `f${i}`,
      user: "root",
      failoverTimeoutMs: 1e9,
      checkpoint: true,
      principal: null,
      roles: [asId<never>(`role-${i % 3}`)],
      capabilities: ["MULTI_ROLE", "PARTITION_AWARE"],
      wire: { name: `f${i}`, user: "root" },
    } as const;
    run(leader, { kind: "subscribe", frameworkId: null, spec, suppressedRoles: [], streamId: asId(`s${i}`) });
  }
  for (let i = 0; i < AGENTS; i++) {
    const resources = scalars(100 * TASKS_PER_AGENT, 32_000 * TASKS_PER_AGENT);
    const spec = {
      hostname: `h${i}`,
      port: 5051,
      resources,
      attributes: {},
      version: "1",
      wire: { hostname: `h${i}` },
    };
    run(leader, {
      kind: "register-agent",
      agentId: null,
      spec,
      connectionId: `c${i}`,
      tasks: [],
      executors: [],
    });
  }
}

let launched = 0;

function fill(leader: Leader, count: number): void {
  run(leader, { kind: "allocate" });
  for (const offer of [...leader.state.offers.values()] as readonly Offer[]) {
    const tasks = Array.from({ length: count }, () => task(`t${launched++}`, offer.agentId));
    const operations = [{ kind: "launch", operationId: null, tasks }] as const;
    run(leader, {
      kind: "accept",
      frameworkId: offer.frameworkId,
      offerIds: [offer.id],
      operations,
      refuseMs: 0,
    });
  }
}

function end(
  leader: Leader,
  frameworkId: FrameworkId,
  agentId: AgentId,
  taskId: never,
  number: number,
): void {
  const uuid = number.toString(16).padStart(32, "0");
  const wire = {
    task_id: { value: taskId },
    state: "TASK_FINISHED",
    source: "SOURCE_EXECUTOR",
    agent_id: { value: agentId },
    timestamp: 1,
    uuid: new Uint8Array(16),
  };
  const status = { state: "TASK_FINISHED", uuid, at: context.now, wire } as const;
  run(leader, { kind: "update-status", agentId, frameworkId, taskId, status, latestState: "TASK_FINISHED" });
  run(leader, { kind: "acknowledge", frameworkId, agentId, taskId, uuid });
}

function churn(leader: Leader): void {
  const running = [...leader.state.frameworks.values()].flatMap(({ tasks }) => [...tasks.values()]);
  const stride = Math.max(1, Math.floor(running.length / CHURN));
  let number = 0;
  for (let i = 0; i < running.length; i += stride) {
    const ending = running[i];
    if (ending !== undefined) end(leader, ending.frameworkId, ending.agentId, ending.id as never, ++number);
  }
  for (let round = 0; round < 3; round++) fill(leader, 2);
  cut(leader);
}

/** Seconds of CPU, the garbage collector's threads included: the same on a busy machine as on an idle one. */
function timed<Value>(work: () => Value): { readonly value: Value; readonly seconds: number } {
  const start = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(start);
  return { value, seconds: (user + system) / 1e6 };
}

function count(entries: readonly Entry[]): number {
  return entries.reduce((sum, { events }) => sum + events.length, 0);
}

function rate(what: string, events: number, seconds: number): void {
  const perSecond = Math.round(events / seconds).toLocaleString("en");
  console.log(
    `${what.padEnd(34)} ${perSecond.padStart(12)} events/s  (${events} in ${seconds.toFixed(2)} s)`,
  );
}

/** Runs in its own function, so that the leader's state is garbage when the follower is measured. */
function lead() {
  const leader: Leader = { state: createClusterState(), entries: [], batch: [], effects: 0 };
  setUp(leader);
  fill(leader, TASKS_PER_AGENT);
  cut(leader);
  const tasks = [...leader.state.frameworks.values()].reduce(
    (sum, framework) => sum + framework.tasks.size,
    0,
  );
  console.log(`${leader.state.agents.size} agents, ${tasks} tasks`);
  const snapshot = timed(() => encodeSnapshot(leader.state));
  leader.entries.length = 0;
  leader.effects = 0;
  const leading = timed(() => churn(leader));
  const events = count(leader.entries);
  rate("decide + evolve + effects (leader)", events, leading.seconds);
  const packed = timed(() => leader.entries.map(encodeEntry));
  rate("encode", events, packed.seconds);
  const bytes = packed.value.reduce((sum, { length }) => sum + length, 0);
  console.log(
    `${(bytes / events).toFixed(0)} bytes an event, ${(leader.effects / events).toFixed(2)} effects`,
  );
  return { snapshot, entries: packed.value, digest: digest(leader.state) };
}

function main(): void {
  const { snapshot, entries, digest: expected } = lead();
  const restored = timed(() => decodeSnapshot(snapshot.value));
  if (!restored.value.ok) throw new Error(restored.value.error.message);
  const follower = restored.value.value;
  let events = 0;
  let decoding = 0;
  let evolving = 0;
  for (const bytes of entries) {
    const decoded = timed(() => decodeEntry(bytes));
    if (!decoded.value.ok) throw new Error(decoded.value.error.message);
    const entry = decoded.value.value;
    events += entry.events.length;
    decoding += decoded.seconds;
    evolving += timed(() => {
      for (const event of entry.events) evolve(follower, event, entry.time);
    }).seconds;
  }
  rate("decode", events, decoding);
  rate("evolve (follower)", events, evolving);
  const megabytes = (snapshot.value.length / 1e6).toFixed(1);
  console.log(
    `snapshot ${megabytes} MB: packed in ${snapshot.seconds.toFixed(2)} s, read in ${restored.seconds.toFixed(2)} s`,
  );
  if (digest(follower) !== expected) throw new Error("leader and follower differ");
}

main();

// A leader without a log: commands are decided and carried out on its state, and the events are gathered into entries.
import type { Resources } from "../../src/allocator/index.ts";
import { encodeProtobuf } from "../../src/contract/codec.ts";
import { encodedTaskInfo } from "../../src/contract/encoded.ts";
import { messageTypes } from "../../src/contract/message-types.ts";
import { type AgentId, asId, asMillis, asTerm, type Millis, type TaskId } from "../../src/kernel/ids.ts";
import type { Entry } from "../../src/state/codec.ts";
import type { Command, Context, TaskSpec } from "../../src/state/commands.ts";
import { decide } from "../../src/state/decide.ts";
import { effectsOf } from "../../src/state/effects-of.ts";
import type { Event } from "../../src/state/events.ts";
import { evolve } from "../../src/state/evolve.ts";
import type { ClusterState, Offer, Task, TaskStateName } from "../../src/state/model.ts";
import { createClusterState } from "../../src/state/snapshot.ts";

const NOW: Millis = asMillis(1_000_000);

const context: Context = {
  now: NOW,
  newClusterId: asId("bench"),
  settings: { frameworkReconnectMs: 60_000, agentReconnectMs: 75_000 },
};

export interface LeaderOptions {
  readonly agents: number;
  readonly frameworks: number;
  /** Tasks for which an agent has room. */
  readonly tasksPerAgent: number;
  readonly eventsPerEntry: number;
  /** Called with each entry when it is full. */
  onEntry(entry: Entry): void;
}

export class Leader {
  readonly state: ClusterState = createClusterState();
  effects = 0;
  readonly #options: LeaderOptions;
  #batch: Event[] = [];
  #launched = 0;
  #updates = 0;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#setUp();
  }

  run(command: Command): void {
    const decision = decide(this.state, command, context);
    if (decision.kind === "rejected") throw new Error(decision.rejection.message);
    for (const event of decision.events) {
      evolve(this.state, event, NOW);
      this.effects += effectsOf(event, this.state).length;
      this.#batch.push(event);
    }
    if (this.#batch.length >= this.#options.eventsPerEntry) this.cut();
  }

  /** Ends the entry that is being gathered. */
  cut(): void {
    if (this.#batch.length > 0) this.#options.onEntry({ time: NOW, events: this.#batch });
    this.#batch = [];
  }

  /** Offers everything that is free, each command's offers in an entry of their own; `count` tasks are launched in each. */
  fill(count: number): void {
    for (let before = -1; this.state.offers.size > before; ) {
      before = this.state.offers.size;
      this.run({ kind: "allocate" });
      this.cut();
    }
    for (const offer of [...this.state.offers.values()]) this.accept(offer, count);
  }

  accept(offer: Offer, count: number): void {
    const tasks = Array.from({ length: count }, () => taskSpec(`t${this.#launched++}`, offer.agentId));
    const { frameworkId, id } = offer;
    const operations = [{ kind: "launch", operationId: null, tasks }] as const;
    this.run({ kind: "accept", frameworkId, offerIds: [id], operations, refuseMs: 0 });
  }

  /** A status of the task, and its acknowledgement. */
  update({ id, frameworkId, agentId }: Task, state: TaskStateName): void {
    const number = ++this.#updates;
    const uuid = number.toString(16).padStart(32, "0");
    const wire = encodedStatus(id, agentId, state, number);
    const status = { state, uuid, at: NOW, wire } as const;
    this.run({ kind: "update-status", agentId, frameworkId, taskId: id, status, latestState: state });
    this.run({ kind: "acknowledge", frameworkId, agentId, taskId: id, uuid });
  }

  tasks(): Task[] {
    return [...this.state.frameworks.values()].flatMap(({ tasks }) => [...tasks.values()]);
  }

  #setUp(): void {
    this.run({ kind: "lead", memberId: asId("m1"), term: asTerm(1) });
    for (let i = 0; i < this.#options.frameworks; i++) this.#subscribe(i);
    for (let i = 0; i < this.#options.agents; i++) this.#register(i);
    this.cut();
  }

  #subscribe(i: number): void {
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
    this.run({ kind: "subscribe", frameworkId: null, spec, suppressedRoles: [], streamId: asId(`s${i}`) });
  }

  #register(i: number): void {
    const room = this.#options.tasksPerAgent;
    const spec = {
      hostname: `h${i}`,
      port: 5051,
      resources: scalars(100 * room, 32_000 * room),
      attributes: {},
      version: "1",
      wire: { hostname: `h${i}` },
    };
    const nothing = { tasks: [], executors: [] };
    this.run({ kind: "register-agent", agentId: null, spec, connectionId: `c${i}`, ...nothing });
  }
}

function scalars(cpus: number, mem: number): Resources {
  return [
    { name: "cpus", meta: "", value: { kind: "scalar", millis: cpus } },
    { name: "mem", meta: "", value: { kind: "scalar", millis: mem } },
  ];
}

/** As agents send them. */
function encodedStatus(taskId: TaskId, agentId: AgentId, state: TaskStateName, number: number): Uint8Array {
  const uuid = new Uint8Array(16);
  new DataView(uuid.buffer).setUint32(12, number);
  return encodeProtobuf(messageTypes.TaskStatus, {
    task_id: { value: taskId },
    state,
    source: "SOURCE_EXECUTOR",
    agent_id: { value: agentId },
    timestamp: 1,
    uuid,
  });
}

function taskSpec(id: string, agentId: AgentId): TaskSpec {
  const scalar = (name: string, value: number) => ({ name, type: "SCALAR" as const, scalar: { value } });
  return {
    taskId: asId(id),
    name: id,
    agentId,
    resources: scalars(100, 32_000),
    executor: null,
    hasCommand: true,
    invalid: null,
    poisonsOperation: false,
    wire: encodedTaskInfo({
      name: id,
      task_id: { value: id },
      agent_id: { value: agentId },
      resources: [scalar("cpus", 0.1), scalar("mem", 32)],
      command: { shell: true, value: "sleep 60; echo done", user: "nobody" },
    }),
  };
}

// A small cluster for tests: commands in, effects out, every invariant checked on the way. It also keeps the log.
import type { Resources } from "../../../src/allocator/index.ts";
import {
  type AgentId,
  asId,
  asMillis,
  asTerm,
  type FrameworkId,
  type Millis,
  type OfferId,
  type StreamId,
  type TaskId,
} from "../../../src/kernel/ids.ts";
import { checkInvariants } from "../../../src/state/check-invariants.ts";
import { decodeEntry, type Entry, encodeEntry } from "../../../src/state/codec.ts";
import type { Command, Context, Operation, Settings, TaskSpec } from "../../../src/state/commands.ts";
import { type Decision, decide } from "../../../src/state/decide.ts";
import type { AgentMessage, Effect, FrameworkEvent } from "../../../src/state/effects.ts";
import { effectsOf } from "../../../src/state/effects-of.ts";
import type { Event } from "../../../src/state/events.ts";
import { evolve } from "../../../src/state/evolve.ts";
import type {
  AgentSpec,
  ClusterState,
  Framework,
  FrameworkSpec,
  Offer,
  Opaque,
  Task,
  TaskStateName,
  TaskStatus,
} from "../../../src/state/model.ts";
import { type Policy, policyOf } from "../../../src/state/policy.ts";
import { createClusterState } from "../../../src/state/snapshot.ts";

export const settings: Settings = {
  frameworkReconnectMs: 60_000,
  agentReconnectMs: 75_000,
};

export function scalars(amounts: Readonly<Record<string, number>>): Resources {
  return Object.entries(amounts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => ({
      name,
      meta: "",
      value: { kind: "scalar", millis: Math.round(amount * 1_000) },
    }));
}

export function frameworkSpec(parts: Partial<FrameworkSpec> = {}): FrameworkSpec {
  return {
    name: "test",
    user: "root",
    failoverTimeoutMs: 10_000,
    checkpoint: true,
    principal: null,
    roles: [asId("dev")],
    capabilities: ["MULTI_ROLE", "PARTITION_AWARE"],
    wire: { name: "test", user: "root", roles: ["dev"] },
    ...parts,
  };
}

export function agentSpec(
  resources: Resources = scalars({ cpus: 2, mem: 4096 }),
  hostname = "host",
): AgentSpec {
  return { hostname, port: 5051, resources, attributes: {}, version: "1", drains: true, wire: { hostname } };
}

/** Of an agent of that region. */
export function factsIn(region: string): NonNullable<AgentSpec["facts"]> {
  return { hostname: "host", region, zone: `${region}-1`, attributes: [] };
}

export interface TaskParts extends Partial<TaskSpec> {
  readonly cpus?: number;
}

export function taskSpec(id: string, agentId: AgentId, parts: TaskParts = {}): TaskSpec {
  const { cpus = 0.1, ...rest } = parts;
  return {
    taskId: asId(id),
    name: id,
    agentId,
    resources: scalars({ cpus, mem: 32 }),
    executor: null,
    hasCommand: parts.executor === undefined || parts.executor === null,
    invalid: null,
    poisonsOperation: false,
    wire: {
      name: id,
      task_id: { value: id },
      agent_id: { value: agentId },
      resources: [{ name: "cpus", type: "SCALAR", scalar: { value: cpus } }],
    },
    ...rest,
  };
}

export function customExecutor(id: string, cpus = 0.1, name = "golden"): NonNullable<TaskSpec["executor"]> {
  return { executorId: asId(id), resources: scalars({ cpus }), wire: { executor_id: { value: id }, name } };
}

export class Cluster {
  state: ClusterState = createClusterState();
  now = 1_000_000;
  readonly log: Entry[] = [];
  /** Called between decision and evolution. */
  onDecide: (decideAgain: () => Decision, first: Decision) => void = () => undefined;
  private streams = 0;
  private connections = 0;
  private uuids = 0;

  constructor() {
    this.do({ kind: "lead", memberId: asId("m1"), term: asTerm(1) });
  }

  context(over: Partial<Settings> = {}): Context {
    return { now: asMillis(this.now), newClusterId: asId("c"), settings: { ...settings, ...over } };
  }

  /** Decides and applies; gives the effects in order. Fails the test if the command is rejected. */
  do(command: Command, over: Partial<Settings> = {}): readonly Effect[] {
    const { decision, effects } = this.try(command, over);
    if (decision.kind === "rejected") throw new Error(`rejected: ${decision.rejection.message}`);
    return effects;
  }

  try(
    command: Command,
    over: Partial<Settings> = {},
  ): { decision: Decision; effects: readonly Effect[]; events: readonly Event[] } {
    const { decision, effects, events } = this.part(command, over);
    if (decision.kind === "rejected" || decision.next === undefined) return { decision, effects, events };
    const rest = this.try(decision.next, over);
    return {
      decision: rest.decision,
      effects: [...effects, ...rest.effects],
      events: [...events, ...rest.events],
    };
  }

  /** One entry of what may take several. */
  part(
    command: Command,
    over: Partial<Settings> = {},
  ): {
    decision: Decision;
    effects: readonly Effect[];
    events: readonly Event[];
    next?: Command | undefined;
  } {
    const context = this.context(over);
    const { now } = context;
    const decision = decide(this.state, command, context);
    this.onDecide(() => decide(this.state, command, context), decision);
    if (decision.kind === "rejected") return { decision, effects: [], events: [] };
    const effects: Effect[] = [];
    for (const event of decision.events) {
      evolve(this.state, event, now);
      effects.push(...effectsOf(event, this.state));
    }
    if (decision.events.length > 0) this.log.push({ time: now, events: decision.events });
    effects.push(...decision.effects);
    checkInvariants(this.state);
    return { decision, effects, events: decision.events, next: decision.next };
  }

  wait(ms: number): void {
    this.now += ms;
  }

  /** The log as another replica reads it. */
  entries(): readonly Entry[] {
    return this.log.map((entry) => {
      const decoded = decodeEntry(encodeEntry(entry));
      if (!decoded.ok) throw new Error(decoded.error.message);
      return decoded.value;
    });
  }

  subscribe(parts: Partial<FrameworkSpec> = {}, frameworkId: string | null = null): FrameworkId {
    const { decision } = this.try({
      kind: "subscribe",
      frameworkId: frameworkId === null ? null : asId(frameworkId),
      spec: frameworkSpec(parts),
      suppressedRoles: [],
      streamId: this.newStream(),
    });
    if (decision.kind === "rejected" || decision.reply?.kind !== "subscribed")
      throw new Error("not subscribed");
    return decision.reply.frameworkId;
  }

  newStream(): StreamId {
    this.streams += 1;
    return asId(`stream-${this.streams}`);
  }

  register(...what: Parameters<Cluster["tryRegister"]>) {
    const result = this.tryRegister(...what);
    if (result.decision.kind === "rejected") throw new Error(result.decision.rejection.message);
    if (result.decision.reply?.kind !== "registered") throw new Error("not registered");
    return { ...result, agentId: result.decision.reply.agentId };
  }

  tryRegister(
    resources?: Resources,
    tasks: readonly [FrameworkId, string, TaskStateName][] = [],
    agentId: AgentId | null = null,
    executors: readonly [FrameworkId, string][] = [],
    region: string | null = null,
    rack: string | null = null,
  ) {
    this.connections += 1;
    return this.try({
      kind: "register-agent",
      agentId,
      spec: {
        ...agentSpec(resources),
        ...(rack === null ? {} : { attributes: { rack } }),
        ...(region === null ? {} : { facts: factsIn(region) }),
      },
      connectionId: `connection-${this.connections}`,
      tasks: tasks.map(([frameworkId, taskId, state]) => ({ frameworkId, taskId: asId(taskId), state })),
      executors: executors.map(([frameworkId, executorId]) => ({
        frameworkId,
        executorId: asId(executorId),
      })),
    });
  }

  agent(resources?: Resources): AgentId {
    return this.register(resources).agentId;
  }

  /** As a master with these flags would say it; what is left out is as by default. */
  setPolicy(given: Partial<Policy>): void {
    this.do({ kind: "set-policy", policy: policyOf(given) });
  }

  loseAgent(agentId: AgentId): readonly Effect[] {
    const connection = this.state.agents.get(agentId)?.connection;
    if (connection?.kind !== "connected") throw new Error("it is not connected");
    return this.do({ kind: "disconnect-agent", agentId, connectionId: connection.connectionId });
  }

  loseFramework(frameworkId: FrameworkId): readonly Effect[] {
    const connection = this.state.frameworks.get(frameworkId)?.connection;
    if (connection?.kind !== "connected") throw new Error("it is not connected");
    return this.do({ kind: "disconnect-framework", frameworkId, streamId: connection.streamId });
  }

  allocate(): readonly Offer[] {
    const before = new Set(this.state.offers.keys());
    this.do({ kind: "allocate" });
    return [...this.state.offers.values()].filter((offer) => !before.has(offer.id));
  }

  offer(): Offer {
    const [offer] = this.allocate();
    if (offer === undefined) throw new Error("no offer");
    return offer;
  }

  accept(
    offers: readonly Pick<Offer, "id" | "frameworkId">[],
    tasks: readonly TaskSpec[],
    refuseMs = 0,
  ): readonly Effect[] {
    return this.acceptWith(offers, [{ kind: "launch", operationId: null, tasks }], refuseMs);
  }

  acceptWith(
    offers: readonly Pick<Offer, "id" | "frameworkId">[],
    operations: readonly Operation[],
    refuseMs = 0,
  ): readonly Effect[] {
    const [first] = offers;
    if (first === undefined) throw new Error("no offers");
    return this.do({
      kind: "accept",
      frameworkId: first.frameworkId,
      offerIds: offers.map(({ id }) => id),
      operations,
      refuseMs,
    });
  }

  decline(frameworkId: FrameworkId, offerIds: readonly OfferId[], refuseMs: number): readonly Effect[] {
    return this.do({ kind: "decline", frameworkId, offerIds, refuseMs });
  }

  /** Offers all, launches the tasks on the first offer. */
  launch(...ids: string[]): { readonly offer: Offer; readonly effects: readonly Effect[] } {
    const offer = this.offer();
    return {
      offer,
      effects: this.accept(
        [offer],
        ids.map((id) => taskSpec(id, offer.agentId)),
      ),
    };
  }

  status(
    frameworkId: FrameworkId,
    taskId: string,
    name: TaskStateName,
    latestState: TaskStateName = name,
    agentId?: AgentId,
    wire: Readonly<Record<string, unknown>> | Uint8Array = {},
  ): { readonly uuid: string; readonly effects: readonly Effect[] } {
    this.uuids += 1;
    const uuid = this.uuids.toString(16).padStart(32, "0");
    const effects = this.update(
      frameworkId,
      taskId,
      wire instanceof Uint8Array
        ? encodedStatusOf(name, uuid, this.now, wire, wire.subarray(1))
        : statusOf(name, uuid, this.now, wire),
      latestState,
      agentId,
    );
    return { uuid, effects };
  }

  update(
    frameworkId: FrameworkId,
    taskId: string,
    status: TaskStatus,
    latestState = status.state,
    agentId?: AgentId,
  ): readonly Effect[] {
    const on = agentId ?? this.task(frameworkId, taskId).agentId;
    return this.do({
      kind: "update-status",
      agentId: on,
      frameworkId,
      taskId: asId(taskId),
      status,
      latestState,
    });
  }

  acknowledge(frameworkId: FrameworkId, taskId: string, uuid: string): readonly Effect[] {
    const { agentId } = this.task(frameworkId, taskId);
    return this.do({ kind: "acknowledge", frameworkId, agentId, taskId: asId(taskId), uuid });
  }

  kill(frameworkId: FrameworkId, taskId: string, agentId: AgentId | null = null): readonly Effect[] {
    return this.do({ kind: "kill", frameworkId, taskId: asId(taskId), agentId, policy: null });
  }

  framework(frameworkId: FrameworkId): Framework {
    const framework = this.state.frameworks.get(frameworkId);
    if (framework === undefined) throw new Error(`no framework ${frameworkId}`);
    return framework;
  }

  task(frameworkId: FrameworkId, taskId: string): Task {
    const { tasks, unreachableTasks } = this.framework(frameworkId);
    const task = tasks.get(asId<TaskId>(taskId)) ?? unreachableTasks.get(asId<TaskId>(taskId));
    if (task === undefined) throw new Error(`no task ${taskId}`);
    return task;
  }
}

/** As agents send them: bytes, of which the state knows nothing, and data beside them. */
export function encodedStatusOf(
  name: TaskStateName,
  uuid: string | null,
  at: number,
  wire: Uint8Array,
  data?: Uint8Array,
): TaskStatus {
  return { state: name, uuid, at: asMillis(at), wire, ...(data === undefined ? {} : { data }) };
}

export function statusOf(
  name: TaskStateName,
  uuid: string | null,
  at: number,
  more: Readonly<Record<string, unknown>> = {},
): TaskStatus {
  return {
    state: name,
    uuid,
    at: asMillis(at) as Millis,
    wire: { state: name, source: "SOURCE_EXECUTOR", ...more },
  };
}

/** What the framework is sent. */
export function told(effects: readonly Effect[], frameworkId?: FrameworkId): readonly FrameworkEvent[] {
  return effects.flatMap((effect) =>
    effect.to === "framework" && (frameworkId === undefined || effect.frameworkId === frameworkId)
      ? [effect.event]
      : [],
  );
}

export function toldStates(effects: readonly Effect[], frameworkId?: FrameworkId): readonly TaskStateName[] {
  return told(effects, frameworkId).flatMap((event) => (event.kind === "update" ? [event.status.state] : []));
}

/** What agents are sent; without what each hears that never had a volume: that there is none. */
export function sent(effects: readonly Effect[]): readonly AgentMessage[] {
  return sentAtAll(effects).filter((message) => message.kind !== "volumes" || message.asOf > 0);
}

export function sentAtAll(effects: readonly Effect[]): readonly AgentMessage[] {
  return effects.flatMap((effect) => (effect.to === "agent" ? [effect.message] : []));
}

/** Of statuses that are not encoded. */
export function wires(effects: readonly Effect[]): readonly Opaque[] {
  return told(effects).flatMap((event) => {
    if (event.kind !== "update") return [];
    const { wire } = event.status;
    return typeof wire === "string" || wire instanceof Uint8Array ? [] : [wire];
  });
}

// What the leader sends because of an event, read from the state right after `evolve` applied that event.
import type { AgentId, FrameworkId } from "../kernel/ids.ts";
import type {
  AgentMessage,
  Effect,
  FrameworkEvent,
  FrameworkView,
  InverseOfferView,
  OfferView,
} from "./effects.ts";
import type {
  AgentRemoved,
  AgentReregistered,
  Corrections,
  Event,
  EventOf,
  ExecutorExited,
  FrameworkRemoved,
  FrameworkSubscribed,
  FrameworkUpdated,
  TaskLaunched,
} from "./events.ts";
import { agentOf, findTask, frameworkOf, isConnected } from "./lookups.ts";
import { plannedFor } from "./machines.ts";
import type { ClusterState, DrainConfig, Framework, Task, TaskStatus } from "./model.ts";
import { uuidOf } from "./operation-uuids.ts";
import { volumesIn } from "./volumes.ts";

const NONE: readonly Effect[] = Object.freeze([]);

type Derivations = {
  readonly [Kind in Event["kind"]]: (event: EventOf<Kind>, state: ClusterState) => readonly Effect[];
};

const derivations: Derivations = {
  ClusterFounded: nothing,
  LeaderElected: nothing,
  FrameworkSubscribed: subscribed,
  FrameworkUpdated: frameworkUpdated,
  FrameworkDisconnected: nothing,
  FrameworkRemoved: removed,
  FrameworkSuppressed: nothing,
  FrameworkRevived: nothing,
  AgentRegistered: newlyRegistered,
  AgentReregistered: reregistered,
  AgentDisconnected: nothing,
  AgentUnreachable: agentLost,
  AgentCorrected: (event, state) => corrections(state, event.agentId, event.corrections),
  AgentHistoryForgotten: () => NONE,
  AgentRemoved: agentRemoved,
  AgentDeactivated: nothing,
  AgentReactivated: ({ agentId }, state) => drainOrder(state, agentId, null),
  AgentDrainStarted: ({ agentId, config }, state) => drainOrder(state, agentId, config),
  AgentDrained: nothing,
  MaintenanceScheduled: nothing,
  MaintenanceStarted: nothing,
  MaintenanceStopped: nothing,
  InverseOffersMade: inverseOffersMade,
  InverseOffersAnswered: nothing,
  InverseOffersRescinded: ({ offers }, state) =>
    offers.flatMap(({ frameworkId, offerId }) =>
      toFramework(state, frameworkId, { kind: "rescind-inverse", offerId }),
    ),
  AgentResourcesConverted: resourcesConverted,
  OperationAcknowledged: nothing,
  OperationsTold: operationsTold,
  OffersMade: offersMade,
  OffersAccepted: nothing,
  OffersDeclined: nothing,
  OffersDiscarded: nothing,
  OffersRescinded: offersRescinded,
  TaskLaunched: launched,
  TaskRefused: (event, state) => toFramework(state, event.frameworkId, updateOf(event)),
  OperationRefused: operationRefused,
  TaskStatusUpdated: updated,
  TaskUnreachable: updated,
  TaskRecovered: updated,
  TaskStatusAcknowledged: acknowledged,
  TaskKillRequested: killRequested,
  ExecutorExited: executorExited,
  WeightsUpdated: nothing,
  QuotasUpdated: nothing,
  PolicyChanged: nothing,
  FiltersExpired: nothing,
  DigestRecorded: nothing,
};

/**
 * Effects in the order in which they are to be sent, each after its entry is committed. They hold copies or values that
 * never change, so the state may move on before that.
 */
export function effectsOf(event: Event, state: ClusterState): readonly Effect[] {
  const derive = derivations[event.kind] as (event: Event, state: ClusterState) => readonly Effect[];
  return derive(event, state);
}

function nothing(): readonly Effect[] {
  return NONE;
}

function offersRescinded(event: EventOf<"OffersRescinded">, state: ClusterState): readonly Effect[] {
  return event.offers.flatMap(({ frameworkId, offerId }) =>
    toFramework(state, frameworkId, { kind: "rescind", offerId }),
  );
}

function operationRefused(event: EventOf<"OperationRefused">, state: ClusterState): readonly Effect[] {
  const { frameworkId, operationId, message } = event;
  return toFramework(state, frameworkId, { kind: "operation-error", operationId, message });
}

/** The framework is told until it acknowledges it. */
function resourcesConverted(
  { agentId, consumed, converted, by }: EventOf<"AgentResourcesConverted">,
  state: ClusterState,
): readonly Effect[] {
  const touched = volumesIn(consumed).length + volumesIn(converted).length;
  const effects = touched === 0 ? [] : [...volumesOn(state, agentId)];
  if (by?.feedback !== undefined) effects.push(...operationFinished(state, by.feedback.number));
  return effects;
}

function operationsTold({ operations }: EventOf<"OperationsTold">, state: ClusterState): readonly Effect[] {
  return operations.flatMap(({ number }) => operationFinished(state, number));
}

function operationFinished(state: ClusterState, number: number): readonly Effect[] {
  const known = state.operations.get(number);
  if (known === undefined) return NONE;
  const { frameworkId, operationId, agentId } = known;
  const uuid = uuidOf("status", number);
  return toFramework(state, frameworkId, { kind: "operation-finished", operationId, agentId, uuid });
}

/** Also if there never were any: the agent may have some that this cluster has forgotten. */
function volumesOn(state: ClusterState, agentId: AgentId): readonly Effect[] {
  const { registeredAt, volumes = [], volumesAt: asOf = 0 } = agentOf(state, agentId);
  return toAgent(state, agentId, { kind: "volumes", agentId, registeredAt, asOf, volumes });
}

function acknowledged(event: EventOf<"TaskStatusAcknowledged">, state: ClusterState): readonly Effect[] {
  const { agentId, frameworkId, taskId, uuid } = event;
  return toAgent(state, agentId, { kind: "acknowledge", frameworkId, taskId, uuid });
}

function killRequested(event: EventOf<"TaskKillRequested">, state: ClusterState): readonly Effect[] {
  const { agentId, frameworkId, taskId, policy } = event;
  return toAgent(state, agentId, { kind: "kill", frameworkId, taskId, policy });
}

function executorExited(event: ExecutorExited, state: ClusterState): readonly Effect[] {
  const { agentId, executorId, waitStatus } = event;
  return toFramework(state, event.frameworkId, { kind: "failure", agentId, executorId, waitStatus });
}

function newlyRegistered(event: EventOf<"AgentRegistered">, state: ClusterState): readonly Effect[] {
  const { agentId } = event;
  const added: Effect = { to: "operators", event: { kind: "agent-added", agentId } };
  return [registered(event, state), added, ...corrections(state, agentId, event.corrections)];
}

/** The old stream ends first (SC02); after SUBSCRIBED come the updates that nobody has acknowledged. */
function subscribed(event: FrameworkSubscribed, state: ClusterState): readonly Effect[] {
  const framework = frameworkOf(state, event.frameworkId);
  const { streamId, replacedStreamId } = event;
  const isNew = framework.registeredAt === framework.reregisteredAt && replacedStreamId === null;
  const effects: Effect[] = [];
  if (replacedStreamId !== null && replacedStreamId !== streamId) {
    effects.push({ to: "stream", streamId: replacedStreamId, error: "Framework failed over" });
  }
  effects.push({ to: "framework", frameworkId: framework.id, event: { kind: "subscribed", streamId } });
  const kind = isNew ? "framework-added" : "framework-updated";
  effects.push({ to: "operators", event: { kind, frameworkId: framework.id, view: viewOf(framework) } });
  for (const task of [...framework.tasks.values(), ...framework.unreachableTasks.values()]) {
    if (task.unacknowledged === null) continue;
    const again = updateOf({ taskId: task.id, agentId: task.agentId, status: task.unacknowledged });
    effects.push({ to: "framework", frameworkId: framework.id, event: again });
  }
  for (const { number, frameworkId } of state.operations.values()) {
    if (frameworkId === framework.id) effects.push(...operationFinished(state, number));
  }
  return effects;
}

function frameworkUpdated({ frameworkId }: FrameworkUpdated, state: ClusterState): readonly Effect[] {
  const view = viewOf(frameworkOf(state, frameworkId));
  return [{ to: "operators", event: { kind: "framework-updated", frameworkId, view } }];
}

/** The stream ends without an event (recorded after TEARDOWN). */
function removed(event: FrameworkRemoved, state: ClusterState): readonly Effect[] {
  const { frameworkId, streamId, agentIds } = event;
  const effects: Effect[] = [];
  if (streamId !== null) effects.push({ to: "stream", streamId, error: null });
  for (const agentId of agentIds) {
    effects.push(...toAgent(state, agentId, { kind: "shutdown-framework", frameworkId }));
  }
  const framework = state.completedFrameworks.get(frameworkId);
  if (framework === undefined) return effects;
  const gone = { kind: "framework-removed", frameworkId, view: viewOf(framework) } as const;
  effects.push({ to: "operators", event: gone });
  return effects;
}

/** An agent that drains, or has drained, is told each time, for it may not have heard of it. */
function registered(
  { connectionId, agentId }: EventOf<"AgentRegistered"> | AgentReregistered,
  state: ClusterState,
): Effect {
  const drain = agentOf(state, agentId).deactivation?.drain ?? null;
  const { maxGraceNanos = null, markGone = false } = drain ?? {};
  const order = drain === null ? {} : { drain: { maxGraceNanos, markGone } };
  return { to: "connection", connectionId, message: { kind: "registered", agentId, ...order } };
}

/** One that does not know the word closes the connection on it. */
function drainOrder(state: ClusterState, agentId: AgentId, config: DrainConfig | null): readonly Effect[] {
  const { spec } = agentOf(state, agentId);
  return spec.drains === true ? toAgent(state, agentId, { kind: "drain", config }) : NONE;
}

function reregistered(event: AgentReregistered, state: ClusterState): readonly Effect[] {
  const { agentId, replacedConnectionId } = event;
  const effects: Effect[] = [];
  if (replacedConnectionId !== null) {
    effects.push({ to: "connection", connectionId: replacedConnectionId, message: { kind: "replaced" } });
  }
  effects.push(registered(event, state));
  if (event.wasUnreachable) effects.push({ to: "operators", event: { kind: "agent-added", agentId } });
  effects.push(...volumesOn(state, agentId), ...corrections(state, agentId, event.corrections));
  return effects;
}

function corrections(state: ClusterState, agentId: AgentId, told: Corrections): readonly Effect[] {
  const messages: AgentMessage[] = [];
  for (const frameworkId of told.shutdownFrameworks)
    messages.push({ kind: "shutdown-framework", frameworkId });
  for (const executor of told.shutdownExecutors) messages.push({ kind: "shutdown-executor", ...executor });
  for (const { frameworkId, taskId } of told.run) {
    const task = findTask(state, frameworkId, taskId);
    if (task !== undefined) messages.push(runOf(frameworkOf(state, frameworkId), task));
  }
  for (const { frameworkId, taskId } of told.kill) {
    const task = findTask(state, frameworkId, taskId);
    const policy = task?.agentId === agentId ? (task.kill?.policy ?? null) : null;
    messages.push({ kind: "kill", frameworkId, taskId, policy });
  }
  return messages.map((message): Effect => ({ to: "agent", agentId, message }));
}

function agentLost({ agentId }: EventOf<"AgentUnreachable">, state: ClusterState): readonly Effect[] {
  const removed: Effect = { to: "operators", event: { kind: "agent-removed", agentId } };
  return [...failures(agentId, state), removed];
}

/** Operators are not told of one that is gone (recorded). */
function agentRemoved(event: AgentRemoved, state: ClusterState): readonly Effect[] {
  const { agentId, cause, connectionId } = event;
  if (cause === "expired") return NONE;
  const effects: Effect[] = [];
  if (connectionId !== undefined) {
    const message =
      cause === "maintenance" ? "Operator initiated 'Machine DOWN'" : "Agent has been marked gone";
    effects.push({ to: "connection", connectionId, message: { kind: "shutdown", message } });
  }
  effects.push(...failures(agentId, state));
  if (cause !== "gone") effects.push({ to: "operators", event: { kind: "agent-removed", agentId } });
  return effects;
}

/** Every connected framework hears of it, whether it has tasks there or not (trap 11). */
function failures(agentId: AgentId, state: ClusterState): readonly Effect[] {
  const failure = { kind: "failure", agentId, executorId: null, waitStatus: null } as const;
  return [...state.frameworks.keys()].flatMap((frameworkId) => toFramework(state, frameworkId, failure));
}

/** One message for each framework. */
function inverseOffersMade({ offers }: EventOf<"InverseOffersMade">, state: ClusterState): readonly Effect[] {
  const views = new Map<FrameworkId, InverseOfferView[]>();
  for (const offer of offers) {
    const { spec: agent } = agentOf(state, offer.agentId);
    const unavailability = plannedFor(state, agent)?.unavailability;
    if (unavailability === undefined) continue;
    const others = views.get(offer.frameworkId) ?? [];
    others.push({ ...offer, agent, unavailability });
    views.set(offer.frameworkId, others);
  }
  return [...views].flatMap(([frameworkId, list]) =>
    toFramework(state, frameworkId, { kind: "inverse-offers", offers: list }),
  );
}

/** One message for each framework. */
function offersMade(event: EventOf<"OffersMade">, state: ClusterState): readonly Effect[] {
  const views = new Map<FrameworkId, OfferView[]>();
  for (const offer of event.offers) {
    const framework = frameworkOf(state, offer.frameworkId);
    const view: OfferView = {
      offer,
      agent: agentOf(state, offer.agentId).spec,
      executorIds: [...(framework.executors.get(offer.agentId)?.keys() ?? [])],
      multiRole: framework.spec.capabilities.includes("MULTI_ROLE"),
      unavailability: plannedFor(state, agentOf(state, offer.agentId).spec)?.unavailability ?? null,
    };
    const others = views.get(framework.id);
    if (others === undefined) views.set(framework.id, [view]);
    else others.push(view);
  }
  return [...views].flatMap(([frameworkId, offers]) =>
    toFramework(state, frameworkId, { kind: "offers", offers }),
  );
}

function launched(event: TaskLaunched, state: ClusterState): readonly Effect[] {
  const { frameworkId, taskId, agentId } = event;
  const task = findTask(state, frameworkId, taskId);
  if (task === undefined) return NONE;
  const { executorId, role, resources, wire, state: name } = task;
  const view = { agentId, executorId, role, resources, wire, state: name };
  const added: Effect = { to: "operators", event: { kind: "task-added", frameworkId, taskId, task: view } };
  return [...toAgent(state, agentId, runOf(frameworkOf(state, frameworkId), task)), added];
}

function updated(
  event: EventOf<"TaskStatusUpdated"> | EventOf<"TaskUnreachable"> | EventOf<"TaskRecovered">,
  state: ClusterState,
): readonly Effect[] {
  const { frameworkId, taskId, agentId, status } = event;
  const name = findTask(state, frameworkId, taskId)?.state ?? status.state;
  const told = { kind: "task-updated", frameworkId, taskId, agentId, status, state: name } as const;
  return [...toFramework(state, frameworkId, updateOf(event)), { to: "operators", event: told }];
}

function runOf(framework: Framework, task: Task): AgentMessage {
  const { wire, role } = task;
  return { kind: "run", frameworkId: framework.id, framework: framework.spec, task: wire, role };
}

function updateOf(
  event: Pick<EventOf<"TaskRefused">, "taskId" | "agentId"> & { status: TaskStatus },
): FrameworkEvent {
  return { kind: "update", status: event.status, taskId: event.taskId, agentId: event.agentId };
}

/** The master keeps nothing for a framework that is away (trap 4). */
function toFramework(
  state: ClusterState,
  frameworkId: FrameworkId,
  event: FrameworkEvent,
): readonly Effect[] {
  return isConnected(state.frameworks.get(frameworkId)) ? [{ to: "framework", frameworkId, event }] : NONE;
}

/** An agent that is away hears what matters when it registers again. */
function toAgent(state: ClusterState, agentId: AgentId, message: AgentMessage): readonly Effect[] {
  return isConnected(state.agents.get(agentId)) ? [{ to: "agent", agentId, message }] : NONE;
}

function viewOf(framework: Framework): FrameworkView {
  const { spec, connection, registeredAt, reregisteredAt, unregisteredAt } = framework;
  const suppressedRoles = [...framework.suppressedRoles];
  return { spec, connection, registeredAt, reregisteredAt, unregisteredAt, suppressedRoles };
}

// The only code that changes the cluster's state: one event at a time, in draft style, so that the same function works
// on the plain state and on an Immer draft of it (the debugger's). It decides nothing and reads no settings.
import { expireFilters, keepWaiting } from "../allocator/index.ts";
import { assert } from "../kernel/assert.ts";
import type { Millis } from "../kernel/ids.ts";
import type { Event, EventOf, LeaderElected } from "./events.ts";
import {
  agentCorrected,
  agentDisconnected,
  agentHistoryForgotten,
  agentRegistered,
  agentRemoved,
  agentReregistered,
  agentResourcesConverted,
  agentUnreachable,
  disconnectAgent,
  refreshRemote,
} from "./evolve/agents.ts";
import {
  agentDeactivated,
  agentDrained,
  agentDrainStarted,
  agentReactivated,
  maintenanceScheduled,
  maintenanceStarted,
  maintenanceStopped,
} from "./evolve/duty.ts";
import { executorExited } from "./evolve/executors.ts";
import {
  disconnect,
  frameworkDisconnected,
  frameworkRemoved,
  frameworkRevived,
  frameworkSubscribed,
  frameworkSuppressed,
  frameworkUpdated,
  refreshTerms,
} from "./evolve/frameworks.ts";
import {
  dropAllAsked,
  inverseOffersAnswered,
  inverseOffersMade,
  inverseOffersRescinded,
} from "./evolve/inverse-offers.ts";
import {
  offersAccepted,
  offersDeclined,
  offersDiscarded,
  offersMade,
  offersRescinded,
} from "./evolve/offers.ts";
import { operationAcknowledged, operationsTold } from "./evolve/operations.ts";
import { quotasUpdated } from "./evolve/quotas.ts";
import {
  taskKillRequested,
  taskLaunched,
  taskRecovered,
  taskStatusAcknowledged,
  taskStatusUpdated,
  taskUnreachable,
} from "./evolve/tasks.ts";
import { weightsUpdated } from "./evolve/weights.ts";
import { DIGESTS_MAX } from "./limits.ts";
import { after } from "./lookups.ts";
import type { ClusterState } from "./model.ts";
import { withChanges } from "./policy.ts";

type Reducers = {
  readonly [Kind in Event["kind"]]: (state: ClusterState, event: EventOf<Kind>, time: Millis) => void;
};

const reducers: Reducers = {
  ClusterFounded: clusterFounded,
  LeaderElected: leaderElected,
  FrameworkSubscribed: frameworkSubscribed,
  FrameworkUpdated: frameworkUpdated,
  FrameworkDisconnected: frameworkDisconnected,
  FrameworkRemoved: frameworkRemoved,
  FrameworkSuppressed: frameworkSuppressed,
  FrameworkRevived: frameworkRevived,
  AgentRegistered: agentRegistered,
  AgentReregistered: agentReregistered,
  AgentDisconnected: agentDisconnected,
  AgentUnreachable: agentUnreachable,
  AgentRemoved: agentRemoved,
  AgentCorrected: agentCorrected,
  AgentHistoryForgotten: agentHistoryForgotten,
  AgentDeactivated: agentDeactivated,
  AgentReactivated: agentReactivated,
  AgentDrainStarted: agentDrainStarted,
  AgentDrained: agentDrained,
  MaintenanceScheduled: maintenanceScheduled,
  MaintenanceStarted: maintenanceStarted,
  MaintenanceStopped: maintenanceStopped,
  InverseOffersMade: inverseOffersMade,
  InverseOffersAnswered: inverseOffersAnswered,
  InverseOffersRescinded: inverseOffersRescinded,
  AgentResourcesConverted: agentResourcesConverted,
  OperationAcknowledged: operationAcknowledged,
  OperationsTold: operationsTold,
  OffersMade: offersMade,
  OffersAccepted: offersAccepted,
  OffersDeclined: offersDeclined,
  OffersDiscarded: offersDiscarded,
  OffersRescinded: offersRescinded,
  TaskLaunched: taskLaunched,
  TaskRefused: nothing,
  OperationRefused: nothing,
  TaskStatusUpdated: taskStatusUpdated,
  TaskUnreachable: taskUnreachable,
  TaskRecovered: taskRecovered,
  TaskStatusAcknowledged: taskStatusAcknowledged,
  TaskKillRequested: taskKillRequested,
  ExecutorExited: executorExited,
  WeightsUpdated: weightsUpdated,
  QuotasUpdated: quotasUpdated,
  PolicyChanged: policyChanged,
  FiltersExpired: (state, event) => expireFilters(state.allocator, event.until),
  DigestRecorded: digestRecorded,
};

/**
 * Applies an event that was decided on this very state, or read from the log. An event that does not fit the state is
 * a bug or a damaged log: an InvariantError.
 * @param time the entry's; never before that of the entry before
 */
export function evolve(state: ClusterState, event: Event, time: Millis): void {
  assert(time >= state.time, "time goes backwards", { time, before: state.time });
  state.time = time;
  state.eventCount += 1;
  const reduce = reducers[event.kind] as (state: ClusterState, event: Event, time: Millis) => void;
  reduce(state, event, time);
}

function clusterFounded(state: ClusterState, event: EventOf<"ClusterFounded">): void {
  assert(state.clusterId === null, "a cluster is founded twice", { clusterId: event.clusterId });
  state.clusterId = event.clusterId;
}

function policyChanged(state: ClusterState, { changes }: EventOf<"PolicyChanged">, time: Millis): void {
  const before = state.policy.optimisticAfterMs !== null;
  state.policy = withChanges(state.policy, changes);
  const isOptimistic = state.policy.optimisticAfterMs !== null;
  if (isOptimistic !== before) keepWaiting(state.allocator, isOptimistic, time);
  if (changes.filterGpuResources !== undefined) refreshTerms(state);
}

/** It says only what a framework was told. */
function nothing(): void {}

function digestRecorded(state: ClusterState, { index, digest }: EventOf<"DigestRecorded">): void {
  state.digests.push({ index, digest });
  if (state.digests.length > DIGESTS_MAX) state.digests.shift();
}

/** Nobody is connected to a new leader. Frameworks, tasks, filters and suppression stay as they are. */
function leaderElected(state: ClusterState, event: LeaderElected, time: Millis): void {
  const { memberId, term, domain } = event;
  state.leader = { memberId, term, electedAt: time, ...(domain === undefined ? {} : { domain }) };
  refreshRemote(state);
  for (const framework of state.frameworks.values()) {
    const { connection, spec } = framework;
    const own =
      connection.kind === "disconnected" ? connection.deadline : after(time, spec.failoverTimeoutMs);
    disconnect(state, framework, time, Math.max(own, event.frameworkDeadline) as Millis);
  }
  dropAllAsked(state);
  for (const agent of state.agents.values()) {
    if (agent.connection.kind === "unreachable") continue;
    disconnectAgent(state, agent, time, event.agentDeadline);
  }
}

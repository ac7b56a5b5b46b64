// Agents in the state: registered, disconnected, unreachable, removed.
import {
  addAgent,
  availableOn,
  clearFiltersOfAgent,
  contains,
  equal,
  removeAgent,
  setAgentActive,
  setAgentRemote,
  updateAgent,
} from "../../allocator/index.ts";
import { assert } from "../../kernel/assert.ts";
import type { Millis } from "../../kernel/ids.ts";
import { conversionsAfter, totalOf } from "../agent-resources.ts";
import type { AgentReregistered, EventOf, ExecutorRef } from "../events.ts";
import { GONE_AGENTS_MAX } from "../limits.ts";
import { agentOf, frameworkOf, taskOf } from "../lookups.ts";
import { plannedFor } from "../machines.ts";
import type { Agent, AgentSpec, ClusterState } from "../model.ts";
import { firstPairs, keepNewest } from "../pairs.ts";
import { volumesAfter } from "../volumes.ts";
import { isOfferable } from "./duty.ts";
import { holdExecutors, letGoOfExecutors, removeExecutor } from "./executors.ts";
import { noteMachine } from "./inverse-offers.ts";
import { forgetOperations, keepFinished } from "./operations.ts";
import { complete } from "./tasks.ts";

export function agentRegistered(state: ClusterState, event: EventOf<"AgentRegistered">, time: Millis): void {
  assert(!state.agents.has(event.agentId), "an agent registers twice", { agentId: event.agentId });
  if (event.minted) state.minted.agents += 1;
  state.agents.set(event.agentId, {
    id: event.agentId,
    spec: event.spec,
    connection: { kind: "connected", connectionId: event.connectionId },
    registeredAt: time,
    reregisteredAt: null,
    tasks: new Map(),
    executors: new Map(),
    offers: new Map(),
  });
  addAgent(state.allocator, event.agentId, event.spec.resources);
  setAgentActive(state.allocator, event.agentId, true);
  setAgentRemote(state.allocator, event.agentId, isRemote(state, event.spec));
  noteMachine(state, agentOf(state, event.agentId), plannedFor(state, event.spec));
}

export function agentReregistered(state: ClusterState, event: AgentReregistered, time: Millis): void {
  const agent = agentOf(state, event.agentId);
  loseExecutors(state, agent, event.lostExecutors);
  const before = totalOf(agent);
  agent.spec = event.spec;
  agent.connection = { kind: "connected", connectionId: event.connectionId };
  agent.reregisteredAt = time;
  state.absentAgents.delete(agent.id);
  if (!equal(before, totalOf(agent))) updateAgent(state.allocator, agent.id, totalOf(agent));
  if (event.attributesChanged === true) clearFiltersOfAgent(state.allocator, agent.id);
  holdExecutors(state, agent);
  setAgentActive(state.allocator, agent.id, isOfferable(agent));
  setAgentRemote(state.allocator, agent.id, isRemote(state, event.spec));
  noteMachine(state, agent, plannedFor(state, agent.spec));
}

/** In another region than the leading master (AL18). An agent without a domain counts as local. */
export function isRemote({ leader }: ClusterState, { facts }: AgentSpec): boolean {
  const region = facts?.region ?? null;
  const own = leader?.domain?.region ?? null;
  return region !== null && own !== null && region !== own;
}

/** After a change of leader, which may be one of another region. */
export function refreshRemote(state: ClusterState): void {
  for (const { id, spec } of state.agents.values()) {
    setAgentRemote(state.allocator, id, isRemote(state, spec));
  }
}

export function agentCorrected(state: ClusterState, event: EventOf<"AgentCorrected">): void {
  loseExecutors(state, agentOf(state, event.agentId), event.lostExecutors);
}

function loseExecutors(state: ClusterState, agent: Agent, lost: readonly ExecutorRef[]): void {
  for (const { frameworkId, executorId } of lost) {
    removeExecutor(state, frameworkOf(state, frameworkId), agent.id, executorId);
  }
}

export function agentDisconnected(
  state: ClusterState,
  event: EventOf<"AgentDisconnected">,
  time: Millis,
): void {
  disconnectAgent(state, agentOf(state, event.agentId), time, event.deadline);
}

/** Its offers have been removed before. */
export function disconnectAgent(state: ClusterState, agent: Agent, time: Millis, deadline: Millis): void {
  const { connection } = agent;
  const since = connection.kind === "disconnected" ? connection.since : time;
  agent.connection = { kind: "disconnected", since, deadline };
  state.absentAgents.set(agent.id, deadline);
  setAgentActive(state.allocator, agent.id, false);
}

export function agentUnreachable(
  state: ClusterState,
  event: EventOf<"AgentUnreachable">,
  time: Millis,
): void {
  const agent = agentOf(state, event.agentId);
  letGoOfExecutors(state, agent);
  agent.connection = { kind: "unreachable", since: time };
  state.absentAgents.set(agent.id, event.expiry);
}

export function agentResourcesConverted(
  state: ClusterState,
  event: EventOf<"AgentResourcesConverted">,
): void {
  const { agentId, consumed, converted } = event;
  const agent = agentOf(state, agentId);
  assert(contains(availableOn(state.allocator, agentId), consumed), "what is converted is not free", {
    agentId,
  });
  const conversions = conversionsAfter(agent.conversions, consumed, converted);
  if (conversions === undefined) delete agent.conversions;
  else agent.conversions = conversions;
  const volumes = volumesAfter(agent.volumes, consumed, converted, state.eventCount);
  if (volumes !== undefined && volumes !== agent.volumes) {
    agent.volumes = volumes;
    agent.volumesAt = state.eventCount;
  }
  updateAgent(state.allocator, agentId, totalOf(agent));
  keepFinished(state, event);
}

export function agentHistoryForgotten(state: ClusterState, event: EventOf<"AgentHistoryForgotten">): void {
  forget(state, agentOf(state, event.agentId), event.tasks, event.executors);
}

function forget(state: ClusterState, agent: Agent, tasks: number, executors: number): void {
  for (const [frameworkId, taskId] of firstPairs(agent.tasks, tasks)) {
    complete(state, frameworkOf(state, frameworkId), taskOf(state, frameworkId, taskId));
  }
  for (const [frameworkId, executorId] of firstPairs(agent.executors, executors)) {
    removeExecutor(state, frameworkOf(state, frameworkId), agent.id, executorId);
  }
}

/** Offers and live tasks have ended before; what is left is history. */
export function agentRemoved(state: ClusterState, event: EventOf<"AgentRemoved">, time: Millis): void {
  const agent = agentOf(state, event.agentId);
  assert(agent.offers.size === 0, "an agent with offers is removed", { agentId: agent.id });
  forget(state, agent, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  removeAgent(state.allocator, agent.id);
  forgetOperations(state, { agentId: agent.id });
  state.agents.delete(agent.id);
  state.absentAgents.delete(agent.id);
  state.draining.delete(agent.id);
  state.maintenance.inverse.delete(agent.id);
  if (event.cause === "expired") return;
  state.goneAgents.set(agent.id, { at: time, cause: event.cause });
  keepNewest(state.goneAgents, GONE_AGENTS_MAX);
}

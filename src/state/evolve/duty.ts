// Whether agents are offered, as operators say, and what they plan for machines.
import { setAgentActive } from "../../allocator/index.ts";
import { assert, present } from "../../kernel/assert.ts";
import type { AgentId, Millis } from "../../kernel/ids.ts";
import type { EventOf } from "../events.ts";
import { agentOf, isConnected } from "../lookups.ts";
import { machineKey } from "../machines.ts";
import type { Agent, ClusterState, Deactivation, Machine } from "../model.ts";
import { noteMachines } from "./inverse-offers.ts";

/** The allocator may offer it: it is there, and no operator has taken it out. */
export function isOfferable(agent: Agent): boolean {
  return isConnected(agent) && agent.deactivation === undefined;
}

export function agentDeactivated(
  state: ClusterState,
  { agentId }: EventOf<"AgentDeactivated">,
  time: Millis,
): void {
  deactivate(state, agentId, { since: time, drain: null });
}

export function agentDrainStarted(
  state: ClusterState,
  { agentId, config }: EventOf<"AgentDrainStarted">,
  time: Millis,
): void {
  const { deactivation } = agentOf(state, agentId);
  const drain = { ...config, state: "draining", since: time } as const;
  deactivate(state, agentId, { since: deactivation?.since ?? time, drain });
  state.draining.set(agentId, true);
}

export function agentDrained(state: ClusterState, { agentId }: EventOf<"AgentDrained">): void {
  const agent = agentOf(state, agentId);
  const { deactivation } = agent;
  const drain = present(deactivation?.drain ?? undefined, "an agent is drained that was not draining");
  assert(agent.tasks.size === 0, "an agent with tasks is drained", { agentId });
  agent.deactivation = { since: deactivation?.since ?? drain.since, drain: { ...drain, state: "drained" } };
  state.draining.delete(agentId);
}

export function agentReactivated(state: ClusterState, { agentId }: EventOf<"AgentReactivated">): void {
  const agent = agentOf(state, agentId);
  state.draining.delete(agentId);
  delete agent.deactivation;
  setAgentActive(state.allocator, agentId, isOfferable(agent));
}

function deactivate(state: ClusterState, agentId: AgentId, deactivation: Deactivation): void {
  const agent = agentOf(state, agentId);
  assert(agent.offers.size === 0, "an agent with offers is deactivated", { agentId });
  agent.deactivation = deactivation;
  setAgentActive(state.allocator, agentId, false);
}

export function maintenanceScheduled(
  state: ClusterState,
  { windows }: EventOf<"MaintenanceScheduled">,
): void {
  const before = state.maintenance.machines;
  const machines = new Map<string, Machine>();
  for (const { machines: ids, unavailability } of windows) {
    for (const id of ids) {
      const key = machineKey(id);
      machines.set(key, { id, mode: before.get(key)?.mode ?? "draining", unavailability });
    }
  }
  state.maintenance.windows = windows;
  state.maintenance.machines = machines;
  noteMachines(state, before);
}

export function maintenanceStarted(
  { maintenance: { machines } }: ClusterState,
  event: EventOf<"MaintenanceStarted">,
): void {
  for (const id of event.machines) {
    const key = machineKey(id);
    const machine = present(machines.get(key), "a machine goes down that is not in the schedule", { key });
    machines.set(key, { ...machine, mode: "down" });
  }
}

export function maintenanceStopped(state: ClusterState, event: EventOf<"MaintenanceStopped">): void {
  const { maintenance } = state;
  const before = new Map(maintenance.machines);
  const up = new Set(event.machines.map(machineKey));
  for (const key of up) maintenance.machines.delete(key);
  const windows = maintenance.windows.map(({ machines, unavailability }) => ({
    machines: machines.filter((id) => !up.has(machineKey(id))),
    unavailability,
  }));
  maintenance.windows = windows.filter(({ machines }) => machines.length > 0);
  noteMachines(state, before);
}

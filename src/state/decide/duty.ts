// Whether an agent is offered, as operators say (MO16, MN08), and the end of an agent (MO19), in the words of Mesos.
import type { AgentId, Millis } from "../../kernel/ids.ts";
import type { Command, Context, MarkAgentGone } from "../commands.ts";
import type { Event } from "../events.ts";
import { TASKS_AT_ONCE_MAX } from "../limits.ts";
import { agentOf } from "../lookups.ts";
import { machineText, plannedFor } from "../machines.ts";
import type { Agent, ClusterState, DrainConfig } from "../model.ts";
import { absence, endOf, type Farewell, rescission } from "./agent-end.ts";
import { accepted, type Decision, dropped, partly, rejected } from "./decision.ts";

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

const GONE: Farewell = { cause: "gone", message: "Agent has been marked gone" };

/** Also one that is away, or deactivated already. */
export function decideDeactivate(state: ClusterState, agentId: AgentId): Decision {
  const agent = state.agents.get(agentId);
  if (agent === undefined) return rejected("agent-unknown", "Unknown agent");
  if (agent.deactivation !== undefined) return dropped();
  return accepted([...rescission(state, agent, "agent-deactivated"), { kind: "AgentDeactivated", agentId }]);
}

export function decideReactivate(state: ClusterState, agentId: AgentId): Decision {
  const deactivation = state.agents.get(agentId)?.deactivation;
  if (deactivation === undefined) return rejected("agent-not-so", "Agent is not deactivated");
  if (deactivation.drain?.state === "draining") {
    return rejected("agent-not-so", "Agent is still in the DRAINING state");
  }
  return accepted([{ kind: "AgentReactivated", agentId }]);
}

/**
 * Said again it takes the place of what was said before, also of a drain that is done. What an agent that is unreachable
 * is able to is not known: it is told when it comes back.
 */
export function decideDrain(
  state: ClusterState,
  { agentId, config }: CommandOf<"drain-agent">,
  { now }: Context,
): Decision {
  const agent = state.agents.get(agentId);
  if (agent === undefined) return rejected("agent-unknown", "Unknown agent");
  const fault = drainFault(state, agent);
  if (fault !== null) return rejected("agent-not-so", fault);
  return accepted([
    ...rescission(state, agent, "agent-deactivated"),
    { kind: "AgentDrainStarted", agentId, config },
    ...(isDrained(state, agent) ? endOfDrain(state, agent, config, now) : []),
  ]);
}

function drainFault(state: ClusterState, { id, spec, connection }: Agent): string | null {
  if (connection.kind === "unreachable") return null;
  const machine = plannedFor(state, spec);
  if (machine !== undefined) {
    return `Agent ${id} is part of a maintenance schedule under Machine ${machineText(machine.id)}`;
  }
  return spec.drains === true ? null : `Agent ${id} is not capable of draining`;
}

/** Drains that are done: nothing of any task is left. An agent that is unreachable may have more than is known. */
export function drainedEvents(state: ClusterState, now: Millis, room: number): readonly Event[] {
  const events: Event[] = [];
  for (const agentId of state.draining.keys()) {
    const agent = agentOf(state, agentId);
    if (!isDrained(state, agent)) continue;
    if (events.length >= room) break;
    const drain = agent.deactivation?.drain ?? null;
    if (drain !== null) events.push(...endOfDrain(state, agent, drain, now));
  }
  return events;
}

/** What was offered of the agent has been rescinded. */
function endOfDrain(
  state: ClusterState,
  agent: Agent,
  { markGone }: DrainConfig,
  now: Millis,
): readonly Event[] {
  if (!markGone) return [{ kind: "AgentDrained", agentId: agent.id }];
  const { events } = endOf(state, agent, GONE, connectionOf(agent), 0, now);
  return events.filter(({ kind }) => kind !== "OffersRescinded" && kind !== "InverseOffersRescinded");
}

export function hasDrained(state: ClusterState): boolean {
  for (const agentId of state.draining.keys()) {
    const agent = state.agents.get(agentId);
    if (agent !== undefined && isDrained(state, agent)) return true;
  }
  return false;
}

/** No task is left there, and no end of an operation that is not acknowledged (trap 34). */
function isDrained({ operations }: ClusterState, { id, tasks, connection }: Agent): boolean {
  if (tasks.size > 0 || connection.kind === "unreachable") return false;
  for (const { agentId } of operations.values()) if (agentId === id) return false;
  return true;
}

/** Its tasks are told, those that are unreachable too; it is shut down and must not come back. */
export function decideMarkGone(state: ClusterState, command: MarkAgentGone, context: Context): Decision {
  const { agentId, begun } = command;
  if (state.goneAgents.get(agentId)?.cause === "gone") return dropped();
  const agent = state.agents.get(agentId);
  if (agent === undefined) return rejected("agent-not-found", `Agent '${agentId}' not found`);
  const connectionId = begun === undefined ? connectionOf(agent) : begun.connectionId;
  const { events, isWhole } = endOf(state, agent, GONE, connectionId, TASKS_AT_ONCE_MAX, context.now);
  if (isWhole) return accepted(events);
  const away = absence(state, agent, connectionId ?? "", "agent-removed", context);
  return partly([...away, ...events], { ...command, begun: { connectionId } });
}

/** Null while it is away. */
export function connectionOf(agent: Agent): string | null {
  return agent.connection.kind === "connected" ? agent.connection.connectionId : null;
}

// Agents come, are silent for a while, and go.
import { equal, format, hasRoomFor } from "../../allocator/index.ts";
import type { AgentId, FrameworkId, Millis, TaskId } from "../../kernel/ids.ts";
import { totalWith } from "../agent-resources.ts";
import type { Command, Context, RegisterAgent } from "../commands.ts";
import type { Event } from "../events.ts";
import { AGENTS_MAX, ID_CHARACTERS_MAX, TASKS_AT_ONCE_MAX, UNREACHABLE_AGENT_MS_MAX } from "../limits.ts";
import { after, frameworkOf, taskOf } from "../lookups.ts";
import { isDown } from "../machines.ts";
import type { Agent, AgentSpec, ClusterState } from "../model.ts";
import { pairsOf, setPair } from "../pairs.ts";
import { isTerminal, orLost, refOf, sentState, statusOfTask } from "../statuses.ts";
import { leftOf, usesOf } from "../usage.ts";
import { absence, endOf, heldBy, historyForgotten, rescission } from "./agent-end.ts";
import { firstPart, withRest } from "./corrections.ts";
import { accepted, type Decision, dropped, partly, rejected } from "./decision.ts";
import { connectionOf } from "./duty.ts";
import { reunite } from "./reunite.ts";

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

/** An id that the cluster does not know is accepted, as Mesos does, unless the agent was told to go (trap 10). */
export function decideRegister(state: ClusterState, command: RegisterAgent, context: Context): Decision {
  const { agentId } = command;
  if (agentId !== null && state.goneAgents.has(agentId)) {
    return rejected("agent-gone", `Agent ${agentId} has been removed and must not come back`);
  }
  if (isDown(state, command.spec)) return rejected("machine-down", "Machine is `DOWN`");
  const fault = domainFault(state, command, context);
  if (fault !== null) return rejected("agent-not-admitted", fault);
  const known = agentId === null ? undefined : state.agents.get(agentId);
  if (known !== undefined) return reregister(state, command, known, context);
  const id = agentId ?? (`${state.clusterId}-S${state.minted.agents}` as AgentId);
  const refusal = admissionFault(state, id, command);
  if (refusal !== null) return rejected("agent-refused", refusal);
  const { first, rest } = firstPart(reunite(state, null, command, context.now));
  const { spec, connectionId } = command;
  const { corrections } = first;
  const minted = agentId === null;
  const event: Event = { kind: "AgentRegistered", agentId: id, minted, spec, connectionId, corrections };
  return withRest([event], id, connectionId, rest);
}

/** A leader without a domain cannot tell whether an agent with one is remote (RV14). */
function domainFault(
  { leader }: ClusterState,
  { spec: { hostname, facts } }: RegisterAgent,
  { settings }: Context,
): string | null {
  const region = facts?.region ?? null;
  if (region !== null && leader?.domain === undefined)
    return `Agent at ${hostname} has a domain (region ${region}), but the leading master has none: give every master --domain`;
  if (region === null && settings.requireAgentDomain === true)
    return `Agent at ${hostname} has no domain, and the masters require one (--require-agent-domain): give it --domain`;
  return null;
}

function admissionFault(state: ClusterState, id: AgentId, { spec }: RegisterAgent): string | null {
  if (id.length === 0 || id.length > ID_CHARACTERS_MAX)
    return `An agent id has 1 to ${ID_CHARACTERS_MAX} characters`;
  if (state.agents.size >= AGENTS_MAX) return `The cluster has ${AGENTS_MAX} agents`;
  return hasRoomFor(state.allocator, spec.resources) ? null : "The cluster cannot count so many resources";
}

/**
 * With very many tasks it counts as disconnected until most of them are taken back or given up, in entries before the one
 * by which it is registered. If leadership is lost there, its deadline ends what is half done.
 */
function reregister(state: ClusterState, command: RegisterAgent, agent: Agent, context: Context): Decision {
  const { spec, connectionId } = command;
  if (!equal(spec.resources, agent.spec.resources)) {
    const fault = changeFault(state, agent, command);
    if (fault !== null) return rejected("agent-refused", fault);
  }
  const { events, ...aftermath } = reunite(state, agent, command, context.now);
  const { connection } = agent;
  const { wasUnreachable, replacedConnectionId } = command.begun ?? {
    wasUnreachable: connection.kind === "unreachable",
    replacedConnectionId: connection.kind === "connected" ? connection.connectionId : null,
  };
  if (events.length > TASKS_AT_ONCE_MAX) {
    return partly(
      [
        ...absence(state, agent, connectionId, "agent-changed", context),
        ...events.slice(0, TASKS_AT_ONCE_MAX),
      ],
      { ...command, begun: { wasUnreachable, replacedConnectionId } },
    );
  }
  const { first, rest } = firstPart(aftermath);
  const back: Event = {
    kind: "AgentReregistered",
    agentId: agent.id,
    spec,
    connectionId,
    replacedConnectionId: replacedConnectionId === connectionId ? null : replacedConnectionId,
    wasUnreachable,
    ...(hasSameAttributes(agent.spec, spec) ? {} : { attributesChanged: true }),
    ...first,
  };
  return withRest(
    [...rescission(state, agent, "agent-changed"), back, ...events],
    agent.id,
    connectionId,
    rest,
  );
}

function hasSameAttributes(before: AgentSpec, after: AgentSpec): boolean {
  const names = Object.keys(before.attributes);
  if (names.length !== Object.keys(after.attributes).length) return false;
  return names.every((name) => before.attributes[name] === after.attributes[name]);
}

/** An agent may come back with other resources if what runs on it and what is reserved on it still fits. */
function changeFault(
  state: ClusterState,
  agent: Agent,
  { spec: { resources }, tasks }: RegisterAgent,
): string | null {
  const total = totalWith(agent, resources);
  if (total === null) {
    return `Agent ${agent.id} came back with ${format(resources)}, which is less than what of it is reserved`;
  }
  const running = new Map<FrameworkId, Map<TaskId, true>>();
  for (const { frameworkId, taskId, state: name } of tasks) {
    if (!isTerminal(name)) setPair(running, frameworkId, taskId, true);
  }
  const runs = (frameworkId: FrameworkId, taskId: TaskId) => running.get(frameworkId)?.has(taskId) === true;
  if (leftOf(total, usesOf(state, agent, runs)) === null) {
    return `Agent ${agent.id} came back with ${format(resources)}, which is less than its tasks use`;
  }
  return hasRoomFor(state.allocator, total) ? null : "The cluster cannot count so many resources";
}

export function decideDisconnectAgent(
  state: ClusterState,
  { agentId, connectionId }: CommandOf<"disconnect-agent">,
  { now, settings }: Context,
): Decision {
  const agent = state.agents.get(agentId);
  if (agent?.connection.kind !== "connected" || agent.connection.connectionId !== connectionId)
    return dropped();
  const deadline = after(now, settings.agentReconnectMs);
  return accepted([
    ...rescission(state, agent, "agent-disconnected"),
    { kind: "AgentDisconnected", agentId, connectionId, deadline },
  ]);
}

/** Only with very many tasks are the offers rescinded first. */
export function decideUnregister(
  state: ClusterState,
  command: CommandOf<"unregister-agent">,
  context: Context,
): Decision {
  const agent = state.agents.get(command.agentId);
  if (agent === undefined) return dropped();
  const message = `Agent ${agent.spec.hostname} removed: the agent unregistered`;
  const farewell = { cause: "unregistered", message } as const;
  const { events, isWhole } = endOf(state, agent, farewell, null, TASKS_AT_ONCE_MAX, context.now);
  if (isWhole) return accepted(events);
  const connectionId = connectionOf(agent) ?? "";
  return partly([...absence(state, agent, connectionId, "agent-removed", context), ...events], command);
}

/**
 * Its deadline has passed: from disconnected to unreachable (MN01), from unreachable to forgotten. With more tasks than
 * there is room for it stays disconnected, or unreachable, and the next command goes on, a new leader's too if it does not
 * come back.
 * @param room events at most, and tasks and executors that one event ends
 */
export function agentExpiryEvents(
  state: ClusterState,
  agent: Agent,
  removedFrameworks: ReadonlySet<FrameworkId>,
  now: Millis,
  room: number,
): readonly Event[] {
  if (agent.connection.kind === "unreachable") {
    return heldBy(agent) <= room
      ? [{ kind: "AgentRemoved", agentId: agent.id, cause: "expired" }]
      : [historyForgotten(agent, room)];
  }
  const events: Event[] = [];
  for (const [frameworkId, taskId] of pairsOf(agent.tasks)) {
    if (removedFrameworks.has(frameworkId)) continue;
    const framework = frameworkOf(state, frameworkId);
    const task = taskOf(state, frameworkId, taskId);
    if (framework.unreachableTasks.has(taskId) || isTerminal(sentState(task))) continue;
    if (events.length >= room) return events;
    const parts = {
      state: orLost(framework, "TASK_UNREACHABLE"),
      reason: "AGENT_REMOVED",
      message: `Agent ${agent.spec.hostname} is unreachable: health check timed out`,
      unreachableSince: now,
    } as const;
    events.push({
      kind: "TaskUnreachable",
      ...refOf(framework, task),
      status: statusOfTask(task, parts, now),
    });
  }
  events.push({ kind: "AgentUnreachable", agentId: agent.id, expiry: after(now, UNREACHABLE_AGENT_MS_MAX) });
  return events;
}

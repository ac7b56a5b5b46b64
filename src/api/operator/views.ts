// Frameworks, agents, tasks and executors as the operator API shows them (MO06 to MO08).
import { taskInfoOf } from "../../contract/encoded.ts";
import type {
  AgentInfo,
  AgentInfoCapability,
  MasterResponseGetAgentsAgent as AgentView,
  DrainInfo,
  ExecutorInfo,
  FrameworkInfo,
  InverseOffer,
  MasterResponseGetExecutorsExecutor,
  MasterResponseGetFrameworksFramework,
  TaskInfo,
  Offer as WireOffer,
  Task as WireTask,
} from "../../contract/types.ts";
import type { AgentId, FrameworkId, TaskId } from "../../kernel/ids.ts";
import { totalOf } from "../../state/agent-resources.ts";
import type { FrameworkView, TaskView } from "../../state/effects.ts";
import { isOfferable } from "../../state/evolve/duty.ts";
import { plannedFor } from "../../state/machines.ts";
import type { Agent, AgentSpec, ClusterState, Executor, Framework, Offer, Task } from "../../state/model.ts";
import { ipv4Of } from "../convert/addresses.ts";
import { constraintsToWire } from "../convert/constraints.ts";
import { offerToWire } from "../convert/offers.ts";
import { resourcesToWire } from "../convert/resources.ts";
import { statusToWire } from "../convert/statuses.ts";
import { timeInfo } from "../convert/times.ts";
import { bytesOf } from "../convert/uuids.ts";
import { byRoleToWire, type Usage } from "./usage.ts";

/** What Tepui agents can do that Mesos has a name for (MN11), in its order: all but RESOURCE_PROVIDER. */
const AGENT_CAPABILITIES = [
  { type: "MULTI_ROLE" },
  { type: "HIERARCHICAL_ROLE" },
  { type: "RESERVATION_REFINEMENT" },
  { type: "RESIZE_VOLUME" },
  { type: "AGENT_OPERATION_FEEDBACK" },
  { type: "AGENT_DRAINING" },
  { type: "TASK_RESOURCE_LIMITS" },
] as const satisfies readonly AgentInfoCapability[];

/** One of an older version does not drain. */
export function agentCapabilities({ drains }: AgentSpec): readonly AgentInfoCapability[] {
  return AGENT_CAPABILITIES.filter(({ type }) => type !== "AGENT_DRAINING" || drains === true);
}

/** @param usage null in AGENT_ADDED, which shows none */
export function agentView(agent: Agent, usage: Usage | null): AgentView {
  const { spec } = agent;
  return {
    agent_info: agentInfo(spec, agent.id),
    active: isOfferable(agent),
    deactivated: agent.deactivation !== undefined,
    version: spec.version,
    pid: agentPid(spec),
    registered_time: timeInfo(agent.registeredAt),
    ...(agent.reregisteredAt === null ? {} : { reregistered_time: timeInfo(agent.reregisteredAt) }),
    total_resources: resourcesToWire(totalOf(agent), "both", null),
    ...(usage === null
      ? {}
      : {
          allocated_resources: byRoleToWire(usage.allocated),
          offered_resources: byRoleToWire(usage.offered),
        }),
    capabilities: agentCapabilities(spec),
    ...drainFields(agent),
  };
}

/** Since when it drains is told in whole seconds (recorded). */
function drainFields(agent: Agent): Pick<AgentView, "drain_info" | "estimated_drain_start_time"> {
  const drain_info = drainInfo(agent);
  const since = agent.deactivation?.drain?.since;
  if (drain_info === null || since === undefined) return {};
  const nanoseconds = BigInt(Math.floor(since / 1_000)) * 1_000_000_000n;
  return { drain_info, estimated_drain_start_time: { nanoseconds } };
}

/** Null for an agent that does not drain and has not drained. */
export function drainInfo({ deactivation }: Agent): DrainInfo | null {
  const drain = deactivation?.drain ?? null;
  if (drain === null) return null;
  const { maxGraceNanos, markGone } = drain;
  const grace = maxGraceNanos === null ? {} : { max_grace_period: { nanoseconds: maxGraceNanos } };
  const state = drain.state === "drained" ? "DRAINED" : "DRAINING";
  return { state, config: { ...grace, mark_gone: markGone } };
}

/** `slave(1)@10.0.0.7:5051` */
export function agentPid({ hostname, ip, port }: AgentSpec): string {
  return `slave(1)@${ip ?? ipv4Of(hostname) ?? hostname}:${port}`;
}

function agentInfo(spec: AgentSpec, id: AgentId): AgentInfo {
  const resources = resourcesToWire(spec.resources, "refined", null);
  return {
    ...(spec.wire as unknown as AgentInfo),
    hostname: spec.hostname,
    port: spec.port,
    resources,
    id: { value: id },
  };
}

export function frameworkInfo(spec: FrameworkView["spec"], id: FrameworkId): FrameworkInfo {
  return { ...(spec.wire as unknown as FrameworkInfo), id: { value: id } };
}

/** A framework in the lists. @param offers those outstanding @param inverse what it is asked */
export function frameworkView(
  framework: Framework,
  offers: readonly WireOffer[],
  inverse: readonly InverseOffer[],
  usage: Usage,
): MasterResponseGetFrameworksFramework {
  const { unregisteredAt } = framework;
  return {
    ...frameworkBasics(framework, framework.id),
    ...(unregisteredAt === null ? {} : { unregistered_time: timeInfo(unregisteredAt) }),
    offers,
    ...(inverse.length === 0 ? {} : { inverse_offers: inverse }),
    allocated_resources: byRoleToWire(usage.allocated),
    offered_resources: byRoleToWire(usage.offered),
    offer_constraints: constraintsToWire(framework.offerConstraints),
  };
}

/** A framework in an event, which writes 0 for a time that is not there. */
export function frameworkEventView(
  view: FrameworkView,
  id: FrameworkId,
): MasterResponseGetFrameworksFramework {
  return { ...frameworkBasics(view, id), unregistered_time: timeInfo(view.unregisteredAt ?? 0) };
}

function frameworkBasics(
  view: FrameworkView,
  id: FrameworkId,
): Omit<MasterResponseGetFrameworksFramework, "unregistered_time"> {
  const connected = view.connection.kind === "connected";
  return {
    framework_info: frameworkInfo(view.spec, id),
    active: connected,
    connected,
    recovered: false,
    registered_time: timeInfo(view.registeredAt),
    reregistered_time: timeInfo(view.reregisteredAt),
  };
}

/** The offer as its framework has it. */
export function offerView(offer: Offer, state: ClusterState): readonly WireOffer[] {
  const agent = state.agents.get(offer.agentId);
  const capabilities = state.frameworks.get(offer.frameworkId)?.spec.capabilities ?? [];
  if (agent === undefined) return [];
  const format = capabilities.includes("RESERVATION_REFINEMENT") ? "refined" : "plain";
  const multiRole = capabilities.includes("MULTI_ROLE");
  const unavailability = plannedFor(state, agent.spec)?.unavailability ?? null;
  return [offerToWire(offer, agent.spec, [], { format, multiRole, unavailability })];
}

export function taskView(task: Task): WireTask {
  const last = task.statuses.findLast(({ uuid }) => uuid !== null);
  return {
    ...taskBasics(task, task.frameworkId, task.id),
    statuses: task.statuses.map(statusToWire),
    ...(last?.uuid == null
      ? {}
      : { status_update_state: last.state, status_update_uuid: bytesOf(last.uuid) }),
  };
}

/** A task without its history, as TASK_ADDED shows it. */
export function taskBasics(task: TaskView, frameworkId: FrameworkId, taskId: TaskId): WireTask {
  const info = taskInfoOf(task.wire, task.role);
  const user = info.command?.user ?? info.executor?.command?.user;
  return {
    name: info.name,
    task_id: { value: taskId },
    framework_id: { value: frameworkId },
    ...(task.executorId === null ? {} : { executor_id: { value: task.executorId } }),
    agent_id: { value: task.agentId },
    state: task.state,
    resources: resourcesToWire(task.resources, "refined", task.role),
    ...(user === undefined ? {} : { user }),
    ...carried(info),
  };
}

type CarriedField = "labels" | "discovery" | "container" | "health_check" | "kill_policy" | "limits";
const CARRIED: readonly CarriedField[] = [
  "labels",
  "discovery",
  "container",
  "health_check",
  "kill_policy",
  "limits",
];

/** What a task shows of its TaskInfo unchanged. */
function carried(info: TaskInfo): Partial<Pick<TaskInfo, CarriedField>> {
  return Object.fromEntries(
    CARRIED.flatMap((field) => (info[field] === undefined ? [] : [[field, info[field]]])),
  );
}

export function executorView(
  executor: Executor,
  frameworkId: FrameworkId,
): MasterResponseGetExecutorsExecutor {
  const info = executor.wire as unknown as ExecutorInfo;
  return {
    executor_info: {
      ...info,
      framework_id: { value: frameworkId },
      resources: resourcesToWire(executor.resources, "refined", executor.role),
    },
    agent_id: { value: executor.agentId },
  };
}

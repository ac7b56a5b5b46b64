// GET /state: the whole cluster in the form that Mesos had before its v1 API, which web pages and scripts still read
// (list (g)). It says `slave` for agent; times are seconds, resources one object of numbers and texts.
import { format } from "../../allocator/resource-text.ts";
import { type Resources, scalarOf } from "../../allocator/resources.ts";
import { encodeJson } from "../../contract/codec.ts";
import { taskInfoOf } from "../../contract/encoded.ts";
import { messageTypes } from "../../contract/message-types.ts";
import type { MessageType } from "../../contract/schema.ts";
import type { FrameworkInfo, TaskInfo, TaskStatus as WireStatus } from "../../contract/types.ts";
import { totalOf as totalOfAgent } from "../../state/agent-resources.ts";
import { isOfferable } from "../../state/evolve/duty.ts";
import type { Agent, ClusterState, Framework, Offer, Task } from "../../state/model.ts";
import { MESOS_VERSION, masterInfo, masterPid, versionInfo } from "../advertised.ts";
import type { ApiContext } from "../context.ts";
import { constraintsToWire } from "../convert/constraints.ts";
import { agentParts } from "../convert/offers.ts";
import { resourcesToWire } from "../convert/resources.ts";
import { statusToWire } from "../convert/statuses.ts";
import { secondsOf } from "../convert/times.ts";
import { executorsOf, totalOf, type Usage, usageOf, usageOr } from "../operator/usage.ts";
import { agentCapabilities, agentPid, drainInfo } from "../operator/views.ts";

type Json = { readonly [field: string]: unknown };

export function legacyState(context: ApiContext): Json {
  const state = context.master.state();
  const usage = usageOf(state);
  const agents = [...state.agents.values()].filter(({ connection }) => connection.kind !== "unreachable");
  const active = agents.filter(isOfferable).length;
  const offers = offersByFramework(state);
  const framework = (each: Framework) =>
    frameworkOf(each, usageOr(usage.frameworks, each.id), offers.get(each.id) ?? []);
  return {
    ...aboutMaster(context, state),
    activated_slaves: active,
    deactivated_slaves: agents.length - active,
    unreachable_slaves: state.agents.size - agents.length,
    ...domainOf(context),
    ...aboutLeader(context),
    flags: context.flags,
    slaves: agents.map((agent) => agentOf(agent, usageOr(usage.agents, agent.id))),
    recovered_slaves: [],
    frameworks: [...state.frameworks.values()].map(framework),
    completed_frameworks: [...state.completedFrameworks.values()].map(framework),
    orphan_tasks: [],
    unregistered_frameworks: [],
  };
}

function aboutMaster(context: ApiContext, state: ClusterState): Json {
  const own = context.advertised();
  const { git_tag: _tag, ...version } = versionInfo(own);
  return {
    ...version,
    start_time: context.startedAt / 1_000,
    ...(state.leader === null ? {} : { elected_time: secondsOf(state.leader.electedAt) }),
    id: own.id,
    pid: masterPid(own),
    hostname: own.host,
    capabilities: (masterInfo(own).capabilities ?? []).map(({ type }) => type),
  };
}

function aboutLeader(context: ApiContext): Json {
  const own = context.advertised();
  const pid = masterPid(own);
  return {
    leader: pid,
    leader_info: { id: own.id, pid, port: own.port, hostname: own.host, ...domainOf(context) },
  };
}

/** Of the answering master, which leads. */
function domainOf(context: ApiContext): Json {
  const { domain } = masterInfo(context.advertised());
  return domain === undefined ? {} : { domain };
}

function drainFields(agent: Agent): Json {
  const info = drainInfo(agent);
  const since = agent.deactivation?.drain?.since;
  if (info === null || since === undefined) return {};
  return {
    ...part("drain_info", messageTypes.DrainInfo, info),
    estimated_drain_start_time_seconds: secondsOf(since),
  };
}

function agentOf(agent: Agent, usage: Usage): Json {
  const { id, spec, registeredAt, reregisteredAt } = agent;
  const total = totalOfAgent(agent);
  const { domain } = agentParts(spec);
  return {
    id,
    hostname: spec.hostname,
    port: spec.port,
    attributes: spec.attributes,
    ...(domain === undefined ? {} : { domain }),
    pid: agentPid(spec),
    registered_time: secondsOf(registeredAt),
    ...(reregisteredAt === null ? {} : { reregistered_time: secondsOf(reregisteredAt) }),
    resources: amounts(total),
    used_resources: amounts(totalOf(usage.allocated)),
    offered_resources: amounts(totalOf(usage.offered)),
    reserved_resources: reservedByRole(total),
    unreserved_resources: amounts(total.filter((each) => reservationRole(each) === null)),
    active: isOfferable(agent),
    deactivated: agent.deactivation !== undefined,
    version: spec.version || MESOS_VERSION,
    capabilities: agentCapabilities(spec).map(({ type }) => type),
    ...drainFields(agent),
  };
}

function frameworkOf(framework: Framework, usage: Usage, offers: readonly Json[]): Json {
  const { spec, id } = framework;
  const info = spec.wire as unknown as FrameworkInfo;
  const connected = framework.connection.kind === "connected";
  const used = totalOf(usage.allocated);
  const offered = totalOf(usage.offered);
  const multiRole = spec.capabilities.includes("MULTI_ROLE");
  return {
    id,
    name: spec.name,
    used_resources: amounts(used),
    offered_resources: amounts(offered),
    capabilities: spec.capabilities,
    hostname: info.hostname ?? "",
    webui_url: info.webui_url ?? "",
    active: connected,
    connected,
    recovered: false,
    user: spec.user,
    failover_timeout: spec.failoverTimeoutMs / 1_000,
    checkpoint: spec.checkpoint,
    registered_time: secondsOf(framework.registeredAt),
    ...(framework.reregisteredAt === framework.registeredAt
      ? {}
      : { reregistered_time: secondsOf(framework.reregisteredAt) }),
    unregistered_time: framework.unregisteredAt === null ? 0 : secondsOf(framework.unregisteredAt),
    ...(spec.principal === null ? {} : { principal: spec.principal }),
    resources: amounts([...usage.allocated.values(), ...usage.offered.values()].flat()),
    ...(multiRole ? { roles: spec.roles } : { role: spec.roles[0] ?? "*" }),
    ...tasksOf(framework),
    offers,
    executors: executorsJson(framework),
    ...(info.labels === undefined ? {} : { labels: info.labels.labels ?? [] }),
    ...part(
      "offer_constraints",
      messageTypes.SchedulerOfferConstraints,
      constraintsToWire(framework.offerConstraints),
    ),
  };
}

function tasksOf(framework: Framework): Json {
  return {
    tasks: [...framework.tasks.values()].map(taskOf),
    unreachable_tasks: [...framework.unreachableTasks.values()].map(taskOf),
    completed_tasks: framework.completedTasks.map(taskOf),
  };
}

function taskOf(task: Task): Json {
  const info = taskInfoOf(task.wire, task.role);
  return {
    id: task.id,
    name: info.name,
    framework_id: task.frameworkId,
    executor_id: task.executorId ?? "",
    slave_id: task.agentId,
    state: task.state,
    resources: amounts(task.resources),
    role: task.role,
    statuses: task.statuses.map((status) => statusOf(status.state, statusToWire(status))),
    ...(info.labels === undefined ? {} : { labels: info.labels.labels ?? [] }),
    ...part("discovery", messageTypes.DiscoveryInfo, info.discovery),
    ...part("container", messageTypes.ContainerInfo, info.container),
    ...part("health_check", messageTypes.HealthCheck, info.health_check),
    ...(info.limits === undefined ? {} : { limits: limitsOf(info.limits) }),
  };
}

function statusOf(state: string, status: WireStatus): Json {
  const { container_status, healthy, labels } = status;
  const { executor_pid: _pid, ...shown } = container_status ?? {};
  return {
    state,
    timestamp: status.timestamp ?? 0,
    ...(labels === undefined ? {} : { labels: labels.labels ?? [] }),
    ...part(
      "container_status",
      messageTypes.ContainerStatus,
      container_status === undefined ? undefined : shown,
    ),
    ...(healthy === undefined ? {} : { healthy }),
  };
}

function executorsJson(framework: Framework): readonly Json[] {
  return [...executorsOf(framework)].map(({ id, agentId, role, resources, wire }) => ({
    executor_id: id,
    name: typeof wire.name === "string" ? wire.name : "",
    framework_id: framework.id,
    slave_id: agentId,
    resources: amounts(resources),
    role,
    type: typeof wire.type === "string" ? wire.type : "CUSTOM",
  }));
}

function offersByFramework(state: ClusterState): ReadonlyMap<string, readonly Json[]> {
  const byFramework = new Map<string, Json[]>();
  for (const offer of state.offers.values()) {
    const listed = byFramework.get(offer.frameworkId) ?? [];
    listed.push(offerOf(offer));
    byFramework.set(offer.frameworkId, listed);
  }
  return byFramework;
}

function offerOf({ id, frameworkId, agentId, role, resources }: Offer): Json {
  return {
    id,
    framework_id: frameworkId,
    allocation_info: { role },
    slave_id: agentId,
    resources: amounts(resources),
  };
}

const ALWAYS_SHOWN = ["disk", "mem", "gpus", "cpus"] as const;

/** One number per scalar, whatever the reservation; ranges and sets as text. */
function amounts(resources: Resources): Json {
  const shown: Record<string, unknown> = {};
  for (const name of ALWAYS_SHOWN) shown[name] = scalarOf(resources, name) / 1_000;
  for (const { name, value } of resources) {
    if (value.kind === "scalar") shown[name] = scalarOf(resources, name) / 1_000;
    else shown[name] = spaced(format([{ name, meta: "", value }]).slice(name.length + 1));
  }
  return shown;
}

function spaced(list: string): string {
  return list.replaceAll(",", ", ");
}

function limitsOf(limits: NonNullable<TaskInfo["limits"]>): Json {
  return Object.fromEntries(
    Object.entries(limits).map(([name, { value }]) => [name, Number.isFinite(value) ? value : "Infinity"]),
  );
}

function reservedByRole(resources: Resources): Json {
  const byRole = new Map<string, Resources[number][]>();
  for (const resource of resources) {
    const role = reservationRole(resource);
    if (role !== null) byRole.set(role, [...(byRole.get(role) ?? []), resource]);
  }
  return Object.fromEntries([...byRole].map(([role, own]) => [role, amounts(own)]));
}

function reservationRole(resource: Resources[number]): string | null {
  if (resource.meta === "") return null;
  const [shown] = resourcesToWire([resource], "refined", null);
  return shown?.reservations?.at(-1)?.role ?? null;
}

/** A message under its name, as the v1 API would write it; nothing if there is none. */
function part<Message>(name: string, type: MessageType<Message>, message: Message | undefined): Json {
  return message === undefined ? {} : { [name]: JSON.parse(encodeJson(type, message)) as unknown };
}

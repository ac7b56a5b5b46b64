// The state of the cluster as the lists of the operator API: GET_STATE and its parts (MO05 to MO09).

import { add, NO_RESOURCES, type Resources } from "../../allocator/resources.ts";
import type {
  MasterResponseGetAgents,
  MasterResponseGetExecutors,
  MasterResponseGetFrameworks,
  MasterResponseGetRoles,
  MasterResponseGetState,
  MasterResponseGetTasks,
  Role,
  Offer as WireOffer,
} from "../../contract/types.ts";
import { compareText, type FrameworkId, type RoleName } from "../../kernel/ids.ts";
import type { ClusterState, Framework } from "../../state/model.ts";
import { resourcesToWire } from "../convert/resources.ts";
import { type ClusterUsage, executorsOf, usageOf, usageOr } from "./usage.ts";
import { agentView, executorView, frameworkView, offerView, taskView } from "./views.ts";

/** Every role weighs this until weights can be set. */
const WEIGHT_DEFAULT = 1;

export function getState(state: ClusterState): MasterResponseGetState {
  const usage = usageOf(state);
  return {
    get_tasks: getTasks(state),
    get_executors: getExecutors(state),
    get_frameworks: getFrameworks(state, usage),
    get_agents: getAgents(state, usage),
  };
}

export function getTasks(state: ClusterState): MasterResponseGetTasks {
  const live = [...state.frameworks.values()];
  const all = [...live, ...state.completedFrameworks.values()];
  return {
    tasks: live.flatMap(({ tasks }) => [...tasks.values()].map(taskView)),
    unreachable_tasks: live.flatMap(({ unreachableTasks }) => [...unreachableTasks.values()].map(taskView)),
    completed_tasks: all.flatMap(({ completedTasks }) => completedTasks.map(taskView)),
  };
}

export function getExecutors(state: ClusterState): MasterResponseGetExecutors {
  const executors = [...state.frameworks.values()].flatMap((framework) =>
    [...executorsOf(framework)].map((executor) => executorView(executor, framework.id)),
  );
  return { executors };
}

export function getFrameworks(
  state: ClusterState,
  usage: ClusterUsage = usageOf(state),
): MasterResponseGetFrameworks {
  const offers = offersByFramework(state);
  const view = (framework: Framework) =>
    frameworkView(framework, offers.get(framework.id) ?? [], usageOr(usage.frameworks, framework.id));
  return {
    frameworks: [...state.frameworks.values()].map(view),
    completed_frameworks: [...state.completedFrameworks.values()].map(view),
  };
}

function offersByFramework(state: ClusterState): ReadonlyMap<FrameworkId, readonly WireOffer[]> {
  const byFramework = new Map<FrameworkId, WireOffer[]>();
  for (const offer of state.offers.values()) {
    const listed = byFramework.get(offer.frameworkId) ?? [];
    listed.push(...offerView(offer, state));
    byFramework.set(offer.frameworkId, listed);
  }
  return byFramework;
}

export function getAgents(
  state: ClusterState,
  usage: ClusterUsage = usageOf(state),
): MasterResponseGetAgents {
  const agents = [...state.agents.values()]
    .filter(({ connection }) => connection.kind !== "unreachable")
    .map((agent) => agentView(agent, usageOr(usage.agents, agent.id)));
  return { agents, recovered_agents: [] };
}

/** Roles that a framework has, by name. Their resources are what is allocated and offered, as plain quantities. */
export function getRoles(state: ClusterState): MasterResponseGetRoles {
  const members = new Map<RoleName, FrameworkId[]>();
  for (const { id, spec } of state.frameworks.values()) {
    for (const role of spec.roles) members.set(role, [...(members.get(role) ?? []), id]);
  }
  const held = heldByRole(usageOf(state));
  const names = [...new Set([...members.keys(), ...held.keys()])].sort(compareText);
  return {
    roles: names.map((name) => roleView(name, members.get(name) ?? [], held.get(name) ?? NO_RESOURCES)),
  };
}

function roleView(name: RoleName, frameworks: readonly FrameworkId[], held: Resources): Role {
  const quantities = resourcesToWire(
    held.filter(({ value }) => value.kind === "scalar").map((each) => ({ ...each, meta: "" })),
    "refined",
    null,
  );
  return {
    name,
    weight: WEIGHT_DEFAULT,
    ...(frameworks.length === 0 ? {} : { frameworks: frameworks.map((value) => ({ value })) }),
    ...(quantities.length === 0 ? {} : { resources: quantities }),
  };
}

function heldByRole(usage: ClusterUsage): ReadonlyMap<RoleName, Resources> {
  const held = new Map<RoleName, Resources>();
  for (const { allocated, offered } of usage.frameworks.values()) {
    for (const [role, resources] of [...allocated, ...offered]) {
      held.set(role, add(held.get(role) ?? NO_RESOURCES, resources));
    }
  }
  return held;
}

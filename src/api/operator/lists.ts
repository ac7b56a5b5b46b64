// The state of the cluster as the lists of the operator API: GET_STATE and its parts (MO05 to MO09).

import { add } from "../../allocator/resources.ts";
import type {
  InverseOffer,
  MasterResponseGetAgents,
  MasterResponseGetExecutors,
  MasterResponseGetFrameworks,
  MasterResponseGetRoles,
  MasterResponseGetState,
  MasterResponseGetTasks,
  Role,
  Offer as WireOffer,
} from "../../contract/types.ts";
import type { FrameworkId } from "../../kernel/ids.ts";
import { plannedFor } from "../../state/machines.ts";
import type { ClusterState, Framework } from "../../state/model.ts";
import { pairsOf } from "../../state/pairs.ts";
import { inverseOfferToWire } from "../convert/offers.ts";
import { resourcesToWire } from "../convert/resources.ts";
import { type RoleFacts, rolesOf } from "./roles.ts";
import { type ClusterUsage, executorsOf, usageOf, usageOr } from "./usage.ts";
import { agentView, executorView, frameworkView, offerView, taskView } from "./views.ts";

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
  const inverse = inverseByFramework(state);
  const view = (framework: Framework) =>
    frameworkView(
      framework,
      offers.get(framework.id) ?? [],
      inverse.get(framework.id) ?? [],
      usageOr(usage.frameworks, framework.id),
    );
  return {
    frameworks: [...state.frameworks.values()].map(view),
    completed_frameworks: [...state.completedFrameworks.values()].map(view),
  };
}

function inverseByFramework(state: ClusterState): ReadonlyMap<FrameworkId, readonly InverseOffer[]> {
  const byFramework = new Map<FrameworkId, InverseOffer[]>();
  for (const [agentId, frameworkId, { offerId }] of pairsOf(state.maintenance.inverse)) {
    const agent = state.agents.get(agentId)?.spec;
    const unavailability = agent === undefined ? undefined : plannedFor(state, agent)?.unavailability;
    if (offerId === null || agent === undefined || unavailability === undefined) continue;
    const listed = byFramework.get(frameworkId) ?? [];
    listed.push(inverseOfferToWire({ offerId, frameworkId, agentId, agent, unavailability }));
    byFramework.set(frameworkId, listed);
  }
  return byFramework;
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

/** Their resources are what is allocated and offered, as plain quantities. */
export function getRoles(state: ClusterState): MasterResponseGetRoles {
  return { roles: rolesOf(state).map(roleView) };
}

function roleView({ name, weight, frameworks, allocated, offered }: RoleFacts): Role {
  const quantities = resourcesToWire(
    add(allocated, offered)
      .filter(({ value }) => value.kind === "scalar")
      .map((each) => ({ ...each, meta: "" })),
    "refined",
    null,
  );
  return {
    name,
    weight,
    ...(frameworks.length === 0 ? {} : { frameworks: frameworks.map((value) => ({ value })) }),
    ...(quantities.length === 0 ? {} : { resources: quantities }),
  };
}

// What must be true of the state after every event. Works it all out again from tasks, executors and offers, so it costs
// as much as the cluster is large: for tests and simulations, not for the way of a command.
import {
  add,
  checkAllocator,
  DEFAULT_WEIGHT_MILLIS,
  equal,
  exclusiveOf,
  NO_RESOURCES,
  QuotaPlan,
  type Resources,
} from "../allocator/index.ts";
import { assert } from "../kernel/assert.ts";
import type { AgentId, FrameworkId, RoleName } from "../kernel/ids.ts";
import { totalOf } from "./agent-resources.ts";
import { isRemote } from "./evolve/agents.ts";
import { isOfferable } from "./evolve/duty.ts";
import { executorsOn } from "./evolve/executors.ts";
import {
  AGENTS_MAX,
  COMPLETED_FRAMEWORKS_MAX,
  COMPLETED_TASKS_MAX,
  DIGESTS_MAX,
  FRAMEWORKS_MAX,
  GONE_AGENTS_MAX,
  INVERSE_OFFERS_KEPT_MAX,
  LISTED_ROLES_MAX,
  MACHINES_MAX,
  OPERATIONS_MAX,
  QUOTAS_MAX,
  STATUSES_MAX,
  UNREACHABLE_TASKS_MAX,
  WEIGHTS_MAX,
  WHITELIST_HOSTS_MAX,
} from "./limits.ts";
import { frameworkOf, isConnected } from "./lookups.ts";
import { isDown, machineKey, plannedFor } from "./machines.ts";
import type { Agent, ClusterState, Framework, Task } from "./model.ts";
import { countPairs, pairsOf } from "./pairs.ts";
import { DEFAULT_POLICY, policyChanges, withChanges } from "./policy.ts";
import { isTerminal } from "./statuses.ts";
import { leftOf, usesOf } from "./usage.ts";
import { keyOf, volumesIn } from "./volumes.ts";

/** @throws InvariantError that names the first thing that is not as it must be */
export function checkInvariants(state: ClusterState): void {
  checkBounds(state);
  for (const framework of state.frameworks.values()) checkFramework(state, framework);
  for (const framework of state.completedFrameworks.values()) checkCompleted(state, framework);
  for (const agent of state.agents.values()) checkAgent(state, agent);
  checkOffers(state);
  checkAllocator(state.allocator);
  checkWeights(state);
  checkOperations(state);
  checkPolicy(state);
  checkMaintenance(state);
  assert(new QuotaPlan(state.allocator, new Map()).problem() === null, "quotas do not fit into one another");
  assert(state.allocator.agents.size === state.agents.size, "the allocator knows other agents");
  assert(state.allocator.frameworks.size === state.frameworks.size, "the allocator knows other frameworks");
}

function checkBounds(state: ClusterState): void {
  const sizes: readonly (readonly [string, number, number])[] = [
    ["frameworks", state.frameworks.size, FRAMEWORKS_MAX],
    ["completed frameworks", state.completedFrameworks.size, COMPLETED_FRAMEWORKS_MAX],
    ["agents", state.agents.size, AGENTS_MAX],
    ["gone agents", state.goneAgents.size, GONE_AGENTS_MAX],
    ["digests", state.digests.length, DIGESTS_MAX],
    ["answers about agents", countPairs(state.maintenance.inverse), INVERSE_OFFERS_KEPT_MAX],
    ["machines", state.maintenance.machines.size, MACHINES_MAX],
    ["operations", state.operations.size, OPERATIONS_MAX],
    ["quotas", state.allocator.quotas.size, QUOTAS_MAX],
    ["weights", state.weights.size, WEIGHTS_MAX],
    ["listed roles", state.policy.listedRoles?.size ?? 0, LISTED_ROLES_MAX],
    ["whitelisted hosts", state.policy.whitelist?.size ?? 0, WHITELIST_HOSTS_MAX],
  ];
  for (const [what, size, max] of sizes) assert(size <= max, `more ${what} than allowed`, { size, max });
}

function checkOperations({ operations, frameworks, agents, eventCount }: ClusterState): void {
  for (const [key, { number, frameworkId, agentId }] of operations) {
    const facts = { number, frameworkId, agentId };
    assert(key === number && number < eventCount, "an operation has a number that is not its own", facts);
    assert(frameworks.has(frameworkId) && agents.has(agentId), "an operation of nobody is waited for", facts);
  }
}

function checkWeights({ weights, allocator }: ClusterState): void {
  for (const [role, weightMillis] of weights) {
    const counted = allocator.roles.get(role)?.weightMillis ?? DEFAULT_WEIGHT_MILLIS;
    assert(counted === weightMillis, "the allocator weighs otherwise", { role, counted, weightMillis });
  }
  for (const [role, { weightMillis }] of allocator.roles) {
    const isSet = weightMillis === DEFAULT_WEIGHT_MILLIS || weights.has(role);
    assert(isSet, "the allocator has a weight that nobody set", { role });
  }
}

function checkPolicy({ policy }: ClusterState): void {
  const names = Object.keys(policy);
  assert(names.join() === Object.keys(DEFAULT_POLICY).join(), "settings are missing or unknown", { names });
  const again = withChanges(DEFAULT_POLICY, policyChanges(DEFAULT_POLICY, policy));
  const lost = Object.keys(policyChanges(policy, again));
  assert(lost.length === 0, "settings are not as they would be restored", { lost });
  const hosts = [...(policy.whitelist ?? [])];
  assert(hosts.join() === [...hosts].sort().join(), "whitelisted hosts are not in their order");
}

/** Machines are those of the windows, each in one; no agent is offered of one that is down. */
function checkMaintenance(state: ClusterState): void {
  const { windows, machines } = state.maintenance;
  const listed = windows.flatMap(({ machines: ids, unavailability }) =>
    ids.map((id) => ({ key: machineKey(id), unavailability })),
  );
  assert(listed.length === machines.size, "a machine is in no window, or in two", { size: machines.size });
  for (const { key, unavailability } of listed) {
    const known = machines.get(key)?.unavailability;
    const isSame = known?.start === unavailability.start && known.duration === unavailability.duration;
    assert(isSame, "a machine is unavailable at another time than its window says", { key });
  }
  for (const id of state.draining.keys()) assert(state.agents.has(id), "an unknown agent drains", { id });
  for (const id of state.maintenance.inverse.keys())
    assert(state.agents.has(id), "frameworks are asked about an unknown agent", { id });
  for (const agent of state.agents.values()) {
    const { id, spec, offers } = agent;
    const asked = state.maintenance.inverse.get(id);
    assert((asked !== undefined) === (plannedFor(state, spec) !== undefined), "inverse is wrong", { id });
    for (const [frameworkId, { offerId }] of asked ?? []) {
      const isThere = isOfferable(agent) && isConnected(state.frameworks.get(frameworkId));
      assert(offerId === null || isThere, "who is not there is asked, or about whom", { id, frameworkId });
    }
    const isKeptAway = offers.size === 0 || !isDown(state, spec);
    assert(isKeptAway, "an agent on a machine that is down is offered", { id });
  }
}

function checkFramework(state: ClusterState, framework: Framework): void {
  const { id, connection } = framework;
  assert(connection.kind !== "completed", "a live framework is completed", { id });
  const deadline = connection.kind === "disconnected" ? connection.deadline : undefined;
  assert(state.absentFrameworks.get(id) === deadline, "absentFrameworks is wrong", { id });
  assert(isConnected(framework) || framework.offers.size === 0, "offers to an absent framework", { id });
  assert(!state.completedFrameworks.has(id), "a framework is live and completed", { id });
  const gpu = framework.spec.capabilities.includes("GPU_RESOURCES") || !state.policy.filterGpuResources;
  assert(state.allocator.frameworks.get(id)?.gpu === gpu, "who may have GPUs is not as the policy says", {
    id,
  });
  assert(framework.completedTasks.length <= COMPLETED_TASKS_MAX, "too many completed tasks", { id });
  assert(framework.unreachableTasks.size <= UNREACHABLE_TASKS_MAX, "too many unreachable tasks", { id });
  for (const task of framework.tasks.values()) checkTask(state, framework, task);
  for (const task of framework.unreachableTasks.values()) checkUnreachable(state, framework, task);
  for (const task of framework.completedTasks) checkHistory(task);
  for (const [agentId, executorId] of pairsOf(framework.executors)) {
    const indexed = state.agents.get(agentId)?.executors.get(id)?.has(executorId);
    assert(indexed === true, "an executor's agent does not know it", { id, agentId, executorId });
  }
}

function checkTask(state: ClusterState, framework: Framework, task: Task): void {
  const facts = { id: task.id, frameworkId: framework.id, state: task.state };
  assert(indexed(state, framework, task), "a task's agent does not know it", facts);
  assert(!framework.unreachableTasks.has(task.id), "a task is live and unreachable", facts);
  assert(task.holdsResources === !isTerminal(task.state), "resources held by an ended task, or not", facts);
  assert(task.statuses.length <= STATUSES_MAX, "too many statuses", facts);
  const kind = state.agents.get(task.agentId)?.connection.kind;
  assert(kind !== "unreachable" || isTerminal(task.state), "a live task on an unreachable agent", facts);
}

function checkUnreachable(state: ClusterState, framework: Framework, task: Task): void {
  const facts = { id: task.id, frameworkId: framework.id, state: task.state };
  const kind = state.agents.get(task.agentId)?.connection.kind;
  assert(indexed(state, framework, task), "an unreachable task's agent does not know it", facts);
  const away = kind === "unreachable" || kind === "disconnected";
  assert(away, "an unreachable task on an agent that is connected", { ...facts, kind });
  assert(!task.holdsResources, "an unreachable task holds resources", facts);
}

function indexed(state: ClusterState, framework: Framework, task: Task): boolean {
  return state.agents.get(task.agentId)?.tasks.get(framework.id)?.has(task.id) === true;
}

function checkHistory(task: Task): void {
  const facts = { id: task.id, state: task.state };
  assert(!task.holdsResources, "a completed task holds resources", facts);
  assert(task.unacknowledged === null, "a completed task waits for an acknowledgement", facts);
}

function checkCompleted(state: ClusterState, framework: Framework): void {
  const { id, tasks, unreachableTasks, executors, offers, connection } = framework;
  const left = tasks.size + unreachableTasks.size + executors.size + offers.size;
  assert(left === 0 && connection.kind === "completed", "a completed framework has something", { id, left });
  assert(!state.absentFrameworks.has(id), "a completed framework is waited for", { id });
}

function checkAgent(state: ClusterState, agent: Agent): void {
  const { id, connection } = agent;
  assert(!state.goneAgents.has(id), "an agent is here and gone", { id });
  assert(state.absentAgents.has(id) === (connection.kind !== "connected"), "absentAgents is wrong", { id });
  assert(isOfferable(agent) || agent.offers.size === 0, "an absent or inactive agent is offered", { id });
  const isActive = state.allocator.agents.get(id)?.active;
  assert(isActive === isOfferable(agent), "the allocator counts another agent as active", { id });
  const isDraining = agent.deactivation?.drain?.state === "draining";
  assert(state.draining.has(id) === isDraining, "draining is wrong", { id });
  for (const [frameworkId, taskId] of pairsOf(agent.tasks)) {
    const { tasks, unreachableTasks } = frameworkOf(state, frameworkId);
    const task = tasks.get(taskId) ?? unreachableTasks.get(taskId);
    assert(task?.agentId === id, "an agent knows a task that is not on it", { id, frameworkId, taskId });
  }
  checkVolumes(agent);
  const remote = state.allocator.agents.get(id)?.remote;
  assert(remote === isRemote(state, agent.spec), "remote follows from the regions", { id });
  checkHoldings(state, agent);
  checkOptimistic(state, agent);
}

/** Nothing is offered or used twice, and the allocator counts the same. */
/** What the agent is told of its volumes is what its resources say. */
function checkVolumes(agent: Agent): void {
  const { id, volumes = [] } = agent;
  const found = volumesIn(totalOf(agent)).map(keyOf).sort();
  assert(
    equalTexts(volumes.map(keyOf).sort(), found),
    "an agent's volumes are others than its resources say",
    {
      id,
      volumes,
      found,
    },
  );
  const { volumesAt = -1 } = agent;
  assert(
    volumes.every(({ since }) => since <= volumesAt),
    "a volume is newer than the last change of the agent's volumes",
    { id, volumes, volumesAt },
  );
}

function equalTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at]);
}

function checkHoldings(state: ClusterState, agent: Agent): void {
  const holdings = [...holdingsOn(state, agent)];
  const left = leftOf(
    totalOf(agent),
    holdings.map(({ resources }) => resources),
  );
  const total = state.allocator.agents.get(agent.id)?.total ?? NO_RESOURCES;
  assert(equal(total, totalOf(agent)), "the allocator counts other resources", { id: agent.id });
  assert(left !== null, "more is offered and used than the agent has", { id: agent.id });
  const byClient = new Map<string, Resources>();
  for (const { frameworkId, role, resources } of holdings) {
    const key = JSON.stringify([frameworkId, role]);
    byClient.set(key, add(byClient.get(key) ?? NO_RESOURCES, resources));
  }
  const counted = countedOn(state, agent.id);
  assert(counted.size === byClient.size, "the allocator counts other clients", { id: agent.id });
  for (const [key, resources] of byClient) {
    assert(equal(counted.get(key) ?? NO_RESOURCES, resources), "the allocator counts otherwise", { key });
  }
}

/**
 * What frameworks have of an agent by optimistic offers is used by nobody, and fits together with what the same framework
 * has by others: it may use them all in one call.
 */
function checkOptimistic(state: ClusterState, agent: Agent): void {
  const offers = [...agent.offers.keys()].flatMap((id) => state.offers.get(id) ?? []);
  const frameworkIds = new Set(offers.filter(({ optimistic }) => optimistic).map((each) => each.frameworkId));
  for (const frameworkId of frameworkIds) {
    const own = offers.filter((offer) => offer.frameworkId === frameworkId).map(({ resources }) => resources);
    const left = leftOf(totalOf(agent), [...usesOf(state, agent), ...own].map(exclusiveOf));
    assert(left !== null, "a framework is shown what it has or somebody uses", { id: agent.id, frameworkId });
  }
}

interface Holding {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
  readonly resources: Resources;
}

function* holdingsOn(state: ClusterState, agent: Agent): Generator<Holding> {
  for (const [frameworkId, taskId] of pairsOf(agent.tasks)) {
    const task = frameworkOf(state, frameworkId).tasks.get(taskId);
    if (task?.holdsResources === true) yield { frameworkId, role: task.role, resources: task.resources };
  }
  for (const [framework, { role, resources, holdsResources }] of executorsOn(state, agent)) {
    if (holdsResources && resources.length > 0) yield { frameworkId: framework.id, role, resources };
  }
  for (const offerId of agent.offers.keys()) {
    const offer = state.offers.get(offerId);
    assert(offer?.agentId === agent.id, "an agent knows an offer that is not of it", { offerId });
    if (offer.optimistic !== true) yield offer;
  }
}

function countedOn(state: ClusterState, agentId: AgentId): Map<string, Resources> {
  const { agents, clients } = state.allocator;
  const counted = new Map<string, Resources>();
  for (const [number, resources] of agents.get(agentId)?.allocations ?? []) {
    const client = clients.get(number);
    counted.set(JSON.stringify([client?.frameworkId, client?.role]), resources);
  }
  return counted;
}

function checkOffers(state: ClusterState): void {
  for (const { id, frameworkId, agentId } of state.offers.values()) {
    assert(state.frameworks.get(frameworkId)?.offers.has(id) === true, "an offer to nobody", { id });
    assert(state.agents.get(agentId)?.offers.has(id) === true, "an offer of nothing", { id });
  }
  const isOptimistic = state.policy.optimisticAfterMs !== null;
  for (const { live, frameworkId, waitsSince } of state.allocator.clients.values()) {
    const isRight = (waitsSince !== null) === (live && isOptimistic);
    assert(isRight, "who competes waits since some time", { frameworkId, waitsSince });
  }
}

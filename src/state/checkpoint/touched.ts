// Which parts of the state each kind of event changes: the counterpart of evolve, line by line. More than an event
// changes may be named here, never less; the tests carry every event of random histories out against it.
import type { AgentId, FrameworkId } from "../../kernel/ids.ts";
import type { Event, EventOf } from "../events.ts";
import { executorsOn } from "../evolve/executors.ts";
import { UNREACHABLE_TASKS_MAX } from "../limits.ts";
import { findExecutor, findTask } from "../lookups.ts";
import type { Framework, Offer, Task } from "../model.ts";
import { firstPairs } from "../pairs.ts";
import { isTerminal } from "../statuses.ts";
import type { Keeper } from "./keeper.ts";

type Touched = {
  readonly [Kind in Event["kind"]]: (keep: Keeper, event: EventOf<Kind>) => void;
};

const touched: Touched = {
  ClusterFounded: headOnly,
  LeaderElected: leaderElected,
  FrameworkSubscribed: (keep, { frameworkId, spec }) => {
    subscription(keep, frameworkId);
    keep.allocator.terms(frameworkId, spec.roles);
    keep.allocator.filtersOfFramework(frameworkId);
  },
  FrameworkUpdated: (keep, { frameworkId, spec }) => {
    subscription(keep, frameworkId);
    keep.allocator.terms(frameworkId, spec.roles);
    keep.allocator.filtersOfFramework(frameworkId);
  },
  FrameworkDisconnected: (keep, { frameworkId }) => {
    keep.allocator.filtersOfFramework(frameworkId);
    disconnected(keep, frameworkId);
  },
  FrameworkRemoved: (keep, { frameworkId }) => frameworkRemoved(keep, frameworkId),
  FrameworkSuppressed: (keep, { frameworkId }) => suppression(keep, frameworkId),
  FrameworkRevived: (keep, { frameworkId }) => {
    suppression(keep, frameworkId);
    keep.allocator.filtersOfFramework(frameworkId);
  },
  AgentRegistered: (keep, { agentId, spec }) => {
    keep.agents();
    keep.allocator.agents();
    keep.allocator.reserved(spec.resources);
    keep.allocator.agent(agentId);
  },
  AgentReregistered: (keep, event) => {
    for (const { frameworkId, executorId } of event.lostExecutors) {
      executorRemoved(keep, frameworkId, event.agentId, executorId);
    }
    agentChanged(keep, event.agentId);
    executorsChanged(keep, event.agentId);
    if (event.attributesChanged === true) keep.allocator.filtersOnAgent(event.agentId);
    keep.allocator.agents();
    keep.allocator.reserved(event.spec.resources);
  },
  AgentDisconnected: (keep, { agentId }) => agentChanged(keep, agentId),
  AgentUnreachable: (keep, { agentId }) => {
    executorsChanged(keep, agentId);
    agentChanged(keep, agentId);
  },
  AgentRemoved: (keep, { agentId }) => agentRemoved(keep, agentId),
  AgentCorrected: (keep, { agentId, lostExecutors }) => {
    for (const { frameworkId, executorId } of lostExecutors)
      executorRemoved(keep, frameworkId, agentId, executorId);
  },
  AgentHistoryForgotten: (keep, { agentId, tasks, executors }) =>
    historyForgotten(keep, agentId, tasks, executors),
  AgentDeactivated: (keep, { agentId }) => agentChanged(keep, agentId),
  AgentReactivated: (keep, { agentId }) => agentChanged(keep, agentId),
  AgentDrainStarted: (keep, { agentId }) => agentChanged(keep, agentId),
  AgentDrained: (keep, { agentId }) => agentChanged(keep, agentId),
  MaintenanceScheduled: headOnly,
  MaintenanceStarted: headOnly,
  MaintenanceStopped: headOnly,
  InverseOffersMade: headOnly,
  InverseOffersAnswered: headOnly,
  InverseOffersRescinded: headOnly,
  AgentResourcesConverted: (keep, { agentId, converted }) => {
    agentChanged(keep, agentId);
    keep.allocator.agents();
    keep.allocator.reserved(converted);
    keep.operations();
  },
  OperationAcknowledged: (keep) => keep.operations(),
  OperationsTold: (keep) => keep.operations(),
  OffersMade: (keep, { offers }) => {
    for (const offer of offers) keep.offer(offer);
  },
  OffersAccepted: (keep, event) => {
    offersRemoved(keep, event.offerIds);
    const { frameworkId, role, agentId, refuseUntil } = event;
    if (refuseUntil !== null) keep.allocator.filtersOfRole(frameworkId, role, agentId, refuseUntil);
  },
  OffersDeclined: (keep, { offerIds, refuseUntil }) => {
    for (const { frameworkId, role, agentId } of offersRemoved(keep, offerIds)) {
      if (refuseUntil !== null) keep.allocator.filtersOfRole(frameworkId, role, agentId, refuseUntil);
    }
  },
  OffersDiscarded: (keep, { offerIds }) => void offersRemoved(keep, offerIds),
  OffersRescinded: (keep, { offers, refuseUntil }) => {
    const offerIds = offers.map(({ offerId }) => offerId);
    for (const { frameworkId, role, agentId } of offersRemoved(keep, offerIds)) {
      if (refuseUntil !== undefined) keep.allocator.filtersOfRole(frameworkId, role, agentId, refuseUntil);
    }
  },
  TaskLaunched: (keep, { frameworkId, agentId, role, executor }) => {
    const framework = keep.state.frameworks.get(frameworkId);
    const agent = keep.state.agents.get(agentId);
    if (framework === undefined || agent === undefined) return;
    if (executor !== null && executor.starts !== null) keep.executors(framework, agent);
    keep.allocator.holding(frameworkId, role, agentId);
    keep.tasksOf(framework);
    keep.tasksOn(agent);
  },
  TaskRefused: headOnly,
  OperationRefused: headOnly,
  TaskStatusUpdated: (keep, { frameworkId, taskId, status, latestState }) => {
    taskChanged(keep, frameworkId, taskId, (framework, task) => {
      if (isTerminal(task.state) || isTerminal(latestState)) keep.released(task);
      if (status.uuid === null && isTerminal(status.state)) keep.completed(framework, task);
    });
  },
  TaskUnreachable: (keep, { frameworkId, taskId }) => {
    taskChanged(keep, frameworkId, taskId, (framework, task) => {
      keep.released(task);
      keep.tasksOf(framework);
      keep.unreachableTasksOf(framework);
      if (framework.unreachableTasks.size < UNREACHABLE_TASKS_MAX) return;
      for (const oldest of framework.unreachableTasks.values()) {
        keep.completed(framework, oldest);
        return;
      }
    });
  },
  TaskRecovered: (keep, { frameworkId, taskId }) => {
    taskChanged(keep, frameworkId, taskId, (framework, task) => {
      keep.released(task);
      keep.tasksOf(framework);
      keep.unreachableTasksOf(framework);
    });
  },
  TaskStatusAcknowledged: (keep, { frameworkId, taskId }) => {
    taskChanged(keep, frameworkId, taskId, (framework, task) => {
      const told = task.unacknowledged?.state;
      if (told !== undefined && isTerminal(told)) keep.completed(framework, task);
    });
  },
  TaskKillRequested: (keep, { frameworkId, taskId }) => taskChanged(keep, frameworkId, taskId),
  ExecutorExited: (keep, { frameworkId, agentId, executorId }) =>
    executorRemoved(keep, frameworkId, agentId, executorId),
  WeightsUpdated: (keep, { weights }) => {
    keep.weights();
    keep.allocator.policies(weights.map(({ role }) => role));
  },
  QuotasUpdated: (keep, { quotas }) => keep.allocator.policies(quotas.map(({ role }) => role)),
  PolicyChanged: policyChanged,
  FiltersExpired: (keep, { until }) => keep.allocator.expired(until),
  DigestRecorded: headOnly,
};

/** Keeps what the event is about to change in the state. */
export function keepTouched(keep: Keeper, event: Event): void {
  const table = touched[event.kind] as (keep: Keeper, event: Event) => void;
  table(keep, event);
}

/** The head of the state, and its policy, are read when the walk begins. */
function headOnly(): void {}

/** What every framework may have follows from it. */
function policyChanged(keep: Keeper, { changes }: EventOf<"PolicyChanged">): void {
  if (changes.optimisticAfterMs !== undefined) {
    for (const number of keep.state.allocator.clients.keys()) keep.allocator.client(number);
  }
  if (changes.filterGpuResources === undefined) return;
  for (const [frameworkId, { spec }] of keep.state.frameworks) keep.allocator.terms(frameworkId, spec.roles);
}

function leaderElected(keep: Keeper): void {
  for (const frameworkId of keep.state.frameworks.keys()) disconnected(keep, frameworkId);
  for (const agentId of keep.state.agents.keys()) agentChanged(keep, agentId);
}

function subscription(keep: Keeper, frameworkId: FrameworkId): void {
  keep.frameworks();
  keep.absentFrameworks();
  keep.offersOf(frameworkId);
  const framework = keep.state.frameworks.get(frameworkId);
  if (framework !== undefined) keep.framework(framework);
}

function disconnected(keep: Keeper, frameworkId: FrameworkId): void {
  keep.offersOf(frameworkId);
  keep.absentFrameworks();
  suppression(keep, frameworkId);
}

/** What the framework asks for: on, off, or in other roles. */
function suppression(keep: Keeper, frameworkId: FrameworkId): void {
  const framework = keep.state.frameworks.get(frameworkId);
  if (framework !== undefined) keep.framework(framework);
  keep.allocator.terms(frameworkId, []);
}

function frameworkRemoved(keep: Keeper, frameworkId: FrameworkId): void {
  subscription(keep, frameworkId);
  keep.allocator.terms(frameworkId, []);
  keep.allocator.filtersOfFramework(frameworkId);
  keep.operations();
  const framework = keep.state.frameworks.get(frameworkId);
  if (framework === undefined) return;
  for (const task of framework.tasks.values()) keep.completed(framework, task);
  for (const task of framework.unreachableTasks.values()) keep.completed(framework, task);
  for (const executors of framework.executors.values()) {
    for (const executor of executors.values()) {
      keep.executor(framework, executor);
      keep.executors(framework, keep.state.agents.get(executor.agentId));
    }
  }
}

function agentChanged(keep: Keeper, agentId: AgentId): void {
  const agent = keep.state.agents.get(agentId);
  if (agent !== undefined) keep.agent(agent);
  keep.absentAgents();
  keep.allocator.agent(agentId);
}

/** Executors of the agent hold their resources no more, or again. */
function executorsChanged(keep: Keeper, agentId: AgentId): void {
  const agent = keep.state.agents.get(agentId);
  if (agent === undefined) return;
  for (const [framework, executor] of executorsOn(keep.state, agent)) keep.executor(framework, executor);
}

function agentRemoved(keep: Keeper, agentId: AgentId): void {
  keep.agents();
  agentChanged(keep, agentId);
  if (!keep.state.agents.has(agentId)) return;
  historyForgotten(keep, agentId, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  keep.operations();
  keep.allocator.agentRemoved(agentId);
}

function historyForgotten(keep: Keeper, agentId: AgentId, tasks: number, executors: number): void {
  const agent = keep.state.agents.get(agentId);
  if (agent === undefined) return;
  for (const [frameworkId, taskId] of firstPairs(agent.tasks, tasks)) {
    const framework = keep.state.frameworks.get(frameworkId);
    const task = findTask(keep.state, frameworkId, taskId);
    if (framework !== undefined && task !== undefined) keep.completed(framework, task);
  }
  for (const [frameworkId, executorId] of firstPairs(agent.executors, executors))
    executorRemoved(keep, frameworkId, agentId, executorId);
}

function executorRemoved(
  keep: Keeper,
  frameworkId: FrameworkId,
  agentId: AgentId,
  executorId: EventOf<"ExecutorExited">["executorId"],
): void {
  const framework = keep.state.frameworks.get(frameworkId);
  if (framework === undefined) return;
  const executor = findExecutor(framework, agentId, executorId);
  if (executor !== undefined) keep.executor(framework, executor);
  keep.executors(framework, keep.state.agents.get(agentId));
}

/** @returns the offers, as far as they are known */
function offersRemoved(keep: Keeper, offerIds: readonly Offer["id"][]): readonly Offer[] {
  const offers: Offer[] = [];
  for (const offerId of offerIds) {
    const offer = keep.state.offers.get(offerId);
    if (offer === undefined) continue;
    keep.offer(offer);
    offers.push(offer);
  }
  return offers;
}

function taskChanged(
  keep: Keeper,
  frameworkId: FrameworkId,
  taskId: Task["id"],
  more?: (framework: Framework, task: Task) => void,
): void {
  const framework = keep.state.frameworks.get(frameworkId);
  const task = findTask(keep.state, frameworkId, taskId);
  if (framework === undefined || task === undefined) return;
  keep.task(framework, task);
  more?.(framework, task);
}

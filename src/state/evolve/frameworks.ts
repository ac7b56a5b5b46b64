// Frameworks in the state: subscribed, suppressed, disconnected, completed.
import {
  addFramework,
  beginWaiting as beginWaitingIn,
  clearFilters,
  type FrameworkTerms,
  removeFramework,
  revive,
  setFrameworkActive,
  suppress,
  updateFramework,
} from "../../allocator/index.ts";
import type { FrameworkId, Millis } from "../../kernel/ids.ts";
import type { EventOf, FrameworkRemoved, FrameworkSubscribed, FrameworkUpdated } from "../events.ts";
import { COMPLETED_FRAMEWORKS_MAX } from "../limits.ts";
import { frameworkOf } from "../lookups.ts";
import type { ClusterState, Framework, OfferConstraints } from "../model.ts";
import { keepNewest, pairsOf } from "../pairs.ts";
import { isTerminal, statusOfTask } from "../statuses.ts";
import { removeExecutor } from "./executors.ts";
import { askAnew, dropAsked, forgetAnswers } from "./inverse-offers.ts";
import { removeOffers } from "./offers.ts";
import { forgetOperations } from "./operations.ts";
import { complete, tell } from "./tasks.ts";

export function frameworkSubscribed(state: ClusterState, event: FrameworkSubscribed, time: Millis): void {
  if (event.minted) state.minted.frameworks += 1;
  const known = state.frameworks.get(event.frameworkId);
  if (known === undefined) addNew(state, event, time);
  else subscribeAgain(state, known, event, time);
  beginWaiting(state, event.frameworkId);
}

/** Filters stay but for those in roles that it has left (trap 19). */
export function frameworkUpdated(state: ClusterState, event: FrameworkUpdated): void {
  const framework = frameworkOf(state, event.frameworkId);
  framework.spec = event.spec;
  framework.suppressedRoles = [...event.suppressedRoles];
  constrain(framework, event.offerConstraints);
  updateFramework(state.allocator, framework.id, termsOf(state, event));
  beginWaiting(state, framework.id);
}

export function frameworkDisconnected(
  state: ClusterState,
  event: EventOf<"FrameworkDisconnected">,
  time: Millis,
): void {
  const framework = frameworkOf(state, event.frameworkId);
  clearFilters(state.allocator, framework.id, null);
  disconnect(state, framework, time, event.deadline);
}

/** Without its offers, and without new ones. Filters stay, for the leader may have changed and nothing else. */
export function disconnect(state: ClusterState, framework: Framework, time: Millis, deadline: Millis): void {
  removeOffers(state, framework.offers.keys());
  dropAsked(state, framework.id);
  const { connection } = framework;
  const since = connection.kind === "disconnected" ? connection.since : time;
  framework.connection = { kind: "disconnected", since, deadline };
  state.absentFrameworks.set(framework.id, deadline);
  setFrameworkActive(state.allocator, framework.id, false);
}

/** Its tasks end as killed without a word to anyone (trap 24). */
export function frameworkRemoved(state: ClusterState, event: FrameworkRemoved, time: Millis): void {
  const framework = frameworkOf(state, event.frameworkId);
  removeOffers(state, framework.offers.keys());
  for (const task of [...framework.tasks.values(), ...framework.unreachableTasks.values()]) {
    if (!isTerminal(task.state)) {
      task.state = "TASK_KILLED";
      const message = "Framework has been removed";
      tell(task, statusOfTask(task, { state: task.state, reason: "FRAMEWORK_REMOVED", message }, time));
    }
    complete(state, framework, task);
  }
  for (const [agentId, executorId] of [...pairsOf(framework.executors)]) {
    removeExecutor(state, framework, agentId, executorId);
  }
  removeFramework(state.allocator, framework.id);
  forgetAnswers(state, framework.id);
  forgetOperations(state, { frameworkId: framework.id });
  framework.connection = { kind: "completed", at: time };
  framework.unregisteredAt = time;
  state.absentFrameworks.delete(framework.id);
  state.frameworks.delete(framework.id);
  state.completedFrameworks.set(framework.id, framework);
  keepNewest(state.completedFrameworks, COMPLETED_FRAMEWORKS_MAX);
}

export function frameworkSuppressed(state: ClusterState, event: EventOf<"FrameworkSuppressed">): void {
  const framework = frameworkOf(state, event.frameworkId);
  const more = event.roles.filter((role) => !framework.suppressedRoles.includes(role));
  framework.suppressedRoles.push(...more);
  suppress(state.allocator, framework.id, event.roles);
}

export function frameworkRevived(state: ClusterState, event: EventOf<"FrameworkRevived">): void {
  const framework = frameworkOf(state, event.frameworkId);
  framework.suppressedRoles = framework.suppressedRoles.filter((role) => !event.roles.includes(role));
  for (const role of event.roles) clearFilters(state.allocator, framework.id, role);
  revive(state.allocator, framework.id, event.roles);
  askAnew(state, framework.id);
  beginWaiting(state, framework.id);
}

/** Those of its clients that have begun to compete. */
function beginWaiting(state: ClusterState, frameworkId: FrameworkId): void {
  if (state.policy.optimisticAfterMs !== null) beginWaitingIn(state.allocator, frameworkId, state.time);
}

function addNew(state: ClusterState, event: FrameworkSubscribed, time: Millis): void {
  state.frameworks.set(event.frameworkId, {
    id: event.frameworkId,
    spec: event.spec,
    connection: { kind: "connected", streamId: event.streamId },
    registeredAt: time,
    reregisteredAt: time,
    unregisteredAt: null,
    suppressedRoles: [...event.suppressedRoles],
    ...(event.offerConstraints === undefined ? {} : { offerConstraints: event.offerConstraints }),
    tasks: new Map(),
    unreachableTasks: new Map(),
    completedTasks: [],
    executors: new Map(),
    offers: new Map(),
  });
  addFramework(state.allocator, event.frameworkId, termsOf(state, event));
  setFrameworkActive(state.allocator, event.frameworkId, true);
}

/** The offers of the former stream are discarded, not rescinded (trap 20). */
function subscribeAgain(
  state: ClusterState,
  framework: Framework,
  event: FrameworkSubscribed,
  time: Millis,
): void {
  removeOffers(state, framework.offers.keys());
  dropAsked(state, framework.id);
  if (framework.connection.kind === "connected") clearFilters(state.allocator, framework.id, null);
  framework.spec = event.spec;
  framework.connection = { kind: "connected", streamId: event.streamId };
  framework.reregisteredAt = time;
  framework.suppressedRoles = [...event.suppressedRoles];
  constrain(framework, event.offerConstraints);
  state.absentFrameworks.delete(framework.id);
  updateFramework(state.allocator, framework.id, termsOf(state, event));
  setFrameworkActive(state.allocator, framework.id, true);
}

/** Equal ones stay the same object: what was worked out for them need not be worked out again. */
function constrain(framework: Framework, constraints: OfferConstraints | undefined): void {
  if (constraints === undefined) delete framework.offerConstraints;
  else if (JSON.stringify(framework.offerConstraints) !== JSON.stringify(constraints)) {
    framework.offerConstraints = constraints;
  }
}

/** After a change of the policy that they follow from. */
export function refreshTerms(state: ClusterState): void {
  for (const framework of state.frameworks.values()) {
    updateFramework(state.allocator, framework.id, termsOf(state, framework));
  }
}

/** Where GPUs are not withheld (AL15), every framework counts as one that is capable of them. */
function termsOf(
  { policy }: ClusterState,
  { spec, suppressedRoles }: Pick<FrameworkSubscribed, "spec" | "suppressedRoles">,
): FrameworkTerms {
  return {
    roles: spec.roles,
    suppressed: suppressedRoles,
    capabilities: {
      gpu: spec.capabilities.includes("GPU_RESOURCES") || !policy.filterGpuResources,
      regionAware: spec.capabilities.includes("REGION_AWARE"),
      refined: spec.capabilities.includes("RESERVATION_REFINEMENT"),
      revocable: spec.capabilities.includes("REVOCABLE_RESOURCES"),
      shared: spec.capabilities.includes("SHARED_RESOURCES"),
    },
  };
}

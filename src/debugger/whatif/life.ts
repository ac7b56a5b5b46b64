// How frameworks and agents come and go in a simulated cluster, by the events that were recorded. There the tasks and
// offers are others, so what has to end before an event does so here first. A framework that suppressed offers, or left,
// when it had started all that it wanted does so later if it is still waiting.
import { availableOn, contains } from "../../allocator/index.ts";
import type { FrameworkId, Millis, RoleName, TaskId } from "../../kernel/ids.ts";
import type { Event, EventOf } from "../../state/events.ts";
import { evolve } from "../../state/evolve.ts";
import { findTask, isConnected } from "../../state/lookups.ts";
import type { ClusterState, Offer, TaskStatus } from "../../state/model.ts";
import { isTerminal } from "../../state/statuses.ts";

type IsWaiting = (frameworkId: FrameworkId, role: RoleName) => boolean;

export class Life {
  readonly #state: ClusterState;
  readonly #isWaiting: IsWaiting;
  readonly #removals: Map<FrameworkId, EventOf<"FrameworkRemoved">> = new Map();
  readonly #suppressions: Map<FrameworkId, Set<RoleName>> = new Map();

  constructor(state: ClusterState, isWaiting: IsWaiting) {
    this.#state = state;
    this.#isWaiting = isWaiting;
  }

  apply(event: Event, now: Millis): void {
    if (!this.#isPossible(event)) return;
    if (event.kind === "FrameworkSuppressed") {
      const roles = this.#suppressions.get(event.frameworkId) ?? new Set();
      for (const role of event.roles) roles.add(role);
      this.#suppressions.set(event.frameworkId, roles);
      return;
    }
    if (event.kind === "FrameworkRemoved" && isConnected(this.#state.frameworks.get(event.frameworkId))) {
      this.#removals.set(event.frameworkId, event);
      return;
    }
    if (event.kind === "FrameworkRevived") {
      const roles = this.#suppressions.get(event.frameworkId);
      for (const role of event.roles) roles?.delete(role);
    }
    this.#makeWay(event, now);
    if (event.kind === "AgentResourcesConverted" && !this.#isFree(event)) return;
    if (event.kind === "AgentDrained" && !this.#isEmpty(event)) return;
    evolve(this.#state, this.#fitting(event), now);
  }

  /** What was put off until nothing waits any more. @returns whether a framework left */
  carryOutDeferred(now: Millis): boolean {
    let left = false;
    for (const [frameworkId, roles] of this.#suppressions) {
      const done = [...roles].filter((role) => !this.#isWaiting(frameworkId, role));
      for (const role of done) roles.delete(role);
      if (roles.size === 0) this.#suppressions.delete(frameworkId);
      if (done.length > 0 && this.#state.frameworks.has(frameworkId))
        evolve(this.#state, { kind: "FrameworkSuppressed", frameworkId, roles: done }, now);
    }
    for (const [frameworkId, event] of this.#removals) {
      if (this.#isBusy(frameworkId)) continue;
      this.#removals.delete(frameworkId);
      if (this.#state.frameworks.has(frameworkId)) evolve(this.#state, event, now);
      left = true;
    }
    return left;
  }

  endTask(frameworkId: FrameworkId, taskId: TaskId, now: Millis): void {
    const task = findTask(this.#state, frameworkId, taskId);
    if (task === undefined || !task.holdsResources) return;
    const status: TaskStatus = { state: "TASK_FINISHED", uuid: null, at: now, wire: {} };
    const { agentId } = task;
    const ended = { frameworkId, taskId, agentId, status, latestState: status.state };
    evolve(this.#state, { kind: "TaskStatusUpdated", ...ended }, now);
  }

  rescind(
    isMeant: (offer: Offer) => boolean,
    now: Millis,
    cause: "weights-updated" | "timeout" = "weights-updated",
  ): void {
    const meant = [...this.#state.offers.values()].filter(isMeant);
    if (meant.length === 0) return;
    const offers = meant.map(({ id, frameworkId }) => ({ frameworkId, offerId: id }));
    evolve(this.#state, { kind: "OffersRescinded", cause, offers }, now);
  }

  /** Whether the framework or the agent that it names is there. */
  #isPossible(event: Event): boolean {
    const { agents, frameworks } = this.#state;
    if (event.kind === "AgentRegistered") return !agents.has(event.agentId);
    if (event.kind === "FrameworkSubscribed") return !this.#state.completedFrameworks.has(event.frameworkId);
    if (event.kind === "ExecutorExited") {
      const executors = frameworks.get(event.frameworkId)?.executors.get(event.agentId);
      return executors?.has(event.executorId) ?? false;
    }
    if ("agentId" in event && !agents.has(event.agentId)) return false;
    if ("frameworkId" in event && !frameworks.has(event.frameworkId)) return false;
    return true;
  }

  #makeWay(event: Event, now: Millis): void {
    switch (event.kind) {
      case "AgentUnreachable":
      case "AgentRemoved":
      case "AgentDrained":
        this.rescind(({ agentId }) => agentId === event.agentId, now);
        for (const [frameworkId, taskIds] of [...(this.#state.agents.get(event.agentId)?.tasks ?? [])])
          for (const taskId of [...taskIds.keys()]) this.endTask(frameworkId, taskId, now);
        return;
      case "AgentDeactivated":
      case "AgentDrainStarted":
      case "AgentDisconnected":
      case "AgentReregistered":
      case "AgentResourcesConverted":
        this.rescind(({ agentId }) => agentId === event.agentId, now);
        return;
      case "FrameworkUpdated": {
        const { frameworkId, spec } = event;
        this.rescind((offer) => offer.frameworkId === frameworkId && !spec.roles.includes(offer.role), now);
        return;
      }
      case "WeightsUpdated":
      case "QuotasUpdated":
        this.rescind(() => true, now);
        return;
      default:
    }
  }

  /** Where a simulated task holds what was reserved in the recording, it stays as it is. */
  #isFree({ agentId, consumed }: EventOf<"AgentResourcesConverted">): boolean {
    return contains(availableOn(this.#state.allocator, agentId), consumed);
  }

  /** An end that was waiting for its acknowledgement when the recording begins stays so here: then it drains on. */
  #isEmpty({ agentId }: EventOf<"AgentDrained">): boolean {
    return this.#state.draining.has(agentId) && this.#state.agents.get(agentId)?.tasks.size === 0;
  }

  /** Executors that the simulated cluster does not have cannot be lost. */
  #fitting(event: Event): Event {
    if (event.kind !== "AgentReregistered" && event.kind !== "AgentCorrected") return event;
    const lostExecutors = event.lostExecutors.filter(({ frameworkId, executorId }) =>
      this.#state.frameworks.get(frameworkId)?.executors.get(event.agentId)?.has(executorId),
    );
    return { ...event, lostExecutors };
  }

  #isBusy(frameworkId: FrameworkId): boolean {
    const framework = this.#state.frameworks.get(frameworkId);
    if (framework === undefined || !isConnected(framework)) return false;
    if (framework.spec.roles.some((role) => this.#isWaiting(frameworkId, role))) return true;
    return [...framework.tasks.values()].some(({ state }) => !isTerminal(state));
  }
}

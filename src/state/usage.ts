// What is in use on an agent, and whether uses fit into a total together: one after the other, so that a port that is
// used twice does not pass because a union counts it once.
import { contains, has, type Resources, withoutExclusive } from "../allocator/index.ts";
import type { FrameworkId, TaskId } from "../kernel/ids.ts";
import { executorsOn } from "./evolve/executors.ts";
import { frameworkOf, taskOf } from "./lookups.ts";
import type { Agent, ClusterState } from "./model.ts";
import { pairsOf } from "./pairs.ts";

/**
 * What tasks and executors hold on the agent, or will hold again when it comes back; without offers.
 * @param comesBack whether a task that is unreachable with the agent will; all by default
 */
export function* usesOf(
  state: ClusterState,
  agent: Agent,
  comesBack: (frameworkId: FrameworkId, taskId: TaskId) => boolean = () => true,
): Generator<Resources> {
  for (const [frameworkId, taskId] of pairsOf(agent.tasks)) {
    const task = taskOf(state, frameworkId, taskId);
    const away = frameworkOf(state, frameworkId).unreachableTasks.has(taskId);
    if (task.holdsResources || (away && comesBack(frameworkId, taskId))) yield task.resources;
  }
  for (const [, executor] of executorsOn(state, agent)) yield executor.resources;
}

/** Whether a task or an executor holds any of the resources. */
export function isInUse(uses: Iterable<Resources>, resources: Resources): boolean {
  for (const use of uses) if (resources.some((resource) => has(use, resource))) return true;
  return false;
}

/** What is left of the total, all that is shared among it; null if the uses do not fit. */
export function leftOf(total: Resources, uses: Iterable<Resources>): Resources | null {
  let left = total;
  for (const use of uses) {
    if (!contains(left, use)) return null;
    left = withoutExclusive(left, use);
  }
  return left;
}

// One task of a LAUNCH against what is left of the offers (traps 14, 27, 28, EX16).
import {
  add,
  containsWhole,
  copiesIn,
  format,
  formatUpTo,
  isEmpty,
  type Resources,
  SHARED_COPIES_MAX,
  sharedOf,
  withoutExclusive,
} from "../../allocator/index.ts";
import type { AgentId, ExecutorId, Millis, RoleName, TaskId } from "../../kernel/ids.ts";
import type { TaskSpec } from "../commands.ts";
import type { TaskLaunched } from "../events.ts";
import { MESSAGE_CHARACTERS_MAX, TASKS_PER_ACCEPT_MAX, TASKS_PER_FRAMEWORK_MAX } from "../limits.ts";
import { findExecutor } from "../lookups.ts";
import type { ClusterState, Framework, Opaque } from "../model.ts";
import { filledExecutor, filledTask, sameOpaque } from "../opaque.ts";
import { withKnownVolumes } from "../volumes.ts";

/** One ACCEPT in the course of being decided. */
export interface Launching {
  readonly state: ClusterState;
  readonly framework: Framework;
  readonly agentId: AgentId;
  readonly role: RoleName;
  /** What the tasks so far have not taken. */
  left: Resources;
  /** Copies of shared resources on the agent: of all holders, and of the tasks so far. */
  heldCopies: Resources;
  usedCopies: Resources;
  /** Operations that convert resources so far. */
  conversions: number;
  /** Operations so far whose end the framework is told. */
  told: number;
  /** All that the agent has, as operations of the call have made it. */
  total: Resources;
  /** Of what was offered what no operation has taken: the rest was not there for others in between, if it is again. */
  untouched: Resources;
  /** What they have made and no later one has taken: it is not declined by not being used (trap 16). */
  converted: Resources;
  /** Tasks launched so far. */
  readonly taskIds: Set<TaskId>;
  /** Executors that these start. */
  readonly executors: Map<ExecutorId, Opaque>;
  readonly now: Millis;
}

type Starts = { readonly resources: Resources; readonly wire: Opaque } | null;

/** Takes what the task needs out of what is left; or says why it cannot be. */
export function launchTask(launching: Launching, task: TaskSpec): TaskLaunched | string {
  const { framework, role } = launching;
  const fault = taskFault(launching, task);
  if (fault !== null) return fault;
  const executor = task.executor === null ? null : filledExecutor(task.executor.wire, framework.id, role);
  const starts = startsOf(launching, task, executor);
  if (typeof starts === "string") return starts;
  const resources = withKnownVolumes(task.resources, launching.left);
  const left = take(launching.left, resources, starts?.resources ?? []);
  if (left === null) return tooMuch(launching, task.resources, starts?.resources ?? []);
  const shared = sharedOf([...resources, ...(starts?.resources ?? [])]);
  const crowded = shared.find((each) => copiesIn(launching.heldCopies, each) >= SHARED_COPIES_MAX);
  if (crowded !== undefined) return `${format([crowded])} is shared by ${SHARED_COPIES_MAX} already`;
  launching.left = left;
  for (const each of shared) {
    launching.heldCopies = add(launching.heldCopies, [each]);
    launching.usedCopies = add(launching.usedCopies, [each]);
  }
  launching.taskIds.add(task.taskId);
  if (task.executor !== null && starts !== null)
    launching.executors.set(task.executor.executorId, starts.wire);
  return {
    kind: "TaskLaunched",
    frameworkId: framework.id,
    taskId: task.taskId,
    agentId: launching.agentId,
    role,
    resources,
    wire: typeof task.wire === "string" ? task.wire : filledTask(task.wire, executor, role),
    executor: task.executor === null ? null : { executorId: task.executor.executorId, starts },
  };
}

function taskFault({ framework, agentId, taskIds }: Launching, task: TaskSpec): string | null {
  if (task.invalid !== null) return task.invalid;
  const { tasks, unreachableTasks } = framework;
  if (tasks.has(task.taskId) || unreachableTasks.has(task.taskId) || taskIds.has(task.taskId)) {
    return `Task has duplicate ID: ${task.taskId}`;
  }
  if (task.agentId !== agentId) {
    return `Task uses invalid agent ${task.agentId} while agent ${agentId} is expected`;
  }
  if (isEmpty(task.resources)) return "Task uses no resources";
  if (task.hasCommand === (task.executor !== null)) {
    return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
  }
  if (taskIds.size >= TASKS_PER_ACCEPT_MAX) return `More than ${TASKS_PER_ACCEPT_MAX} tasks in one call`;
  const count = tasks.size + taskIds.size;
  return count < TASKS_PER_FRAMEWORK_MAX ? null : `The framework has ${TASKS_PER_FRAMEWORK_MAX} tasks`;
}

/** What a new executor costs; null if the task needs none, or one that lives or that an earlier task starts. */
function startsOf(launching: Launching, task: TaskSpec, wire: Opaque | null): Starts | string {
  const { framework, agentId, executors } = launching;
  if (task.executor === null || wire === null) return null;
  const { executorId, resources } = task.executor;
  const named = task.executor.wire.framework_id;
  if (named !== undefined && named !== null && !sameOpaque(named, { value: framework.id })) {
    return "ExecutorInfo has an invalid framework_id";
  }
  const existing = executors.get(executorId) ?? findExecutor(framework, agentId, executorId)?.wire;
  if (existing === undefined) return { resources: withKnownVolumes(resources, launching.left), wire };
  if (sameOpaque(existing, wire)) return null;
  return `ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID. ${differences(existing, wire)}`;
}

function differences(existing: Opaque, wire: Opaque): string {
  const names = new Set([...Object.keys(existing), ...Object.keys(wire)]);
  const changed = [...names].filter((name) => !sameOpaque(existing[name], wire[name]));
  return `Fields that differ: ${changed.join(", ")}`;
}

/** One after the other, so that a port that both name is asked for twice. What is shared stays for others. */
function take(from: Resources, task: Resources, executor: Resources): Resources | null {
  if (!containsWhole(from, task)) return null;
  const rest = withoutExclusive(from, task);
  return containsWhole(rest, executor) ? withoutExclusive(rest, executor) : null;
}

function tooMuch({ left, role }: Launching, task: Resources, executor: Resources): string {
  const asked =
    executor.length > 0 && containsWhole(left, task) && containsWhole(left, executor)
      ? allocatedText(add(task, executor), role)
      : [task, executor]
          .filter((part) => part.length > 0)
          .map((part) => allocatedText(part, role))
          .join("; ");
  return `Total resources ${asked} required by task and its executor is more than available ${allocatedText(left, role)}`;
}

function allocatedText(resources: Resources, role: RoleName): string {
  return resources.length === 0 ? "{}" : formatUpTo(MESSAGE_CHARACTERS_MAX, resources, role);
}

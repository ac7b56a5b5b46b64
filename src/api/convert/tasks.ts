// TaskInfo: read once here into what `decide` needs. What is wrong with a task by itself is found here and told by
// `decide`, as a TASK_ERROR (traps 14 and 28).
import { NO_RESOURCES, type Resources } from "../../allocator/resources.ts";
import { encodedTaskInfo } from "../../contract/encoded.ts";
import type { ExecutorInfo, TaskInfo } from "../../contract/types.ts";
import type { EncodedMessage } from "../../kernel/encoded.ts";
import { type AgentId, asId, type ExecutorId, type TaskId } from "../../kernel/ids.ts";
import { ok, type Result } from "../../kernel/result.ts";
import type { TaskSpec } from "../../state/commands.ts";
import { problemOfId } from "./ids.ts";
import { allocationRoles, resourcesFromWire } from "./resources.ts";

const NONE: Result<Resources, string> = ok(NO_RESOURCES);

interface Fault {
  readonly text: string;
  /** Mesos looks at the resources of the whole operation first, so this fault spoils its other tasks too. */
  readonly poisons: boolean;
}

/**
 * @param role of the offers that are accepted; null if they are unknown, and the ACCEPT is refused anyway
 * @param encoded the TaskInfo as it came; made if it is not there
 * @param readResources one for all tasks of a call, which knows what it has read
 */
export function taskSpec(
  info: TaskInfo,
  role: string | null,
  encoded?: EncodedMessage,
  readResources = resourcesFromWire,
): TaskSpec {
  const resources = readResources(info.resources ?? []);
  const executorResources = info.executor === undefined ? NONE : readResources(info.executor.resources ?? []);
  const fault = faultOf(info, role, resources, executorResources);
  return {
    taskId: asId<TaskId>(info.task_id.value),
    name: info.name,
    agentId: asId<AgentId>(info.agent_id.value),
    resources: resources.ok ? resources.value : NO_RESOURCES,
    executor: executorOf(info.executor, executorResources),
    hasCommand: info.command !== undefined,
    invalid: fault?.text ?? null,
    poisonsOperation: fault?.poisons ?? false,
    wire: info.executor === undefined ? (encoded ?? encodedTaskInfo(info)) : { ...info },
  };
}

function executorOf(
  executor: ExecutorInfo | undefined,
  resources: Result<Resources, string>,
): TaskSpec["executor"] {
  if (executor === undefined) return null;
  return {
    executorId: asId<ExecutorId>(executor.executor_id.value),
    resources: resources.ok ? resources.value : NO_RESOURCES,
    wire: { ...executor },
  };
}

function faultOf(
  info: TaskInfo,
  role: string | null,
  resources: Result<Resources, string>,
  executorResources: Result<Resources, string>,
): Fault | null {
  if (!resources.ok) return poison(resources.error);
  if (!executorResources.ok) return poison(executorResources.error);
  const problem =
    problemOfId(info.task_id.value) ??
    problemOfResources(info, role) ??
    problemOfCommand(info) ??
    problemOfExecutor(info);
  return problem === null ? null : { text: problem, poisons: false };
}

function poison(text: string): Fault {
  return { text, poisons: true };
}

function problemOfResources(info: TaskInfo, role: string | null): string | null {
  const own = info.resources ?? [];
  if (own.length === 0) return "Task uses no resources";
  const all = info.executor?.resources === undefined ? own : [...own, ...info.executor.resources];
  const roles = allocationRoles(all);
  if (roles.size > 1) return "The resources of the task are allocated to more than one role";
  const [named] = roles;
  if (named !== undefined && role !== null && named !== role) {
    return `The resources of the task are allocated to role '${named}', the offers to role '${role}'`;
  }
  return mixesRevocable(all) ? "Task and executor mix revocable and other resources of one name" : null;
}

function mixesRevocable(all: NonNullable<TaskInfo["resources"]>): boolean {
  if (all.every((each) => each.revocable === undefined)) return false;
  const revocable = new Set(all.filter((each) => each.revocable !== undefined).map(({ name }) => name));
  return all.some((each) => each.revocable === undefined && revocable.has(each.name));
}

function problemOfCommand(info: TaskInfo): string | null {
  if ((info.command === undefined) !== (info.executor === undefined)) return null;
  return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
}

function problemOfExecutor({ executor }: TaskInfo): string | null {
  if (executor === undefined) return null;
  if (executor.type === "DEFAULT") return "A task with the default executor is launched by LAUNCH_GROUP only";
  if (executor.command === undefined) return "The executor of the task has no command";
  return problemOfId(executor.executor_id.value);
}

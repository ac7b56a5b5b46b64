// From TaskInfo and ExecutorInfo to what the runtime is told: program, environment, user, image, limits. No resources
// are added to what the task has: the agent has no executor process of its own that would need them (EX12 differs).
import type {
  CommandInfo,
  ContainerInfo,
  ExecutorInfo,
  FrameworkInfo,
  Resource,
  TaskInfo,
} from "../contract/types.ts";
import type { ContainerId } from "../kernel/ids.ts";
import type { SupervisorSettings } from "./core.ts";
import { durationMs, durationText } from "./durations.ts";
import { EXECUTOR_BACKOFF_MS_MAX, EXECUTOR_RECOVERY_MS, EXECUTOR_SHUTDOWN_GRACE_MS } from "./limits.ts";
import type { ContainerLimits, ContainerSpec } from "./runtime.ts";
import { imageOf } from "./unsupported.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const BYTES_PER_MB = 1024 * 1024;

/** What both kinds of container share. */
export interface Placement {
  readonly settings: SupervisorSettings;
  readonly agentId: string;
  readonly containerId: ContainerId;
  readonly framework: FrameworkInfo;
  readonly frameworkId: string;
  /** Path of the sandbox below the work folder. */
  readonly sandbox: string;
}

export function commandSpec(placement: Placement, task: TaskInfo): ContainerSpec {
  const command = task.command ?? {};
  const environment = {
    ...baseEnvironment(placement, task.task_id.value, task.container),
    ...allocationRole(task.resources, placement.framework),
    MESOS_TASK_ID: task.task_id.value,
    ...variablesOf(command),
  };
  return specOf(placement, command, task.container, environment, commandLimits(task));
}

/** Environment as of row EX08. */
export function executorSpec(placement: Placement, executor: ExecutorInfo): ContainerSpec {
  const command = executor.command ?? {};
  const grace = durationMs(executor.shutdown_grace_period, EXECUTOR_SHUTDOWN_GRACE_MS);
  const environment = {
    ...baseEnvironment(placement, executor.executor_id.value, executor.container),
    MESOS_HTTP_COMMAND_EXECUTOR: "0",
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: durationText(grace),
    ...recoveryEnvironment(placement.framework),
    ...variablesOf(command),
  };
  return specOf(placement, command, executor.container, environment, executorLimits(executor));
}

/** The user that a container runs as (CT15); null for the agent's own. */
export function userOf(command: CommandInfo, framework: FrameworkInfo): string | null {
  return command.user ?? (framework.user === "" ? null : framework.user);
}

function specOf(
  placement: Placement,
  command: CommandInfo,
  container: ContainerInfo | undefined,
  environment: Readonly<Record<string, string>>,
  limits: ContainerLimits,
): ContainerSpec {
  const user = userOf(command, placement.framework);
  const image = imageOf(container);
  return {
    id: placement.containerId,
    argv: argvOf(command),
    environment,
    ...(user === null ? {} : { user }),
    sandbox: placement.settings.absoluteSandbox(placement.sandbox),
    sandboxMount: placement.settings.sandboxMount,
    ...(image === undefined ? {} : { image }),
    limits,
  };
}

/** In the argv form `value` is the program and `arguments` is argv with argv[0] (SC34), for which the runtime has no use. */
function argvOf(command: CommandInfo): readonly string[] {
  const value = command.value ?? "";
  if (command.shell ?? true) return ["/bin/sh", "-c", value];
  return [value, ...(command.arguments ?? []).slice(1)];
}

function variablesOf(command: CommandInfo): Record<string, string> {
  const variables = command.environment?.variables ?? [];
  return Object.fromEntries(variables.map(({ name, value }) => [name, value ?? ""]));
}

function baseEnvironment(
  placement: Placement,
  executorId: string,
  container: ContainerInfo | undefined,
): Record<string, string> {
  const { settings } = placement;
  const folder = settings.absoluteSandbox(placement.sandbox);
  return {
    PATH: DEFAULT_PATH,
    LIBPROCESS_IP: settings.ip,
    LIBPROCESS_PORT: "0",
    MESOS_AGENT_ENDPOINT: `${settings.ip}:${settings.port}`,
    MESOS_CHECKPOINT: placement.framework.checkpoint === true ? "1" : "0",
    MESOS_DIRECTORY: folder,
    MESOS_EXECUTOR_ID: executorId,
    MESOS_FRAMEWORK_ID: placement.frameworkId,
    MESOS_SANDBOX: imageOf(container) === undefined ? folder : settings.sandboxMount,
    MESOS_SLAVE_ID: placement.agentId,
    MESOS_SLAVE_PID: `slave(1)@${settings.ip}:${settings.port}`,
  };
}

function recoveryEnvironment(framework: FrameworkInfo): Record<string, string> {
  if (framework.checkpoint !== true) return {};
  return {
    MESOS_RECOVERY_TIMEOUT: durationText(EXECUTOR_RECOVERY_MS),
    MESOS_SUBSCRIPTION_BACKOFF_MAX: durationText(EXECUTOR_BACKOFF_MS_MAX),
  };
}

/** CT23: the role that the resources were allocated to. */
function allocationRole(
  resources: readonly Resource[] | undefined,
  framework: FrameworkInfo,
): Record<string, string> {
  const allocated = resources?.find((resource) => resource.allocation_info?.role !== undefined);
  const role = allocated?.allocation_info?.role ?? framework.roles?.[0] ?? framework.role ?? "*";
  return { MESOS_ALLOCATION_ROLE: role };
}

/** Requests bound memory and weigh CPU; `limits` (SC36) replace them, `Infinity` lifts them. */
function commandLimits(task: TaskInfo): ContainerLimits {
  const cpus = task.limits?.cpus?.value;
  const cpuHard = cpus !== undefined && Number.isFinite(cpus);
  return {
    cpuMillis: Math.round((cpuHard ? cpus : totalOf(task.resources, "cpus")) * 1000),
    cpuHard,
    memoryBytes: memoryBytes(task.limits?.mem?.value ?? totalOf(task.resources, "mem")),
  };
}

/** Tasks come and go inside an executor, whose container cannot be resized yet: no memory limit that would kill it. */
function executorLimits(executor: ExecutorInfo): ContainerLimits {
  return {
    cpuMillis: Math.round(totalOf(executor.resources, "cpus") * 1000),
    cpuHard: false,
    memoryBytes: 0,
  };
}

function memoryBytes(megabytes: number): number {
  return Number.isFinite(megabytes) ? Math.round(megabytes * BYTES_PER_MB) : 0;
}

function totalOf(resources: readonly Resource[] | undefined, name: string): number {
  const amounts = (resources ?? []).filter((resource) => resource.name === name);
  return amounts.reduce((sum, resource) => sum + (resource.scalar?.value ?? 0), 0);
}

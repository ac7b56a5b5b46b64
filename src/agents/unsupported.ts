// What a task or executor may ask for that this agent cannot do. Such a task ends as TASK_ERROR with these words; none
// is run without what it asked for. One row per request; docs/compatibility.md lists the same rows.
import type { CommandInfo, ContainerInfo, ExecutorInfo, Resource, TaskInfo } from "../contract/types.ts";
import type { RuntimeName } from "./runtime.ts";

type Row<Subject> = readonly [what: string, asks: (subject: Subject) => boolean];

const commandRows: readonly Row<CommandInfo>[] = [
  ["CommandInfo.uris (fetcher)", (command) => hasAny(command.uris)],
  [
    "secret environment variables",
    (command) => (command.environment?.variables ?? []).some(({ type }) => type === "SECRET"),
  ],
  ["a command without value (image entry point)", (command) => (command.value ?? "") === ""],
];

const containerRows: readonly Row<ContainerInfo>[] = [
  ["ContainerInfo.volumes", (container) => hasAny(container.volumes)],
  ["ContainerInfo.network_infos", (container) => hasAny(container.network_infos)],
  ["ContainerInfo.hostname", (container) => container.hostname !== undefined],
  ["ContainerInfo.linux_info", (container) => container.linux_info !== undefined],
  ["ContainerInfo.rlimit_info", (container) => container.rlimit_info !== undefined],
  ["ContainerInfo.tty_info", (container) => container.tty_info !== undefined],
  ["Appc images", (container) => container.mesos?.image?.type === "APPC"],
  ["image pull secrets", (container) => container.mesos?.image?.docker?.config !== undefined],
  ["DockerInfo.network other than HOST", ({ docker }) => (docker?.network ?? "HOST") !== "HOST"],
  ["DockerInfo.port_mappings", ({ docker }) => hasAny(docker?.port_mappings)],
  ["DockerInfo.privileged", ({ docker }) => docker?.privileged === true],
  ["DockerInfo.parameters", ({ docker }) => hasAny(docker?.parameters)],
  ["DockerInfo.force_pull_image", ({ docker }) => docker?.force_pull_image === true],
  ["DockerInfo.volume_driver", ({ docker }) => docker?.volume_driver !== undefined],
];

const taskRows: readonly Row<TaskInfo>[] = [
  ["TaskInfo.health_check", (task) => task.health_check !== undefined],
  ["TaskInfo.check", (task) => task.check !== undefined],
];

const resourceRows: readonly Row<Resource>[] = [
  [
    "disk volumes that are not persistent",
    ({ disk }) => disk?.volume !== undefined && disk.persistence === undefined,
  ],
  ["gpus", (resource) => resource.name === "gpus"],
];

const executorRows: readonly Row<ExecutorInfo>[] = [
  ["ExecutorInfo.type DEFAULT (task groups)", (executor) => executor.type === "DEFAULT"],
  ["an executor without command", (executor) => executor.command === undefined],
];

/** What of the task cannot be done here, in the words of the table; empty if all can. */
export function unsupportedBy(task: TaskInfo, runtime: RuntimeName): readonly string[] {
  const resources = (task.resources ?? []).flatMap((resource) => asked(resourceRows, resource));
  // Checks and the container of a custom executor's task are for that executor to interpret.
  if (task.executor !== undefined) return [...resources, ...unsupportedExecutor(task.executor, runtime)];
  return [
    ...resources,
    ...asked(taskRows, task),
    ...asked(commandRows, task.command ?? {}),
    ...unsupportedContainer(task.container, runtime),
  ];
}

function unsupportedExecutor(executor: ExecutorInfo, runtime: RuntimeName): readonly string[] {
  return [
    ...asked(executorRows, executor),
    ...(executor.command === undefined ? [] : asked(commandRows, executor.command)),
    ...(executor.resources ?? []).flatMap((resource) => asked(resourceRows, resource)),
    ...unsupportedContainer(executor.container, runtime),
  ];
}

function unsupportedContainer(container: ContainerInfo | undefined, runtime: RuntimeName): readonly string[] {
  if (container === undefined) return [];
  const image = imageOf(container) !== undefined && runtime === "process";
  return [
    ...asked(containerRows, container),
    ...(image ? ["an image (this agent runs plain processes)"] : []),
  ];
}

/** The image reference that a container is to have, from either of Mesos' forms. */
export function imageOf(container: ContainerInfo | undefined): string | undefined {
  return container?.mesos?.image?.docker?.name ?? container?.docker?.image;
}

function asked<Subject>(rows: readonly Row<Subject>[], subject: Subject): readonly string[] {
  return rows.filter(([, asks]) => asks(subject)).map(([what]) => what);
}

function hasAny(list: readonly unknown[] | undefined): boolean {
  return (list?.length ?? 0) > 0;
}

// What a task asks of persistent volumes: whether the agent has them and can show them, and how its container sees them.
import type { TaskInfo } from "../contract/types.ts";
import { type Core, tasksIn } from "./core.ts";
import { type ContainerRecord, isTerminal, type TaskRecord } from "./records.ts";
import type { ContainerSpec, VolumeMount } from "./runtime.ts";
import { imageOf } from "./unsupported.ts";
import { faultOfUses, normalTarget, type VolumeUse, volumeUses } from "./volume-places.ts";
import { findVolumes, isUsed } from "./volumes.ts";

/** A volume that the agent knows, made or about to be. */
export interface ClaimedVolume {
  readonly id: string;
  /** Of its record. */
  readonly path: string;
  readonly mount: VolumeMount;
}

export interface Claim {
  readonly kind: "known";
  readonly task: readonly ClaimedVolume[];
  readonly executor: readonly ClaimedVolume[];
}

export function claimVolumes(
  core: Core,
  frameworkId: string,
  info: TaskInfo,
): Claim | { readonly kind: "unknown" } | { readonly kind: "invalid"; readonly fault: string } {
  const taskUses = volumeUses(info.resources ?? []);
  const executorUses = volumeUses(info.executor?.resources ?? []);
  if (taskUses.length + executorUses.length === 0) return { kind: "known", task: [], executor: [] };
  const container = info.executor === undefined ? info.container : info.executor.container;
  const fault = faultOfUses([...executorUses, ...taskUses], imageOf(container) !== undefined);
  if (fault !== null) return { kind: "invalid", fault };
  const [task, executor] = [claimed(core, taskUses), claimed(core, executorUses)];
  if (task === null || executor === null) {
    core.tracer.warn("task with unknown volumes", { frameworkId, taskId: info.task_id.value });
    return { kind: "unknown" };
  }
  return { kind: "known", task, executor };
}

/** The owner of a volume in use is left as it is, for those who use it. */
function claimed(core: Core, uses: readonly VolumeUse[]): readonly ClaimedVolume[] | null {
  const records = findVolumes(core, uses);
  if (records === null) return null;
  return records.flatMap(({ path, mounted }, at) => {
    const use = uses[at];
    const target = use === undefined ? null : normalTarget(use.containerPath);
    if (use === undefined || target === null) return [];
    const source = core.settings.absoluteVolume(path);
    const mount = { source, mounted, target, readOnly: use.readOnly, owned: !isUsed(core, path) };
    return [{ id: use.id, path, mount }];
  });
}

export function withVolumes(spec: ContainerSpec, volumes: readonly ClaimedVolume[]): ContainerSpec {
  return volumes.length === 0 ? spec : { ...spec, volumes: volumes.map(({ mount }) => mount) };
}

/** For the record of what uses them. */
export function pathsOf(volumes: readonly ClaimedVolume[]): { readonly volumes?: readonly string[] } {
  return volumes.length === 0 ? {} : { volumes: volumes.map(({ path }) => path) };
}

/** For the record of a task in an executor. */
export function usesOf(volumes: readonly ClaimedVolume[]): Pick<TaskRecord, "volumes" | "mounts"> {
  return volumes.length === 0 ? {} : { ...pathsOf(volumes), mounts: volumes.map(({ mount }) => mount) };
}

/** Why an executor that runs cannot be shown the volumes, or null. */
export function attachFault(
  core: Core,
  { containerId, spec, volumes: own = [] }: ContainerRecord,
  added: readonly ClaimedVolume[],
): string | null {
  const unseen = added.filter(({ mount }) => !(spec.volumes ?? []).some((other) => isSeenAs(mount, other)));
  if (spec.image !== undefined && unseen.length > 0) {
    return `An executor of an image that runs cannot be given persistent volumes: ${namesOf(unseen)}`;
  }
  const ownSources = new Set(own.map((path) => core.settings.absoluteVolume(path)));
  const live = tasksIn(core, containerId).filter(({ state }) => !isTerminal(state));
  const taken = [
    ...(spec.volumes ?? []).filter(({ source }) => ownSources.has(source)),
    ...live.flatMap(({ mounts = [] }) => mounts),
  ];
  const clashing = added.filter(({ mount }) => taken.some((other) => isInTheWay(mount, other)));
  return clashing.length === 0
    ? null
    : `Another volume of the executor is in the way of persistent volumes: ${namesOf(clashing)}`;
}

function namesOf(volumes: readonly ClaimedVolume[]): string {
  return volumes.map(({ id }) => `"${id}"`).join(", ");
}

function isSeenAs(a: VolumeMount, b: VolumeMount): boolean {
  return a.source === b.source && a.target === b.target && a.readOnly === b.readOnly;
}

function isInTheWay(a: VolumeMount, b: VolumeMount): boolean {
  if (a.target === b.target) return a.source !== b.source;
  return a.target.startsWith(`${b.target}/`) || b.target.startsWith(`${a.target}/`);
}

// What a task asks of persistent volumes: whether the agent has them and can show them, and how its container sees them.
import type { TaskInfo } from "../contract/types.ts";
import type { Core } from "./core.ts";
import type { ContainerRecord } from "./records.ts";
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

/** Those that the container of a running executor does not show, or shows in another way. */
export function addedVolumes(
  { spec }: ContainerRecord,
  volumes: readonly ClaimedVolume[],
): readonly ClaimedVolume[] {
  return volumes.filter(
    ({ mount }) =>
      !(spec.volumes ?? []).some(
        ({ source, target, readOnly }) =>
          source === mount.source && target === mount.target && readOnly === mount.readOnly,
      ),
  );
}

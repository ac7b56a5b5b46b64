// Persistent volumes among resources (RV08): which there are, and which one a framework means. What a volume is used as
// (`DiskInfo.volume`: path and mode) may differ from use to use, so it does not tell volumes apart.
import { type Meta, metaOf } from "../allocator/meta.ts";
import { makeResources } from "../allocator/resource-parts.ts";
import type { Resource, Resources } from "../allocator/resources.ts";
import { asId, type RoleName } from "../kernel/ids.ts";
import type { AgentVolume } from "./model.ts";

/** @param stamp grows with every operation: the `since` of volumes that are new. Undefined if there never were any */
export function volumesAfter(
  before: readonly AgentVolume[] | undefined,
  consumed: Resources,
  converted: Resources,
  stamp: number,
): readonly AgentVolume[] | undefined {
  const made = volumesIn(converted);
  if (made.length === 0 && volumesIn(consumed).length === 0) return before;
  const kept = new Set(made.map(keyOf));
  const gone = new Set(volumesIn(consumed).map(keyOf));
  const left = (before ?? []).filter((volume) => !gone.has(keyOf(volume)) || kept.has(keyOf(volume)));
  const known = new Set(left.map(keyOf));
  const fresh = made.filter((volume) => !known.has(keyOf(volume)));
  return [...left, ...fresh.map((volume) => ({ ...volume, since: stamp }))];
}

/** Each once, also if it is in more than one part. */
export function volumesIn(resources: Resources): readonly Omit<AgentVolume, "since">[] {
  const volumes = new Map<string, Omit<AgentVolume, "since">>();
  for (const { meta } of resources) {
    const volume = volumeOf(metaOf(meta));
    if (volume !== null) volumes.set(keyOf(volume), volume);
  }
  return [...volumes.values()];
}

export function keyOf({ role, id }: Pick<AgentVolume, "role" | "id">): string {
  return JSON.stringify([role, id]);
}

/**
 * The resources with each volume as it is among those that there are, whatever path and mode it is to be used with; one
 * that is not there stays as it was.
 */
export function withKnownVolumes(resources: Resources, known: Resources): Resources {
  if (!resources.some(isVolume)) return resources;
  const byVolume = new Map(known.filter(isVolume).map((resource) => [volumeText(resource), resource.meta]));
  const parts = resources.map((resource) => ({
    ...resource,
    meta: (isVolume(resource) ? byVolume.get(volumeText(resource)) : undefined) ?? resource.meta,
  }));
  const made = makeResources(parts);
  return made.ok ? made.value : resources;
}

function isVolume({ meta }: Resource): boolean {
  return meta !== "" && volumeOf(metaOf(meta)) !== null;
}

function volumeOf({ disk, reservations = [] }: Meta): Omit<AgentVolume, "since"> | null {
  const id = disk?.persistence?.id;
  if (id === undefined) return null;
  const { source } = disk ?? {};
  const role = asId<RoleName>(reservations.at(-1)?.role ?? "*");
  if (source === undefined) return { role, id, source: null };
  const root = source.path?.root ?? source.mount?.root ?? "";
  return { role, id, source: { type: source.type ?? "UNKNOWN", root } };
}

/** All but how it is used and by whom it was made, which Mesos does not compare either. */
function volumeText({ name, meta }: Resource): string {
  const { disk, ...rest } = metaOf(meta);
  const { volume: _volume, persistence, ...source } = disk ?? {};
  return JSON.stringify([name, rest, source, persistence?.id]);
}

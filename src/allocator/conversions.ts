// What RESERVE, UNRESERVE, CREATE and DESTROY make of resources (SC16, SC17): a reservation is put on a stack of
// reservations or taken off it, a persistent volume is made of reserved disk or becomes it again. All of them only change
// what keeps resources apart, never how much there is. Whether somebody may do it is for the state.
import { type Meta, metaOf, metaText } from "./meta.ts";
import { contains, type Resource, type Resources, type ResourceValue } from "./resources.ts";

export type ConversionType = "RESERVE" | "UNRESERVE" | "CREATE" | "DESTROY";

/** One resource that becomes another one of the same name and value. */
export interface Converted {
  readonly from: Resource;
  readonly to: Resource;
}

/** In the order of the resources, each of which must be such as the operation makes or takes away. */
export function conversionsOf(type: ConversionType, resources: Resources): readonly Converted[] {
  return resources.map((resource) => {
    const plainer = { ...resource, meta: metaText(plainerOf(type, metaOf(resource.meta))) };
    return type === "RESERVE" || type === "CREATE"
      ? { from: plainer, to: resource }
      : { from: resource, to: plainer };
  });
}

/** Persistent volumes and whole disks are used as a whole or not at all (trap 38). */
export function containsWhole(from: Resources, wanted: Resources): boolean {
  if (!contains(from, wanted)) return false;
  return wanted.every((resource) => !isIndivisible(metaOf(resource.meta)) || isWholeIn(from, resource));
}

function isWholeIn(from: Resources, { name, meta, value }: Resource): boolean {
  return from.some(
    (resource) => resource.name === name && resource.meta === meta && sameAmount(resource.value, value),
  );
}

function sameAmount(a: ResourceValue, b: ResourceValue): boolean {
  return a.kind !== "scalar" || b.kind !== "scalar" || a.millis === b.millis;
}

function isIndivisible({ disk }: Meta): boolean {
  if (disk === undefined) return false;
  const type = disk.source?.type;
  return disk.persistence !== undefined || (type !== undefined && type !== "PATH");
}

function plainerOf(type: ConversionType, meta: Meta): Meta {
  if (type === "CREATE" || type === "DESTROY") return withoutVolume(meta);
  const { reservations = [], ...rest } = meta;
  const outer = reservations.slice(0, -1);
  return outer.length === 0 ? rest : { ...meta, reservations: outer };
}

/** The disk's source stays. */
function withoutVolume(meta: Meta): Meta {
  const { shared: _shared, ...unshared } = meta;
  const { persistence: _persistence, volume: _volume, ...disk } = meta.disk ?? {};
  if (Object.keys(disk).length > 0) return { ...unshared, disk };
  const { disk: _disk, ...rest } = unshared;
  return rest;
}

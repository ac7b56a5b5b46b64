// GROW_VOLUME and SHRINK_VOLUME (SC18, MO14): what is wrong with one. The volume keeps its id and its data, so it is the
// same one before and after; how an agent makes it larger or smaller is its own business.
import { format, type Resources } from "../../allocator/index.ts";
import { metaOf } from "../../allocator/meta.ts";
import type { Resource } from "../../allocator/resources.ts";
import type { Conversion, ResizeType } from "../commands.ts";

export function isResize(type: Conversion["type"]): type is ResizeType {
  return type === "GROW_VOLUME" || type === "SHRINK_VOLUME";
}

/** @param source the volume as it is, and what is to be added to it */
export function resizeFault(type: ResizeType, resources: Resources, source: Resources | null): string | null {
  const volume = (source ?? []).find(isVolume);
  const resized = resources.find(isVolume);
  if (volume === undefined || resized === undefined) return "The volume is no persistent volume";
  if (metaOf(volume.meta).shared !== undefined) {
    return `${type} of the shared persistent volume ${format([volume])} is not supported`;
  }
  const kind = metaOf(volume.meta).disk?.source?.type;
  if (kind !== undefined && kind !== "PATH") {
    return `Persistent volume ${format([volume])} is on a disk of type ${kind}, which is used as a whole`;
  }
  if (sameSize(volume, resized)) return `${type} would leave ${format([volume])} as large as it is`;
  return null;
}

function isVolume({ meta }: Resource): boolean {
  return metaOf(meta).disk?.persistence !== undefined;
}

function sameSize({ value: a }: Resource, { value: b }: Resource): boolean {
  return a.kind === "scalar" && b.kind === "scalar" && a.millis === b.millis;
}

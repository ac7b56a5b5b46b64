// RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME and SHRINK_VOLUME as they come, from a framework or an operator, and as
// they are shown.
import { add, type ConversionType, conversionsOf, type Resources } from "../../allocator/index.ts";
import { toMillis } from "../../allocator/resource-parts.ts";
import { NO_RESOURCES, type Resource } from "../../allocator/resources.ts";
import type { OfferOperation, ValueScalar, Resource as WireResource } from "../../contract/types.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import type { Conversion, ResizeType } from "../../state/commands.ts";
import type { FinishedOperation } from "../../state/model.ts";
import { allocationRoles, resourcesFromWire, resourcesToWire } from "./resources.ts";

export interface WireConversion {
  readonly type: ConversionType;
  readonly operationId: string | null;
  readonly resources: readonly WireResource[];
  readonly source: readonly WireResource[] | undefined;
}

/** What is wrong with its form is told by `decide`. @param role that resources may say they are allocated to */
export function conversionOf(wire: WireConversion, role: string | null): Conversion {
  const { type, operationId } = wire;
  const resources = resourcesFromWire(wire.resources);
  const source =
    wire.source === undefined || wire.source.length === 0 ? null : resourcesFromWire(wire.source);
  const strange = [...allocationRoles(wire.resources)].find((each) => each !== role);
  const invalid =
    (resources.ok ? null : resources.error) ??
    (source === null || source.ok ? null : source.error) ??
    (strange === undefined ? null : `The resources are said to be allocated to role '${strange}'`);
  return {
    kind: "convert",
    type,
    operationId,
    resources: resources.ok ? resources.value : NO_RESOURCES,
    source: source?.ok === true ? source.value : null,
    invalid,
  };
}

export interface WireResize {
  readonly type: ResizeType;
  readonly operationId: string | null;
  readonly volume: WireResource;
  readonly addition?: WireResource;
  readonly subtract?: ValueScalar;
}

/** What is wrong with its form is told by `decide`. @param role that resources may say they are allocated to */
export function resizeOf(wire: WireResize, role: string | null): Conversion {
  const { type, operationId, volume, addition } = wire;
  const named = addition === undefined ? [volume] : [volume, addition];
  const strange = [...allocationRoles(named)].find((each) => each !== role);
  const sides =
    strange === undefined
      ? sidesOf(wire)
      : err(`The resources are said to be allocated to role '${strange}'`);
  return {
    kind: "convert",
    type,
    operationId,
    resources: sides.ok ? sides.value.to : NO_RESOURCES,
    source: sides.ok ? sides.value.from : null,
    invalid: sides.ok ? null : sides.error,
  };
}

/** The operation as GET_OPERATIONS shows it: with what was asked for, not with what came of it. */
export function operationToWire(operation: FinishedOperation): OfferOperation {
  const { type, operationId, role, consumed, converted } = operation;
  const wire = (resources: Resources) => resourcesToWire(resources, "refined", role);
  const head = { type, id: { value: operationId } };
  switch (type) {
    case "RESERVE":
      return { ...head, reserve: { resources: wire(converted) } };
    case "UNRESERVE":
      return { ...head, unreserve: { resources: wire(consumed) } };
    case "CREATE":
      return { ...head, create: { volumes: wire(converted) } };
    case "DESTROY":
      return { ...head, destroy: { volumes: wire(consumed) } };
    default:
      return { ...head, ...resizeToWire(operation, wire) };
  }
}

function resizeToWire(
  { type, consumed, converted }: FinishedOperation,
  wire: (resources: Resources) => readonly WireResource[],
): Partial<OfferOperation> {
  const volumes = new Set(converted.map(({ meta }) => meta));
  const [volume] = wire(consumed.filter(({ meta }) => volumes.has(meta)));
  const [addition] = wire(consumed.filter(({ meta }) => !volumes.has(meta)));
  const freed = wire(converted).find(({ disk }) => disk?.persistence === undefined)?.scalar;
  if (volume === undefined) return {};
  if (type === "GROW_VOLUME") return addition === undefined ? {} : { grow_volume: { volume, addition } };
  return freed === undefined ? {} : { shrink_volume: { volume, subtract: freed } };
}

interface Sides {
  readonly from: Resources;
  readonly to: Resources;
}

function sidesOf({ type, volume, addition, subtract }: WireResize): Result<Sides, string> {
  const before = oneScalar("volume", volume);
  if (!before.ok) return before;
  if (type === "SHRINK_VOLUME") return shrunk(before.value, subtract?.value ?? 0);
  if (addition === undefined) return err("Nothing is to be added to the volume");
  const more = oneScalar("addition", addition);
  return more.ok ? grown(before.value, more.value) : more;
}

function grown(volume: Scalar, addition: Scalar): Result<Sides, string> {
  if (plainOf(volume).meta !== addition.meta || volume.name !== addition.name) {
    return err("Incompatible resources in the 'volume' and 'addition' fields");
  }
  const to = [withMillis(volume, volume.value.millis + addition.value.millis)];
  return ok({ from: add([volume], [addition]), to });
}

function shrunk(volume: Scalar, units: number): Result<Sides, string> {
  const less = toMillis(units);
  if (!less.ok) return err(`Invalid 'subtract': ${less.error}`);
  if (less.value === 0 || less.value >= volume.value.millis) {
    return err("The size of 'subtract' must be greater than zero and less than that of the volume");
  }
  const to = [withMillis(volume, volume.value.millis - less.value)];
  return ok({ from: [volume], to: add(to, [withMillis(plainOf(volume), less.value)]) });
}

type Scalar = Resource & { readonly value: { readonly kind: "scalar"; readonly millis: number } };

function oneScalar(field: string, resource: WireResource): Result<Scalar, string> {
  const read = resourcesFromWire([resource]);
  if (!read.ok) return err(`Invalid resource in the '${field}' field: ${read.error}`);
  const [only] = read.value;
  if (only?.value.kind !== "scalar") return err(`The '${field}' is no scalar greater than zero`);
  return ok({ ...only, value: only.value });
}

/** The disk that the volume was made of. */
function plainOf(volume: Resource): Resource {
  return conversionsOf("DESTROY", [volume])[0]?.to ?? volume;
}

function withMillis(resource: Resource, millis: number): Resource {
  return { ...resource, value: { kind: "scalar", millis } };
}

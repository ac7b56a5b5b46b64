// RESERVE, UNRESERVE, CREATE and DESTROY (SC16, SC17, RV05 to RV08): whether they may be, and what is left of resources
// after them. The same for frameworks and for operators.
import {
  add,
  type Converted,
  containsWhole,
  conversionsOf,
  format,
  formatUpTo,
  type Resources,
  sum,
  without,
} from "../../allocator/index.ts";
import { isWithin, type Meta, metaOf, type Reservation } from "../../allocator/meta.ts";
import type { Resource } from "../../allocator/resources.ts";
import type { RoleName } from "../../kernel/ids.ts";
import type { Conversion } from "../commands.ts";
import {
  AGENT_RESOURCES_MAX,
  ID_CHARACTERS_MAX,
  MESSAGE_CHARACTERS_MAX,
  META_CHARACTERS_MAX,
} from "../limits.ts";
import type { Framework } from "../model.ts";
import { isInUse } from "../usage.ts";
import { withKnownVolumes } from "../volumes.ts";
import { isResize, resizeFault } from "./resize.ts";

/** A framework in the role of its offers; null for an operator. */
export type Initiator = { readonly framework: Framework; readonly role: RoleName } | null;

export interface Outcome {
  readonly left: Resources;
  readonly consumed: Resources;
  readonly converted: Resources;
}

/**
 * What is wrong with the operation whatever there is of resources; null if nothing.
 * @param total of the agent
 * @param uses what tasks and executors hold there
 */
export function conversionFault(
  operation: Conversion,
  total: Resources,
  by: Initiator,
  uses: () => Iterable<Resources>,
): string | null {
  const { type, resources, source } = operation;
  if (operation.invalid !== null) return operation.invalid;
  if (!isResize(type) && source !== null) {
    if (by !== null) return "Only operators may name a source";
    if (!sameButReserved(source, resources)) return "The source is not what is to be reserved";
  }
  const large = resources.find(({ meta }) => meta.length > META_CHARACTERS_MAX);
  if (large !== undefined)
    return `Resource ${large.name} is described in more than ${META_CHARACTERS_MAX} characters`;
  if (total.length + resources.length > AGENT_RESOURCES_MAX) {
    return `The agent would have more than ${AGENT_RESOURCES_MAX} different resources`;
  }
  if (isResize(type)) return resizeFault(type, resources, source);
  if (type === "RESERVE") return firstFault(resources, (resource, meta) => reserveFault(resource, meta, by));
  if (type === "UNRESERVE") return firstFault(resources, unreserveFault);
  if (type === "CREATE") return createFault(resources, total, by);
  const fault = firstFault(resources, (resource, meta) => destroyFault(resource, meta, total));
  return fault ?? (isInUse(uses(), resources) ? "Persistent volumes in use" : null);
}

/** A volume that is to be destroyed or resized is the one of that role and id, however it was to be used (RV08). */
export function withVolumesOf(operation: Conversion, total: Resources): Conversion {
  const { type, resources, source } = operation;
  if (type !== "DESTROY" && !isResize(type)) return operation;
  const known = source === null ? null : withKnownVolumes(source, total);
  return { ...operation, resources: withKnownVolumes(resources, total), source: known };
}

/** What becomes of the resources, or in Mesos' words what is not among them. @param role they are allocated to */
export function convert(
  available: Resources,
  operation: Conversion,
  role: RoleName | null,
): Outcome | string {
  let left = available;
  const steps = stepsOf(operation);
  for (const { from, to } of steps) {
    if (!containsWhole(left, from)) return `${textOf(left, role)} does not contain ${textOf(from, role)}`;
    left = add(without(left, from), to);
  }
  return { left, consumed: sum(steps.map(({ from }) => from)), converted: sum(steps.map(({ to }) => to)) };
}

/** What the operation takes. */
export function neededBy(operation: Conversion): Resources {
  return sum(stepsOf(operation).map(({ from }) => from));
}

interface Step {
  readonly from: Resources;
  readonly to: Resources;
}

function stepsOf({ type, resources, source }: Conversion): readonly Step[] {
  if (source !== null) return [{ from: source, to: resources }];
  return isResize(type) ? [] : conversionsOf(type, resources).map(single);
}

function single({ from, to }: Converted): Step {
  return { from: [from], to: [to] };
}

function textOf(resources: Resources, role: RoleName | null): string {
  if (resources.length === 0) return "{}";
  return formatUpTo(MESSAGE_CHARACTERS_MAX, resources, role);
}

function sameButReserved(source: Resources, resources: Resources): boolean {
  const plain = (all: Resources) =>
    sum(all.map((each) => [{ ...each, meta: withoutReservations(each.meta) }]));
  const [a, b] = [plain(source), plain(resources)];
  return containsWhole(a, b) && containsWhole(b, a);
}

function withoutReservations(meta: string): string {
  const { reservations: _reservations, ...rest } = metaOf(meta);
  return JSON.stringify(rest);
}

function firstFault(
  resources: Resources,
  faultOf: (resource: Resource, meta: Meta) => string | null,
): string | null {
  for (const resource of resources) {
    const fault = faultOf(resource, metaOf(resource.meta));
    if (fault !== null) return fault;
  }
  return null;
}

function reserveFault(resource: Resource, meta: Meta, by: Initiator): string | null {
  const fault = dynamicFault(resource, meta);
  if (fault !== null) return fault;
  if (meta.revocable !== undefined) return `Resource ${format([resource])} is revocable`;
  if (meta.disk?.persistence !== undefined) return `Resource ${format([resource])} is a persistent volume`;
  return stackFault(resource, meta.reservations ?? []) ?? initiatorFault(meta.reservations ?? [], by);
}

function unreserveFault(resource: Resource, meta: Meta): string | null {
  const fault = dynamicFault(resource, meta);
  if (fault !== null) return fault;
  if (meta.disk?.persistence === undefined) return null;
  return `A dynamically reserved persistent volume ${format([resource])} cannot be unreserved directly`;
}

function dynamicFault(resource: Resource, { reservations = [] }: Meta): string | null {
  if (reservations.at(-1)?.type === "DYNAMIC") return null;
  return `Resource ${format([resource])} is not dynamically reserved`;
}

/** A refinement is for a role below that of what it refines (RV06). */
function stackFault(resource: Resource, stack: readonly Reservation[]): string | null {
  for (const [index, { role, type }] of stack.entries()) {
    if (index === 0) continue;
    const outer = stack[index - 1]?.role ?? "";
    const isRefined = role !== outer && isWithin(role as RoleName, outer as RoleName);
    if (type !== "DYNAMIC" || !isRefined) {
      return `Resource ${format([resource])} is reserved for ${role} within a reservation for ${outer}`;
    }
  }
  return null;
}

function initiatorFault(stack: readonly Reservation[], by: Initiator): string | null {
  const innermost = stack.at(-1);
  if (by === null || innermost === undefined) return null;
  const { framework, role } = by;
  if (innermost.role !== role) {
    return `Resources that are allocated to role '${role}' cannot be reserved for role '${innermost.role}'`;
  }
  if (stack.length > 1 && !framework.spec.capabilities.includes("RESERVATION_REFINEMENT")) {
    return "The framework has no capability RESERVATION_REFINEMENT";
  }
  return principalFault("reservation", innermost.principal, framework);
}

function principalFault(what: string, named: string | undefined, { spec }: Framework): string | null {
  if (spec.principal === null || spec.principal === named) return null;
  return named === undefined
    ? `The ${what} has no principal, and the framework's is '${spec.principal}'`
    : `The ${what} has the principal '${named}', and the framework's is '${spec.principal}'`;
}

function createFault(volumes: Resources, total: Resources, by: Initiator): string | null {
  const taken = new Set(total.flatMap(keyOfVolume));
  for (const volume of volumes) {
    const meta = metaOf(volume.meta);
    const fault = volumeFault(volume, meta, by);
    if (fault !== null) return fault;
    for (const key of keyOfVolume(volume)) {
      if (taken.has(key)) return `Persistence ID '${meta.disk?.persistence?.id}' is not unique`;
      taken.add(key);
    }
  }
  return null;
}

/** Ids are unique for a role on an agent (RV08). */
function keyOfVolume({ meta }: Resource): readonly string[] {
  const { disk, reservations = [] } = metaOf(meta);
  const id = disk?.persistence?.id;
  return id === undefined ? [] : [JSON.stringify([reservations.at(-1)?.role, id])];
}

function volumeFault(resource: Resource, meta: Meta, by: Initiator): string | null {
  const { disk, reservations = [] } = meta;
  const text = format([resource]);
  if (disk?.persistence === undefined) return `Resource ${text} is no persistent volume`;
  if (resource.name !== "disk") return `Resource ${text} is no disk`;
  if (reservations.length === 0) return `Resource ${text} is not reserved, as a persistent volume must be`;
  if (meta.revocable !== undefined) return `Resource ${text} is revocable`;
  const { volume } = disk;
  if (volume === undefined) return `Persistent volume ${text} has no 'volume'`;
  if (volume.host_path !== undefined) return `Persistent volume ${text} must not have a 'host_path'`;
  if (volume.mode !== "RW") return `Persistent volume ${text} must be made in mode RW`;
  const fault = idFault(disk.persistence.id) ?? pathFault(volume.container_path);
  if (fault !== null || by === null) return fault;
  if (meta.shared !== undefined && !by.framework.spec.capabilities.includes("SHARED_RESOURCES")) {
    return "The framework has no capability SHARED_RESOURCES";
  }
  return principalFault("persistent volume", disk.persistence.principal, by.framework);
}

/** It is a directory's name on the agent. */
function idFault(id: string): string | null {
  const isName = id !== "" && id !== "." && id !== ".." && !/[/\\\p{Cc}]/u.test(id);
  return isName && id.length <= ID_CHARACTERS_MAX
    ? null
    : `Persistence ID '${id}' is no good name of a directory`;
}

function pathFault(path: string): string | null {
  const isInside = path !== "" && !path.split("/").includes("..") && !/\p{Cc}/u.test(path);
  return isInside
    ? null
    : `The container_path '${path}' of a persistent volume must not lead out of the container`;
}

function destroyFault(resource: Resource, meta: Meta, total: Resources): string | null {
  if (meta.disk?.persistence === undefined) return `Resource ${format([resource])} is no persistent volume`;
  return containsWhole(total, [resource]) ? null : "Persistent volumes not found";
}

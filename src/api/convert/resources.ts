// Resources between the wire and the state. The wire has two formats (RV07): `role` and `reservation`, or
// `reservations[]`; both are taken, a mix is refused (trap 26). The role that a resource is allocated to is no part of it
// in the state: it is written here for those who see it, and left out for those who do not (trap 25).
import { NAME_CHARACTERS_MAX } from "../../allocator/limits.ts";
import { makeResources, type ResourcePart, toMillis } from "../../allocator/resource-parts.ts";
import { isEmptyValue, NO_RESOURCES, type Resources, type ResourceValue } from "../../allocator/resources.ts";
import { decodeJson, encodeJson } from "../../contract/codec.ts";
import { messageTypes } from "../../contract/message-types.ts";
import type { ResourceReservationInfo, Resource as WireResource } from "../../contract/types.ts";
import { present } from "../../kernel/assert.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import { problemOfRole } from "./ids.ts";

/**
 * How reservations are written: `refined` = reservations[] only (frameworks with RESERVATION_REFINEMENT, tasks), `plain`
 * = role and reservation only, `both` (the operator's lists).
 */
export type ReservationFormat = "refined" | "plain" | "both";

/** The error says what is wrong with which resource. Allocation roles are not looked at: see allocationRoles. */
export function resourcesFromWire(list: readonly WireResource[]): Result<Resources, string> {
  const parts: ResourcePart[] = [];
  for (const resource of list) {
    const part = partOf(resource);
    if (!part.ok)
      return err(`Resource '${resource.name.slice(0, NAME_CHARACTERS_MAX)}' is invalid: ${part.error}`);
    parts.push(part.value);
  }
  return makeResources(parts);
}

/**
 * The same function, which answers for a list that says the same as the one before with the same Resources: tasks of one
 * call mostly ask for equal ones.
 */
export function resourcesReader(): (list: readonly WireResource[]) => Result<Resources, string> {
  let before: readonly WireResource[] | null = null;
  let made: Result<Resources, string> = ok(NO_RESOURCES);
  return (list) => {
    if (before !== null && samePlainScalars(before, list)) return made;
    before = list;
    made = resourcesFromWire(list);
    return made;
  };
}

/** The roles that the resources name as theirs, each once. */
export function allocationRoles(list: readonly WireResource[]): ReadonlySet<string> {
  const roles = new Set<string>();
  for (const { allocation_info } of list) {
    if (allocation_info?.role !== undefined) roles.add(allocation_info.role);
  }
  return roles;
}

/** @param allocationRole written as allocation_info; null leaves it out */
export function resourcesToWire(
  resources: Resources,
  format: ReservationFormat,
  allocationRole: string | null,
): readonly WireResource[] {
  return resources.map(({ name, meta, value }) => ({
    name,
    ...valueToWire(value),
    ...metaToWire(meta, format),
    ...(allocationRole === null ? {} : { allocation_info: { role: allocationRole } }),
  }));
}

/** Only what is looked at here counts as the same: all else is read anew. */
function samePlainScalars(a: readonly WireResource[], b: readonly WireResource[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((resource, at) => {
    const other = b[at];
    return (
      other !== undefined &&
      resource.name === other.name &&
      isPlainScalar(resource) &&
      isPlainScalar(other) &&
      resource.scalar?.value === other.scalar?.value
    );
  });
}

function isPlainScalar(resource: WireResource): boolean {
  const { role, reservation, reservations, disk, revocable, shared, provider_id } = resource;
  const meta = role ?? reservation ?? reservations ?? disk ?? revocable ?? shared ?? provider_id;
  return resource.type === "SCALAR" && meta === undefined;
}

function partOf(resource: WireResource): Result<ResourcePart, string> {
  const value = resourceValueOf(resource);
  if (!value.ok) return value;
  const reservations = reservationsOf(resource);
  if (!reservations.ok) return reservations;
  const isVolume = resource.name === "disk" && resource.disk?.persistence !== undefined;
  if (resource.shared !== undefined && !isVolume) return err("only persistent volumes can be shared");
  if (resource.disk?.persistence !== undefined && isEmptyValue(value.value)) {
    // What is empty is left out of what is counted, while an agent would read the volume's name in the task all the same.
    return err("a persistent volume has no size");
  }
  return ok({ name: resource.name, meta: metaOf(resource, reservations.value), value: value.value });
}

function resourceValueOf(resource: WireResource): Result<ResourceValue, string> {
  switch (resource.type) {
    case "SCALAR":
      return resource.scalar === undefined
        ? err("the scalar is missing")
        : scalarValueOf(resource.scalar.value);
    case "RANGES":
      return resource.ranges === undefined
        ? err("the ranges are missing")
        : ok({ kind: "ranges", ranges: resource.ranges.range ?? [] });
    case "SET":
      return resource.set === undefined
        ? err("the set is missing")
        : ok({ kind: "set", items: resource.set.item ?? [] });
    case "TEXT":
      return err("TEXT is no type of a resource");
  }
}

function scalarValueOf(units: number): Result<ResourceValue, string> {
  const millis = toMillis(units);
  return millis.ok ? ok({ kind: "scalar", millis: millis.value }) : millis;
}

/** The stack of reservations, whichever format it came in; empty if the resource is not reserved. */
function reservationsOf(resource: WireResource): Result<readonly ResourceReservationInfo[], string> {
  const { role, reservation, reservations = [] } = resource;
  if (reservations.length > 0) {
    return role !== undefined || reservation !== undefined
      ? err("both 'reservations' and 'role' or 'reservation' are set")
      : checkedReservations(reservations);
  }
  if (role === undefined || role === "*") {
    return reservation === undefined ? ok([]) : err("role '*' cannot be reserved dynamically");
  }
  const type = reservation === undefined ? "STATIC" : "DYNAMIC";
  return checkedReservations([{ ...reservation, role, type }]);
}

function checkedReservations(
  stack: readonly ResourceReservationInfo[],
): Result<readonly ResourceReservationInfo[], string> {
  for (const { role, type } of stack) {
    if (type === undefined || type === "UNKNOWN") return err("a reservation has no type");
    const problem = role === undefined ? "a reservation has no role" : problemOfRole(role);
    if (problem !== null) return err(problem);
  }
  return ok(stack);
}

/** What keeps the resource apart from others of its name, as the JSON of a Resource that has nothing else. */
function metaOf(resource: WireResource, reservations: readonly ResourceReservationInfo[]): string {
  const { disk, revocable, shared, provider_id } = resource;
  const plain =
    reservations.length === 0 &&
    disk === undefined &&
    revocable === undefined &&
    shared === undefined &&
    provider_id === undefined;
  if (plain) return "";
  return encodeJson(messageTypes.Resource, {
    ...NOTHING,
    ...(reservations.length === 0 ? {} : { reservations }),
    ...(disk === undefined ? {} : { disk }),
    ...(revocable === undefined ? {} : { revocable }),
    ...(shared === undefined ? {} : { shared }),
    ...(provider_id === undefined ? {} : { provider_id }),
  });
}

const NOTHING = { name: "", type: "SCALAR" } as const satisfies WireResource;

function metaToWire(meta: string, format: ReservationFormat): Partial<WireResource> {
  if (meta === "") return format === "refined" ? {} : { role: "*" };
  const decoded = decodeJson(messageTypes.Resource, meta);
  const {
    name: _name,
    type: _type,
    ...rest
  } = present(decoded.ok ? decoded.value : undefined, "meta", { meta });
  return format === "refined" ? rest : withPlainReservation(rest, format);
}

/** A stack of more than one reservation has no plain form: the allocator keeps it from those who would need one. */
function withPlainReservation(rest: Partial<WireResource>, format: "plain" | "both"): Partial<WireResource> {
  const { reservations = [], ...others } = rest;
  const [first] = reservations;
  const listed = format === "both" && reservations.length > 0 ? { reservations } : {};
  if (reservations.length > 1) return { ...others, reservations };
  if (first === undefined) return { ...others, role: "*" };
  const { role = "*", type, principal, labels } = first;
  if (type === "STATIC") return { ...others, ...listed, role };
  const reservation = {
    ...(principal === undefined ? {} : { principal }),
    ...(labels === undefined ? {} : { labels }),
  };
  return { ...others, ...listed, role, reservation };
}

function valueToWire(value: ResourceValue): Pick<WireResource, "type" | "scalar" | "ranges" | "set"> {
  switch (value.kind) {
    case "scalar":
      return { type: "SCALAR", scalar: { value: value.millis / 1_000 } };
    case "ranges":
      return { type: "RANGES", ranges: { range: value.ranges } };
    case "set":
      return { type: "SET", set: { item: value.items } };
  }
}

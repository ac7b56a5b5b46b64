// What agents offer and tasks use: scalars in whole thousandths, ranges, sets (RV01, trap 38). Arithmetic is exact and
// never makes a float; conversion from and to the wire belongs to the api, from text to resource-text.ts.
import { assert } from "../kernel/assert.ts";
import { compareText } from "../kernel/ids.ts";
import { containsRanges, mergeRanges, type Range, withoutRanges } from "./ranges.ts";
import { containsItems, mergeItems, withoutItems } from "./sets.ts";

export type { Range } from "./ranges.ts";

export type ResourceValue =
  /** Thousandths of the unit: of a CPU, of a megabyte, of a GPU. Whole and not negative. */
  | { readonly kind: "scalar"; readonly millis: number }
  /** Sorted, disjoint, not adjacent. */
  | { readonly kind: "ranges"; readonly ranges: readonly Range[] }
  /** Sorted by code units, without repetition. */
  | { readonly kind: "set"; readonly items: readonly string[] };

export interface Resource {
  /** `cpus`, `mem`, `disk`, `ports`, `gpus`, or a name of the operator's. */
  readonly name: string;
  /**
   * Everything that keeps two resources of one name apart (reservations, disk, provider, shared, revocable), as
   * canonical text; "" for the plain, unreserved resource. Resources combine only when name and meta are equal.
   */
  readonly meta: string;
  readonly value: ResourceValue;
}

/** Sorted by name, then meta; one element for each pair; no element is empty. Made only by the functions here. */
export type Resources = readonly Resource[];

export const NO_RESOURCES: Resources = Object.freeze([]);

export function isEmpty(resources: Resources): boolean {
  return resources.length === 0;
}

/** Thousandths of that name, whatever the meta; 0 if there is none or it is no scalar. */
export function scalarOf(resources: Resources, name: string): number {
  let millis = 0;
  let isFound = false;
  for (const resource of resources) {
    if (resource.name === name) {
      isFound = true;
      if (resource.value.kind === "scalar") millis += resource.value.millis;
    } else if (isFound) {
      break;
    }
  }
  return millis;
}

/**
 * Both together; ranges and sets are united. Equal names must be of equal kinds: for data from outside use
 * makeResources on the parts of both, which says so instead of failing.
 */
export function add(a: Resources, b: Resources): Resources {
  if (b.length === 0) return a;
  if (a.length === 0) return b;
  const both: Resource[] = [];
  let index = 0;
  let right = b[index];
  for (const left of a) {
    while (right !== undefined && compareKeys(right, left) < 0) {
      both.push(right);
      right = b[++index];
    }
    if (right === undefined || compareKeys(right, left) !== 0) {
      both.push(left);
    } else {
      both.push({ ...left, value: addValues(left.value, right.value) });
      right = b[++index];
    }
  }
  while (right !== undefined) {
    both.push(right);
    right = b[++index];
  }
  return both;
}

/** `a` less `b`, which must be contained in it. */
export function subtract(a: Resources, b: Resources): Resources {
  assert(contains(a, b), "resources to subtract are not contained", { from: a, take: b });
  return without(a, b);
}

/**
 * What is left of `a` when all of `b` that it holds is taken away; never negative. Where the kinds differ (an agent
 * has come back with a scalar for what was a set, and the old one is still in use) nothing of that name is left.
 */
export function without(a: Resources, b: Resources): Resources {
  if (a === b) return NO_RESOURCES;
  if (b.length === 0) return a;
  const left: Resource[] = [];
  let index = 0;
  for (const resource of a) {
    let taken = b[index];
    while (taken !== undefined && compareKeys(taken, resource) < 0) taken = b[++index];
    if (taken === undefined || compareKeys(taken, resource) !== 0) {
      left.push(resource);
      continue;
    }
    const value = withoutValue(resource.value, taken.value);
    if (!isEmptyValue(value)) left.push({ ...resource, value });
  }
  return left;
}

/** Whether all of `b` is in `a`, name by name and meta by meta. */
export function contains(a: Resources, b: Resources): boolean {
  if (a === b || b.length === 0) return true;
  let index = 0;
  for (const wanted of b) {
    let held = a[index];
    while (held !== undefined && compareKeys(held, wanted) < 0) held = a[++index];
    if (held === undefined || compareKeys(held, wanted) !== 0) return false;
    if (!containsValue(held.value, wanted.value)) return false;
  }
  return true;
}

export function equal(a: Resources, b: Resources): boolean {
  return a === b || (a.length === b.length && contains(a, b) && contains(b, a));
}

/** Whether a range or a set of one shares a number or an item with the other. Scalars never overlap. */
export function overlap(a: Resources, b: Resources): boolean {
  if (a.length === 0) return false;
  const divisible = b.filter((resource) => resource.value.kind !== "scalar");
  return divisible.length > 0 && !equal(without(divisible, a), divisible);
}

export function sum(all: Iterable<Resources>): Resources {
  let total = NO_RESOURCES;
  for (const resources of all) total = add(total, resources);
  return total;
}

/** The order of Resources: by name, then meta. */
export function compareKeys(a: Resource, b: Resource): number {
  if (a.name !== b.name) return compareText(a.name, b.name);
  return a.meta === b.meta ? 0 : compareText(a.meta, b.meta);
}

export function isEmptyValue(value: ResourceValue): boolean {
  if (value.kind === "scalar") return value.millis === 0;
  return value.kind === "ranges" ? value.ranges.length === 0 : value.items.length === 0;
}

function addValues(a: ResourceValue, b: ResourceValue): ResourceValue {
  if (a.kind === "scalar" && b.kind === "scalar") return { kind: "scalar", millis: a.millis + b.millis };
  if (a.kind === "ranges" && b.kind === "ranges") {
    return { kind: "ranges", ranges: mergeRanges([...a.ranges, ...b.ranges]) };
  }
  assert(a.kind === "set" && b.kind === "set", "resources of one name differ in kind", { a, b });
  return { kind: "set", items: mergeItems([...a.items, ...b.items]) };
}

function withoutValue(a: ResourceValue, b: ResourceValue): ResourceValue {
  if (a.kind === "scalar" && b.kind === "scalar") {
    return { kind: "scalar", millis: Math.max(0, a.millis - b.millis) };
  }
  if (a.kind === "ranges" && b.kind === "ranges") {
    return { kind: "ranges", ranges: withoutRanges(a.ranges, b.ranges) };
  }
  if (a.kind === "set" && b.kind === "set") return { kind: "set", items: withoutItems(a.items, b.items) };
  return { kind: "scalar", millis: 0 };
}

function containsValue(a: ResourceValue, b: ResourceValue): boolean {
  if (a.kind === "scalar" && b.kind === "scalar") return a.millis >= b.millis;
  if (a.kind === "ranges" && b.kind === "ranges") return containsRanges(a.ranges, b.ranges);
  return a.kind === "set" && b.kind === "set" && containsItems(a.items, b.items);
}

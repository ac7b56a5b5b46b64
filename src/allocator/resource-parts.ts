// From parts as they come from outside to Resources: validated, combined, in canonical form. The only door by which
// outside data becomes Resources.
import { err, ok, type Result } from "../kernel/result.ts";
import {
  NAME_CHARACTERS_MAX,
  RANGE_END_MAX,
  RANGES_COUNT_MAX,
  RESOURCES_COUNT_MAX,
  SCALAR_MILLIS_MAX,
  SET_ITEMS_COUNT_MAX,
} from "./limits.ts";
import { mergeRanges, type Range } from "./ranges.ts";
import { compareKeys, isEmptyValue, type Resource, type Resources, type ResourceValue } from "./resources.ts";
import { mergeItems } from "./sets.ts";

/** V8 tells texts of the program apart by their addresses, and texts cut out of others letter by letter. */
const COMMON_NAMES: readonly string[] = ["cpus", "disk", "gpus", "mem", "ports"];

/** One resource as it came: ranges and items in any order, perhaps repeated; `meta` "" if left out. */
export interface ResourcePart {
  readonly name: string;
  readonly meta?: string;
  readonly value: ResourceValue;
}

/**
 * Parts in any order, combined where name and meta are equal; empty ones are left out. Elements of Resources are parts
 * too, so this is also the safe sum of resources from outside. The error is a sentence for the sender.
 */
export function makeResources(parts: readonly ResourcePart[]): Result<Resources, string> {
  const gathered = new Map<string, Gathered>();
  const kinds = new Map<string, ResourceValue["kind"]>();
  for (const { name, meta = "", value } of parts) {
    const problem = problemOfName(name) ?? problemOfValue(value) ?? problemOfKind(kinds.get(name), value);
    if (problem !== null) return err(`Resource '${name.slice(0, NAME_CHARACTERS_MAX)}': ${problem}`);
    kinds.set(name, value.kind);
    const key = JSON.stringify([name, meta]);
    const before = gathered.get(key);
    if (before === undefined) gathered.set(key, { name, meta, values: [value] });
    else before.values.push(value);
  }
  if (gathered.size > RESOURCES_COUNT_MAX) return err(`more than ${RESOURCES_COUNT_MAX} different resources`);
  return finish([...gathered.values()]);
}

/** Thousandths of a number of units as it comes on the wire, rounded to 3 decimals as Mesos does (trap 38). */
export function toMillis(units: number): Result<number, string> {
  if (!Number.isFinite(units) || units < 0) return err("a scalar must be a finite number, not negative");
  const millis = Math.abs(Math.round(units * 1_000));
  return millis > SCALAR_MILLIS_MAX ? err(tooLarge()) : ok(millis);
}

interface Gathered {
  readonly name: string;
  readonly meta: string;
  /** All of one kind. */
  readonly values: ResourceValue[];
}

function finish(gathered: readonly Gathered[]): Result<Resources, string> {
  const made: Resource[] = [];
  for (const { name, meta, values } of gathered) {
    const value = combine(values);
    const problem = problemOfSize(value);
    if (problem !== null) return err(`Resource '${name}': ${problem}`);
    if (!isEmptyValue(value)) made.push({ name: sharedName(name), meta, value });
  }
  return ok(made.sort(compareKeys));
}

function combine(values: readonly ResourceValue[]): ResourceValue {
  switch (values[0]?.kind) {
    case "ranges":
      return { kind: "ranges", ranges: mergeRanges(values.flatMap(rangesOf).map(plainRange)) };
    case "set":
      return { kind: "set", items: mergeItems(values.flatMap(itemsOf)) };
    default:
      return { kind: "scalar", millis: values.reduce((total, value) => total + millisOf(value), 0) };
  }
}

function millisOf(value: ResourceValue): number {
  return value.kind === "scalar" ? value.millis : 0;
}

function rangesOf(value: ResourceValue): readonly Range[] {
  return value.kind === "ranges" ? value.ranges : [];
}

function itemsOf(value: ResourceValue): readonly string[] {
  return value.kind === "set" ? value.items : [];
}

function plainRange({ begin, end }: Range): Range {
  return { begin, end };
}

function sharedName(name: string): string {
  return COMMON_NAMES.find((common) => common === name) ?? name;
}

function problemOfName(name: string): string | null {
  if (name === "") return "the name is empty";
  if (name.length > NAME_CHARACTERS_MAX) return `the name has more than ${NAME_CHARACTERS_MAX} characters`;
  return null;
}

function problemOfKind(before: ResourceValue["kind"] | undefined, value: ResourceValue): string | null {
  return before === undefined || before === value.kind ? null : `is both ${before} and ${value.kind}`;
}

function problemOfValue(value: ResourceValue): string | null {
  if (value.kind === "scalar") return problemOfMillis(value.millis);
  if (value.kind === "ranges") return problemOfRanges(value.ranges);
  return value.items.some((item) => item.length > NAME_CHARACTERS_MAX)
    ? `an item has more than ${NAME_CHARACTERS_MAX} characters`
    : null;
}

function problemOfMillis(millis: number): string | null {
  if (!Number.isSafeInteger(millis)) return "the scalar is not a whole number of thousandths";
  return millis < 0 ? "the scalar is negative" : millis > SCALAR_MILLIS_MAX ? tooLarge() : null;
}

function problemOfRanges(ranges: readonly Range[]): string | null {
  for (const { begin, end } of ranges) {
    if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end)) return "a range has no whole ends";
    if (begin < 0 || end > RANGE_END_MAX) return `a range is not within 0 to ${RANGE_END_MAX}`;
    if (begin > end) return `the range ${begin}-${end} ends before it begins`;
  }
  return null;
}

function problemOfSize(value: ResourceValue): string | null {
  if (value.kind === "scalar") return value.millis > SCALAR_MILLIS_MAX ? tooLarge() : null;
  if (value.kind === "ranges") {
    return value.ranges.length > RANGES_COUNT_MAX ? `more than ${RANGES_COUNT_MAX} ranges` : null;
  }
  return value.items.length > SET_ITEMS_COUNT_MAX ? `more than ${SET_ITEMS_COUNT_MAX} items` : null;
}

function tooLarge(): string {
  return `a scalar exceeds ${SCALAR_MILLIS_MAX / 1_000}`;
}

// Arithmetic on ranges of whole numbers (ports and the like). Lists are sorted, disjoint and not adjacent, so that one
// set of numbers has one form.
import { assert } from "../kernel/assert.ts";

/** Both ends included, as Mesos writes ranges. */
export interface Range {
  readonly begin: number;
  readonly end: number;
}

export type Ranges = readonly Range[];

/** The canonical form of ranges in any order, overlapping or not. Each must have `begin <= end`. */
export function mergeRanges(ranges: Ranges): Ranges {
  const sorted = [...ranges].sort((a, b) => a.begin - b.begin);
  const merged: Range[] = [];
  let open: Range | undefined;
  for (const range of sorted) {
    assert(range.begin <= range.end, "range ends before it begins", { ...range });
    if (open === undefined || range.begin > open.end + 1) {
      if (open !== undefined) merged.push(open);
      open = range;
    } else if (range.end > open.end) {
      open = { begin: open.begin, end: range.end };
    }
  }
  if (open !== undefined) merged.push(open);
  return merged;
}

/** The numbers of `a` that are not in `b`. */
export function withoutRanges(a: Ranges, b: Ranges): Ranges {
  const left: Range[] = [];
  let first = 0;
  for (const { begin, end } of a) {
    let next = begin;
    while ((b[first]?.end ?? Infinity) < begin) first++;
    for (let index = first; next <= end; index++) {
      const hole = b[index];
      if (hole === undefined || hole.begin > end) break;
      if (hole.begin > next) left.push({ begin: next, end: hole.begin - 1 });
      next = hole.end + 1;
    }
    if (next <= end) left.push({ begin: next, end });
  }
  return left;
}

/** Whether every number of `b` is in `a`. */
export function containsRanges(a: Ranges, b: Ranges): boolean {
  let index = 0;
  for (const { begin, end } of b) {
    while ((a[index]?.end ?? Infinity) < begin) index++;
    const around = a[index];
    if (around === undefined || around.begin > begin || around.end < end) return false;
  }
  return true;
}

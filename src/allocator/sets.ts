// Arithmetic on sets of text, kept as lists sorted by code units without repetition: one set has one form.
import { compareText } from "../kernel/ids.ts";

export type Items = readonly string[];

/** The canonical form of items in any order, repeated or not. */
export function mergeItems(items: Items): Items {
  return [...new Set(items)].sort(compareText);
}

/** The items of `a` that are not in `b`. */
export function withoutItems(a: Items, b: Items): Items {
  const taken = new Set(b);
  return a.filter((item) => !taken.has(item));
}

/** Whether every item of `b` is in `a`. */
export function containsItems(a: Items, b: Items): boolean {
  let index = 0;
  for (const item of b) {
    while (index < a.length && compareText(a[index] ?? "", item) < 0) index++;
    if (a[index] !== item) return false;
  }
  return true;
}

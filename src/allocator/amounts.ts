// Sums of scalars by name, whatever their meta: what shares are made of. Thousandths; a Map without zeros.
import { assert } from "../kernel/assert.ts";
import type { Resources } from "./resources.ts";

export type Amounts = Map<string, number>;

export function addAmounts(amounts: Amounts, resources: Resources): void {
  for (const { name, value } of resources) {
    if (value.kind !== "scalar") continue;
    const sum = (amounts.get(name) ?? 0) + value.millis;
    assert(Number.isSafeInteger(sum), "sum of scalars is too large", { name, sum });
    amounts.set(name, sum);
  }
}

/** What is taken must have been added. */
export function takeAmounts(amounts: Amounts, resources: Resources): void {
  for (const { name, value } of resources) {
    if (value.kind !== "scalar") continue;
    const rest = (amounts.get(name) ?? 0) - value.millis;
    assert(rest >= 0, "more scalars taken than there are", { name, rest });
    if (rest === 0) amounts.delete(name);
    else amounts.set(name, rest);
  }
}

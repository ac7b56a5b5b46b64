// FrameworkInfo.offer_filters (AL12): the least amounts that a framework wants of an offer, by role. Roles that it is not
// in are ignored, as recorded, but what is wrong with them is refused.
import { type Minimum, toMillis } from "../../allocator/index.ts";
import type { FrameworkInfo, OfferFiltersMinAllocatableResources } from "../../contract/types.ts";
import { asId, type RoleName } from "../../kernel/ids.ts";
import type { FrameworkSpec } from "../../state/model.ts";

/** The smallest double that is not subnormal. */
const NORMAL_MIN = 2 ** -1022;

/** What Mesos would say against the filters, null if nothing. */
export function problemOfOfferFilters({ offer_filters = {} }: FrameworkInfo): string | null {
  for (const { min_allocatable_resources } of Object.values(offer_filters)) {
    for (const { quantities = {} } of min_allocatable_resources?.quantities ?? []) {
      const named = Object.entries(quantities);
      if (named.length === 0) return "Resource quantities must contain at least one quantity";
      for (const [name, { value }] of named) {
        const problem = problemOfQuantity(value);
        if (problem !== null) return `Invalid resource quantity for '${name}': ${problem}`;
      }
    }
  }
  return null;
}

/** Of a valid FrameworkInfo. An empty list of quantities asks for nothing, instead of the cluster's minimum. */
export function minimumsOf({ offer_filters = {} }: FrameworkInfo): Pick<FrameworkSpec, "minimums"> {
  const minimums = Object.entries(offer_filters).flatMap(([role, { min_allocatable_resources }]) => {
    if (min_allocatable_resources === undefined) return [];
    return [{ role: asId<RoleName>(role), minimum: minimumOf(min_allocatable_resources) }];
  });
  return minimums.length === 0 ? {} : { minimums };
}

function minimumOf({ quantities = [] }: OfferFiltersMinAllocatableResources): Minimum {
  return quantities.map((each) => {
    const amounts = Object.entries(each.quantities ?? {}).map(([name, { value }]) => {
      const millis = toMillis(value);
      return [name, millis.ok ? millis.value : Number.MAX_SAFE_INTEGER] as const;
    });
    return Object.fromEntries(amounts);
  });
}

function problemOfQuantity(value: number): string | null {
  if (Number.isNaN(value)) return "NaN not supported";
  if (!Number.isFinite(value)) return "Infinite values not supported";
  if (value !== 0 && Math.abs(value) < NORMAL_MIN) return "Subnormal values not supported";
  return value < 0 ? "Negative values not supported" : null;
}

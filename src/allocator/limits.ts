// Every bound of the allocator, in one place. What exceeds a bound of a message is refused by makeResources as a value.

/** Thousandths: 10^9 CPUs, or a petabyte of memory or disk, on one agent. */
export const SCALAR_MILLIS_MAX = 1_000_000_000_000;

/** Largest end of a range; one less than the largest exact integer, so that `end + 1` is exact. */
export const RANGE_END_MAX = Number.MAX_SAFE_INTEGER - 1;

/** Ranges in one resource, after merging. */
export const RANGES_COUNT_MAX = 10_000;

/** Items in one set. */
export const SET_ITEMS_COUNT_MAX = 10_000;

/** Different resources (pairs of name and meta) of one agent, task or offer. */
export const RESOURCES_COUNT_MAX = 1_000;

/** Characters in a resource's name and in an item of a set. */
export const NAME_CHARACTERS_MAX = 255;

/** Characters of a `--resources` text. */
export const TEXT_CHARACTERS_MAX = 100_000;

/** Filters of one framework's role on one agent; beyond it the one that ends first is dropped. */
export const FILTERS_PER_AGENT_COUNT_MAX = 16;

/** Thousandths: weight 1, of every role whose weight is not set (AL03). */
export const DEFAULT_WEIGHT_MILLIS = 1_000;

/** Thousandths. */
export const WEIGHT_MILLIS_MAX = 1_000_000_000;

/** Allocations of one cycle unless the caller says otherwise. */
export const OFFERS_PER_CYCLE_MAX = 100_000;

/**
 * Copies of one shared volume on an agent with which it is offered no more, and beyond which no task is launched on it:
 * the sum of all copies of the largest volume stays exact.
 */
export const SHARED_COPIES_OFFERED_MAX = 2_000;
export const SHARED_COPIES_MAX = 4_000;

/** Optimistic offers of one cycle beside those; the longest waiting clients come first. */
export const OPTIMISTIC_OFFERS_PER_CYCLE_MAX = 1_000;

/** Optimistic offers that are out, beside one for each client that has waited. */
export const OPTIMISTIC_OFFERS_MAX = 20_000;

/**
 * Work of one slice of a cycle, but for the last agent's: 1 for an agent that is looked at, 1 for a framework's role that
 * is asked whether it may have it, GRANT_WORK for what is given. About 2 ms on a machine of 2026.
 */
export const WORK_PER_SLICE_MAX = 40_000;

/** What it costs to give something and to find the next places of those who were given it. */
export const GRANT_WORK = 40;

/** What it costs to ask who has waited about an agent, or whoever is next: most of that is to look up its filters there. */
export const OPTIMISTIC_ASK_WORK = 4;

/** Slices of a cycle that wait for constraints to be evaluated; then who asks for more than that is passed over in it. */
export const BEHIND_SLICES_MAX = 20;

/** Agents that one slice puts in order, of those that no cycle has seen before. */
export const NEW_AGENTS_PER_SLICE_MAX = 20_000;

/** From so many live clients on, the slice that ranks them for the first time does nothing else. */
export const FIRST_RANKED_ALONE_MIN = 1_000;

// One unit of a snapshot: a tag that says what it is, and plain data. The numbers are part of the format: they are never
// given to anything else.

export interface Unit {
  readonly tag: number;
  readonly value: unknown;
  /** How much it counts towards the units of a chunk. */
  readonly weight: number;
}

export const TAGS = {
  head: 0,
  /** Lists of [id, value]. */
  absentFrameworks: 1,
  absentAgents: 2,
  goneAgents: 3,
  /** A list of offers. */
  offers: 4,
  /** A list of [role, thousandths]. */
  weights: 5,
  /** The settings that are not as by default; of the whitelist only that there is one. */
  policy: 6,
  /** A list of hosts. */
  whitelist: 7,
  /** A list of finished operations. */
  operations: 8,
  /** The allocator's framework in its roles: [id, active, gpu, [role, client number]s]. */
  allocatorFramework: 10,
  role: 11,
  /** The client's number and the client without `filtered`, whose keys follow. */
  client: 12,
  filteredAgents: 13,
  totals: 14,
  withFree: 15,
  bucket: 16,
  bucketAgents: 17,
  bucketClients: 18,
  heap: 19,
  allocatorAgent: 20,
  /** A list of the roles that have a quota, in the order in which they got it. */
  quotas: 21,
  /** Heads without their Maps; what hangs on them follows. */
  framework: 30,
  offersOfFramework: 31,
  agent: 32,
  /** The framework whose task ids on the agent follow. */
  tasksOnAgent: 33,
  taskIds: 34,
  executorsOnAgent: 35,
  executorIds: 36,
  offersOfAgent: 37,
  /** The framework whose executors and tasks follow. */
  tasksOf: 40,
  executor: 41,
  task: 42,
  unreachableTask: 43,
  completedTask: 44,
  completedFramework: 45,
} as const;

/** Items in one unit of a list. */
const LIST_ITEMS_MAX = 256;
/** Items that count as one. */
const ITEMS_PER_WEIGHT = 8;
/** Bytes that count as one. */
const BYTES_PER_WEIGHT = 1_024;

/** @param bytes how many it has about, if they may be many */
export function unit(tag: number, value: unknown, bytes = 0): Unit {
  return { tag, value, weight: 1 + Math.floor(bytes / BYTES_PER_WEIGHT) };
}

/** The list in pieces; no unit at all if it is empty. */
export function* unitsOfList(tag: number, items: readonly unknown[]): Generator<Unit, void> {
  for (let at = 0; at < items.length; at += LIST_ITEMS_MAX) {
    const value = items.length <= LIST_ITEMS_MAX ? items : items.slice(at, at + LIST_ITEMS_MAX);
    yield { tag, value, weight: 1 + Math.floor(value.length / ITEMS_PER_WEIGHT) };
  }
}

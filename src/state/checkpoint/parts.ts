// How each part of the state is copied before it changes, and what of its Maps a walk reads. Copies share all that is
// never changed in place.
import type {
  AgentEntry,
  Client,
  ClientNumber,
  Expiries,
  ExpiryBucket,
  Filter,
  FrameworkEntry,
  RoleEntry,
} from "../../allocator/model.ts";
import type { Agent, Executor, Framework, Task } from "../model.ts";

export function keysOf<Key>(map: ReadonlyMap<Key, unknown>): readonly Key[] {
  return [...map.keys()];
}

export function valuesOf<Value>(map: ReadonlyMap<unknown, Value>): readonly Value[] {
  return [...map.values()];
}

export function entriesOf<Key, Value>(map: ReadonlyMap<Key, Value>): readonly (readonly [Key, Value])[] {
  return [...map];
}

export function itemsOf<Item>(items: readonly Item[]): readonly Item[] {
  return items.slice();
}

/** The keys of both levels. */
export function keyPairsOf<A, B>(
  map: ReadonlyMap<A, ReadonlyMap<B, unknown>>,
): readonly (readonly [A, readonly B[]])[] {
  return [...map].map(([a, inner]) => [a, [...inner.keys()]]);
}

/** Each knows its agent, so that the two levels of the Map follow from their order. */
export function executorsOf(map: Framework["executors"]): readonly Executor[] {
  const all: Executor[] = [];
  for (const executors of map.values()) all.push(...executors.values());
  return all;
}

export function copyTask(task: Task): Task {
  return { ...task, statuses: task.statuses.slice() };
}

export function copyExecutor(executor: Executor): Executor {
  return { ...executor };
}

/** Its Maps and its completed tasks are parts of their own. */
export function copyFramework(framework: Framework): Framework {
  return { ...framework, suppressedRoles: framework.suppressedRoles.slice() };
}

/** Its Maps are parts of their own. */
export function copyAgent(agent: Agent): Agent {
  return { ...agent };
}

export function copyAgentEntry(entry: AgentEntry): AgentEntry {
  const filters = new Map<ClientNumber, Filter[]>();
  for (const [number, list] of entry.filters) {
    filters.set(
      number,
      list.map((filter) => ({ ...filter })),
    );
  }
  return { ...entry, allocations: new Map(entry.allocations), filters };
}

/** `filtered` is a part of its own. */
export function copyClient(client: Client): Client {
  return { ...client, allocated: new Map(client.allocated) };
}

export function copyFrameworkEntry(entry: FrameworkEntry): FrameworkEntry {
  return { ...entry, clients: new Map(entry.clients) };
}

export function copyRole(role: RoleEntry): RoleEntry {
  return {
    ...role,
    allocated: new Map(role.allocated),
    own: { ...role.own, allocated: new Map(role.own.allocated) },
    clients: new Map(role.clients),
    children: new Map(role.children),
    reservedFree: new Map(role.reservedFree),
    revocable: new Map(role.revocable),
  };
}

/** `buckets` is a part of its own, and so is each bucket. */
export function copyExpiries(expiries: Expiries): Expiries {
  return { ...expiries, heap: expiries.heap.slice() };
}

export function copyBucket(bucket: ExpiryBucket): ExpiryBucket {
  return { ...bucket, agentIds: bucket.agentIds.slice(), clients: bucket.clients.slice() };
}

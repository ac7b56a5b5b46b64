// The allocator's part of restore.ts.
import { sharedWith } from "../../allocator/filters.ts";
import type {
  AgentEntry,
  Client,
  ClientNumber,
  ExpiryBucket,
  Filter,
  RoleEntry,
} from "../../allocator/model.ts";
import { noteOfferable } from "../../allocator/offerable-sums.ts";
import { equal, NO_RESOURCES, type Resources } from "../../allocator/resources.ts";
import { parentOf } from "../../allocator/role-tree.ts";
import type { AgentId, FrameworkId, Millis, RoleName } from "../../kernel/ids.ts";
import { type Draft, type Entries, fill, mark, owner, type Reader } from "./draft.ts";
import { TAGS } from "./unit.ts";

type FrameworkValue = readonly [
  FrameworkId,
  boolean,
  boolean,
  Entries<RoleName, ClientNumber>,
  /** refined, revocable, shared, regionAware; absent if it is capable of nothing special. */
  (readonly [boolean, boolean, boolean, boolean])?,
];
type RoleHead = Pick<RoleEntry, "weightMillis" | "given" | "liveClients">;
/** given, liveClients, allocated; absent while no role is below. */
type OwnValue = readonly [number, number, Entries<string, number>];
type Amounts = Entries<string, number>;
/** The quota's guarantees and limits, reservedFree, revocable; absent while there is nothing of it. */
type PolicyValue = readonly [readonly [Amounts, Amounts] | null, Amounts, Amounts];
type RoleValue = readonly [
  RoleName,
  RoleHead,
  Amounts,
  readonly ClientNumber[],
  (OwnValue | null)?,
  PolicyValue?,
];
/** Since when it waits is said only where that is kept. */
type ClientHead = Omit<Client, "waitsSince"> & { readonly waitsSince?: Millis | null };
type ClientValue = readonly [ClientNumber, ClientHead, Entries<string, number>];
type AgentValue = readonly [
  AgentId,
  AgentEntry,
  Entries<ClientNumber, Resources>,
  Entries<ClientNumber, Filter[]>,
  /** Absent unless it is remote. */
  true?,
];

export const allocatorReaders: readonly (readonly [number, Reader])[] = [
  [TAGS.allocatorFramework, addFramework],
  [TAGS.role, addRole],
  [TAGS.client, addClient],
  [TAGS.filteredAgents, (draft, ids: readonly AgentId[]) => mark(owner(draft.client).filtered, ids)],
  [TAGS.quotas, ({ state }, roles: readonly RoleName[]) => mark(state.allocator.quotas, roles)],
  [TAGS.totals, ({ state }, list: Entries<string, number>) => fill(state.allocator.totals, list)],
  [TAGS.withFree, ({ state }, ids: readonly AgentId[]) => mark(state.allocator.withFree, ids)],
  [TAGS.heap, ({ state }, moments: readonly Millis[]) => void state.allocator.expiries.heap.push(...moments)],
  [TAGS.bucket, addBucket],
  [TAGS.bucketAgents, (draft, ids: readonly AgentId[]) => void owner(draft.bucket).agentIds.push(...ids)],
  [
    TAGS.bucketClients,
    (draft, numbers: readonly ClientNumber[]) => void owner(draft.bucket).clients.push(...numbers),
  ],
  [TAGS.allocatorAgent, addAgent],
];

function addFramework({ state }: Draft, [id, active, gpu, clients, special]: FrameworkValue): void {
  const [refined = false, revocable = false, shared = false, regionAware = false] = special ?? [];
  const takes = { refined, revocable, shared };
  state.allocator.frameworks.set(id, { active, gpu, regionAware, takes, clients: new Map(clients) });
}

/** Those above come before. */
function addRole({ state }: Draft, [name, role, allocated, numbers, own, policy]: RoleValue): void {
  const { roles } = state.allocator;
  const clients = new Map<ClientNumber, true>();
  mark(clients, numbers);
  const [given, liveClients, amounts] = own ?? [role.given, role.liveClients, allocated];
  const [quota, reservedFree, revocable] = policy ?? [null, [], []];
  roles.set(name, {
    ...role,
    allocated: new Map(allocated),
    own: { allocated: new Map(amounts), given, liveClients },
    clients,
    children: new Map(),
    quota: quota === null ? null : { guarantees: new Map(quota[0]), limits: new Map(quota[1]) },
    reservedFree: new Map(reservedFree),
    revocable: new Map(revocable),
  });
  const parent = parentOf(name);
  if (parent !== null) owner(roles.get(parent)).children.set(name, true);
}

function addClient(draft: Draft, [number, head, allocated]: ClientValue): void {
  const { waitsSince = null } = head;
  const client: Client = { ...head, waitsSince, allocated: new Map(allocated), filtered: new Map() };
  draft.state.allocator.clients.set(number, client);
  draft.client = client;
}

function addBucket(draft: Draft, [until, count]: readonly [Millis, number]): void {
  const bucket: ExpiryBucket = { count, agentIds: [], clients: [] };
  draft.state.allocator.expiries.buckets.set(until, bucket);
  draft.bucket = bucket;
}

/** Filters share the agent's lists of resources, as they do where they are made: there may be millions of them. */
function addAgent({ state }: Draft, [id, entry, allocations, filters, remote]: AgentValue): void {
  const free = equal(entry.free, entry.total) ? entry.total : entry.free;
  const agent = {
    ...entry,
    free,
    remote: remote === true,
    allocations: new Map(allocations),
    filters: new Map<ClientNumber, Filter[]>(),
  };
  for (const [number, list] of filters) {
    const shared = list.map((filter) => ({ ...filter, resources: sharedWith(agent, filter.resources) }));
    agent.filters.set(number, shared);
  }
  state.allocator.agents.set(id, agent);
  if (state.allocator.withFree.has(id)) noteOfferable(state.allocator, NO_RESOURCES, entry.free);
}

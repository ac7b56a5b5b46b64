// The allocator's part of the units.
import type {
  AgentEntry,
  AllocatorState,
  Expiries,
  FrameworkEntry,
  OwnFrameworks,
  RoleEntry,
} from "../../allocator/model.ts";
import { type AgentId, compareText, type FrameworkId, type RoleName } from "../../kernel/ids.ts";
import type { Images } from "./images.ts";
import { entriesOf, keysOf } from "./parts.ts";
import { TAGS, type Unit, unit, unitsOfList } from "./unit.ts";

/** Everything but the agents. */
export function* allocatorUnits(state: AllocatorState, images: Images): Generator<Unit, void> {
  for (const [id, entry] of images.list(state.frameworks, entriesOf)) {
    yield unit(TAGS.allocatorFramework, frameworkValue(id, images.object(entry)));
  }
  for (const [name, entry] of images.list(state.roles, entriesOf)) {
    yield unit(TAGS.role, roleValue(name, images.object(entry)));
  }
  for (const [number, entry] of images.list(state.clients, entriesOf)) {
    const { allocated, filtered, waitsSince, ...client } = images.object(entry);
    const head = waitsSince === null ? client : { ...client, waitsSince };
    yield unit(TAGS.client, [number, head, [...allocated]]);
    yield* unitsOfList(TAGS.filteredAgents, images.list(filtered, keysOf));
  }
  yield* unitsOfList(TAGS.quotas, images.list(state.quotas, keysOf));
  yield* unitsOfList(TAGS.totals, images.list(state.totals, entriesOf));
  yield* unitsOfList(TAGS.withFree, images.list(state.withFree, keysOf));
  yield* expiryUnits(state.expiries, images);
}

export function* allocatorAgentUnits(state: AllocatorState, images: Images): Generator<Unit, void> {
  for (const [id, entry] of images.list(state.agents, entriesOf)) {
    yield unit(TAGS.allocatorAgent, agentValue(id, images.object(entry)));
  }
}

function* expiryUnits(expiries: Expiries, images: Images): Generator<Unit, void> {
  const { heap, buckets } = images.object(expiries);
  yield* unitsOfList(TAGS.heap, heap.slice());
  for (const [until, original] of images.list(buckets, entriesOf)) {
    const bucket = images.object(original);
    const [agentIds, clients] = [bucket.agentIds.slice(), bucket.clients.slice()];
    yield unit(TAGS.bucket, [until, bucket.count]);
    yield* unitsOfList(TAGS.bucketAgents, agentIds);
    yield* unitsOfList(TAGS.bucketClients, clients);
  }
}

/** What it is capable of is said only of those that are capable of something special. */
function frameworkValue(id: FrameworkId, entry: FrameworkEntry): unknown {
  const { active, gpu, regionAware, takes, clients } = entry;
  const value = [id, active, gpu, [...clients]];
  const special = [takes.refined, takes.revocable, takes.shared, regionAware];
  return special.includes(true) ? [...value, special] : value;
}

/**
 * The roles below follow from the names; its own frameworks' part is said only if there are any, for otherwise it is the
 * role's. Their amounts are sorted, so that it does not matter when they were first told apart.
 */
function roleValue(name: RoleName, entry: RoleEntry): unknown {
  const { weightMillis, given, liveClients, allocated, clients } = entry;
  const value = [name, { weightMillis, given, liveClients }, [...allocated], [...clients.keys()]];
  const own = entry.children.size === 0 ? null : ownValue(entry.own);
  const policy = policyValue(entry);
  if (policy !== null) return [...value, own, policy];
  return own === null ? value : [...value, own];
}

function ownValue({ given, liveClients, allocated }: OwnFrameworks): unknown {
  return [given, liveClients, sorted(allocated)];
}

/** Quota, and what counts against it beside what is allocated; null if there is nothing of it. */
function policyValue({ quota, reservedFree, revocable }: RoleEntry): unknown {
  if (quota === null && reservedFree.size === 0 && revocable.size === 0) return null;
  const quotaValue = quota === null ? null : [sorted(quota.guarantees), sorted(quota.limits)];
  return [quotaValue, sorted(reservedFree), sorted(revocable)];
}

function sorted(amounts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...amounts].sort(([a], [b]) => compareText(a, b));
}

function agentValue(id: AgentId, entry: AgentEntry): unknown {
  const { allocations, filters, remote, ...agent } = entry;
  const value = [id, agent, [...allocations], [...filters]];
  return remote ? [...value, true] : value;
}

/** Those who are aware of regions are counted only where there are any. */
export function liveValue({ all, gpu, regionAware, both }: AllocatorState["live"]): unknown {
  return regionAware === 0 ? { all, gpu } : { all, gpu, regionAware, both };
}

// The allocator's part of the units.
import type { AgentEntry, AllocatorState, Expiries, RoleEntry } from "../../allocator/model.ts";
import { type AgentId, compareText, type RoleName } from "../../kernel/ids.ts";
import type { Images } from "./images.ts";
import { entriesOf, keysOf } from "./parts.ts";
import { TAGS, type Unit, unit, unitsOfList } from "./unit.ts";

/** Everything but the agents. */
export function* allocatorUnits(state: AllocatorState, images: Images): Generator<Unit, void> {
  for (const [id, entry] of images.list(state.frameworks, entriesOf)) {
    const { active, gpu, clients } = images.object(entry);
    yield unit(TAGS.allocatorFramework, [id, active, gpu, [...clients]]);
  }
  for (const [name, entry] of images.list(state.roles, entriesOf)) {
    yield unit(TAGS.role, roleValue(name, images.object(entry)));
  }
  for (const [number, entry] of images.list(state.clients, entriesOf)) {
    const { allocated, filtered, ...client } = images.object(entry);
    yield unit(TAGS.client, [number, client, [...allocated]]);
    yield* unitsOfList(TAGS.filteredAgents, images.list(filtered, keysOf));
  }
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

/**
 * The roles below follow from the names; its own frameworks' part is said only if there are any, for otherwise it is the
 * role's. Their amounts are sorted, so that it does not matter when they were first told apart.
 */
function roleValue(name: RoleName, entry: RoleEntry): unknown {
  const { allocated, clients, own, children, ...role } = entry;
  const value = [name, role, [...allocated], [...clients.keys()]];
  if (children.size === 0) return value;
  const amounts = [...own.allocated].sort(([a], [b]) => compareText(a, b));
  return [...value, [own.given, own.liveClients, amounts]];
}

function agentValue(id: AgentId, entry: AgentEntry): unknown {
  const { allocations, filters, ...agent } = entry;
  return [id, agent, [...allocations], [...filters]];
}

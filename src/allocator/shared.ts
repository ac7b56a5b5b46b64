// Shared resources (AL17): persistent volumes that any number of tasks and offers may hold at one time. Each holder holds
// all of it, so what is held of one, summed, is so many copies of it. It stays on offer while it is held, beside something
// that nobody holds; and it counts once for an agent in whatever sum its holders are in, as in Mesos.
import { asId, type RoleName } from "../kernel/ids.ts";
import type { addAmounts, takeAmounts } from "./amounts.ts";
import { SHARED_COPIES_OFFERED_MAX } from "./limits.ts";
import { clientOf, roleOf } from "./lookups.ts";
import { factsOf, isPlain, isWithin } from "./meta.ts";
import type { AgentEntry, AllocatorState, ClientNumber } from "./model.ts";
import { add, contains, NO_RESOURCES, type Resource, type Resources, without } from "./resources.ts";
import { lineOf } from "./role-tree.ts";

/** The field's name in a meta: without it there is no need to read the meta. */
const SHARED_FIELD = '"shared":';

export function isShared({ meta }: Pick<Resource, "meta">): boolean {
  return meta !== "" && meta.includes(SHARED_FIELD) && factsOf(meta).shared;
}

export function sharedOf(resources: Resources): Resources {
  return isPlain(resources) ? NO_RESOURCES : resources.filter(isShared);
}

/** What can have one holder only. */
export function exclusiveOf(resources: Resources): Resources {
  return sharedOf(resources).length === 0 ? resources : resources.filter((each) => !isShared(each));
}

/** Whether anything of that name and meta is among the resources. */
export function has(resources: Resources, { name, meta }: Resource): boolean {
  return resources.some((each) => each.name === name && each.meta === meta);
}

/** Both together, but of what is shared no more than one copy. */
export function unite(a: Resources, b: Resources): Resources {
  return add(
    a,
    b.filter((resource) => !isShared(resource) || !has(a, resource)),
  );
}

/** What the first have when the second, which they contain, are taken: all of what is shared. */
export function withoutExclusive(from: Resources, taken: Resources): Resources {
  return without(from, exclusiveOf(taken));
}

/** Of each as much as the agent has, however many copies are named. */
export function oneCopyEach({ total }: AgentEntry, shared: Resources): Resources {
  return shared.length === 0 ? NO_RESOURCES : total.filter((resource) => has(shared, resource));
}

/** How many hold it. @param resource one copy, of a scalar */
export function copiesIn(held: Resources, { name, meta, value }: Resource): number {
  const known = held.find((each) => each.name === name && each.meta === meta);
  if (known?.value.kind !== "scalar" || value.kind !== "scalar") return known === undefined ? 0 : 1;
  return Math.round(known.value.millis / value.millis);
}

/** What can be offered: what nobody holds, and if there is any such thing what is shared beside it. */
export function freeOf(total: Resources, allocated: Resources): Resources {
  const unheld = without(total, allocated);
  if (unheld.length === 0 || isPlain(total)) return unheld;
  const more = total.filter(
    (resource) =>
      isShared(resource) &&
      !has(unheld, resource) &&
      copiesIn(allocated, resource) < SHARED_COPIES_OFFERED_MAX,
  );
  return more.length === 0 ? unheld : add(unheld, more);
}

/** What of the agent's free resources nobody holds. */
export function unheldOf({ free, allocated }: Pick<AgentEntry, "free" | "allocated">): Resources {
  if (allocated.length === 0 || sharedOf(free).length === 0) return free;
  return free.filter((resource) => !isShared(resource) || !has(allocated, resource));
}

/** Whether the resources can be held on the agent beside what is. */
export function isHoldable(agent: AgentEntry, resources: Resources): boolean {
  if (contains(agent.free, resources)) return true;
  return contains(unheldOf(agent), exclusiveOf(resources)) && contains(agent.total, sharedOf(resources));
}

/** Whether there is nothing among them but what is shared and held already: no offer is made of it alone. */
export function isHeldAnyway({ allocated }: AgentEntry, resources: Resources): boolean {
  if (allocated.length === 0 || isPlain(resources)) return false;
  return resources.every((resource) => has(allocated, resource) && isShared(resource));
}

/** Whether somebody in the role or below it holds the resource on the agent. */
export function isHeldWithin(
  s: AllocatorState,
  { allocations }: AgentEntry,
  resource: Resource,
  role: RoleName,
): boolean {
  for (const [number, held] of allocations) {
    if (isWithin(clientOf(s, number).role, role) && has(held, resource)) return true;
  }
  return false;
}

/** Whether the resource is shared and held on the agent by the client, or by any of the group. @param who as ranked */
export function isCountedFor(
  s: AllocatorState,
  agent: AgentEntry,
  resource: Resource,
  who: { readonly number: ClientNumber } | { readonly path: string },
): boolean {
  if (agent.allocations.size === 0 || !has(agent.allocated, resource) || !isShared(resource)) return false;
  if ("number" in who) return has(agent.allocations.get(who.number) ?? NO_RESOURCES, resource);
  const { path } = who;
  if (!path.endsWith("/.")) return isHeldWithin(s, agent, resource, asId(path));
  return [...agent.allocations].some(
    ([number, held]) => `${clientOf(s, number).role}/.` === path && has(held, resource),
  );
}

/**
 * The client begins (before it is noted) or ceases (after) to hold the shared resources on the agent: adds them to the
 * sums in which they are not counted by others, or takes them away.
 */
export function countShared(
  s: AllocatorState,
  agent: AgentEntry,
  number: ClientNumber,
  resources: Resources,
  change: typeof addAmounts | typeof takeAmounts,
): void {
  const client = clientOf(s, number);
  for (const resource of resources) {
    const one = [resource];
    const holders = [...agent.allocations].filter(([, held]) => has(held, resource)).map(([each]) => each);
    if (holders.includes(number)) continue;
    change(client.allocated, one);
    const roles = holders.map((each) => clientOf(s, each).role);
    if (!roles.includes(client.role)) change(roleOf(s, client.role).own.allocated, one);
    for (const each of lineOf(client.role)) {
      if (!roles.some((role) => isWithin(role, each))) change(roleOf(s, each).allocated, one);
    }
  }
}

// The tree of roles (AL04): which role is above which, and what comes and goes with a role's place in it.
import { asId, type RoleName } from "../kernel/ids.ts";
import { type Amounts, addAmounts, takeAmounts } from "./amounts.ts";
import { DEFAULT_WEIGHT_MILLIS } from "./limits.ts";
import { roleOf } from "./lookups.ts";
import { factsOf, isPlain } from "./meta.ts";
import type { AllocatorState, RoleEntry } from "./model.ts";
import { NO_RESOURCES, type Resource, type Resources } from "./resources.ts";

const SEPARATOR = "/";

/** The role above; null for one at the top. */
export function parentOf(role: RoleName): RoleName | null {
  const end = role.lastIndexOf(SEPARATOR);
  return end < 0 ? null : asId<RoleName>(role.slice(0, end));
}

/** The role, and all above it up to the top. */
export function* lineOf(role: RoleName): Generator<RoleName> {
  for (let each: RoleName | null = role; each !== null; each = parentOf(each)) yield each;
}

/** The roles at the top, in the order in which they came. */
export function topRoles(s: AllocatorState): readonly RoleName[] {
  return [...s.roles.keys()].filter((role) => parentOf(role) === null);
}

/** The role's entry; made, after those above it, if there is none: the tree can be put together in the Map's order. */
export function ensureRole(s: AllocatorState, role: RoleName): RoleEntry {
  if (!s.roles.has(role)) {
    const parent = parentOf(role);
    if (parent !== null) ensureRole(s, parent).children.set(role, true);
    s.roles.set(role, newRole());
  }
  return roleOf(s, role);
}

/** Forgets a role that nothing keeps, and then those above it for which the same is true. */
export function forgetRoleIfUnused(s: AllocatorState, role: RoleName): void {
  const entry = roleOf(s, role);
  const isKept = entry.clients.size > 0 || entry.children.size > 0;
  if (isKept || entry.weightMillis !== DEFAULT_WEIGHT_MILLIS) return;
  if (entry.quota !== null || entry.reservedFree.size > 0) return;
  s.roles.delete(role);
  const parent = parentOf(role);
  if (parent === null) return;
  const above = roleOf(s, parent);
  above.children.delete(role);
  if (above.children.size === 0) above.own.given = above.given;
  forgetRoleIfUnused(s, parent);
}

export function addToRole(s: AllocatorState, role: RoleName, resources: Resources): void {
  forEachSum(s, role, (amounts) => addAmounts(amounts, resources));
  const revocable = revocableOf(resources);
  if (revocable.length === 0) return;
  for (const each of lineOf(role)) addAmounts(roleOf(s, each).revocable, revocable);
}

export function takeFromRole(s: AllocatorState, role: RoleName, resources: Resources): void {
  forEachSum(s, role, (amounts) => takeAmounts(amounts, resources));
  const revocable = revocableOf(resources);
  if (revocable.length === 0) return;
  for (const each of lineOf(role)) takeAmounts(roleOf(s, each).revocable, revocable);
}

/** What is reserved on an agent and held by nobody was `before` and is `now`. */
export function replaceReservedFree(s: AllocatorState, before: Resources, now: Resources): void {
  for (const [role, resource] of reservedIn(now)) {
    ensureRole(s, role);
    for (const each of lineOf(role)) addAmounts(roleOf(s, each).reservedFree, [resource]);
  }
  const taken = reservedIn(before);
  for (const [role, resource] of taken) {
    for (const each of lineOf(role)) takeAmounts(roleOf(s, each).reservedFree, [resource]);
  }
  for (const [role] of taken) if (s.roles.has(role)) forgetRoleIfUnused(s, role);
}

function reservedIn(resources: Resources): readonly (readonly [RoleName, Resource])[] {
  const reserved: (readonly [RoleName, Resource])[] = [];
  for (const resource of resources) {
    const { reservedTo } = factsOf(resource.meta);
    if (reservedTo !== null) reserved.push([reservedTo, resource]);
  }
  return reserved;
}

function revocableOf(resources: Resources): Resources {
  return isPlain(resources) ? NO_RESOURCES : resources.filter(({ meta }) => factsOf(meta).revocable);
}

/** A framework of the role was given something: a turn of the role and of all above it. */
export function noteGiven(s: AllocatorState, role: RoleName): void {
  roleOf(s, role).own.given++;
  for (const each of lineOf(role)) roleOf(s, each).given++;
}

/** A framework of the role has begun (1) or ceased (-1) to compete. */
export function noteLive(s: AllocatorState, role: RoleName, change: 1 | -1): void {
  roleOf(s, role).own.liveClients += change;
  for (const each of lineOf(role)) roleOf(s, each).liveClients += change;
}

function forEachSum(s: AllocatorState, role: RoleName, change: (amounts: Amounts) => void): void {
  change(roleOf(s, role).own.allocated);
  for (const each of lineOf(role)) change(roleOf(s, each).allocated);
}

function newRole(): RoleEntry {
  return {
    weightMillis: DEFAULT_WEIGHT_MILLIS,
    allocated: new Map(),
    given: 0,
    liveClients: 0,
    own: { allocated: new Map(), given: 0, liveClients: 0 },
    clients: new Map(),
    children: new Map(),
    quota: null,
    reservedFree: new Map(),
    revocable: new Map(),
  };
}

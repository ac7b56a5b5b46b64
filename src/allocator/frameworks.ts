// Frameworks as the allocator sees them: their roles, what they suppress, what they are capable of.
import { assert } from "../kernel/assert.ts";
import { compareText, type FrameworkId, type RoleName } from "../kernel/ids.ts";
import { type Access, countAccess } from "./access.ts";
import { recountBlocked, refreshBlocks } from "./blocking.ts";
import { ensureClient, forgetIfUnused, refreshLive } from "./clients.ts";
import { clearFilters, clearFiltersOfClient } from "./filters.ts";
import { WEIGHT_MILLIS_MAX } from "./limits.ts";
import { agentOf, clientOf, frameworkOf } from "./lookups.ts";
import {
  type AllocatorState,
  type ClientNumber,
  type FrameworkTerms,
  TAKES_NOTHING_SPECIAL,
  type Takes,
} from "./model.ts";
import { ensureRole, forgetRoleIfUnused } from "./role-tree.ts";

/** A framework that subscribes for the first time; active at once. */
export function addFramework(s: AllocatorState, frameworkId: FrameworkId, terms: FrameworkTerms): void {
  assert(!s.frameworks.has(frameworkId), "the allocator knows that framework already", { frameworkId });
  s.frameworks.set(frameworkId, {
    active: true,
    gpu: false,
    regionAware: false,
    takes: TAKES_NOTHING_SPECIAL,
    clients: new Map(),
  });
  updateFramework(s, frameworkId, terms);
}

/**
 * Takes the terms instead of the former ones. A role that is left loses its filters and gets no more offers; what is
 * held there stays until it is recovered (trap 19). A role no longer suppressed keeps its filters.
 */
export function updateFramework(s: AllocatorState, frameworkId: FrameworkId, terms: FrameworkTerms): void {
  for (const role of terms.roles) ensureClient(s, frameworkId, role);
  for (const [role, number] of clientsByRole(s, frameworkId)) {
    const client = clientOf(s, number);
    client.subscribed = terms.roles.includes(role);
    client.suppressed = terms.suppressed.includes(role);
    refreshLive(s, number);
    if (!client.subscribed) clearFiltersOfClient(s, number);
    forgetIfUnused(s, number);
  }
  const { gpu, regionAware = false } = terms.capabilities;
  setAccess(s, frameworkId, { gpu, regionAware });
  setTakes(s, frameworkId, { ...TAKES_NOTHING_SPECIAL, ...takesOf(terms) });
}

/** Forgets the framework with its filters. It must hold nothing any more. */
export function removeFramework(s: AllocatorState, frameworkId: FrameworkId): void {
  const held = [...frameworkOf(s, frameworkId).clients.values()].filter(
    (number) => clientOf(s, number).agentCount > 0,
  );
  assert(held.length === 0, "a framework that is removed holds resources", { frameworkId });
  updateFramework(s, frameworkId, { roles: [], suppressed: [], capabilities: { gpu: false } });
  s.frameworks.delete(frameworkId);
}

/**
 * A framework that is not active (disconnected) gets no offers. Its filters stay: when it has subscribed anew, and so
 * may have forgotten what it refused, call clearFilters as well, which is what Mesos does.
 */
export function setFrameworkActive(s: AllocatorState, frameworkId: FrameworkId, active: boolean): void {
  frameworkOf(s, frameworkId).active = active;
  for (const [, number] of clientsByRole(s, frameworkId)) refreshLive(s, number);
}

/** No offers for these roles until they are revived. Roles that the framework is not in are passed over. */
export function suppress(s: AllocatorState, frameworkId: FrameworkId, roles: readonly RoleName[]): void {
  setSuppressed(s, frameworkId, roles, true);
}

/** Offers again, and the filters of these roles end (trap 18). Roles that the framework is not in are passed over. */
export function revive(s: AllocatorState, frameworkId: FrameworkId, roles: readonly RoleName[]): void {
  for (const role of roles) clearFilters(s, frameworkId, role);
  setSuppressed(s, frameworkId, roles, false);
}

/** @param weightMillis thousandths: 1000 is weight 1, which every role has from the start (AL03) */
export function setWeight(s: AllocatorState, role: RoleName, weightMillis: number): void {
  assert(
    Number.isSafeInteger(weightMillis) && weightMillis > 0 && weightMillis <= WEIGHT_MILLIS_MAX,
    "a weight is out of bounds",
    { role, weightMillis },
  );
  ensureRole(s, role).weightMillis = weightMillis;
  forgetRoleIfUnused(s, role);
}

/** Whether a framework is in the role or below it, be it only with what it still holds there. */
export function hasFrameworks(s: AllocatorState, role: RoleName): boolean {
  const entry = s.roles.get(role);
  if (entry === undefined) return false;
  return entry.clients.size > 0 || [...entry.children.keys()].some((child) => hasFrameworks(s, child));
}

function setSuppressed(
  s: AllocatorState,
  frameworkId: FrameworkId,
  roles: readonly RoleName[],
  suppressed: boolean,
): void {
  for (const [role, number] of clientsByRole(s, frameworkId)) {
    if (!roles.includes(role)) continue;
    clientOf(s, number).suppressed = suppressed;
    refreshLive(s, number);
  }
}

/** In the order of the roles' names: who begins to compete first is no matter of a Map's order. */
function clientsByRole(s: AllocatorState, frameworkId: FrameworkId): [RoleName, ClientNumber][] {
  return [...frameworkOf(s, frameworkId).clients].sort(([a], [b]) => compareText(a, b));
}

function takesOf({
  capabilities: { gpu: _gpu, regionAware: _aware, ...takes },
}: FrameworkTerms): Partial<Takes> {
  return takes;
}

/** What its filters cover of an agent's free resources follows from what it can take. */
function setTakes(s: AllocatorState, frameworkId: FrameworkId, takes: Takes): void {
  const framework = frameworkOf(s, frameworkId);
  const { refined, revocable, shared } = framework.takes;
  if (refined === takes.refined && revocable === takes.revocable && shared === takes.shared) return;
  framework.takes = takes;
  for (const number of framework.clients.values()) {
    for (const agentId of clientOf(s, number).filtered.keys()) refreshBlocks(s, agentOf(s, agentId));
  }
}

function setAccess(s: AllocatorState, frameworkId: FrameworkId, { gpu, regionAware }: Access): void {
  const framework = frameworkOf(s, frameworkId);
  if (framework.gpu === gpu && framework.regionAware === regionAware) return;
  const before = { gpu: framework.gpu, regionAware: framework.regionAware };
  framework.gpu = gpu;
  framework.regionAware = regionAware;
  for (const number of framework.clients.values()) {
    const client = clientOf(s, number);
    if (client.live) {
      countAccess(s.live, before, -1);
      countAccess(s.live, framework, 1);
    }
    for (const agentId of client.filtered.keys()) recountBlocked(s, agentOf(s, agentId));
  }
}

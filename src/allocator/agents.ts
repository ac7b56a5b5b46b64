// Agents as the allocator sees them: what they have, what of it is held, what is free.
import { assert } from "../kernel/assert.ts";
import type { AgentId, FrameworkId, RoleName } from "../kernel/ids.ts";
import { addAmounts, takeAmounts } from "./amounts.ts";
import { recountBlocked, refreshBlocks } from "./blocking.ts";
import { ensureClient, forgetIfUnused } from "./clients.ts";
import { clearFiltersOfAgent } from "./filters.ts";
import { agentOf, clientOf, frameworkOf } from "./lookups.ts";
import { isPlain } from "./meta.ts";
import type { AgentEntry, AllocatorState, ClientNumber } from "./model.ts";
import { noteOfferable } from "./offerable-sums.ts";
import { add, NO_RESOURCES, overlap, type Resources, scalarOf, subtract } from "./resources.ts";
import { addToRole, noteGiven, replaceReservedFree, takeFromRole } from "./role-tree.ts";
import {
  countShared,
  exclusiveOf,
  freeOf,
  has,
  isHoldable,
  oneCopyEach,
  sharedOf,
  unheldOf,
} from "./shared.ts";

/** An agent that registers for the first time; active at once. See hasRoomFor. */
export function addAgent(s: AllocatorState, agentId: AgentId, total: Resources): void {
  assert(!s.agents.has(agentId), "the allocator knows that agent already", { agentId });
  s.agents.set(agentId, {
    total: NO_RESOURCES,
    allocated: NO_RESOURCES,
    free: NO_RESOURCES,
    active: true,
    gpu: false,
    remote: false,
    allocations: new Map(),
    filters: new Map(),
    blocked: 0,
  });
  updateAgent(s, agentId, total);
}

/**
 * Takes another total, which has all that is shared and held. If more is held than that, nothing is free until enough is
 * recovered; never less than nothing.
 */
export function updateAgent(s: AllocatorState, agentId: AgentId, total: Resources): void {
  const agent = agentOf(s, agentId);
  const lost = sharedOf(agent.allocated).find((resource) => !has(total, resource));
  assert(lost === undefined, "a shared resource that is held is no more", { agentId, lost });
  const before = unheldOf(agent);
  takeAmounts(s.totals, agent.total);
  addAmounts(s.totals, total);
  agent.total = total;
  agent.gpu = scalarOf(total, "gpus") > 0;
  refreshFree(s, agentId, agent, before);
  recountBlocked(s, agent);
}

/** Forgets the agent, what is held on it and the filters for it. Nothing of it can be recovered afterwards. */
export function removeAgent(s: AllocatorState, agentId: AgentId): void {
  const agent = agentOf(s, agentId);
  clearFiltersOfAgent(s, agentId, agent);
  const before = unheldOf(agent);
  for (const [number, held] of [...agent.allocations]) release(s, agent, number, held);
  replaceReservedFree(s, before, NO_RESOURCES);
  takeAmounts(s.totals, agent.total);
  if (s.withFree.has(agentId)) noteOfferable(s, agent.free, NO_RESOURCES);
  s.withFree.delete(agentId);
  s.agents.delete(agentId);
}

/** An agent that is not active (disconnected) is not offered; its total counts in the shares all the same. */
export function setAgentActive(s: AllocatorState, agentId: AgentId, active: boolean): void {
  const agent = agentOf(s, agentId);
  agent.active = active;
  refreshFree(s, agentId, agent, unheldOf(agent));
}

/** An agent in another region than the leading master is offered to region-aware frameworks only (AL18). */
export function setAgentRemote(s: AllocatorState, agentId: AgentId, remote: boolean): void {
  const agent = agentOf(s, agentId);
  if (agent.remote === remote) return;
  agent.remote = remote;
  recountBlocked(s, agent);
}

/**
 * Whether the cluster's sums stay exact with that much more: ask before an agent with absurd resources is let in, or
 * before an agent's total is replaced.
 */
export function hasRoomFor(s: AllocatorState, total: Resources): boolean {
  const more = new Map<string, number>();
  for (const { name, value } of total) {
    if (value.kind === "scalar") more.set(name, (more.get(name) ?? 0) + value.millis);
  }
  for (const [name, millis] of more) {
    if (!Number.isSafeInteger((s.totals.get(name) ?? 0) + millis)) return false;
  }
  return true;
}

/**
 * The resources, which must be free on the agent, are offered to that framework in that role. Counts as its turn among
 * equals.
 */
export function allocateTo(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
  agentId: AgentId,
  resources: Resources,
): void {
  if (resources.length === 0) return;
  const agent = agentOf(s, agentId);
  const { free } = agent;
  assert(isHoldable(agent, resources), "resources to allocate are not free", { agentId, free, resources });
  hold(s, frameworkId, role, agentId, resources);
  const number = ensureClient(s, frameworkId, role);
  clientOf(s, number).given++;
  noteGiven(s, role);
  s.lastGiven = agentId;
}

/**
 * The resources are in use on the agent by that framework in that role: launched out of an offer that it had, or
 * running on an agent that came back. No turn of the framework's, and it may be more than is free: an agent may come
 * back with less than its tasks use. Ranges and sets must not overlap with what anybody holds.
 */
export function hold(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
  agentId: AgentId,
  resources: Resources,
): void {
  if (resources.length === 0) return;
  const agent = agentOf(s, agentId);
  assert(!overlap(agent.allocated, resources), "resources are held already", { agentId, resources });
  const before = unheldOf(agent);
  const number = ensureClient(s, frameworkId, role);
  const client = clientOf(s, number);
  countShared(s, agent, number, sharedOf(resources), addAmounts);
  const held = agent.allocations.get(number);
  if (held === undefined) client.agentCount++;
  agent.allocations.set(number, add(held ?? NO_RESOURCES, resources));
  agent.allocated = add(agent.allocated, resources);
  const exclusive = exclusiveOf(resources);
  addAmounts(client.allocated, exclusive);
  addToRole(s, role, exclusive);
  refreshFree(s, agentId, agent, before);
}

/** The resources, which that framework must hold there in that role, are free again. */
export function recover(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
  agentId: AgentId,
  resources: Resources,
): void {
  if (resources.length === 0) return;
  const agent = agentOf(s, agentId);
  const number = frameworkOf(s, frameworkId).clients.get(role);
  assert(number !== undefined, "resources to recover were not allocated", { frameworkId, role, agentId });
  const before = unheldOf(agent);
  release(s, agent, number, resources);
  refreshFree(s, agentId, agent, before);
}

/** What nobody holds on the agent, whether or not it may be offered; nothing if more is held than it has. */
export function availableOn(s: AllocatorState, agentId: AgentId): Resources {
  return unheldOf(agentOf(s, agentId));
}

/** What is offered and used on the agent: of what is shared as many copies as have been given out. */
export function allocatedOn(s: AllocatorState, agentId: AgentId): Resources {
  return agentOf(s, agentId).allocated;
}

function release(s: AllocatorState, agent: AgentEntry, number: ClientNumber, resources: Resources): void {
  const client = clientOf(s, number);
  const rest = subtract(agent.allocations.get(number) ?? NO_RESOURCES, resources);
  if (rest.length > 0) {
    agent.allocations.set(number, rest);
  } else {
    agent.allocations.delete(number);
    client.agentCount--;
  }
  agent.allocated = agent.allocations.size === 0 ? NO_RESOURCES : subtract(agent.allocated, resources);
  const exclusive = exclusiveOf(resources);
  takeAmounts(client.allocated, exclusive);
  takeFromRole(s, client.role, exclusive);
  countShared(s, agent, number, oneCopyEach(agent, sharedOf(resources)), takeAmounts);
  forgetIfUnused(s, number);
}

/** @param before what nobody held until now */
function refreshFree(s: AllocatorState, agentId: AgentId, agent: AgentEntry, before: Resources): void {
  const offeredBefore = s.withFree.has(agentId) ? agent.free : NO_RESOURCES;
  agent.free = agent.allocated.length === 0 ? agent.total : freeOf(agent.total, agent.allocated);
  if (!isPlain(before) || !isPlain(agent.free)) replaceReservedFree(s, before, unheldOf(agent));
  if (agent.free.length > 0) refreshBlocks(s, agent);
  if (agent.active && agent.free.length > 0) {
    if (!s.withFree.has(agentId)) s.withFree.set(agentId, true);
  } else {
    s.withFree.delete(agentId);
  }
  noteOfferable(s, offeredBefore, s.withFree.has(agentId) ? agent.free : NO_RESOURCES);
}

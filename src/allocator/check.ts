// Whether the allocator's state is in itself consistent: everything that is kept for speed is worked out anew from
// what it follows from and compared. For tests and the simulator; too slow for every event.
import { assert } from "../kernel/assert.ts";
import { type AgentId, compareText, type RoleName } from "../kernel/ids.ts";
import { countAccess, noAccessCounts } from "./access.ts";
import { type Amounts, addAmounts } from "./amounts.ts";
import { isBlocking, isContender, offerableTo } from "./blocking.ts";
import { DEFAULT_WEIGHT_MILLIS } from "./limits.ts";
import { clientOf, frameworkOf, roleOf } from "./lookups.ts";
import { factsOf } from "./meta.ts";
import type { AgentEntry, AllocatorState } from "./model.ts";
import { addOfferable } from "./offerable-sums.ts";
import { contains, equal, scalarOf, sum } from "./resources.ts";
import { lineOf, parentOf } from "./role-tree.ts";
import { exclusiveOf, freeOf, oneCopyEach, sharedOf, unheldOf } from "./shared.ts";

/** Throws an InvariantError at the first thing that is not as it must be. */
export function checkAllocator(s: AllocatorState): void {
  for (const [agentId, agent] of s.agents) checkAgent(s, agentId, agent);
  checkAmounts(s);
  checkClients(s);
  checkRoles(s);
  checkLive(s);
  checkExpiries(s);
}

function checkAgent(s: AllocatorState, agentId: AgentId, agent: AgentEntry): void {
  const facts = { agentId };
  const held = [...agent.allocations.values()];
  assert(equal(sum(held), agent.allocated), "allocated is the sum of the allocations", facts);
  const isFree = equal(agent.free, freeOf(agent.total, agent.allocated));
  assert(isFree, "free is total without allocated, and what is shared beside it", facts);
  assert(
    held.every((resources) => resources.length > 0),
    "no allocation is empty",
    facts,
  );
  assert(countHeld(held) === countHeld([agent.allocated]), "no allocation overlaps another", facts);
  assert(agent.gpu === scalarOf(agent.total, "gpus") > 0, "gpu says whether the total has GPUs", facts);
  const listed = s.withFree.has(agentId);
  const isWithFree = agent.active && agent.free.length > 0;
  assert(listed === isWithFree, "withFree lists active agents with something free", facts);
  let blocked = 0;
  for (const [number, filters] of agent.filters) {
    const client = clientOf(s, number);
    assert(filters.length > 0 && client.subscribed, "filters are of a subscribed client", facts);
    const offer = offerableTo(s, number, agent.free);
    for (const filter of filters) {
      const right = agent.free.length === 0 || filter.blocks === contains(filter.resources, offer);
      assert(right, "a filter blocks what it covers", facts);
    }
    if (isBlocking(filters) && isContender(s, client, agent)) blocked++;
  }
  assert(agent.blocked === blocked, "blocked counts the contenders with a filter that blocks", facts);
}

/** How many numbers of ranges and items of sets there are in all: less in a union of lists that overlap. */
function countHeld(lists: readonly AgentEntry["allocated"][]): number {
  let count = 0;
  for (const { value } of lists.flat()) {
    if (value.kind === "set") count += value.items.length;
    if (value.kind === "ranges")
      count += value.ranges.reduce((all, { begin, end }) => all + end - begin + 1, 0);
  }
  return count;
}

function checkAmounts(s: AllocatorState): void {
  const totals: Amounts = new Map();
  const byClient = new Map<number, Amounts>();
  const byRole = new Map<string, Amounts>();
  const reserved = new Map<string, Amounts>();
  const revocable = new Map<string, Amounts>();
  for (const agent of s.agents.values()) {
    addAmounts(totals, agent.total);
    const seen = new Set<string>();
    for (const resource of unheldOf(agent)) {
      const { reservedTo } = factsOf(resource.meta);
      const line = reservedTo === null ? [] : lineOf(reservedTo);
      for (const each of line) addAmounts(amountsAt(reserved, each), [resource]);
    }
    for (const [number, resources] of agent.allocations) {
      const { role } = clientOf(s, number);
      const exclusive = exclusiveOf(resources);
      for (const resource of oneCopyEach(agent, sharedOf(resources))) {
        addAmounts(amountsAt(byClient, number), [resource]);
        for (const each of [ownOf(role), ...lineOf(role)]) {
          const key = `${each} ${resource.name} ${resource.meta}`;
          if (!seen.has(key)) addAmounts(amountsAt(byRole, each), [resource]);
          seen.add(key);
        }
      }
      addAmounts(amountsAt(byClient, number), exclusive);
      addAmounts(amountsAt(byRole, ownOf(role)), exclusive);
      const special = resources.filter(({ meta }) => factsOf(meta).revocable);
      for (const each of lineOf(role)) {
        addAmounts(amountsAt(byRole, each), exclusive);
        addAmounts(amountsAt(revocable, each), special);
      }
    }
  }
  assertSame(s.totals, totals, "totals are the sum over agents");
  const offerable: Amounts = new Map();
  if (s.quotas.size > 0) addOfferable(s, offerable);
  assertSame(s.offerableSums, offerable, "what counts against quotas and is free is the sum over agents");
  for (const [number, client] of s.clients) {
    assertSame(client.allocated, amountsAt(byClient, number), "a client's amounts are the sum over agents");
  }
  for (const [role, entry] of s.roles) {
    assertSame(entry.allocated, amountsAt(byRole, role), "a role's amounts are the sum over agents");
    const own = amountsAt(byRole, ownOf(role));
    assertSame(entry.own.allocated, own, "its frameworks' amounts are the sum over agents");
    assertSame(
      entry.reservedFree,
      amountsAt(reserved, role),
      "what is reserved and free is the sum over agents",
    );
    assertSame(entry.revocable, amountsAt(revocable, role), "what is revocable is the sum over agents");
  }
}

function checkClients(s: AllocatorState): void {
  let known = 0;
  for (const [frameworkId, framework] of s.frameworks) {
    for (const [role, number] of framework.clients) {
      const client = clientOf(s, number);
      known++;
      assert(client.frameworkId === frameworkId && client.role === role, "a client is its framework's");
      assert(roleOf(s, role).clients.has(number), "a role lists its clients", { role, number });
      const agents = [...s.agents.values()].filter((agent) => agent.allocations.has(number)).length;
      assert(client.agentCount === agents, "agentCount counts the agents", { number });
      assert(client.subscribed || agents > 0, "a client that is kept is of use", { number });
      const filtered = [...s.agents].filter(([, agent]) => agent.filters.has(number)).map(([id]) => id);
      const listed = [...client.filtered.keys()].sort(compareText).join(" ");
      assert(listed === filtered.sort(compareText).join(" "), "filtered lists the agents", { number });
    }
  }
  assert(known === s.clients.size, "every client is some framework's");
  const inRoles = [...s.roles.values()].reduce((all, role) => all + role.clients.size, 0);
  assert(known === inRoles, "every client is some role's");
}

function checkLive(s: AllocatorState): void {
  const live = noAccessCounts();
  const byRole = new Map<string, number>();
  for (const [number, client] of s.clients) {
    const framework = frameworkOf(s, client.frameworkId);
    const right = framework.active && client.subscribed && !client.suppressed;
    assert(client.live === right, "live follows from its conditions", { number });
    if (!right) continue;
    countAccess(live, framework, 1);
    for (const role of [ownOf(client.role), ...lineOf(client.role)]) {
      byRole.set(role, (byRole.get(role) ?? 0) + 1);
    }
  }
  const areCounted =
    live.all === s.live.all &&
    live.gpu === s.live.gpu &&
    live.regionAware === s.live.regionAware &&
    live.both === s.live.both;
  assert(areCounted, "live counts the live clients", { live });
  for (const [role, entry] of s.roles) {
    assert(entry.liveClients === (byRole.get(role) ?? 0), "a role counts its live clients", { role });
    const own = byRole.get(ownOf(role)) ?? 0;
    assert(entry.own.liveClients === own, "a role counts the live clients that are its own", { role });
  }
}

function checkExpiries(s: AllocatorState): void {
  const counts: Amounts = new Map();
  for (const [agentId, agent] of s.agents) {
    for (const [number, filters] of agent.filters) {
      for (const { until } of filters) {
        counts.set(String(until), (counts.get(String(until)) ?? 0) + 1);
        const bucket = s.expiries.buckets.get(until);
        const found = bucket?.agentIds.some((id, at) => id === agentId && bucket.clients[at] === number);
        assert(found === true, "a filter is in the bucket of its end", { agentId, number, until });
      }
    }
  }
  const kept = new Map([...s.expiries.buckets].map(([until, { count }]) => [String(until), count]));
  assertSame(kept, counts, "a bucket counts its filters");
  const first = [...s.expiries.buckets.keys()].reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  assert((s.expiries.heap[0] ?? Number.POSITIVE_INFINITY) === first, "the heap's top is the first end");
  const heap = new Set(s.expiries.heap);
  assert(
    [...s.expiries.buckets.keys()].every((until) => heap.has(until)),
    "the heap holds every end",
  );
}

function checkRoles(s: AllocatorState): void {
  for (const [role, entry] of s.roles) {
    const parent = parentOf(role);
    const isListed = parent === null || s.roles.get(parent)?.children.has(role) === true;
    assert(isListed, "a role is listed by the one above it", { role });
    const isAlone = entry.children.size > 0 || entry.own.given === entry.given;
    assert(isAlone, "a role without others below it has the turns of its own frameworks", { role });
    const isUsed = entry.clients.size + entry.children.size + entry.reservedFree.size > 0;
    const isSet = entry.weightMillis !== DEFAULT_WEIGHT_MILLIS || entry.quota !== null;
    assert(isUsed || isSet, "a role that is kept is of use", { role });
    assert((entry.quota !== null) === s.quotas.has(role), "quotas lists the roles with a quota", { role });
    for (const child of entry.children.keys()) assert(s.roles.has(child), "a role below is kept", { child });
  }
}

/** Under what key a role's own frameworks are counted, apart from those below. */
function ownOf(role: RoleName): string {
  return `${role}/.`;
}

function amountsAt<Key>(all: Map<Key, Amounts>, key: Key): Amounts {
  const amounts = all.get(key) ?? new Map();
  all.set(key, amounts);
  return amounts;
}

function assertSame(
  kept: ReadonlyMap<string, number>,
  made: ReadonlyMap<string, number>,
  text: string,
): void {
  const same = kept.size === made.size && [...made].every(([key, value]) => kept.get(key) === value);
  assert(same, text, { kept: [...kept], made: [...made] });
}

// Before format 3 the allocator passed over all that was reserved, revocable or shared. Now it knows which frameworks take
// such resources, counts what is reserved and free by role, and lists agents that have nothing else free. It also knows
// frameworks that are aware of regions; in which region the master was an older log does not say. Nor does it say who waits. What is read and made
// here is written down here, whatever becomes of the allocator later.
import { lineDownTo, plant, type TreeRole } from "./role-tree.ts";

interface Known {
  readonly spec: { readonly capabilities: readonly string[] };
}

interface Allocator {
  readonly frameworks: ReadonlyMap<string, Framework>;
  readonly clients: ReadonlyMap<number, Client>;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly roles: Map<string, TreeRole>;
  readonly withFree: Map<string, true>;
}

interface Client {
  readonly frameworkId: string;
  readonly live: boolean;
  waitsSince: null;
}

interface Framework {
  readonly gpu: boolean;
  regionAware: boolean;
  takes: { readonly refined: boolean; readonly revocable: boolean; readonly shared: boolean };
}

interface Agent {
  readonly active: boolean;
  readonly free: readonly Resource[];
  remote: boolean;
}

interface Resource {
  readonly name: string;
  readonly meta: string;
  readonly value: { readonly kind: string; readonly millis?: number };
}

export function withReservations(allocator: object, known: unknown): object {
  const frameworks: ReadonlyMap<string, Known> = known instanceof Map ? known : new Map();
  const state = allocator as Allocator;
  for (const [id, entry] of state.frameworks) {
    const capabilities = frameworks.get(id)?.spec.capabilities ?? [];
    entry.takes = takesOf(capabilities);
    entry.regionAware = capabilities.includes("REGION_AWARE");
  }
  for (const [agentId, agent] of state.agents) {
    for (const resource of agent.free) countReserved(state.roles, resource);
    agent.remote = false;
    if (agent.active && agent.free.length > 0) state.withFree.set(agentId, true);
  }
  for (const client of state.clients.values()) client.waitsSince = null;
  return { ...state, quotas: new Map(), live: liveOf(state) };
}

/** Of a resource that is free, for the role of its innermost reservation and those above it. */
function countReserved(roles: Map<string, TreeRole>, { name, meta, value }: Resource): void {
  const { reservations = [] } = (meta === "" ? {} : JSON.parse(meta)) as {
    readonly reservations?: readonly { readonly role: string }[];
  };
  const innermost = reservations.at(-1);
  if (innermost === undefined) return;
  for (const each of lineDownTo(innermost.role)) {
    if (!roles.has(each)) plant(roles, each);
    const amounts = roles.get(each)?.reservedFree;
    if (value.kind === "scalar") amounts?.set(name, (amounts.get(name) ?? 0) + (value.millis ?? 0));
  }
}

function liveOf({ clients, frameworks }: Allocator): object {
  const live = { all: 0, gpu: 0, regionAware: 0, both: 0 };
  for (const { frameworkId, live: isLive } of clients.values()) {
    const framework = frameworks.get(frameworkId);
    if (!isLive || framework === undefined) continue;
    live.all++;
    if (framework.gpu) live.gpu++;
    if (framework.regionAware) live.regionAware++;
    if (framework.gpu && framework.regionAware) live.both++;
  }
  return live;
}

function takesOf(capabilities: readonly string[]): Framework["takes"] {
  return {
    refined: capabilities.includes("RESERVATION_REFINEMENT"),
    revocable: capabilities.includes("REVOCABLE_RESOURCES"),
    shared: capabilities.includes("SHARED_RESOURCES"),
  };
}

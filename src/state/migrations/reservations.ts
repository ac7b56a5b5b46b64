// Before format 3 the allocator passed over all that was reserved, revocable or shared. Now it knows which frameworks take
// such resources, counts what is reserved and free by role, and lists agents that have nothing else free. It also knows
// frameworks that are aware of regions; in which region the master was an older log does not say.
import type { AllocatorState, Takes } from "../../allocator/model.ts";
import { NO_RESOURCES } from "../../allocator/resources.ts";
import { replaceReservedFree } from "../../allocator/role-tree.ts";
import type { FrameworkId } from "../../kernel/ids.ts";

interface Known {
  readonly spec: { readonly capabilities: readonly string[] };
}

export function withReservations(allocator: object, known: unknown): object {
  const frameworks: ReadonlyMap<FrameworkId, Known> = known instanceof Map ? known : new Map();
  const state = { ...allocator, quotas: new Map() } as unknown as AllocatorState;
  for (const [id, entry] of state.frameworks) {
    const capabilities = frameworks.get(id)?.spec.capabilities ?? [];
    entry.takes = takesOf(capabilities);
    entry.regionAware = capabilities.includes("REGION_AWARE");
  }
  state.live = liveOf(state);
  for (const [agentId, agent] of state.agents) {
    replaceReservedFree(state, NO_RESOURCES, agent.free);
    agent.remote = false;
    if (agent.active && agent.free.length > 0) state.withFree.set(agentId, true);
  }
  return state;
}

function liveOf({ clients, frameworks }: AllocatorState): AllocatorState["live"] {
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

function takesOf(capabilities: readonly string[]): Takes {
  return {
    refined: capabilities.includes("RESERVATION_REFINEMENT"),
    revocable: capabilities.includes("REVOCABLE_RESOURCES"),
    shared: capabilities.includes("SHARED_RESOURCES"),
  };
}

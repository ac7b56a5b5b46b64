// The state before the first event.
import { createAllocatorState } from "../allocator/index.ts";
import { asMillis } from "../kernel/ids.ts";
import type { ClusterState } from "./model.ts";
import { DEFAULT_POLICY } from "./policy.ts";

export function createClusterState(): ClusterState {
  return {
    clusterId: null,
    time: asMillis(0),
    eventCount: 0,
    leader: null,
    minted: { frameworks: 0, agents: 0, offers: 0 },
    frameworks: new Map(),
    completedFrameworks: new Map(),
    agents: new Map(),
    goneAgents: new Map(),
    offers: new Map(),
    absentFrameworks: new Map(),
    absentAgents: new Map(),
    draining: new Map(),
    maintenance: { windows: [], machines: new Map(), inverse: new Map() },
    weights: new Map(),
    policy: DEFAULT_POLICY,
    allocator: createAllocatorState(),
    operations: new Map(),
    digests: [],
  };
}

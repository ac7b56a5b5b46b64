// The allocator: what state keeps of it, what changes it, and `allocate`.
import type { AgentId, FrameworkId, Millis, RoleName } from "../kernel/ids.ts";
import type {
  AllocateOptions,
  Allocation,
  AllocatorState,
  DominantShare,
  FrameworkTerms,
  ShareOwner,
} from "./model.ts";
import type { Resources } from "./resources.ts";

export type * from "./model.ts";
export { createAllocatorState } from "./model.ts";
export { makeResources, type ResourcePart, toMillis } from "./resource-parts.ts";
export { format, formatMillis, parse, parseMillis } from "./resource-text.ts";
export * from "./resources.ts";

export declare function addAgent(s: AllocatorState, agentId: AgentId, total: Resources): void;
export declare function updateAgent(s: AllocatorState, agentId: AgentId, total: Resources): void;
export declare function removeAgent(s: AllocatorState, agentId: AgentId): void;
export declare function setAgentActive(s: AllocatorState, agentId: AgentId, active: boolean): void;
export declare function hasRoomFor(s: AllocatorState, total: Resources): boolean;
export declare function addFramework(
  s: AllocatorState,
  frameworkId: FrameworkId,
  terms: FrameworkTerms,
): void;
export declare function updateFramework(
  s: AllocatorState,
  frameworkId: FrameworkId,
  terms: FrameworkTerms,
): void;
export declare function removeFramework(s: AllocatorState, frameworkId: FrameworkId): void;
export declare function setFrameworkActive(
  s: AllocatorState,
  frameworkId: FrameworkId,
  active: boolean,
): void;
export declare function suppress(
  s: AllocatorState,
  frameworkId: FrameworkId,
  roles: readonly RoleName[],
): void;
export declare function revive(s: AllocatorState, frameworkId: FrameworkId, roles: readonly RoleName[]): void;
export declare function setWeight(s: AllocatorState, role: RoleName, weightMillis: number): void;
export declare function allocateTo(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
  agentId: AgentId,
  resources: Resources,
): void;
export declare function recover(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
  agentId: AgentId,
  resources: Resources,
): void;
export declare function addFilter(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
  agentId: AgentId,
  resources: Resources,
  until: Millis,
): void;
export declare function expireFilters(s: AllocatorState, now: Millis): void;
export declare function clearFilters(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName | null,
): void;
export declare function nextFilterExpiry(s: AllocatorState): Millis | null;
export declare function allocate(
  s: AllocatorState,
  now: Millis,
  options?: AllocateOptions,
): readonly Allocation[];
export declare function dominantShare(s: AllocatorState, owner: ShareOwner): DominantShare;
export declare function totals(s: AllocatorState): ReadonlyMap<string, number>;
export declare function allocatedOf(s: AllocatorState, owner: ShareOwner): ReadonlyMap<string, number>;
export declare function availableOn(s: AllocatorState, agentId: AgentId): Resources;
export declare function checkAllocator(s: AllocatorState): void;

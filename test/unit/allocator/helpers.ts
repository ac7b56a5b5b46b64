// Short ways to write resources and small clusters in the allocator's tests.
import {
  type Allocation,
  type AllocatorState,
  addAgent,
  addFramework,
  allocate,
  allocateTo,
  createAllocatorState,
  format,
  parse,
  type Resources,
} from "../../../src/allocator/index.ts";
import { type AgentId, asId, asMillis, type FrameworkId, type RoleName } from "../../../src/kernel/ids.ts";

export const agent = (number: number): AgentId => asId<AgentId>(`c-S${number}`);
export const framework = (number: number): FrameworkId =>
  asId<FrameworkId>(`c-${String(number).padStart(4, "0")}`);
export const role = (name: string): RoleName => asId<RoleName>(name);
export const star = role("*");
export const at = asMillis;

export function res(text: string): Resources {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** Frameworks 1 and up, one for each entry: its roles, separated by spaces. */
export function cluster(agents: readonly string[], frameworks: readonly string[]): AllocatorState {
  const state = createAllocatorState();
  for (const [number, total] of agents.entries()) addAgent(state, agent(number), res(total));
  for (const [index, roles] of frameworks.entries()) join(state, index + 1, roles);
  return state;
}

export function join(
  state: AllocatorState,
  number: number,
  roles: string,
  more: { gpu?: boolean; regionAware?: boolean; suppressed?: string } = {},
): void {
  addFramework(state, framework(number), {
    roles: names(roles),
    suppressed: names(more.suppressed ?? ""),
    capabilities: { gpu: more.gpu ?? false, regionAware: more.regionAware ?? false },
  });
}

export function names(roles: string): RoleName[] {
  return roles.split(" ").filter(Boolean).map(role);
}

/** What a cycle would offer, a line for each: `c-S0 c-0001 *: cpus:1`. */
export function offers(state: AllocatorState, now = 0, offersMax?: number): string[] {
  const options = offersMax === undefined ? {} : { offersMax };
  return allocate(state, at(now), options).map(show);
}

/** A cycle that is carried out. */
export function cycle(state: AllocatorState, now = 0, offersMax?: number): readonly Allocation[] {
  const made = allocate(state, at(now), offersMax === undefined ? {} : { offersMax });
  for (const { frameworkId, role, agentId, resources } of made) {
    allocateTo(state, frameworkId, role, agentId, resources);
  }
  return made;
}

export function show({ agentId, frameworkId, role, resources }: Allocation): string {
  return `${agentId} ${frameworkId} ${role}: ${format(resources)}`;
}

// Agents that are withheld entirely from frameworks without a capability (trap 26): those with GPUs (AL15), and those in
// another region than the leading master's (AL18). Which frameworks may have an agent then follows from two marks of it,
// so that counting them takes one look.

/** What a framework is capable of. */
export interface Access {
  /** GPU_RESOURCES */
  readonly gpu: boolean;
  /** REGION_AWARE */
  readonly regionAware: boolean;
}

/** What an agent asks for. */
export interface AccessAsked {
  /** Has GPUs. */
  readonly gpu: boolean;
  /** In a region that is not the leading master's. */
  readonly remote: boolean;
}

/** Why a framework may have nothing of an agent whatever is free. */
export type Withheld =
  | { readonly kind: "no-gpu-capability" }
  /** The agent is in another region than the leading master, and the framework is not REGION_AWARE. */
  | { readonly kind: "remote-region"; readonly region: string | null };

/** How many there are in all, and how many of them are capable of one thing, of the other, of both. */
export interface AccessCounts {
  all: number;
  gpu: number;
  regionAware: number;
  both: number;
}

export function noAccessCounts(): AccessCounts {
  return { all: 0, gpu: 0, regionAware: 0, both: 0 };
}

export function mayHave(framework: Access, agent: AccessAsked): boolean {
  return (!agent.gpu || framework.gpu) && (!agent.remote || framework.regionAware);
}

/** Null if it may have the agent. @param region the agent's */
export function withheld(framework: Access, agent: AccessAsked, region: string | null): Withheld | null {
  if (agent.gpu && !framework.gpu) return { kind: "no-gpu-capability" };
  return mayHave(framework, agent) ? null : { kind: "remote-region", region };
}

/** How many of those counted may have the agent. */
export function countFor(counts: AccessCounts, { gpu, remote }: AccessAsked): number {
  if (!remote) return gpu ? counts.gpu : counts.all;
  return gpu ? counts.both : counts.regionAware;
}

/** @param change 1 for one more that is capable of that, -1 for one less */
export function countAccess(counts: AccessCounts, { gpu, regionAware }: Access, change: 1 | -1): void {
  counts.all += change;
  if (gpu) counts.gpu += change;
  if (regionAware) counts.regionAware += change;
  if (gpu && regionAware) counts.both += change;
}

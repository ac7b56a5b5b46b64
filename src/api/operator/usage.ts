// Who has what: resources of tasks, executors and offers, summed by agent and by framework, kept apart by role. What is
// shared counts once for an agent, however many hold it (AL17).
import { isPlain } from "../../allocator/meta.ts";
import { add, NO_RESOURCES, type Resources } from "../../allocator/resources.ts";
import { isShared, unite } from "../../allocator/shared.ts";
import type { Resource as WireResource } from "../../contract/types.ts";
import type { AgentId, FrameworkId, RoleName } from "../../kernel/ids.ts";
import type { ClusterState, Executor, Framework } from "../../state/model.ts";
import { resourcesToWire } from "../convert/resources.ts";

export type ByRole = ReadonlyMap<RoleName, Resources>;

export interface Usage {
  readonly allocated: ByRole;
  readonly offered: ByRole;
}

export interface ClusterUsage {
  readonly agents: ReadonlyMap<AgentId, Usage>;
  readonly frameworks: ReadonlyMap<FrameworkId, Usage>;
}

const NONE: Usage = { allocated: new Map(), offered: new Map() };

type Sums<Id> = Map<Id, { allocated: Map<RoleName, Resources>; offered: Map<RoleName, Resources> }>;

/** One pass over the state. */
export function usageOf(state: ClusterState): ClusterUsage {
  const agents: Sums<AgentId> = new Map();
  const frameworks: Sums<FrameworkId> = new Map();
  const copies = new Copies();
  const offered = new Copies();
  for (const framework of state.frameworks.values()) {
    const own = sumsOf(frameworks, framework.id).allocated;
    for (const { agentId, role, resources } of holders(framework)) {
      addTo(own, role, copies.first([framework.id, agentId, role], resources));
      addTo(sumsOf(agents, agentId).allocated, role, copies.first([agentId, role], resources));
    }
  }
  for (const { frameworkId, agentId, role, resources, optimistic } of state.offers.values()) {
    const own = offered.first([frameworkId, agentId, role], resources);
    addTo(sumsOf(frameworks, frameworkId).offered, role, own);
    if (optimistic === true) continue;
    addTo(sumsOf(agents, agentId).offered, role, offered.first([agentId, role], resources));
  }
  return { agents, frameworks };
}

export function usageOr(usage: ReadonlyMap<string, Usage>, id: AgentId | FrameworkId): Usage {
  return usage.get(id) ?? NONE;
}

/** As the operator's lists show them: in both formats, with the role that they are allocated to. */
export function byRoleToWire(byRole: ByRole): readonly WireResource[] {
  return [...byRole].flatMap(([role, resources]) => resourcesToWire(resources, "both", role));
}

export function totalOf(byRole: ByRole): Resources {
  return [...byRole.values()].reduce(unite, NO_RESOURCES);
}

/** The custom executors of a framework, on whatever agent. */
export function* executorsOf(framework: Framework): Iterable<Executor> {
  for (const executors of framework.executors.values()) yield* executors.values();
}

function* holders(framework: Framework): Iterable<Pick<Executor, "agentId" | "role" | "resources">> {
  for (const task of framework.tasks.values()) if (task.holdsResources) yield task;
  for (const executor of executorsOf(framework)) if (executor.holdsResources) yield executor;
}

function sumsOf<Id>(
  sums: Sums<Id>,
  id: Id,
): { allocated: Map<RoleName, Resources>; offered: Map<RoleName, Resources> } {
  const known = sums.get(id);
  if (known !== undefined) return known;
  const created = { allocated: new Map<RoleName, Resources>(), offered: new Map<RoleName, Resources>() };
  sums.set(id, created);
  return created;
}

function addTo(byRole: Map<RoleName, Resources>, role: RoleName, resources: Resources): void {
  byRole.set(role, add(byRole.get(role) ?? NO_RESOURCES, resources));
}

/** Tells the first copy of what is shared on an agent from others in the same sum. */
class Copies {
  readonly #seen: Set<string> = new Set();

  first(sum: readonly string[], resources: Resources): Resources {
    if (isPlain(resources)) return resources;
    return resources.filter((resource) => {
      if (!isShared(resource)) return true;
      const key = JSON.stringify([...sum, resource.meta]);
      const isFirst = !this.#seen.has(key);
      this.#seen.add(key);
      return isFirst;
    });
  }
}

// The cgroups of process tasks: which hierarchies this agent may use, and removing a task's cgroups once they empty.
import type { Clock, Tracer } from "../../../kernel/ports.ts";
import type { Hierarchy } from "../cgroup-mounts.ts";
import { detectHierarchies, prepareParent, removeCgroups } from "../cgroups.ts";
import { SETTLE_POLL_MS, SETTLE_ROUNDS } from "../limits.ts";
import { pause } from "../pause.ts";

/** Those in which the folder above the tasks' cgroups can be made. Says once what is not permitted. */
export async function usableHierarchies(parent: string, tracer: Tracer): Promise<readonly Hierarchy[]> {
  const usable: Hierarchy[] = [];
  for (const hierarchy of await detectHierarchies()) {
    try {
      await prepareParent(hierarchy, parent);
      usable.push(hierarchy);
    } catch (error) {
      const { mount, controllers } = hierarchy;
      tracer.warn("runtime.cgroups-not-permitted", { mount, controllers, reason: (error as Error).message });
    }
  }
  if (usable.length === 0) tracer.warn("runtime.without-limits");
  return usable;
}

/** A cgroup is busy for a moment after its last process has ended. */
export async function removeTaskCgroups(
  cgroups: readonly string[],
  clock: Clock,
  tracer: Tracer,
): Promise<void> {
  for (let round = 0; round < SETTLE_ROUNDS; round++) {
    const failure = await removeCgroups(cgroups).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    if (failure === undefined) return;
    if (failure.code !== "EBUSY") throw failure;
    await pause(clock, SETTLE_POLL_MS);
  }
  tracer.error("runtime.cgroup-not-removed", { cgroups });
}

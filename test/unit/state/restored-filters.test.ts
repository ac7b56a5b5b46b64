// What refusals take of memory after a restart: there may be one of each framework for each agent.
import { expect, it } from "vitest";
import { asId, type RoleName } from "../../../src/kernel/ids.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars } from "./cluster.ts";

const HOUR_MS = 3_600_000;

it("filters that are restored share one list of resources with their agent, as those do that were made here", () => {
  const cluster = new Cluster();
  for (let number = 0; number < 5; number++) cluster.subscribe({ roles: [asId<RoleName>("dev")] });
  for (let number = 0; number < 3; number++) cluster.agent(scalars({ cpus: 4, mem: 64 }));
  for (let turn = 0; turn < 5; turn++) {
    for (const { id, frameworkId } of cluster.allocate()) cluster.decline(frameworkId, [id], HOUR_MS);
  }

  const restored = decodeSnapshot(encodeSnapshot(cluster.state));
  if (!restored.ok) throw new Error(restored.error.message);
  for (const state of [cluster.state, restored.value]) {
    const agents = [...state.allocator.agents.values()];
    const lists = agents.flatMap(({ filters }) =>
      [...filters.values()].flat().map(({ resources }) => resources),
    );
    expect(lists).toHaveLength(15);
    expect(new Set(lists).size).toBe(3);
    expect(new Set([...lists, ...agents.map(({ total }) => total)]).size).toBe(3);
    for (const { total, free } of agents) expect(free).toBe(total);
  }
});

// Snapshots of before format 3 knew nothing of reservations, of what frameworks take and of regions: what is read from them
// is what the events give.
import { expect, it } from "vitest";
import type { AllocatorState, Resources } from "../../../src/allocator/index.ts";
import { checkAllocator } from "../../../src/allocator/index.ts";
import { withReservations } from "../../../src/state/migrations/reservations.ts";
import { Cluster, scalars } from "./cluster.ts";

function reservedTo(role: string, amounts: Readonly<Record<string, number>>): Resources {
  const meta = JSON.stringify({ name: "", type: "SCALAR", reservations: [{ type: "STATIC", role }] });
  return scalars(amounts).map((resource) => ({ ...resource, meta }));
}

/** As the code of format 2 kept it. */
function asBefore(state: AllocatorState): object {
  const before = structuredClone(state);
  const { all, gpu } = before.live;
  for (const framework of before.frameworks.values()) {
    Object.assign(framework, { takes: undefined, regionAware: undefined });
  }
  for (const [id, agent] of before.agents) {
    Object.assign(agent, { remote: undefined });
    if (agent.free.every(({ meta }) => meta !== "")) before.withFree.delete(id);
  }
  for (const [name, role] of before.roles) {
    role.reservedFree.clear();
    if (role.clients.size === 0 && !name.startsWith("dev")) before.roles.delete(name);
  }
  return { ...before, live: { all, gpu } };
}

it("what is reserved, who takes what and who is aware of regions are worked out from the rest", () => {
  const cluster = new Cluster();
  cluster.subscribe({ capabilities: ["MULTI_ROLE", "REGION_AWARE", "GPU_RESOURCES"] });
  cluster.subscribe({ capabilities: ["MULTI_ROLE", "REGION_AWARE", "REVOCABLE_RESOURCES"] });
  cluster.agent([...reservedTo("eng/ads", { cpus: 1, mem: 32 }), ...scalars({ cpus: 1 })]);
  cluster.agent(reservedTo("dev", { cpus: 2 }));
  const { allocator } = cluster.state;
  expect(allocator.roles.get("eng" as never)?.reservedFree).toEqual(
    new Map(Object.entries({ cpus: 1_000, mem: 32_000 })),
  );
  const lifted = withReservations(asBefore(allocator), cluster.state.frameworks) as AllocatorState;
  checkAllocator(lifted);
  expect(lifted).toEqual(allocator);
});

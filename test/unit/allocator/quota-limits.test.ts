// Limits (AL05) where resources of one name are of several kinds: all that counts for a role counts together.
import { expect, it } from "vitest";
import {
  addAgent,
  addFramework,
  allocate,
  allocateTo,
  createAllocatorState,
  type Resources,
  setQuota,
  sum,
} from "../../../src/allocator/index.ts";
import { agent, at, framework, res, role } from "./helpers.ts";

const MINIMUM = [{ cpus: 100 }];

function withMeta(text: string, more: object): Resources {
  const meta = JSON.stringify({ name: "", type: "SCALAR", ...more });
  return res(text).map((resource) => ({ ...resource, meta }));
}

/** What a framework of `eng/ads` is offered of such an agent, with that limit. */
function offered(total: Resources, limit: Readonly<Record<string, number>>, held: Resources = []): Resources {
  const state = createAllocatorState();
  addFramework(state, framework(0), {
    roles: [role("eng/ads")],
    suppressed: [],
    capabilities: { gpu: false },
  });
  addAgent(state, agent(0), total);
  allocateTo(state, framework(0), role("eng/ads"), agent(0), held);
  setQuota(state, role("eng/ads"), { guarantees: new Map(), limits: new Map(Object.entries(limit)) });
  const [offer] = allocate(state, at(0), { minimum: MINIMUM });
  return offer?.resources ?? [];
}

function millisOf(resources: Resources, name: string): number {
  return resources.reduce(
    (all, { name: own, value }) => all + (own === name && value.kind === "scalar" ? value.millis : 0),
    0,
  );
}

it("holds for two kinds of disk together", () => {
  const other = withMeta("disk:10", { disk: { source: { type: "PATH", path: { root: "/mnt" } } } });
  const resources = offered(sum([res("cpus:1;disk:10"), other]), { disk: 12_000 });
  expect(millisOf(resources, "disk")).toBe(12_000);
});

it("keeps from a role what is reserved to the one above it, and counts for it as soon as it has it", () => {
  const reserved = withMeta("cpus:1", { reservations: [{ type: "DYNAMIC", role: "eng" }] });
  const total = sum([res("cpus:4;mem:100"), reserved]);
  expect(millisOf(offered(total, { cpus: 2_000 }, res("cpus:2")), "cpus")).toBe(0);
  expect(millisOf(offered(total, { cpus: 3_500 }, res("cpus:2")), "cpus")).toBe(1_500);
  expect(millisOf(offered(total, { cpus: 9_000 }, res("cpus:2")), "cpus")).toBe(3_000);
});

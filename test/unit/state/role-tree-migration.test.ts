// Snapshots of format 1 knew roles beside each other only; what is read from them is the tree that the events give.
import { expect, it } from "vitest";
import { checkAllocator } from "../../../src/allocator/index.ts";
import type { ClusterState } from "../../../src/state/model.ts";
import { packValue } from "../../../src/state/packing.ts";
import { decodeSnapshot, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { clusterAfter } from "./random-commands.ts";

const STEPS = Array.from({ length: 120 }, (_, at) => ({
  what: (at * 37) % 100,
  a: at * 7,
  b: at * 11,
  c: at,
}));

/** As the code of format 1 packed it: a role without own and children, and no role that nobody is in. */
function packedFlat(state: ClusterState): Uint8Array {
  const flat = new Map<string, unknown>();
  for (const [name, { weightMillis, clients, own }] of state.allocator.roles) {
    if (clients.size > 0) flat.set(name, { weightMillis, clients, ...own });
  }
  return packValue([1, { ...state, allocator: { ...state.allocator, roles: flat } }]);
}

function restored(bytes: Uint8Array): ClusterState {
  const result = decodeSnapshot(bytes);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

it("roles that stood beside each other become a tree with the sums of all below", () => {
  const { state } = clusterAfter(STEPS);
  const lifted = restored(packedFlat(state));
  checkAllocator(lifted.allocator);
  expect([...lifted.allocator.roles.keys()].sort()).toEqual([...state.allocator.roles.keys()].sort());
  expect(lifted.allocator.roles.size).toBeGreaterThan(3);
  for (const [name, role] of state.allocator.roles) {
    const { allocated, liveClients, own, clients, children } = role;
    expect(lifted.allocator.roles.get(name), name).toMatchObject({ allocated, liveClients, clients });
    expect(lifted.allocator.roles.get(name)?.own, name).toMatchObject({ ...own, given: expect.any(Number) });
    expect(lifted.allocator.roles.get(name)?.children).toEqual(children);
  }
});

it("what was lifted is packed and restored like any other", () => {
  const lifted = restored(packedFlat(clusterAfter(STEPS).state));
  expect(digest(restored(encodeSnapshot(lifted)))).toBe(digest(lifted));
});

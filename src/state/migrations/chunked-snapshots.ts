// 1 to 2: a snapshot became chunks of units, where it had been one packed value; the allocator's roles became a tree, and
// weights that were set are listed. Events stayed as they were.
import type { Migration } from "./migration.ts";
import { isObject, marked, withMarkedDigests } from "./old-digests.ts";
import { treeOfRoles } from "./role-tree.ts";

export const chunkedSnapshots: Migration = {
  from: 1,
  reason: "snapshots became chunks, roles a tree; digests on record are of the bytes before",
  event: (event) => (isObject(event) && event.kind === "DigestRecorded" ? marked(event, 1) : event),
  state: (state) => {
    const lifted = withMarkedDigests(state, 1);
    if (!isObject(lifted)) return lifted;
    const draining = new Map();
    const maintenance = { windows: [], machines: new Map(), inverse: new Map() };
    const weights = new Map();
    return { ...lifted, draining, maintenance, weights, allocator: withTree(lifted.allocator) };
  },
};

function withTree(allocator: unknown): unknown {
  if (!isObject(allocator) || !(allocator.roles instanceof Map)) return allocator;
  return { ...allocator, roles: treeOfRoles(allocator.roles) };
}

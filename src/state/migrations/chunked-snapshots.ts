// 1 to 2: a snapshot became chunks of units, where it had been one packed value; the allocator's roles became a tree, and
// weights that were set are listed.
// Events stayed as they were, but digests are taken of a snapshot's bytes: those on record are of other bytes than a
// member makes today, and are marked so that nobody compares them.
import type { Migration } from "./migration.ts";
import { treeOfRoles } from "./role-tree.ts";

const MARK = "1/";

export const chunkedSnapshots: Migration = {
  from: 1,
  reason: "snapshots became chunks, roles a tree; digests on record are of the bytes before",
  event: (event) => (isObject(event) && event.kind === "DigestRecorded" ? marked(event) : event),
  state: (state) => {
    if (!isObject(state)) return state;
    const digests = Array.isArray(state.digests) ? { digests: state.digests.map(marked) } : {};
    return { ...state, ...digests, weights: new Map(), allocator: withTree(state.allocator) };
  },
};

/** Whether the digest on record is of the bytes of which digests are taken today. */
export function isOfThisFormat(digest: string): boolean {
  return !digest.startsWith(MARK);
}

function withTree(allocator: unknown): unknown {
  if (!isObject(allocator) || !(allocator.roles instanceof Map)) return allocator;
  return { ...allocator, roles: treeOfRoles(allocator.roles) };
}

function marked(record: unknown): unknown {
  if (!isObject(record) || typeof record.digest !== "string") return record;
  return { ...record, digest: `${MARK}${record.digest}` };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

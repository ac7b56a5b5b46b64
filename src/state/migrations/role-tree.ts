// Roles of format 1 stood beside each other; now they are a tree. Each gets the roles above it, which hold what those
// below hold. How often a role above was given something is the sum of those below: who had to wait for whom in a tree
// nobody counted then.
import type { RoleName } from "../../kernel/ids.ts";

interface Sums {
  readonly allocated: ReadonlyMap<string, number>;
  readonly given: number;
  readonly liveClients: number;
}

interface FlatRole extends Sums {
  readonly weightMillis: number;
  readonly clients: ReadonlyMap<number, true>;
}

/** As it was in format 2, whatever becomes of it later. */
export interface TreeRole {
  weightMillis: number;
  allocated: Map<string, number>;
  given: number;
  liveClients: number;
  own: { allocated: Map<string, number>; given: number; liveClients: number };
  clients: Map<number, true>;
  children: Map<string, true>;
  quota: null;
  reservedFree: Map<string, number>;
  revocable: Map<string, number>;
}

/** @param roles of format 1: by name; a role comes after those above it in what is returned */
export function treeOfRoles(roles: ReadonlyMap<RoleName, FlatRole>): Map<string, TreeRole> {
  const tree = new Map<string, TreeRole>();
  for (const [name, role] of roles) {
    const line = lineDownTo(name);
    for (const each of line) if (!tree.has(each)) plant(tree, each);
    for (const each of line) addSums(tree.get(each), role);
    const entry = tree.get(name);
    if (entry === undefined) continue;
    entry.weightMillis = role.weightMillis;
    entry.clients = new Map(role.clients);
    addSums(entry.own, role);
  }
  return tree;
}

/** `a`, `a/b`, `a/b/c`. */
export function lineDownTo(name: string): readonly string[] {
  const steps = name.split("/");
  return steps.map((_step, at) => steps.slice(0, at + 1).join("/"));
}

export function plant(tree: Map<string, TreeRole>, name: string): void {
  const end = name.lastIndexOf("/");
  if (end >= 0) tree.get(name.slice(0, end))?.children.set(name, true);
  tree.set(name, {
    weightMillis: 1_000,
    allocated: new Map(),
    given: 0,
    liveClients: 0,
    own: { allocated: new Map(), given: 0, liveClients: 0 },
    clients: new Map(),
    children: new Map(),
    quota: null,
    reservedFree: new Map(),
    revocable: new Map(),
  });
}

function addSums(to: TreeRole | TreeRole["own"] | undefined, sums: Sums): void {
  if (to === undefined) return;
  for (const [name, millis] of sums.allocated) to.allocated.set(name, (to.allocated.get(name) ?? 0) + millis);
  to.given += sums.given;
  to.liveClients += sums.liveClients;
}

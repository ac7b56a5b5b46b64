// How much each role may still be given in one cycle under the quotas: never more than the limits of the role and those
// above it leave, and beyond its own guarantee only what is not held back for the guarantees of others (AL06).
//
// For each name of a scalar: a role lacks what its guarantee exceeds what it consumes; the tree of roles together needs
// the larger of a role's own lack and its children's needs, summed over the top. What is free beyond all needs is surplus.
import { asId, type RoleName } from "../kernel/ids.ts";
import type { Amounts } from "./amounts.ts";
import { roleOf } from "./lookups.ts";
import { countsAgainstQuota, isWithin, type MetaReader } from "./meta.ts";
import type { AgentEntry, AllocatorState, Quota } from "./model.ts";
import { consumedOf } from "./quota.ts";
import { NO_RESOURCES, type Resource, type Resources } from "./resources.ts";
import { lineOf, parentOf, topRoles } from "./role-tree.ts";
import { isHeldWithin } from "./shared.ts";

/** Why a role may have no more of a name: thousandths. */
export type QuotaBound =
  /** The role, which is that of the client or above it, has what its limit allows, or too much for what is given whole. */
  | {
      readonly kind: "limit";
      readonly role: RoleName;
      readonly name: string;
      readonly limit: number;
      readonly consumed: number;
    }
  /** All that is free is held back for roles that lack some of what they are guaranteed. */
  | { readonly kind: "headroom"; readonly name: string; readonly free: number; readonly needed: number };

/** Ends the path of a group that is the frameworks of a role that has others below it. */
const OWN_FRAMEWORKS = "/.";

interface Node {
  readonly role: RoleName;
  readonly quota: Quota | null;
  readonly consumed: Amounts;
  readonly above: Node | null;
  readonly children: Node[];
  /** By name: what the role and those below it still need. Zeros are left out. */
  readonly needs: Amounts;
  /** The sums of the needs of the children. */
  readonly childrenNeeds: Amounts;
}

/** A group of the ranking. */
interface Group {
  /** The role's own; null if it has none, or if the group is its own frameworks. */
  readonly whole: Node | null;
  /** The nearest from the role upwards. */
  readonly nearest: Node | null;
}

export class QuotaRoom {
  readonly #s: AllocatorState;
  readonly #meta: MetaReader;
  /** Roles under a quota, in it or above it; a role that has no node is like the nearest above it that has. */
  readonly #nodes: Map<RoleName, Node> = new Map();
  /** The nearest node from the role upwards, and the groups by their paths: as far as they were asked for. */
  readonly #nearest: Map<RoleName, Node | null> = new Map();
  readonly #groups: Map<string, Group> = new Map();
  readonly #tops: Node[] = [];
  /** What is free and unreserved on the agents that may be offered: thousandths by name. */
  readonly #free: Amounts = new Map();
  /** The needs of all roles together. */
  readonly #needs: Amounts = new Map();

  constructor(s: AllocatorState, meta: MetaReader) {
    this.#s = s;
    this.#meta = meta;
    const concerned = new Set([...s.quotas.keys()].flatMap((role) => [...lineOf(role)]));
    for (const top of topRoles(s)) this.#add(s, top, null, concerned);
    for (const { needs } of this.#tops) addTo(this.#needs, needs);
    for (const [name, millis] of s.offerableSums) if (this.#needs.has(name)) this.#free.set(name, millis);
  }

  /** Whether any role lacks some of what it is guaranteed. */
  get hasWanting(): boolean {
    return this.#needs.size > 0;
  }

  /**
   * Whether some role within the group may be given something for a guarantee: its own, or one of a role above.
   * @param path a role, or `role/.` for its own frameworks alone
   */
  hasWantingWithin(path: string): boolean {
    const { whole, nearest } = this.#groupOf(path);
    if (whole !== null && whole.needs.size > 0) return true;
    for (let node = nearest; node !== null; node = node.above) {
      for (const name of node.needs.keys()) if (ownNeed(node, name) > 0) return true;
    }
    return false;
  }

  /**
   * What of the resources may be given to the role: all but the unreserved scalars that exceed its room, and what is
   * reserved to a role above it and exceeds its limit.
   * @param agent whose they are
   */
  within(role: RoleName, resources: Resources, agent: AgentEntry): Resources {
    const node = this.#nodeOf(role);
    if (node === null && this.#needs.size === 0) return resources;
    return this.#chopped(role, resources, agent, (name) => this.#room(node, name));
  }

  /**
   * What of the resources is given to the role for its guarantee: of the names that are guaranteed no more than it lacks.
   * Nothing if it lacks none of what is there.
   */
  guaranteed(role: RoleName, resources: Resources, agent: AgentEntry): Resources {
    const node = this.#nodeOf(role);
    const helps = resources.some(({ name, meta }) => lackOf(node, name) > 0 && this.#counts(meta));
    if (!helps) return NO_RESOURCES;
    return this.#chopped(role, resources, agent, (name) => this.#guaranteedRoom(node, name));
  }

  /** What keeps scalars among the resources from the role. */
  bounds(role: RoleName, resources: Resources, agent: AgentEntry): readonly QuotaBound[] {
    const bounds: QuotaBound[] = [];
    const node = this.#nodeOf(role);
    for (const resource of resources) {
      const { name, meta, value } = resource;
      if (value.kind !== "scalar") continue;
      if (!this.#counts(meta)) {
        bounds.push(...this.#limitsExceeded(role, resource, agent));
        continue;
      }
      bounds.push(...limitsReached(node, name));
      const needed = this.#needs.get(name) ?? 0;
      const free = this.#free.get(name) ?? 0;
      if (needed > 0 && needed >= free) bounds.push({ kind: "headroom", name, free, needed });
    }
    return bounds;
  }

  /** Notes that the role has been given them. @param agent whose they are, as it was before the cycle */
  give(role: RoleName, resources: Resources, agent: AgentEntry): void {
    for (const resource of resources) this.#count(role, resource, agent, 1);
  }

  #count(role: RoleName, resource: Resource, agent: AgentEntry, times: 1 | -1): void {
    const { name, meta, value } = resource;
    if (value.kind !== "scalar") return;
    const { reservedTo, revocable } = this.#meta.factsOf(meta);
    if (revocable) return;
    const millis = times * value.millis;
    if (reservedTo === null) addAmount(this.#free, name, -millis);
    for (const each of this.#chargedWith(role, resource, agent)) this.#consume(each, name, millis);
  }

  /** The roles, from this one to the top, in which the resource does not count before the role has it. */
  *#chargedWith(role: RoleName, resource: Resource, agent: AgentEntry): Generator<RoleName> {
    const { reservedTo, shared } = this.#meta.factsOf(resource.meta);
    for (const each of lineOf(role)) {
      // A reservation counts for its role and those above it before anybody has it, and what is shared counts once.
      if (reservedTo !== null && isWithin(reservedTo, each)) return;
      if (shared && isHeldWithin(this.#s, agent, resource, each)) return;
      yield each;
    }
  }

  /** Whether what is reserved to a role above fits into the limits of those between; it is given whole or not at all. */
  #fits(role: RoleName, resource: Resource, agent: AgentEntry): boolean {
    return this.#limitsExceeded(role, resource, agent).next().done === true;
  }

  *#limitsExceeded(role: RoleName, resource: Resource, agent: AgentEntry): Generator<QuotaBound, void> {
    const { name, meta, value } = resource;
    if (value.kind !== "scalar" || this.#meta.factsOf(meta).revocable) return;
    for (const each of this.#chargedWith(role, resource, agent)) {
      const node = this.#nodes.get(each);
      const limit = node?.quota?.limits.get(name);
      const consumed = node?.consumed.get(name) ?? 0;
      if (limit !== undefined && consumed + value.millis > limit) {
        yield { kind: "limit", role: each, name, limit, consumed };
      }
    }
  }

  /** Of several of one name each takes from what those before it have left. */
  #chopped(
    role: RoleName,
    resources: Resources,
    agent: AgentEntry,
    roomOf: (name: string) => number,
  ): Resources {
    const kept: Resource[] = [];
    const counted: Resource[] = [];
    let isWhole = true;
    for (const [at, resource] of resources.entries()) {
      const part = this.#partOf(role, resource, agent, roomOf);
      if (part !== null) kept.push(part);
      if (part !== resource) isWhole = false;
      if (part === null || resources[at + 1]?.name !== part.name) continue;
      this.#count(role, part, agent, 1);
      counted.push(part);
    }
    for (const part of counted) this.#count(role, part, agent, -1);
    if (isWhole) return resources;
    return kept.some(({ value }) => value.kind === "scalar") ? kept : NO_RESOURCES;
  }

  #partOf(
    role: RoleName,
    resource: Resource,
    agent: AgentEntry,
    roomOf: (name: string) => number,
  ): Resource | null {
    const { name, meta, value } = resource;
    if (!this.#counts(meta)) return this.#fits(role, resource, agent) ? resource : null;
    const room = value.kind === "scalar" ? roomOf(name) : Number.POSITIVE_INFINITY;
    return value.kind === "scalar" && room < value.millis ? atMost(resource, room) : resource;
  }

  #counts(meta: string): boolean {
    return countsAgainstQuota(this.#meta.factsOf(meta));
  }

  #room(node: Node | null, name: string): number {
    const limit = limitRoom(node, name);
    const needs = this.#needs.get(name);
    if (needs === undefined) return limit;
    const surplus = Math.max(0, (this.#free.get(name) ?? 0) - needs);
    return Math.min(limit, surplus + lackOf(node, name));
  }

  #guaranteedRoom(node: Node | null, name: string): number {
    return isGuaranteed(node, name)
      ? Math.min(limitRoom(node, name), lackOf(node, name))
      : this.#room(node, name);
  }

  #consume(role: RoleName, name: string, millis: number): void {
    const node = this.#nodes.get(role);
    if (node === undefined) return;
    addAmount(node.consumed, name, millis);
    this.#refreshNeeds(node, name);
  }

  #refreshNeeds(from: Node, name: string): void {
    for (let node: Node | null = from; node !== null; node = node.above) {
      const before = node.needs.get(name) ?? 0;
      const now = Math.max(ownLack(node, name), childrenNeed(node, name));
      if (now === before) return;
      addAmount(node.needs, name, now - before);
      addAmount(node.above?.childrenNeeds ?? this.#needs, name, now - before);
    }
  }

  /** @param concerned the roles that have a quota or stand above one that has */
  #add(s: AllocatorState, role: RoleName, above: Node | null, concerned: ReadonlySet<RoleName>): void {
    if (!concerned.has(role)) return;
    const entry = roleOf(s, role);
    const node: Node = {
      role,
      quota: entry.quota,
      consumed: consumedOf(entry),
      above,
      children: [],
      needs: new Map(),
      childrenNeeds: new Map(),
    };
    (above?.children ?? this.#tops).push(node);
    this.#nodes.set(role, node);
    for (const child of entry.children.keys()) this.#add(s, child, node, concerned);
    for (const { needs } of node.children) addTo(node.childrenNeeds, needs);
    for (const name of namesOf(node)) {
      const need = Math.max(ownLack(node, name), childrenNeed(node, name));
      if (need > 0) node.needs.set(name, need);
    }
  }

  #groupOf(path: string): Group {
    const known = this.#groups.get(path);
    if (known !== undefined) return known;
    const isOwn = path.endsWith(OWN_FRAMEWORKS);
    const role = asId<RoleName>(isOwn ? path.slice(0, -OWN_FRAMEWORKS.length) : path);
    const group = { whole: isOwn ? null : (this.#nodes.get(role) ?? null), nearest: this.#nodeOf(role) };
    this.#groups.set(path, group);
    return group;
  }

  #nodeOf(role: RoleName): Node | null {
    const known = this.#nearest.get(role);
    if (known !== undefined) return known;
    const found = this.#findNode(role);
    this.#nearest.set(role, found);
    return found;
  }

  #findNode(role: RoleName): Node | null {
    for (let each: RoleName | null = role; each !== null; each = parentOf(each)) {
      const node = this.#nodes.get(each);
      if (node !== undefined) return node;
    }
    return null;
  }
}

function namesOf({ quota, childrenNeeds }: Node): ReadonlySet<string> {
  return new Set([...(quota?.guarantees.keys() ?? []), ...childrenNeeds.keys()]);
}

function ownLack({ quota, consumed }: Node, name: string): number {
  return Math.max(0, (quota?.guarantees.get(name) ?? 0) - (consumed.get(name) ?? 0));
}

function childrenNeed({ childrenNeeds }: Node, name: string): number {
  return childrenNeeds.get(name) ?? 0;
}

/** What the role itself lacks beyond the needs of those below it. */
function ownNeed(node: Node, name: string): number {
  return Math.max(0, ownLack(node, name) - childrenNeed(node, name));
}

/** How much can be given to the role until the needs of all no longer fall by it. */
function lackOf(node: Node | null, name: string): number {
  let lack = 0;
  for (let each = node; each !== null; each = each.above) lack += ownNeed(each, name);
  return lack;
}

function isGuaranteed(node: Node | null, name: string): boolean {
  for (let each = node; each !== null; each = each.above) {
    if (each.quota?.guarantees.has(name) === true) return true;
  }
  return false;
}

function limitRoom(node: Node | null, name: string): number {
  let room = Number.POSITIVE_INFINITY;
  for (let each = node; each !== null; each = each.above) {
    const limit = each.quota?.limits.get(name);
    if (limit !== undefined) room = Math.min(room, limit - (each.consumed.get(name) ?? 0));
  }
  return room;
}

function limitsReached(node: Node | null, name: string): readonly QuotaBound[] {
  const reached: QuotaBound[] = [];
  for (let each = node; each !== null; each = each.above) {
    const limit = each.quota?.limits.get(name);
    const consumed = each.consumed.get(name) ?? 0;
    if (limit !== undefined && consumed >= limit) {
      reached.push({ kind: "limit", role: each.role, name, limit, consumed });
    }
  }
  return reached;
}

function atMost(resource: Resource, millis: number): Resource | null {
  return millis <= 0 ? null : { ...resource, value: { kind: "scalar", millis } };
}

function addTo(amounts: Amounts, more: Amounts): void {
  for (const [name, millis] of more) addAmount(amounts, name, millis);
}

function addAmount(amounts: Amounts, name: string, millis: number): void {
  const sum = (amounts.get(name) ?? 0) + millis;
  if (sum === 0) amounts.delete(name);
  else amounts.set(name, sum);
}

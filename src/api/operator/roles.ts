// The roles that there are (MO09): those that a framework is in or holds something in, that something is reserved for,
// that were ever given a weight or a quota or that the operator has listed, and all above them.
import { DEFAULT_WEIGHT_MILLIS, type Quota } from "../../allocator/index.ts";
import { factsOf, isWithin } from "../../allocator/meta.ts";
import { add, NO_RESOURCES, type Resources } from "../../allocator/resources.ts";
import { lineOf } from "../../allocator/role-tree.ts";
import { asId, compareText, type FrameworkId, type RoleName } from "../../kernel/ids.ts";
import type { ClusterState } from "../../state/model.ts";
import { usageOf } from "./usage.ts";

export interface RoleFacts {
  readonly name: RoleName;
  readonly weight: number;
  /** Those that are subscribed in it. */
  readonly frameworks: readonly FrameworkId[];
  /** What its tasks and executors hold; roles below it have their own. */
  readonly allocated: Resources;
  readonly offered: Resources;
  /** What is reserved for it, held or not; for roles below it they have their own. */
  readonly reserved: Resources;
  /** Null if it was never given one, or that was taken away. */
  readonly quota: Quota | null;
  /** What a quota counts: what it and all roles below hold or have reserved, without offers (trap 36). */
  readonly consumed: Resources;
}

/** By name. */
export function rolesOf(state: ClusterState): readonly RoleFacts[] {
  const members = membersByRole(state);
  const { allocated, offered } = heldByRole(state);
  const reserved = reservedByRole(state);
  const consumed = consumedByRole(allocated, reserved);
  const held = [allocated, offered, reserved].flatMap((all) => [...all.keys()]);
  const listed = [...(state.policy.listedRoles ?? [])].map((role) => asId<RoleName>(role));
  const named = [
    ...members.keys(),
    ...held,
    ...listed,
    ...state.weights.keys(),
    ...state.allocator.quotas.keys(),
  ];
  const names = new Set(named.flatMap((role) => [...lineOf(role)]));
  return [...names].sort(compareText).map((name) => ({
    name,
    weight: (state.weights.get(name) ?? DEFAULT_WEIGHT_MILLIS) / 1_000,
    frameworks: members.get(name) ?? [],
    allocated: allocated.get(name) ?? NO_RESOURCES,
    offered: offered.get(name) ?? NO_RESOURCES,
    reserved: reserved.get(name) ?? NO_RESOURCES,
    quota: state.allocator.roles.get(name)?.quota ?? null,
    consumed: consumed.get(name) ?? NO_RESOURCES,
  }));
}

/** Reservations count once, whether they are held or not, and nothing that can be revoked does. */
function consumedByRole(allocated: Held, reserved: Held): Held {
  const consumed: Held = new Map();
  for (const [role, resources] of allocated) {
    for (const each of lineOf(role)) {
      const counted = resources.filter(({ meta }) => !countsAnyhow(each, meta));
      if (counted.length > 0) addTo(consumed, each, counted);
    }
  }
  for (const [role, resources] of reserved) {
    for (const each of lineOf(role)) addTo(consumed, each, resources);
  }
  return consumed;
}

/** Whether it is reserved for the role or below it, or counts for nobody. */
function countsAnyhow(role: RoleName, meta: string): boolean {
  const { reservedTo, revocable } = factsOf(meta);
  return revocable || (reservedTo !== null && isWithin(reservedTo, role));
}

function reservedByRole(state: ClusterState): Held {
  const reserved: Held = new Map();
  for (const { total } of state.allocator.agents.values()) {
    for (const resource of total) {
      const { reservedTo, revocable } = factsOf(resource.meta);
      if (reservedTo !== null && !revocable) addTo(reserved, reservedTo, [resource]);
    }
  }
  return reserved;
}

function membersByRole(state: ClusterState): ReadonlyMap<RoleName, readonly FrameworkId[]> {
  const members = new Map<RoleName, FrameworkId[]>();
  for (const { id, spec } of state.frameworks.values()) {
    for (const role of spec.roles) {
      const known = members.get(role);
      if (known === undefined) members.set(role, [id]);
      else known.push(id);
    }
  }
  return members;
}

type Held = Map<RoleName, Resources>;

function heldByRole(state: ClusterState): { readonly allocated: Held; readonly offered: Held } {
  const held = { allocated: new Map(), offered: new Map() } satisfies Record<string, Held>;
  for (const usage of usageOf(state).frameworks.values()) {
    for (const [role, resources] of usage.allocated) addTo(held.allocated, role, resources);
    for (const [role, resources] of usage.offered) addTo(held.offered, role, resources);
  }
  return held;
}

function addTo(held: Held, role: RoleName, resources: Resources): void {
  held.set(role, add(held.get(role) ?? NO_RESOURCES, resources));
}

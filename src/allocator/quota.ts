// Quotas (AL05): what a role is guaranteed and what it is limited to, for it and all roles below it together. What counts
// is what its frameworks hold or are offered, and all that is reserved for it, held or not (trap 36); nothing revocable.
// A quota of a role below another is Tepui's own: Mesos refuses it, so no client can be surprised by it.
import { assert } from "../kernel/assert.ts";
import type { RoleName } from "../kernel/ids.ts";
import type { Amounts } from "./amounts.ts";
import { SCALAR_MILLIS_MAX } from "./limits.ts";
import { factsOf, isWithin } from "./meta.ts";
import type { AllocatorState, Quota, RoleEntry } from "./model.ts";
import { refreshOfferable } from "./offerable-sums.ts";
import type { Resources } from "./resources.ts";
import { ensureRole, forgetRoleIfUnused, lineOf } from "./role-tree.ts";

/** @param quota null takes it away. Thousandths by name, each guarantee within its limit */
export function setQuota(s: AllocatorState, role: RoleName, quota: Quota | null): void {
  for (const amounts of quota === null ? [] : [quota.guarantees, quota.limits]) {
    for (const millis of amounts.values()) {
      const isRight = Number.isSafeInteger(millis) && millis >= 0 && millis <= SCALAR_MILLIS_MAX;
      assert(isRight, "an amount of a quota is out of bounds", { role, millis });
    }
  }
  ensureRole(s, role).quota = quota;
  const quotasBefore = s.quotas.size;
  if (quota === null) s.quotas.delete(role);
  else s.quotas.set(role, true);
  refreshOfferable(s, quotasBefore);
  forgetRoleIfUnused(s, role);
}

/** What counts against the role's quota: thousandths by name. */
export function consumedOf(entry: RoleEntry): Amounts {
  const consumed: Amounts = new Map(entry.allocated);
  for (const [name, millis] of entry.reservedFree) consumed.set(name, (consumed.get(name) ?? 0) + millis);
  for (const [name, millis] of entry.revocable) {
    const rest = (consumed.get(name) ?? 0) - millis;
    if (rest === 0) consumed.delete(name);
    else consumed.set(name, rest);
  }
  return consumed;
}

export interface Charge {
  readonly role: RoleName;
  readonly name: string;
  /** Thousandths. */
  readonly millis: number;
}

/** What the resources, held in a role, add to what counts against the quota of each role from it to the top. */
export function* chargesOf(role: RoleName, resources: Resources): Generator<Charge> {
  for (const { name, meta, value } of resources) {
    if (value.kind !== "scalar") continue;
    const { reservedTo, revocable } = factsOf(meta);
    if (revocable) continue;
    for (const each of lineOf(role)) {
      // A reservation counts for its role and those above it whether anybody holds it or not.
      if (reservedTo !== null && isWithin(reservedTo, each)) break;
      yield { role: each, name, millis: value.millis };
    }
  }
}

// Quotas as they would be after a change: whether they fit into one another, how much they guarantee, and how much of
// what is free the guarantees still need. `setQuota` carries the change out; nothing is changed here.
//
// A role stands below the nearest role above it that has a quota. What a role needs of a name is its own guarantee or
// what those below it need together, whichever is more.
import { compareText, type RoleName } from "../kernel/ids.ts";
import type { Amounts } from "./amounts.ts";
import { countsAgainstQuota, factsOf } from "./meta.ts";
import type { AllocatorState, Quota } from "./model.ts";
import { consumedOf } from "./quota.ts";
import { formatMillis } from "./resource-text.ts";
import { parentOf } from "./role-tree.ts";

/** Null takes a role's quota away. */
export type QuotaChanges = ReadonlyMap<RoleName, Quota | null>;

export class QuotaPlan {
  readonly #s: AllocatorState;
  readonly #quotas: Map<RoleName, Quota>;
  /** The roles next below, of null those at the top. */
  readonly #below: Map<RoleName | null, RoleName[]> = new Map();

  constructor(s: AllocatorState, changes: QuotaChanges) {
    this.#s = s;
    const quotas = new Map<RoleName, Quota>();
    for (const role of s.quotas.keys()) setOrDelete(quotas, role, s.roles.get(role)?.quota ?? null);
    for (const [role, quota] of changes) setOrDelete(quotas, role, quota);
    this.#quotas = new Map([...quotas].sort(([a], [b]) => compareText(a, b)));
    for (const role of this.#quotas.keys()) {
      const above = this.#above(role);
      const siblings = this.#below.get(above);
      if (siblings === undefined) this.#below.set(above, [role]);
      else siblings.push(role);
    }
  }

  get size(): number {
    return this.#quotas.size;
  }

  quotaOf(role: RoleName): Quota | null {
    return this.#quotas.get(role) ?? null;
  }

  /** What a role allows itself or guarantees that those above it do not; null if all fit. */
  problem(): string | null {
    for (const [role, { limits, guarantees }] of this.#quotas) {
      for (const [name, millis] of sorted(limits)) {
        const problem = this.#problemOfLimit(role, name, millis);
        if (problem !== null) return problem;
      }
      const below = this.#needBelow(role);
      for (const [name, millis] of sorted(below)) {
        const guarantee = guarantees.get(name);
        const limit = limits.get(name);
        const needed = `The roles below '${role}' are guaranteed ${name}:${formatMillis(millis)} together`;
        if (guarantee !== undefined && millis > guarantee) {
          return `${needed}, more than its own guarantee of ${name}:${formatMillis(guarantee)}`;
        }
        if (limit !== undefined && millis > limit) {
          return `${needed}, more than its limit of ${name}:${formatMillis(limit)}`;
        }
      }
    }
    return null;
  }

  /** What all roles are guaranteed together. */
  guaranteed(): Amounts {
    return this.#needBelow(null);
  }

  /**
   * What is missing of what is free for the guarantees to be met, were nothing more offered: thousandths by name.
   * @param consumed by role, where it is not what the allocator counts
   */
  shortfall(consumed: (role: RoleName) => Amounts): Amounts {
    const shortfall = this.#needBelow(null, consumed);
    for (const agentId of this.#s.withFree.keys()) {
      for (const { name, meta, value } of this.#s.agents.get(agentId)?.free ?? []) {
        const missing = shortfall.get(name);
        if (missing === undefined || value.kind !== "scalar" || !countsAgainstQuota(factsOf(meta))) continue;
        if (missing <= value.millis) shortfall.delete(name);
        else shortfall.set(name, missing - value.millis);
      }
    }
    return shortfall;
  }

  /** What the allocator counts against the role's quota, offers among it: thousandths by name, for the caller to change. */
  consumed(role: RoleName): Amounts {
    const entry = this.#s.roles.get(role);
    return entry === undefined ? new Map() : consumedOf(entry);
  }

  #problemOfLimit(role: RoleName, name: string, millis: number): string | null {
    for (let above = this.#above(role); above !== null; above = this.#above(above)) {
      const limit = this.#quotas.get(above)?.limits.get(name);
      if (limit === undefined || millis <= limit) continue;
      const own = `The limit of role '${role}', ${name}:${formatMillis(millis)},`;
      return `${own} exceeds that of role '${above}', ${name}:${formatMillis(limit)}`;
    }
    return null;
  }

  #above(role: RoleName): RoleName | null {
    for (let each = parentOf(role); each !== null; each = parentOf(each))
      if (this.#quotas.has(each)) return each;
    return null;
  }

  /** @param consumed is taken off; if left out nothing is */
  #needBelow(role: RoleName | null, consumed?: (role: RoleName) => Amounts): Amounts {
    const needs: Amounts = new Map();
    for (const child of this.#below.get(role) ?? []) {
      for (const [name, millis] of this.#needOf(child, consumed)) {
        needs.set(name, (needs.get(name) ?? 0) + millis);
      }
    }
    return needs;
  }

  #needOf(role: RoleName, consumed?: (role: RoleName) => Amounts): Amounts {
    const needs = this.#needBelow(role, consumed);
    const held = consumed?.(role);
    for (const [name, guarantee] of this.#quotas.get(role)?.guarantees ?? []) {
      const need = Math.max(needs.get(name) ?? 0, guarantee - (held?.get(name) ?? 0));
      if (need > 0) needs.set(name, need);
    }
    return needs;
  }
}

function setOrDelete(quotas: Map<RoleName, Quota>, role: RoleName, quota: Quota | null): void {
  if (quota === null) quotas.delete(role);
  else quotas.set(role, quota);
}

function sorted(amounts: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...amounts].sort(([a], [b]) => compareText(a, b));
}

// Dominant shares (trap 37, Ghodsi et al. 2011): the largest of allocated / total over the names of scalars, compared
// exactly. Doubles decide wherever they can: it is done twice for every offer of a cycle.
import type { FrameworkId, RoleName } from "../kernel/ids.ts";
import { compareText } from "../kernel/ids.ts";
import type { AllocatorState, DominantShare, ShareOwner } from "./model.ts";

/** `amount / (total × weight)`: whole numbers that are exact as doubles. */
export interface Fraction {
  readonly amount: number;
  readonly total: number;
  readonly weight: number;
}

const NOTHING: Fraction = { amount: 0, total: 1, weight: 1 };

/**
 * Two products and a quotient of doubles are each off by at most one part in 2^53, so quotients that differ by more
 * than this part of the larger one are in the right order.
 */
const DECISIVE_DIFFERENCE = 2 ** -48;

export function compareFractions(a: Fraction, b: Fraction): number {
  if (a.weight === b.weight) {
    return a.total === b.total ? a.amount - b.amount : compareProducts(a.amount, b.total, b.amount, a.total);
  }
  const left = a.amount / (a.total * a.weight);
  const right = b.amount / (b.total * b.weight);
  const difference = left - right;
  if (Math.abs(difference) > Math.max(left, right) * DECISIVE_DIFFERENCE) return difference;
  const exact =
    BigInt(a.amount) * BigInt(b.total) * BigInt(b.weight) -
    BigInt(b.amount) * BigInt(a.total) * BigInt(a.weight);
  return exact > 0n ? 1 : exact < 0n ? -1 : 0;
}

/**
 * Compares `a × b` with `c × d` exactly: a product of doubles is the rounded product and what rounding left off, which
 * is a double too (Dekker 1971, "A floating-point technique for extending the available precision", section 5).
 */
function compareProducts(a: number, b: number, c: number, d: number): number {
  const left = a * b;
  const right = c * d;
  if (left !== right) return left - right;
  return left <= Number.MAX_SAFE_INTEGER ? 0 : roundedOff(a, b, left) - roundedOff(c, d, right);
}

/** `a × b - product`, exactly. */
function roundedOff(a: number, b: number, product: number): number {
  const highA = upperHalf(a);
  const highB = upperHalf(b);
  const lowA = a - highA;
  const lowB = b - highB;
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}

/** The upper 26 bits of the 53. */
function upperHalf(value: number): number {
  const scaled = value * (2 ** 27 + 1);
  return scaled - (scaled - value);
}

/**
 * The largest of `amounts[i] / totals[i]`, the first of equals; totals of 0 do not count.
 * @param weight thousandths, or 1 where there is no weight
 */
export function dominantFraction(
  amounts: readonly number[],
  totals: readonly number[],
  weight: number,
): Fraction {
  let best = NOTHING;
  for (let index = 0; index < totals.length; index++) {
    const total = totals[index] ?? 0;
    const amount = amounts[index] ?? 0;
    if (amount === 0 || total === 0) continue;
    const fraction = { amount, total, weight };
    if (best === NOTHING || compareFractions(fraction, best) > 0) best = fraction;
  }
  return best;
}

/**
 * The share without weight, for display: of offered and used resources together.
 * @param excluded names that do not count (AL09)
 */
export function dominantShare(
  s: AllocatorState,
  owner: ShareOwner,
  excluded: ReadonlySet<string> = new Set(),
): DominantShare {
  const allocated = allocatedOf(s, owner);
  const names = [...s.totals.keys()].filter((name) => !excluded.has(name)).sort(compareText);
  let resource: string | null = null;
  let best = NOTHING;
  for (const name of names) {
    const fraction = { amount: allocated.get(name) ?? 0, total: s.totals.get(name) ?? 1, weight: 1 };
    if (compareFractions(fraction, best) <= 0) continue;
    resource = name;
    best = fraction;
  }
  return { resource, numerator: BigInt(best.amount), denominator: BigInt(best.total) };
}

/** Scalars of all agents, active or not: thousandths by name. */
export function totals(s: AllocatorState): ReadonlyMap<string, number> {
  return s.totals;
}

/** Scalars offered to and used by a role or a framework in a role: thousandths by name; empty if there is none. */
export function allocatedOf(s: AllocatorState, owner: ShareOwner): ReadonlyMap<string, number> {
  if (!("frameworkId" in owner)) return s.roles.get(owner.role)?.allocated ?? new Map();
  return clientAmounts(s, owner.frameworkId, owner.role);
}

function clientAmounts(
  s: AllocatorState,
  frameworkId: FrameworkId,
  role: RoleName,
): ReadonlyMap<string, number> {
  const number = s.frameworks.get(frameworkId)?.clients.get(role);
  return (number === undefined ? undefined : s.clients.get(number)?.allocated) ?? new Map();
}

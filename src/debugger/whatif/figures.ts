// What a run led to, by role and by framework in a role: offers, starts, waiting times, shares over time. The same for
// the recording and for what is simulated.
import { dominantShare } from "../../allocator/index.ts";
import { compareText, type FrameworkId, type RoleName } from "../../kernel/ids.ts";
import type { ClusterState } from "../../state/model.ts";
import { SAMPLES_COUNT } from "./limits.ts";

export interface Row {
  readonly role: RoleName;
  /** Null for the role as a whole, with the roles below it as far as its share is concerned. */
  readonly frameworkId: FrameworkId | null;
  readonly name: string | null;
  readonly offers: number;
  readonly started: number;
  /** Tasks that waited still at the end: what they had waited by then counts in the means. */
  readonly waiting: number;
  /** Null if no task was wanted. */
  readonly meanWaitMs: number | null;
  readonly p99WaitMs: number | null;
  /** Dominant share, from 0 to 1, of what is offered and used together; without weight. */
  readonly meanShare: number;
  /** At SAMPLES_COUNT equally spaced moments, the first and the last included. */
  readonly shares: readonly number[];
}

export interface Figures {
  readonly rows: readonly Row[];
}

interface Counts {
  readonly role: RoleName;
  readonly frameworkId: FrameworkId | null;
  name: string | null;
  offers: number;
  started: number;
  waiting: number;
  readonly waits: number[];
  readonly shares: number[];
}

export interface Whose {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
}

export class Tally {
  readonly #counts: Map<string, Counts> = new Map();
  readonly #from: number;
  readonly #until: number;
  #samples = 0;

  constructor(from: number, until: number) {
    this.#from = from;
    this.#until = until;
  }

  offered(whose: Whose): void {
    for (const counts of this.#both(whose)) counts.offers += 1;
  }

  started(whose: Whose, waitMs: number): void {
    for (const counts of this.#both(whose)) {
      counts.started += 1;
      counts.waits.push(waitMs);
    }
  }

  stillWaiting(whose: Whose, waitMs: number): void {
    for (const counts of this.#both(whose)) {
      counts.waiting += 1;
      counts.waits.push(waitMs);
    }
  }

  /** To be called before the state changes at that time. */
  advance(state: ClusterState, time: number): void {
    while (this.#samples < SAMPLES_COUNT && this.#nextSample() < time) this.#sample(state);
  }

  finish(state: ClusterState): Figures {
    while (this.#samples < SAMPLES_COUNT) this.#sample(state);
    return { rows: [...this.#counts.values()].sort(compareCounts).map(rowOf) };
  }

  #nextSample(): number {
    return this.#from + (this.#samples * (this.#until - this.#from)) / (SAMPLES_COUNT - 1);
  }

  #sample(state: ClusterState): void {
    const { allocator } = state;
    const roles = new Set<RoleName>();
    for (const { frameworkId, role } of allocator.clients.values()) {
      roles.add(role);
      const counts = this.#of(role, frameworkId);
      counts.name = state.frameworks.get(frameworkId)?.spec.name ?? counts.name;
      counts.shares[this.#samples] = shareOf(dominantShare(allocator, { frameworkId, role }));
    }
    for (const role of roles)
      this.#of(role, null).shares[this.#samples] = shareOf(dominantShare(allocator, { role }));
    this.#samples += 1;
  }

  #both({ role, frameworkId }: Whose): readonly Counts[] {
    return [this.#of(role, null), this.#of(role, frameworkId)];
  }

  #of(role: RoleName, frameworkId: FrameworkId | null): Counts {
    const key = JSON.stringify([role, frameworkId]);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const counts = {
      role,
      frameworkId,
      name: null,
      offers: 0,
      started: 0,
      waiting: 0,
      waits: [],
      shares: [],
    };
    this.#counts.set(key, counts);
    return counts;
  }
}

function shareOf({ numerator, denominator }: { numerator: bigint; denominator: bigint }): number {
  return Number(numerator) / Number(denominator);
}

function compareCounts(a: Counts, b: Counts): number {
  return compareText(a.role, b.role) || compareText(a.frameworkId ?? "", b.frameworkId ?? "");
}

function rowOf({ waits, shares, ...counts }: Counts): Row {
  const sorted = waits.sort((a, b) => a - b);
  const filled = Array.from({ length: SAMPLES_COUNT }, (_, at) => shares[at] ?? 0);
  return {
    ...counts,
    meanWaitMs: sorted.length === 0 ? null : mean(sorted),
    p99WaitMs: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? null,
    meanShare: mean(filled),
    shares: filled,
  };
}

/** Of a list that is not empty. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// What a run led to, by role and by framework in a role: offers, starts, waiting times, shares over time. The same for
// the recording and for what is simulated.
import { allocatedOf, totals } from "../../allocator/index.ts";
import { type AgentId, compareText, type FrameworkId, type RoleName } from "../../kernel/ids.ts";
import type { ClusterState, Offer } from "../../state/model.ts";
import { OFFERS_COMPARED_MAX, SAMPLES_COUNT } from "./limits.ts";

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
  /** Dominant share, from 0 to 1, of what tasks use; without weight, and without what is only offered. */
  readonly meanShare: number;
  /** The same of what is offered and not used yet: by far the most for those who hold offers. */
  readonly meanOffered: number;
  /** At SAMPLES_COUNT equally spaced moments, the first and the last included. */
  readonly shares: readonly number[];
  /** How many tasks wait at these moments. */
  readonly waitingTasks: readonly number[];
}

/** Who was offered some of an agent. */
export interface OfferNote {
  readonly at: number;
  readonly agentId: AgentId;
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
}

export interface Figures {
  readonly rows: readonly Row[];
}

export interface Run {
  readonly figures: Figures;
  /** In their order, the first OFFERS_COMPARED_MAX. */
  readonly offers: readonly OfferNote[];
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
  readonly offered: number[];
  /** How many more tasks wait from a sample on than at the one before. */
  readonly waitingChanges: number[];
}

export interface Whose {
  readonly frameworkId: FrameworkId;
  readonly role: RoleName;
}

export class Tally {
  readonly #counts: Map<string, Counts> = new Map();
  readonly #offers: OfferNote[] = [];
  readonly #from: number;
  readonly #until: number;
  #samples = 0;

  constructor(from: number, until: number) {
    this.#from = from;
    this.#until = until;
  }

  offered({ madeAt: at, agentId, frameworkId, role }: Offer): void {
    if (this.#offers.length < OFFERS_COMPARED_MAX) this.#offers.push({ at, agentId, frameworkId, role });
    for (const counts of this.#both({ frameworkId, role })) counts.offers += 1;
  }

  started(whose: Whose, wantedAt: number, at: number): void {
    for (const counts of this.#both(whose)) {
      counts.started += 1;
      this.#waited(counts, wantedAt, at);
    }
  }

  /** At the end. */
  stillWaiting(whose: Whose, wantedAt: number): void {
    for (const counts of this.#both(whose)) {
      counts.waiting += 1;
      this.#waited(counts, wantedAt, this.#until + 1);
    }
  }

  /** To be called before the state changes at that time. */
  advance(state: ClusterState, time: number): void {
    while (this.#samples < SAMPLES_COUNT && this.#timeOf(this.#samples) < time) this.#sample(state);
  }

  finish(state: ClusterState): Run {
    while (this.#samples < SAMPLES_COUNT) this.#sample(state);
    const rows = [...this.#counts.values()].sort(compareCounts).map(rowOf);
    return { figures: { rows }, offers: this.#offers };
  }

  #timeOf(sample: number): number {
    return this.#from + (sample * (this.#until - this.#from)) / (SAMPLES_COUNT - 1);
  }

  /** The first sample at that time or later. */
  #sampleAt(time: number): number {
    const span = Math.max(1, this.#until - this.#from);
    return Math.max(0, Math.ceil(((time - this.#from) * (SAMPLES_COUNT - 1)) / span));
  }

  #waited({ waits, waitingChanges }: Counts, wantedAt: number, until: number): void {
    waits.push(Math.min(until, this.#until) - wantedAt);
    const [first, last] = [this.#sampleAt(wantedAt), this.#sampleAt(until)];
    waitingChanges[first] = (waitingChanges[first] ?? 0) + 1;
    waitingChanges[last] = (waitingChanges[last] ?? 0) - 1;
  }

  #sample(state: ClusterState): void {
    const { allocator } = state;
    const offered = offeredAmounts(state);
    const roles = new Set<RoleName>();
    for (const { frameworkId, role } of allocator.clients.values()) {
      roles.add(role);
      const counts = this.#of(role, frameworkId);
      counts.name = state.frameworks.get(frameworkId)?.spec.name ?? counts.name;
      this.#note(state, counts, allocatedOf(allocator, { frameworkId, role }), offered);
    }
    for (const role of roles)
      this.#note(state, this.#of(role, null), allocatedOf(allocator, { role }), offered);
    this.#samples += 1;
  }

  #note(
    state: ClusterState,
    counts: Counts,
    allocated: ReadonlyMap<string, number>,
    offered: ReadonlyMap<string, ReadonlyMap<string, number>>,
  ): void {
    const only = offered.get(keyOf(counts)) ?? NOTHING;
    const used = new Map([...allocated].map(([name, millis]) => [name, millis - (only.get(name) ?? 0)]));
    counts.shares[this.#samples] = largestPart(state, used);
    counts.offered[this.#samples] = largestPart(state, only);
  }

  #both({ role, frameworkId }: Whose): readonly Counts[] {
    return [this.#of(role, null), this.#of(role, frameworkId)];
  }

  #of(role: RoleName, frameworkId: FrameworkId | null): Counts {
    const key = keyOf({ role, frameworkId });
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const numbers = { name: null, offers: 0, started: 0, waiting: 0 };
    const lists = { waits: [], shares: [], offered: [], waitingChanges: [] };
    const counts = { role, frameworkId, ...numbers, ...lists };
    this.#counts.set(key, counts);
    return counts;
  }
}

const NOTHING: ReadonlyMap<string, number> = new Map();

/** Scalars of the outstanding offers but optimistic ones, which hold nothing: thousandths by name, by framework in its role and by role with those below it. */
function offeredAmounts({ offers }: ClusterState): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const found = new Map<string, Map<string, number>>();
  for (const { role, frameworkId, resources, optimistic } of offers.values()) {
    if (optimistic === true) continue;
    const owners = [
      { role, frameworkId },
      ...lineOf(role).map((each) => ({ role: each, frameworkId: null })),
    ];
    for (const key of owners.map(keyOf)) {
      const amounts = found.get(key) ?? new Map<string, number>();
      found.set(key, amounts);
      for (const { name, value } of resources)
        if (value.kind === "scalar") amounts.set(name, (amounts.get(name) ?? 0) + value.millis);
    }
  }
  return found;
}

/** `a/b` and `a`. */
function lineOf(role: RoleName): readonly RoleName[] {
  const steps = role.split("/");
  return steps.map((_, at) => steps.slice(0, at + 1).join("/") as RoleName);
}

/** Of the cluster's, by the names that count in fair shares (AL09). */
function largestPart({ allocator, policy }: ClusterState, amounts: ReadonlyMap<string, number>): number {
  let largest = 0;
  for (const [name, total] of totals(allocator)) {
    if (total === 0 || policy.fairShareExcluded.has(name)) continue;
    largest = Math.max(largest, (amounts.get(name) ?? 0) / total);
  }
  return largest;
}

function keyOf({
  role,
  frameworkId,
}: {
  readonly role: string;
  readonly frameworkId: string | null;
}): string {
  return JSON.stringify([role, frameworkId]);
}

function compareCounts(a: Counts, b: Counts): number {
  return compareText(a.role, b.role) || compareText(a.frameworkId ?? "", b.frameworkId ?? "");
}

function rowOf({ waits, shares, offered, waitingChanges, ...counts }: Counts): Row {
  const sorted = waits.sort((a, b) => a - b);
  const filled = Array.from({ length: SAMPLES_COUNT }, (_, at) => shares[at] ?? 0);
  let waitingNow = 0;
  const waitingTasks = filled.map((_, at) => {
    waitingNow += waitingChanges[at] ?? 0;
    return waitingNow;
  });
  return {
    ...counts,
    meanWaitMs: sorted.length === 0 ? null : mean(sorted),
    p99WaitMs: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? null,
    meanShare: mean(filled),
    meanOffered: offered.reduce((sum, part) => sum + part, 0) / SAMPLES_COUNT,
    shares: filled,
    waitingTasks,
  };
}

/** Of a list that is not empty. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// Invariant 3: the same log gives the same state on every machine. The committed log is replayed from its beginning into
// a state of the checker's own, and the members, with the snapshots and restarts in their past, are compared with it.
import type { HistoryEntry, Master } from "../../src/master/types.ts";
import { evolve } from "../../src/state/evolve.ts";
import type { ClusterState } from "../../src/state/model.ts";
import { createClusterState, digest } from "../../src/state/snapshot.ts";
import { type Check, checkOf } from "./check.ts";

const check: Check = checkOf("same-state");

export class SameState {
  readonly state: ClusterState = createClusterState();
  /** Of the newest entry that is in the state. */
  index = 0;
  /** Comparisons made; a run that makes none proves nothing. */
  comparisons = 0;
  readonly #interval: number;
  readonly #digests = new Map<number, string>();
  /** By member, the events at which it was found equal: at the same number there is nothing new to compare. */
  readonly #compared = new WeakMap<Master, number>();
  #cached: { readonly events: number; readonly digest: string } | null = null;

  /** @param interval entries between the snapshots of which the members record digests */
  constructor(interval: number) {
    this.#interval = interval;
  }

  committed({ index, time, events }: HistoryEntry): void {
    this.#keepDigest(index);
    this.index = index;
    for (const event of events) {
      evolve(this.state, event, time);
      if (event.kind === "DigestRecorded") this.#compareRecorded(event.index, event.digest);
    }
  }

  /**
   * A member whose state has as many events as this one has the same state, unless it leads, or believes so, and is
   * ahead of what is committed. False if there was nothing to compare.
   */
  compare(member: string, master: Master): boolean {
    const state = master.state();
    const { role, commitIndex, lastIndex } = master.status();
    if (role === "leader" && commitIndex !== lastIndex) return false;
    if (state.eventCount !== this.state.eventCount) return false;
    if (this.#compared.get(master) === state.eventCount) return true;
    this.#compared.set(master, state.eventCount);
    const own = digest(state);
    const replayed = this.digest();
    this.comparisons += 1;
    check(own === replayed, "a member's state differs from the replayed log", () => ({
      member,
      index: this.index,
      own,
      replayed,
      differences: differences(state, this.state),
    }));
    return true;
  }

  digest(): string {
    const { eventCount } = this.state;
    if (this.#cached?.events !== eventCount)
      this.#cached = { events: eventCount, digest: digest(this.state) };
    return this.#cached.digest;
  }

  /** The state is about to go beyond an index at which members take snapshots. */
  #keepDigest(next: number): void {
    const boundary = Math.floor((next - 1) / this.#interval) * this.#interval;
    if (boundary > 0 && boundary >= this.index && !this.#digests.has(boundary)) {
      this.#digests.set(boundary, this.digest());
    }
  }

  #compareRecorded(index: number, recorded: string): void {
    const replayed = this.#digests.get(index);
    if (replayed === undefined) return;
    this.comparisons += 1;
    check(recorded === replayed, "a leader's digest differs from that of the replayed log", () => ({
      index,
      recorded,
      replayed,
    }));
  }
}

/** Names of the parts that differ. */
function differences(a: ClusterState, b: ClusterState): readonly string[] {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_key, part) =>
      part instanceof Map ? [...part] : typeof part === "bigint" ? String(part) : part,
    );
  return (Object.keys(b) as (keyof ClusterState)[]).filter((name) => text(a[name]) !== text(b[name]));
}

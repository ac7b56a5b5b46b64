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
    this.comparisons += 1;
    check(isSame(state, this.state), "a member's state differs from the replayed log", () => ({
      member,
      index: this.index,
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

/**
 * As the digest has it: Maps and lists count in their order, fields do not, nor do amounts of resources (a role's are
 * sorted in a snapshot), nor whether a status is bytes or the same in characters.
 */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return a !== 0 || Object.is(a, b);
  if (typeof a === "string") return b instanceof Uint8Array && isEncodedAs(a, b);
  if (typeof b === "string") return a instanceof Uint8Array && isEncodedAs(b, a);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (a instanceof Map) {
    return b instanceof Map && a.size === b.size && (isAmounts(a) ? sameAmounts(a, b) : sameItems(a, b));
  }
  if (Array.isArray(a)) return Array.isArray(b) && sameElements(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  return sameFields(a as Fields, b as Fields);
}

/** A status is bytes until a checkpoint makes a text of it, a character for each byte. */
function isEncodedAs(text: string, { buffer, byteOffset, byteLength }: Uint8Array): boolean {
  return text === Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

type Fields = Readonly<Record<string, unknown>>;

function sameFields(a: Fields, b: Fields): boolean {
  let fields = 0;
  for (const name in a) {
    const one = a[name];
    const two = b[name];
    if (!isSame(one, two) || (two === undefined && !(name in b))) return false;
    fields += 1;
  }
  for (const _ in b) fields -= 1;
  return fields === 0;
}

function sameElements(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!isSame(a[i], b[i])) return false;
  return true;
}

/** Numbers by name. */
function isAmounts(map: ReadonlyMap<unknown, unknown>): boolean {
  for (const [key, value] of map) return typeof key === "string" && typeof value === "number";
  return false;
}

/** Both are of one size. */
function sameAmounts(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  for (const [key, value] of a) if (!Object.is(value, b.get(key))) return false;
  return true;
}

/** Both are of one size. */
function sameItems(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  const keys = b.keys();
  const values = b.values();
  for (const [key, value] of a) {
    if (!isSame(key, keys.next().value) || !isSame(value, values.next().value)) return false;
  }
  return true;
}

/** The paths of the smallest parts that differ, and both values there. */
function differences(a: unknown, b: unknown, path = ""): readonly string[] {
  if (isSame(a, b)) return [];
  const one = partsOf(a);
  const two = partsOf(b);
  if (one === null || two === null || [...one.keys()].sort().join() !== [...two.keys()].sort().join()) {
    return [`${path}: ${shortText(a)} and ${shortText(b)}`];
  }
  const each = [...one].flatMap(([name, part]) => differences(part, two.get(name), `${path}/${name}`));
  return each.slice(0, DIFFERENCES_MAX);
}

const DIFFERENCES_MAX = 20;
const TEXT_UNITS_MAX = 300;

function partsOf(value: unknown): ReadonlyMap<string, unknown> | null {
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [String(key), part]));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return null;
  return new Map(Object.entries(value));
}

function shortText(value: unknown): string {
  const text = JSON.stringify(value, (_key, part) =>
    part instanceof Map ? [...part] : typeof part === "bigint" ? String(part) : part,
  );
  return String(text).slice(0, TEXT_UNITS_MAX);
}

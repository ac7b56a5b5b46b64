// The retained tail of the log, in memory, so that the core never waits for a disk. It knows positions and terms,
// not roles; what is durable is told apart in durability.ts.
import { assert, present } from "../kernel/assert.ts";
import { asIndex, type LogIndex, type Term } from "../kernel/ids.ts";
import { ENTRY_MEMORY_BYTES, ENTRY_OVERHEAD_BYTES } from "./limits.ts";
import type { Entry } from "./types.ts";

/** `entries[0]` has index `baseIndex + 1`; entries up to and including the base are gone, but its term is known. */
export interface EntryLog {
  baseIndex: LogIndex;
  baseTerm: Term;
  entries: Entry[];
}

export function lastIndex(log: EntryLog): LogIndex {
  return asIndex(log.baseIndex + log.entries.length);
}

export function lastTerm(log: EntryLog): Term {
  return log.entries.at(-1)?.term ?? log.baseTerm;
}

/** Undefined before the base and past the end. */
export function termAt(log: EntryLog, index: number): Term | undefined {
  if (index === log.baseIndex) return log.baseTerm;
  return log.entries[index - log.baseIndex - 1]?.term;
}

/** The entries from `first` to `last`, both included; they must be retained. */
export function entriesBetween(log: EntryLog, first: number, last: number): readonly Entry[] {
  assert(first > log.baseIndex && last <= lastIndex(log), "entries are not in memory", {
    first,
    last,
    baseIndex: log.baseIndex,
    lastIndex: lastIndex(log),
  });
  return log.entries.slice(first - log.baseIndex - 1, last - log.baseIndex);
}

/** As many entries from `first` on as fit in the bytes, but at least one if there is one. */
export function entriesWithin(
  log: EntryLog,
  first: number,
  bytesMax: number,
  countMax: number,
): readonly Entry[] {
  const start = first - log.baseIndex - 1;
  assert(start >= 0, "entries are compacted", { first, baseIndex: log.baseIndex });
  let end = start;
  let bytes = 0;
  while (end < log.entries.length && end - start < countMax) {
    bytes += entryBytes(present(log.entries[end], "hole in the log"));
    if (bytes > bytesMax && end > start) break;
    end++;
  }
  return log.entries.slice(start, end);
}

/** What an entry counts for in a message or in a call. */
export function entryBytes(entry: Entry): number {
  return entry.payload.length + ENTRY_OVERHEAD_BYTES;
}

/** What an entry counts for where memory is bounded. */
export function memoryBytes(entry: Entry): number {
  return entry.payload.length + ENTRY_MEMORY_BYTES;
}

export function totalBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

export function totalMemoryBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += memoryBytes(entry);
  return bytes;
}

/** Adds entries that follow the last one. */
export function appendEntries(log: EntryLog, entries: readonly Entry[]): void {
  for (const entry of entries) {
    assert(entry.index === lastIndex(log) + 1, "an entry must follow the last one", { index: entry.index });
    assert(entry.term >= lastTerm(log), "terms never decrease along the log", { index: entry.index });
    log.entries.push(entry);
  }
}

/** Removes the entry at `first` and all that follow it. */
export function truncateFrom(log: EntryLog, first: LogIndex): void {
  assert(first > log.baseIndex, "compacted entries cannot be truncated", { first, baseIndex: log.baseIndex });
  log.entries.length = Math.min(log.entries.length, first - log.baseIndex - 1);
}

/** Forgets the entries up to and including `index`. */
export function compactTo(log: EntryLog, index: LogIndex): void {
  if (index <= log.baseIndex) return;
  const term = present(termAt(log, index), "compaction past the end of the log", { index });
  log.entries = log.entries.slice(index - log.baseIndex);
  log.baseIndex = index;
  log.baseTerm = term;
}

/** True if the candidate's last entry is at least as up to date as ours (Raft paper, section 5.4.1). */
export function isUpToDate(log: EntryLog, candidate: { lastIndex: LogIndex; lastTerm: Term }): boolean {
  const ours = lastTerm(log);
  if (candidate.lastTerm !== ours) return candidate.lastTerm > ours;
  return candidate.lastIndex >= lastIndex(log);
}

/**
 * The last retained position at or below `index`, and not below `floor`, whose term is at most `term`: both sides use
 * it to step over whole terms when their logs disagree (section 5.3, "can be optimized").
 */
export function lastWithTermAtMost(log: EntryLog, index: number, term: number, floor: number): number {
  let position = Math.min(index, lastIndex(log));
  const stop = Math.max(floor, log.baseIndex);
  while (position > stop && (termAt(log, position) ?? 0) > term) position--;
  return position;
}

/** The first of the entries that our log does not hold with the same term; the count of entries if all are there. */
export function firstDifference(log: EntryLog, entries: readonly Entry[]): number {
  let position = 0;
  for (const entry of entries) {
    if (termAt(log, entry.index) !== entry.term) return position;
    position++;
  }
  return position;
}

/** The base to compact to so that in front of `index` no more than the given entries and bytes of memory are kept. */
export function trailingBase(log: EntryLog, index: LogIndex, entriesMax: number, bytesMax: number): LogIndex {
  let base: number = index;
  let bytes = 0;
  while (base > log.baseIndex && index - base < entriesMax) {
    bytes += memoryBytes(present(log.entries[base - log.baseIndex - 1], "hole in the log"));
    if (bytes > bytesMax) break;
    base--;
  }
  return asIndex(base);
}

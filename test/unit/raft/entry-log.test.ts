// The log in memory against a plain list of all entries ever written.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asIndex, asTerm } from "../../../src/kernel/ids.ts";
import {
  appendEntries,
  compactTo,
  type EntryLog,
  entriesBetween,
  entriesWithin,
  entryBytes,
  lastIndex,
  lastWithTermAtMost,
  memoryBytes,
  termAt,
  trailingBase,
  truncateFrom,
} from "../../../src/raft/entry-log.ts";
import type { Entry } from "../../../src/raft/types.ts";
import { entriesOfTerms, entry } from "./support/core-cluster.ts";

function logWith(entries: readonly Entry[], base = 0): EntryLog {
  const log: EntryLog = { baseIndex: asIndex(0), baseTerm: asTerm(0), entries: [] };
  appendEntries(log, entries);
  compactTo(log, asIndex(base));
  return log;
}

const terms = fc.array(fc.nat(3), { minLength: 1, maxLength: 12 }).map((steps) => {
  let term = 1;
  return steps.map((step) => {
    term += step;
    return term;
  });
});

describe("the log", () => {
  it("answers after any appends, truncations and compactions as a plain list does", () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant("append" as const), term: fc.nat(2) }),
      fc.record({ kind: fc.constant("truncate" as const), at: fc.nat(20) }),
      fc.record({ kind: fc.constant("compact" as const), at: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const log = logWith([]);
        const all: number[] = [0];
        let base = 0;
        for (const one of actions) {
          const last = all.length - 1;
          if (one.kind === "append") {
            const term = (all[last] ?? 0) + one.term;
            all.push(term);
            appendEntries(log, [entry(last + 1, term)]);
          } else if (one.kind === "truncate" && one.at > base && one.at <= last) {
            all.length = one.at;
            truncateFrom(log, asIndex(one.at));
          } else if (one.kind === "compact" && one.at >= base && one.at <= last) {
            base = one.at;
            compactTo(log, asIndex(base));
          }
          expect(lastIndex(log)).toBe(all.length - 1);
          for (let i = 0; i <= all.length; i++) expect(termAt(log, i)).toBe(i < base ? undefined : all[i]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("finds the position from which a search for agreement goes on", () => {
    fc.assert(
      fc.property(terms, fc.nat(14), fc.nat(30), fc.nat(12), (list, index, term, floor) => {
        fc.pre(floor <= list.length);
        const log = logWith(entriesOfTerms(...list));
        let expected = Math.min(index, list.length);
        while (expected > floor && (list[expected - 1] ?? 0) > term) expected--;
        expect(lastWithTermAtMost(log, index, term, floor)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it("gives as many entries as fit, but at least one", () => {
    fc.assert(
      fc.property(terms, fc.nat(400), fc.integer({ min: 1, max: 5 }), (list, bytesMax, countMax) => {
        const entries = entriesOfTerms(...list);
        const given = entriesWithin(logWith(entries), 1, bytesMax, countMax);
        expect(given).toEqual(entries.slice(0, given.length));
        expect(given.length).toBeGreaterThanOrEqual(1);
        expect(given.length).toBeLessThanOrEqual(countMax);
        const size = given.reduce((sum, one) => sum + entryBytes(one), 0);
        if (given.length > 1) expect(size).toBeLessThanOrEqual(bytesMax);
        const next = entries[given.length];
        if (next !== undefined && given.length < countMax) {
          expect(size + entryBytes(next)).toBeGreaterThan(bytesMax);
        }
      }),
    );
  });

  it("keeps a window in front of a snapshot, bounded by entries and by bytes", () => {
    const entries = entriesOfTerms(1, 1, 1, 1, 1, 1);
    const size = memoryBytes(entry(1, 1, "e1"));
    expect(trailingBase(logWith(entries), asIndex(5), 2, 10_000)).toBe(3);
    expect(trailingBase(logWith(entries), asIndex(5), 100, 3 * size)).toBe(2);
    expect(trailingBase(logWith(entries), asIndex(5), 100, 100_000)).toBe(0);
    expect(trailingBase(logWith(entries, 4), asIndex(5), 100, 100_000)).toBe(4);
    expect(trailingBase(logWith(entries), asIndex(5), 100, 0)).toBe(5);
  });

  it("refuses gaps, terms that go back, and reads of what is gone", () => {
    const log = logWith(entriesOfTerms(1, 2, 2), 1);
    expect(() => appendEntries(log, [entry(5, 2)])).toThrow(/follow/);
    expect(() => appendEntries(log, [entry(4, 1)])).toThrow(/decrease/);
    expect(() => entriesBetween(log, 1, 2)).toThrow(/memory/);
    expect(() => truncateFrom(log, asIndex(1))).toThrow(/compacted/);
  });
});

// At which entries checkpoints are due: the same on every replica, whether it has seen the log from its beginning or from
// the newest checkpoint on.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asId, asIndex } from "../../../src/kernel/ids.ts";
import { CheckpointSchedule } from "../../../src/master/checkpoint-schedule.ts";
import {
  CHECKPOINT_BYTES,
  CHECKPOINT_EVENTS,
  CHECKPOINT_SMALL_STATE_PARTS,
} from "../../../src/master/limits.ts";
import { createClusterState } from "../../../src/state/snapshot.ts";

interface Entry {
  readonly bytes: number;
  readonly events: number;
}

const state = createClusterState();

/** Indexes at which checkpoints are due, for entries whose indexes have gaps where Raft's own are. */
function dueAt(
  entries: readonly (Entry & { readonly index: number })[],
  interval: number,
  parts = 0,
  eventCount = 0,
) {
  const evolving = { ...state, agents: new Map(), eventCount };
  for (let i = 0; i < parts; i++) evolving.agents.set(asId(`${i}`), {} as never);
  const schedule = new CheckpointSchedule(interval);
  schedule.restart(asIndex((entries[0]?.index ?? 1) - 1), evolving);
  return entries
    .filter(({ index, bytes, events }) => {
      evolving.eventCount += events;
      return schedule.isDueAt(asIndex(index), bytes, evolving);
    })
    .map(({ index }) => index);
}

function entries(count: number, each: Entry) {
  return Array.from({ length: count }, (_, i) => ({ index: i + 1, ...each }));
}

describe("a checkpoint is due", () => {
  it("at the multiples of the interval", () => {
    expect(dueAt(entries(35, { bytes: 1, events: 1 }), 10)).toEqual([10, 20, 30]);
  });

  it("at the next entry with events where the multiple is an entry of Raft's", () => {
    const some = entries(35, { bytes: 1, events: 1 }).filter(({ index }) => index !== 10 && index !== 11);
    expect(dueAt(some, 10)).toEqual([12, 20, 30]);
  });

  it("before that, when many bytes or events have come since the last", () => {
    expect(dueAt(entries(9, { bytes: CHECKPOINT_BYTES / 4, events: 1 }), 1_000)).toEqual([4, 8]);
    expect(dueAt(entries(9, { bytes: 1, events: CHECKPOINT_EVENTS / 2 }), 1_000)).toEqual([2, 4, 6, 8]);
  });

  it("with a large state only where the events pass a power of two no less than its parts", () => {
    const parts = CHECKPOINT_SMALL_STATE_PARTS + 1;
    const each = { bytes: 1, events: 65_536 / 4 };
    expect(dueAt(entries(13, each), 2, parts)).toEqual([4, 8, 12]);
    expect(dueAt(entries(13, each), 2, 65_537)).toEqual([8]);
    expect(dueAt(entries(13, each), 2, parts - 1)).toEqual([2, 4, 6, 8, 10, 12]);
  });

  it("with a large state at the same entries also for replicas that once were out of step", () => {
    const parts = CHECKPOINT_SMALL_STATE_PARTS + 1;
    const all = entries(2_000, { bytes: 1, events: 1_000 });
    const inStep = dueAt(all, 20, parts);
    const outOfStep = dueAt(all.slice(37), 20, parts, 37_000);
    expect(outOfStep).toEqual(inStep);
    expect(inStep.length).toBeGreaterThan(20);
  });

  it("at the same entries for a replica that was restored at one of them", () => {
    const entry = fc.record({
      bytes: fc.nat({ max: CHECKPOINT_BYTES / 2 }),
      events: fc.nat({ max: CHECKPOINT_EVENTS / 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 5, maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (all, interval) => {
          const indexed = all.map((one, i) => ({ index: i + 1, ...one }));
          const due = dueAt(indexed, interval);
          for (const from of due) {
            const evolving = { ...state, eventCount: 7 };
            const schedule = new CheckpointSchedule(interval);
            schedule.restart(asIndex(from), evolving);
            const later = indexed.slice(from).filter(({ index, bytes, events }) => {
              evolving.eventCount += events;
              return schedule.isDueAt(asIndex(index), bytes, evolving);
            });
            expect(later.map(({ index }) => index)).toEqual(due.filter((index) => index > from));
          }
        },
      ),
    );
  });
});

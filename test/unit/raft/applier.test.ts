// The state machine is fed in order and each entry once; a long backlog does not hold up everything else.
import { expect, test } from "vitest";
import { asIndex } from "../../../src/kernel/ids.ts";
import { Applier } from "../../../src/raft/applier.ts";
import { APPLY_BYTES_MAX, APPLY_ENTRIES_MAX, APPLY_TURN_MS } from "../../../src/raft/limits.ts";
import type { Entry } from "../../../src/raft/types.ts";
import { entry, memberId } from "./support/core-cluster.ts";
import { VirtualClock } from "./support/virtual-clock.ts";

/** @param costMs what the state machine needs for one call */
function rig(costMs = 0) {
  const clock = new VirtualClock();
  let workedMs = 0;
  const calls: number[][] = [];
  const failures: unknown[] = [];
  let isBroken = false;
  const breakIt = (): void => {
    isBroken = true;
  };
  const applier = new Applier(asIndex(0), {
    clock: { ...bound(clock), monotonicMs: () => asMs(clock.monotonicMs() + workedMs) },
    apply: (entries) => {
      if (isBroken) throw new Error("broken");
      workedMs += costMs;
      calls.push(entries.map(({ index }) => index));
    },
    onApplied: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  return { clock, applier, calls, failures, breakIt };
}

function bound(clock: VirtualClock) {
  return {
    wallMs: () => clock.wallMs(),
    after: (delayMs: number, action: () => void) => clock.after(delayMs, action),
  };
}

function asMs(value: number): ReturnType<VirtualClock["monotonicMs"]> {
  return value as ReturnType<VirtualClock["monotonicMs"]>;
}

function entries(from: number, to: number, bytes = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, 1, "x".repeat(bytes)));
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}

test("few entries are applied at once, a backlog in slices with turns for others in between", async () => {
  const { clock, applier, calls } = rig();
  applier.push(entries(1, 3));
  expect(applier.applied()).toBe(3);
  const last = 3 * APPLY_ENTRIES_MAX;
  applier.push(entries(4, last - 1));
  applier.push(entries(last, last));
  expect(applier.applied()).toBe(3 + APPLY_ENTRIES_MAX);
  let turns = 0;
  clock.after(0, () => turns++);
  await clock.advance(10);
  expect(turns).toBe(1);
  expect(applier.applied()).toBe(last);
  expect(calls.flat()).toEqual(upTo(last));
});

test("a slice ends when the state machine has worked for long", async () => {
  const { clock, applier, calls } = rig(APPLY_TURN_MS);
  applier.push(entries(1, 10, APPLY_BYTES_MAX / 2));
  expect(calls).toEqual([[1]]);
  await clock.advance(100);
  expect(calls.flat()).toEqual(upTo(10));
});

test("a restore takes the place of what waits, and what it does not cover goes on after it", async () => {
  const { clock, applier, calls } = rig();
  applier.push(entries(1, 5 * APPLY_ENTRIES_MAX));
  applier.beginRestore();
  const covered = 6 * APPLY_ENTRIES_MAX;
  applier.push(entries(covered - 1, covered + 2));
  await clock.advance(10);
  expect(calls.flat()).toEqual(upTo(APPLY_ENTRIES_MAX));
  const membership = { voters: [memberId(1)], outgoing: [], learners: [], contacts: {} };
  applier.endRestore({ index: asIndex(covered), term: entry(1, 1).term, membership });
  expect(calls.at(-1)).toEqual([covered + 1, covered + 2]);
});

test("what fails in a slice of its own is told; nothing more comes after a stop", async () => {
  const broken = rig();
  broken.applier.push(entries(1, 2 * APPLY_ENTRIES_MAX));
  broken.breakIt();
  await broken.clock.advance(10);
  expect(broken.failures).toHaveLength(1);
  const stopped = rig();
  stopped.applier.push(entries(1, 2 * APPLY_ENTRIES_MAX));
  stopped.applier.stop();
  await stopped.clock.advance(10);
  expect(stopped.applier.applied()).toBe(APPLY_ENTRIES_MAX);
});

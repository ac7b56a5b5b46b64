// The leader's way of a command: order, batches, what leaves when, and what happens when leadership is lost.
import fc from "fast-check";
import { expect, test } from "vitest";
import { asId } from "../../../src/kernel/ids.ts";
import {
  ENTRIES_IN_FLIGHT_MAX,
  EVENTS_IN_FLIGHT_MAX,
  EVENTS_PER_ENTRY_MAX,
} from "../../../src/master/limits.ts";
import type { PipelineOptions } from "../../../src/master/pipeline.ts";
import type { Outcome } from "../../../src/master/types.ts";
import { decodeEntry } from "../../../src/state/codec.ts";
import { decide } from "../../../src/state/decide.ts";
import { digestRecorded, lead, PipelineRig, subscribe } from "./pipeline-rig.ts";

test("effects and outcomes leave after the commit, in the order of the calls", async () => {
  const rig = new PipelineRig();
  rig.submit("lead", lead);
  rig.submit("one", subscribe("s1"));
  rig.submit("two", subscribe("s2"));
  await rig.turn();
  expect(rig.log).toHaveLength(1);
  expect(rig.out).toEqual([]);
  rig.commit();
  expect(rig.out).toEqual([
    "lead done",
    "framework",
    "operators",
    "one done",
    "framework",
    "operators",
    "two done",
  ]);
});

test("a refusal is told only when what it rests on is committed", async () => {
  const rig = new PipelineRig();
  rig.submit("lead", lead);
  rig.submit("subscribe", { ...subscribe("s1"), frameworkId: asId("f") } as ReturnType<typeof subscribe>);
  rig.submit("teardown", { kind: "teardown", frameworkId: asId("f") });
  await rig.turn();
  rig.submit("again", { kind: "teardown", frameworkId: asId("f") });
  await rig.turn();
  expect(rig.out).toEqual([]);
  rig.commit();
  expect(rig.out.filter((line) => line.includes(" "))).toEqual([
    "lead done",
    "subscribe done",
    "teardown done",
    "again rejected",
  ]);
});

test("with nothing in flight a refusal is told at once", async () => {
  const rig = new PipelineRig();
  rig.submit("teardown", { kind: "teardown", frameworkId: asId("f") });
  await rig.turn();
  expect(rig.out).toEqual(["teardown rejected"]);
});

test("commands of one turn go into one entry, up to its bound of events", async () => {
  const rig = new PipelineRig();
  for (let i = 0; i < EVENTS_PER_ENTRY_MAX + 1; i++) rig.submit(`${i}`, digestRecorded(i));
  await rig.turn();
  expect(rig.log.map((payload) => eventsOf(payload).length)).toEqual([EVENTS_PER_ENTRY_MAX, 1]);
});

test("no more entries are in flight than is allowed; what waits goes on after a commit", async () => {
  const rig = new PipelineRig();
  for (let i = 0; i <= ENTRIES_IN_FLIGHT_MAX; i++) {
    rig.submit("", digestRecorded(i));
    await rig.turn();
  }
  expect(rig.log).toHaveLength(ENTRIES_IN_FLIGHT_MAX);
  rig.commit(1);
  await rig.turn();
  expect(rig.log).toHaveLength(ENTRIES_IN_FLIGHT_MAX + 1);
});

test("no more events are in flight than is allowed; what waits goes on after a commit", async () => {
  const rig = new PipelineRig();
  for (let i = 0; i < EVENTS_IN_FLIGHT_MAX + 1; i++) rig.submit("", digestRecorded(i));
  await rig.turn();
  const inFlight = (): number => rig.log.reduce((sum, payload) => sum + eventsOf(payload).length, 0);
  expect(inFlight()).toBe(EVENTS_IN_FLIGHT_MAX);
  rig.commit(1);
  await rig.turn();
  expect(inFlight()).toBe(EVENTS_IN_FLIGHT_MAX + 1);
});

test("however much is queued, a turn decides one entry and others have theirs before the next", async () => {
  const rig = new PipelineRig();
  for (let i = 0; i < 3 * EVENTS_PER_ENTRY_MAX; i++) rig.submit("", digestRecorded(i));
  const seen: number[] = [];
  const look = (): void => {
    seen.push(rig.log.length);
    if (seen.length < 4) rig.clock.after(0, look);
  };
  rig.clock.after(0, look);
  await rig.turn();
  expect(seen).toEqual([1, 2, 3, 3]);
});

test("no more bytes are in flight than are allowed, and one entry", async () => {
  const rig = new PipelineRig({ bytesInFlightMax: 3_000, entryBytesMax: 5_000 });
  for (let i = 0; i < 10; i++) rig.submit(`${i}`, subscribe(`s${i}`, 1_200));
  await rig.turn();
  const bytes = rig.log.reduce((sum, payload) => sum + payload.length, 0);
  expect(bytes).toBeGreaterThanOrEqual(3_000);
  expect(bytes - (rig.log.at(-1)?.length ?? 0)).toBeLessThan(3_000);
  while (rig.out.filter((line) => line.endsWith("done")).length < 10) {
    rig.commit();
    await rig.turn();
  }
  expect(rig.failures).toEqual([]);
});

test("at every entry, however the commands were batched, the state is what a follower has there", async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 1_500 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 4_800, max: 20_000 }), async (bytes, entryBytesMax) => {
      const rig = new PipelineRig({ entryBytesMax });
      rig.submit("lead", lead);
      for (const [i, size] of bytes.entries()) rig.submit(`${i}`, subscribe(`s${i}`, size));
      await rig.turn();
      expect(rig.log.every((payload) => payload.length <= entryBytesMax)).toBe(true);
      expect(rig.log.flatMap(eventsOf)).toHaveLength(bytes.length + 2);
      expect(rig.digests).toEqual(rig.followersDigests());
    }),
    { numRuns: 50 },
  );
});

test("a command whose events fit into no entry is refused and changes nothing", async () => {
  const rig = new PipelineRig({ entryBytesMax: 10_000 });
  rig.submit("lead", lead);
  rig.submit("large", subscribe("s1", 20_000));
  rig.submit("small", subscribe("s2", 10));
  await rig.turn();
  rig.commit();
  expect(rig.out.filter((line) => line.includes(" "))).toEqual([
    "lead done",
    "large overloaded",
    "small done",
  ]);
  expect(rig.replica.state().frameworks.size).toBe(1);
  expect(rig.digests).toEqual(rig.followersDigests());
});

test("when leadership is lost what is in flight is unknown, and what waits has not happened", async () => {
  const rig = new PipelineRig();
  rig.submit("lead", lead);
  await rig.turn();
  rig.submit("waits", subscribe("s1"));
  const settled: boolean[] = [];
  rig.pipeline.whenSettled((committed) => void settled.push(committed));
  const leader = asId<never>("m2");
  const outcome: Outcome = { kind: "not-leader", leader };
  rig.pipeline.abandon(outcome);
  expect(rig.out).toEqual(["lead unknown", "waits not-leader"]);
  expect(settled).toEqual([false]);
  rig.commit();
  await rig.turn();
  rig.submit("late", lead);
  expect(rig.out).toEqual(["lead unknown", "waits not-leader", "late unknown"]);
  expect(rig.log).toHaveLength(1);
});

test("settled means that all that was decided before is committed", async () => {
  const rig = new PipelineRig();
  const settled: string[] = [];
  rig.pipeline.whenSettled(() => void settled.push("nothing in flight"));
  expect(settled).toEqual(["nothing in flight"]);
  rig.submit("lead", lead);
  await rig.turn();
  rig.pipeline.whenSettled((committed) => void settled.push(`committed ${committed}`));
  expect(settled).toHaveLength(1);
  rig.commit();
  expect(settled).toEqual(["nothing in flight", "committed true"]);
});

test("a log that takes nothing ends the pipeline instead of leaving it silent", async () => {
  const rig = new PipelineRig();
  rig.refuses = true;
  rig.submit("lead", lead);
  await rig.turn();
  expect(rig.out).toEqual(["lead unknown"]);
  expect(rig.failures).toHaveLength(1);
});

test("an assertion that fails while deciding is told, not thrown into the timers", async () => {
  const rig = new PipelineRig({
    decide() {
      throw new Error("impossible");
    },
  });
  rig.submit("lead", lead);
  await rig.turn();
  expect(rig.failures.map(String)).toEqual(["Error: impossible"]);
});

function eventsOf(payload: Uint8Array): readonly unknown[] {
  const entry = decodeEntry(payload);
  if (!entry.ok) throw new Error(entry.error.message);
  return entry.value.events;
}

test("commands wait while leadership is being handed over, and are decided if it stays", async () => {
  const rig = new PipelineRig();
  rig.submit("lead", lead);
  await rig.turn();
  rig.commit();
  rig.accepts = false;
  rig.refuses = true;
  rig.submit("one", subscribe("s1"));
  await rig.clock.advance(100);
  expect([rig.log.length, rig.failures]).toEqual([1, []]);
  rig.accepts = true;
  rig.refuses = false;
  await rig.clock.advance(100);
  rig.commit();
  expect(rig.out.at(-1)).toBe("one done");
});

function kindsOf(payload: Uint8Array): string[] {
  const entry = decodeEntry(payload);
  return entry.ok ? entry.value.events.map(({ kind }) => kind) : [];
}

/** Decides a subscription in three parts. */
function inParts(): Partial<PipelineOptions> {
  let parts = 0;
  return {
    decide(state, command, context) {
      const decision = decide(state, command, context);
      if (command.kind !== "subscribe" || decision.kind === "rejected") return decision;
      parts += 1;
      return parts < 3 ? { ...decision, next: command } : decision;
    },
  };
}

test("the parts of one command go into entries of their own, before other commands, and are told as one", async () => {
  const rig = new PipelineRig(inParts());
  rig.submit("lead", lead);
  rig.submit("parts", subscribe("s1"));
  rig.submit("other", digestRecorded(1));
  await rig.turn();
  await rig.turn();
  expect(rig.log.map(kindsOf)).toEqual([
    ["ClusterFounded", "LeaderElected", "FrameworkSubscribed"],
    ["FrameworkSubscribed"],
    ["FrameworkSubscribed", "DigestRecorded"],
  ]);
  rig.commit(2);
  expect(rig.out.filter((line) => line.startsWith("parts"))).toEqual([]);
  rig.commit();
  expect(rig.out.filter((line) => / done$/.test(line))).toEqual(["lead done", "parts done", "other done"]);
  expect(rig.digests).toEqual(rig.followersDigests());
});

test("of a command that is half in the log when leadership is lost the outcome is unknown", async () => {
  const rig = new PipelineRig({ ...inParts(), bytesInFlightMax: 1 });
  rig.submit("lead", lead);
  rig.submit("parts", subscribe("s1"));
  await rig.turn();
  rig.pipeline.abandon({ kind: "not-leader", leader: null });
  expect(rig.out.filter((line) => line.startsWith("parts"))).toEqual(["parts unknown"]);
});

// Tasks launched together, as they stand in the log.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EncodedMessage } from "../../../src/kernel/encoded.ts";
import { asId, asMillis } from "../../../src/kernel/ids.ts";
import { decodeEntry, encodeEntry } from "../../../src/state/codec.ts";
import type { Event, TaskLaunched } from "../../../src/state/events.ts";
import { FORMAT_VERSION } from "../../../src/state/migrations/index.ts";
import { packValue } from "../../../src/state/packing.ts";
import { customExecutor, scalars } from "./cluster.ts";

const wires = fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

const launches: fc.Arbitrary<TaskLaunched> = fc
  .record({
    id: fc.string({ maxLength: 5 }),
    place: fc.nat(2),
    cpus: fc.nat(6),
    wire: fc.option(wires, { nil: undefined }),
    executor: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ id, place, cpus, wire, executor }) => ({
    kind: "TaskLaunched",
    frameworkId: asId(`f${place === 2 ? 1 : 0}`),
    taskId: asId(id),
    agentId: asId(`a${place}`),
    role: asId("dev"),
    resources: scalars({ cpus: cpus / 10 + 0.1, mem: 1 }),
    wire: wire === undefined ? { name: id } : (wire as EncodedMessage),
    executor: executor === 0 ? { executorId: customExecutor("e").executorId, starts: null } : null,
  }));

const others: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant("FiltersExpired" as const),
  until: fc.nat().map(asMillis),
});

describe("an entry with launches", () => {
  it("is read as it was written, whatever stands between them", () => {
    const mixed = fc.array(fc.oneof({ weight: 6, arbitrary: launches }, others), { maxLength: 40 });
    fc.assert(
      fc.property(mixed, (events) => {
        const entry = { time: asMillis(7), events };
        expect(decodeEntry(encodeEntry(entry))).toEqual({ ok: true, value: entry });
      }),
    );
  });

  it("says framework, agent, role and equal resources once for a hundred tasks", () => {
    const events = Array.from(
      { length: 100 },
      (_, i): Event => ({
        kind: "TaskLaunched",
        frameworkId: asId("framework"),
        taskId: asId(`t${i}`),
        agentId: asId("agent"),
        role: asId("role"),
        resources: scalars({ cpus: 1, mem: 1 }),
        wire: "w" as EncodedMessage,
        executor: null,
      }),
    );
    const text = Buffer.from(encodeEntry({ time: asMillis(7), events })).toString("latin1");
    for (const once of ["TaskLaunched", "Launches", "framework", "agent", "role", "cpus"])
      expect(text.split(once).length, once).toBeLessThanOrEqual(3);
  });

  it.each([
    ["a task cut short", ["t", "w"], [[]]],
    ["a task without resources of its own", ["t", "w", 1], [[]]],
    ["a TaskInfo that is no text", ["t", 5, 0], [[]]],
    ["no list of resources", [], null],
  ])("is malformed with %s", (_what, tasks, resources) => {
    const item = { kind: "Launches", frameworkId: "f", agentId: "a", role: "r", resources, tasks };
    const decoded = decodeEntry(packValue([FORMAT_VERSION, 7, [item]]));
    expect(decoded).toMatchObject({ ok: false, error: { kind: "malformed" } });
  });
});

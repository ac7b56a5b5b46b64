// Statuses in bytes within log entries: exact, in their order among other events, views of the entry, total.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asId, asMillis, type FrameworkId } from "../../../src/kernel/ids.ts";
import { decodeEntry, encodeEntry, eventsBytesAtMost } from "../../../src/state/codec.ts";
import type { Event } from "../../../src/state/events.ts";
import type { ClusterState, TaskStateName } from "../../../src/state/model.ts";
import { digest } from "../../../src/state/snapshot.ts";
import { Cluster, encodedStatusOf, statusOf } from "./cluster.ts";

const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => new Uint8Array(value));
const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
const name = fc.constantFrom<TaskStateName>("TASK_STAGING", "TASK_RUNNING", "TASK_UNKNOWN", "TASK_GONE");
const uuid = fc.option(fc.constantFrom("00ff", "ab".repeat(16)));
const status = fc.oneof(
  fc
    .tuple(name, uuid, fc.maxSafeNat(), bytes, fc.option(bytes, { nil: undefined }))
    .map(([state, its, at, wire, data]) => encodedStatusOf(state, its, at, wire, data)),
  fc.tuple(name, uuid, fc.nat()).map(([state, its, at]) => statusOf(state, its, at)),
);
const update = fc.record({ frameworkId: id, taskId: id, agentId: id, status, latestState: name }).map(
  ({ frameworkId, taskId, agentId, ...rest }): Event => ({
    kind: "TaskStatusUpdated",
    frameworkId: asId(frameworkId),
    taskId: asId(taskId),
    agentId: asId(agentId),
    ...rest,
  }),
);
const other = fc.nat().map((until): Event => ({ kind: "FiltersExpired", until: asMillis(until) }));
const events = fc.array(fc.oneof({ arbitrary: update, weight: 3 }, other), { maxLength: 12 });
const time = asMillis(1_700_000_000_000);

function decoded(payload: Uint8Array): readonly Event[] {
  const entry = decodeEntry(payload);
  if (!entry.ok) throw new Error(entry.error.message);
  expect(entry.value.time).toBe(time);
  return entry.value.events;
}

/** As a tool holds it. */
function frozenTask(state: ClusterState, frameworkId: FrameworkId): ClusterState {
  const task = state.frameworks.get(frameworkId)?.tasks.get(asId("t1"));
  Object.freeze(task?.statuses);
  Object.freeze(task);
  return state;
}

describe("a status that is a view", () => {
  it("is a text of the same bytes after a checkpoint, its data has memory of its own, and the digest stays", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.agent();
    cluster.launch("t1");
    const memory = new Uint8Array(4_096).fill(9);
    cluster.status(id, "t1", "TASK_RUNNING", "TASK_RUNNING", undefined, memory.subarray(5, 15));
    const frozen = digest(frozenTask(structuredClone(cluster.state), id));
    const before = digest(cluster.state);
    expect(before).toBe(frozen);
    const { unacknowledged, statuses } = cluster.task(id, "t1");
    for (const status of [unacknowledged, statuses.at(-1)]) expect(status?.wire).toBe("\t".repeat(10));
    expect(unacknowledged?.data?.buffer.byteLength).toBe(9);
    expect(digest(cluster.state)).toBe(before);
  });

  it("is still the newest status if it is not acknowledged", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.agent();
    cluster.launch("t1");
    cluster.status(id, "t1", "TASK_RUNNING");
    const task = cluster.task(id, "t1");
    const bytes = new Uint8Array([1, 2, 255]);
    task.unacknowledged = encodedStatusOf("TASK_RUNNING", "ab".repeat(16), 1, bytes);
    task.statuses = [task.unacknowledged];
    digest(cluster.state);
    expect(task.unacknowledged.wire).toBe("\u0001\u0002\u00ff");
    expect(task.statuses[0]).toBe(task.unacknowledged);
  });
});

describe("statuses in an entry", () => {
  it("come back as they were, among other events, and make the same bytes again", () => {
    fc.assert(
      fc.property(events, (all) => {
        const payload = encodeEntry({ time, events: all });
        const back = decoded(payload);
        expect(back).toEqual(all);
        expect(encodeEntry({ time, events: back })).toEqual(payload);
      }),
    );
  });

  it("take no more bytes than was reckoned", () => {
    const empty = encodeEntry({ time, events: [] }).length;
    fc.assert(
      fc.property(events, (all) => {
        const most = empty + eventsBytesAtMost(all) + 32;
        expect(encodeEntry({ time, events: all }).length).toBeLessThanOrEqual(most);
      }),
    );
  });

  it("hold no memory of their own", () => {
    const one = encodedStatusOf("TASK_RUNNING", null, 1, new Uint8Array([1, 2]), new Uint8Array([3]));
    const ids = { frameworkId: asId<never>("f"), taskId: asId<never>("t"), agentId: asId<never>("a") };
    const update: Event = { kind: "TaskStatusUpdated", ...ids, status: one, latestState: "TASK_RUNNING" };
    const payload = encodeEntry({ time, events: [update] });
    const [event] = decoded(payload);
    const wire = event?.kind === "TaskStatusUpdated" ? event.status.wire : null;
    expect(wire instanceof Uint8Array && wire.buffer).toBe(payload.buffer);
  });

  it("are an error, never an exception, when bytes are lost or changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(events, changes, fc.nat(200), (all, changed, end) => {
        const payload = encodeEntry({ time, events: all }).slice();
        for (const [at, byte] of changed) if (at < payload.length) payload[at] = byte;
        expect(typeof decodeEntry(payload).ok).toBe("boolean");
        expect(typeof decodeEntry(payload.subarray(0, end)).ok).toBe("boolean");
      }),
    );
  });
});

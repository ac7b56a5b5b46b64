// A walk packs the state as of the moment at which it began, whatever happens to the state before it is over: its bytes
// are those of a walk done in one go at that moment.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeHash } from "../../../src/host/node-hash.ts";
import { asId, type ExecutorId, type Millis, type TaskId } from "../../../src/kernel/ids.ts";
import { checkInvariants } from "../../../src/state/check-invariants.ts";
import { createSnapshotDecoder } from "../../../src/state/checkpoint/decoder.ts";
import { beginWalk, type Walk } from "../../../src/state/checkpoint/walk.ts";
import type { Event } from "../../../src/state/events.ts";
import { evolve } from "../../../src/state/evolve.ts";
import { UNREACHABLE_TASKS_MAX } from "../../../src/state/limits.ts";
import type { ClusterState } from "../../../src/state/model.ts";
import {
  createClusterState,
  decodeSnapshot,
  digest,
  digestOf,
  encodeSnapshot,
} from "../../../src/state/snapshot.ts";
import { Cluster, customExecutor, encodedStatusOf, settings, taskSpec } from "./cluster.ts";
import { clusterAfter, type Step, steps } from "./random-commands.ts";
import { PatientCluster } from "./waiting.ts";

interface Moment {
  readonly event: Event;
  readonly time: Millis;
}

/** Every other one makes optimistic offers. */
function clusterFor(all: readonly Step[]): Cluster {
  return all.length % 2 === 0 ? new Cluster() : new PatientCluster(1_000);
}

function momentsOf(cluster: ReturnType<typeof clusterAfter>): Moment[] {
  return cluster.log.flatMap(({ time, events }) => events.map((event) => ({ event, time })));
}

function rest(walk: Walk): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = walk.next(); chunk !== null; chunk = walk.next()) chunks.push(chunk);
  return chunks;
}

function inOneGo(state: ClusterState, unitsMax: number): Buffer {
  return Buffer.concat(rest(beginWalk(state, unitsMax)));
}

/** A cluster with a task on an agent that is lost, and the events that make both unreachable. */
function beforeUnreachable() {
  const cluster = new Cluster();
  cluster.subscribe();
  cluster.agent();
  cluster.launch("t");
  cluster.loseAgent([...cluster.state.agents.keys()][0] ?? asId("none"));
  cluster.wait(settings.agentReconnectMs);
  const state = createClusterState();
  for (const { event, time } of momentsOf(cluster)) evolve(state, event, time);
  const known = cluster.log.length;
  cluster.do({ kind: "expire" });
  const later = cluster.log.slice(known);
  return { state, moments: later.flatMap(({ time, events }) => events.map((event) => ({ event, time }))) };
}

/** Carries the event out as a replica does while a walk is under way. */
function happen(walk: Walk, state: ClusterState, { event, time }: Moment): void {
  walk.before(event);
  evolve(state, event, time);
}

describe("a walk", () => {
  it("is not disturbed by any event that happens before it has read anything but the head", () => {
    const seen = new Set<Event["kind"]>();
    fc.assert(
      fc.property(steps, (all) => {
        const state = createClusterState();
        for (const moment of momentsOf(clusterAfter(all, clusterFor(all)))) {
          const expected = inOneGo(state, 1);
          const walk = beginWalk(state, 1);
          happen(walk, state, moment);
          expect(Buffer.concat(rest(walk)).equals(expected), moment.event.kind).toBe(true);
          seen.add(moment.event.kind);
        }
      }),
      { numRuns: 25, seed: 7 },
    );
    expect(seen.size, [...seen].join(", ")).toBeGreaterThanOrEqual(26);
  });

  it("gives the same chunks and digest when it is cut into slices with events between them", () => {
    fc.assert(
      fc.property(
        steps,
        fc.nat(),
        fc.nat({ max: 12 }),
        fc.array(fc.nat({ max: 3 })),
        (all, from, units, pace) => {
          const state = createClusterState();
          const moments = momentsOf(clusterAfter(all, clusterFor(all)));
          const start = from % moments.length;
          for (const { event, time } of moments.slice(0, start)) evolve(state, event, time);
          const expected = inOneGo(state, units + 1);
          const walk = beginWalk(state, units + 1);
          const chunks: Uint8Array[] = [];
          for (const [index, moment] of moments.slice(start).entries()) {
            if (!walk.over()) happen(walk, state, moment);
            for (let i = pace[index % pace.length] ?? 1; i > 0; i--)
              chunks.push(walk.next() ?? new Uint8Array());
          }
          const bytes = Buffer.concat([...chunks, ...rest(walk)]);
          expect(bytes.equals(expected)).toBe(true);
          expect(walk.digest()).toBe(digestOf(bytes));
        },
      ),
      { numRuns: 80 },
    );
  });

  it("is not disturbed when one more unreachable task drives out the oldest", () => {
    const { state, moments } = beforeUnreachable();
    const framework = [...state.frameworks.values()][0];
    const [task] = framework?.tasks.values() ?? [];
    if (framework === undefined || task === undefined) throw new Error("there is a task");
    for (let i = 0; i < UNREACHABLE_TASKS_MAX; i++) {
      const away = { ...task, id: asId<TaskId>(`away-${i}`), holdsResources: false, statuses: [] };
      framework.unreachableTasks.set(away.id, away);
    }
    const expected = digestOf(inOneGo(state, 256));
    const walk = beginWalk(state);
    for (const moment of moments) happen(walk, state, moment);
    expect(framework.completedTasks.map(({ id }) => id)).toEqual(["away-0"]);
    expect(digestOf(Buffer.concat(rest(walk)))).toBe(expected);
  });

  it("is not disturbed when an agent loses executors, or is forgotten piece by piece", () => {
    const cluster = new Cluster();
    const frameworkId = cluster.subscribe();
    const agentId = cluster.agent();
    const [offer] = cluster.allocate();
    if (offer === undefined) throw new Error("nothing is offered");
    const ids = ["a", "b", "c"];
    cluster.accept(
      [offer],
      ids.map((id) => taskSpec(id, agentId, { executor: customExecutor(`e-${id}`) })),
    );
    const { state } = cluster;
    const corrections = { run: [], kill: [], shutdownExecutors: [], shutdownFrameworks: [] };
    const lostExecutors = [{ frameworkId, executorId: asId<ExecutorId>("e-b") }];
    const events: Event[] = [
      { kind: "AgentCorrected", agentId, lostExecutors, corrections },
      { kind: "AgentHistoryForgotten", agentId, tasks: 2, executors: 1 },
    ];
    for (const event of events) {
      const expected = inOneGo(state, 1);
      const walk = beginWalk(state, 1);
      happen(walk, state, { event, time: state.time });
      expect(Buffer.concat(rest(walk)).equals(expected), event.kind).toBe(true);
      checkInvariants(state);
    }
    const [agent] = state.agents.values();
    expect([...(agent?.tasks.get(frameworkId)?.keys() ?? [])]).toEqual(["c"]);
    expect([...(agent?.executors.get(frameworkId)?.keys() ?? [])]).toEqual(["e-c"]);
  });

  it("has the same digest by Node's hash as by the one in plain JavaScript", () => {
    const cluster = new Cluster();
    cluster.subscribe();
    cluster.agent();
    cluster.launch("t");
    let bytes = 0;
    const counted = () => {
      const hash = nodeHash();
      const update = (piece: Uint8Array) => {
        bytes += piece.length;
        hash.update(piece);
      };
      return { update, digest: () => hash.digest() };
    };
    expect(digest(cluster.state, 1, counted)).toBe(digest(cluster.state, 1));
    expect(bytes).toBe(inOneGo(cluster.state, 1).length);
  });

  it("has few tasks in a chunk where they are large", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.agent();
    for (let i = 0; i < 20; i++) {
      cluster.launch(`t${i}`);
      const [bytes, state] = [new Uint8Array(60_000).fill(i), "TASK_RUNNING" as const];
      cluster.task(id, `t${i}`).statuses = [encodedStatusOf(state, null, 1, bytes)];
    }
    const longest = Math.max(...rest(beginWalk(cluster.state)).map(({ length }) => length));
    expect(longest).toBeGreaterThan(60_000);
    expect(longest).toBeLessThan(400_000);
  });

  it("has no chunks after the last one", () => {
    const walk = beginWalk(createClusterState());
    expect(walk.over()).toBe(true);
    expect(walk.next()).not.toBeNull();
    expect(walk.next()).toBeNull();
  });
});

describe("a snapshot's decoder", () => {
  it("gives the state with all that is in it, however the bytes are cut", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5_000 }), fc.nat({ max: 20 }), (all, length, units) => {
        const { state } = clusterAfter(all);
        const bytes = inOneGo(state, units + 1);
        const decoder = createSnapshotDecoder();
        for (let at = 0; at < bytes.length; at += length) {
          decoder.push(bytes.subarray(at, at + length));
          for (let step = decoder.step(); step.ok && step.value; step = decoder.step());
        }
        const restored = decoder.end();
        if (!restored.ok) throw new Error(restored.error.message);
        expect(restored.value).toEqual(state);
        expect(encodeSnapshot(restored.value)).toEqual(encodeSnapshot(state));
      }),
      { numRuns: 40 },
    );
  });

  it("keeps once what many tasks have in common", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.agent();
    for (const name of ["t1", "t2", "t3"]) cluster.launch(name);
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    if (!restored.ok) throw new Error(restored.error.message);
    const tasks = [...(restored.value.frameworks.get(id)?.tasks.values() ?? [])];
    expect(tasks.length).toBe(3);
    for (const { resources } of tasks) expect(resources).toBe(tasks[0]?.resources);
    expect(restored.value).toEqual(cluster.state);
  });

  it("refuses a snapshot that is cut short, goes on after its end, or is damaged, and never throws", () => {
    const bytes = encodeSnapshot(clusterAfter([]).state);
    for (const length of [1, 3, 5, 7, 100, bytes.length - 1]) {
      expect(decodeSnapshot(bytes.subarray(0, length))).toMatchObject({ ok: false });
    }
    expect(decodeSnapshot(Buffer.concat([bytes, new Uint8Array(4)]))).toMatchObject({ ok: false });
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const damaged = bytes.slice();
        damaged[at] = byte;
        expect(typeof decodeSnapshot(damaged).ok).toBe("boolean");
      }),
      { numRuns: 500 },
    );
  });
});

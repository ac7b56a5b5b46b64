// What holds for every history: invariants after each event, the same state from the log as from the commands, from a
// snapshot at any point, and from an Immer draft; and that deciding changes nothing.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inspect, replay } from "../../../src/debugger/replay.ts";
import { decideExpire, hasExpired } from "../../../src/state/decide/deadlines.ts";
import { evolve } from "../../../src/state/evolve.ts";
import { createClusterState, decodeSnapshot, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { isTerminal } from "../../../src/state/statuses.ts";
import { Cluster } from "./cluster.ts";
import { clusterAfter, steps, take } from "./random-commands.ts";

describe("every history", () => {
  it("keeps the invariants after each command", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const cluster = clusterAfter(all);
        expect(cluster.state.eventCount).toBe(cluster.log.flatMap(({ events }) => events).length);
      }),
      { numRuns: 80 },
    );
  });

  it("gives the same digest when it is replayed from the log's bytes", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const cluster = clusterAfter(all);
        const replayed = replay(undefined, cluster.entries());
        expect(replayed.ok && digest(replayed.value)).toBe(digest(cluster.state));
      }),
      { numRuns: 80 },
    );
  });

  it("gives the same digest when it is restored from a snapshot at any point and goes on", () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, point) => {
        const whole = clusterAfter(all);
        const cut = point % (all.length + 1);
        const cluster = clusterAfter(all.slice(0, cut));
        const restored = decodeSnapshot(encodeSnapshot(cluster.state));
        if (!restored.ok) throw new Error(restored.error.message);
        cluster.state = restored.value;
        for (const step of all.slice(cut)) take(cluster, step);
        expect(digest(cluster.state)).toBe(digest(whole.state));
      }),
      { numRuns: 80 },
    );
  });

  it("gives the same digest on an Immer draft, and leaves the states before as they were", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const cluster = clusterAfter(all);
        const start = createClusterState();
        let last = start;
        for (const { state } of inspect(start, cluster.entries())) last = state;
        expect(digest(last)).toBe(digest(cluster.state));
        expect(digest(start)).toBe(digest(createClusterState()));
      }),
      { numRuns: 20 },
    );
  });

  it("is not changed by deciding: the same command decided twice gives the same events", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const cluster = new Cluster();
        cluster.onDecide = (decideAgain, first) => {
          // Before the digest, for that makes texts of statuses in bytes.
          expect(decideAgain()).toEqual(first);
          const before = digest(cluster.state);
          decideAgain();
          expect(digest(cluster.state)).toBe(before);
        };
        clusterAfter(all, cluster);
      }),
      { numRuns: 20 },
    );
  });

  it("has no deadline that becomes an event before it is said to have passed", () => {
    const later = fc.nat({ max: 700_000 });
    fc.assert(
      fc.property(steps, later, fc.option(fc.nat({ max: 10_000 })), (all, waitMs, offerTimeoutMs) => {
        const cluster = clusterAfter(all);
        cluster.now += waitMs;
        cluster.setPolicy({ offerTimeoutMs });
        const context = cluster.context();
        if (decideExpire(cluster.state, context).events.length === 0) return;
        expect(hasExpired(cluster.state, context.now)).toBe(true);
      }),
      { numRuns: 80 },
    );
  });

  it("lets no task live again after a terminal state that its agent reported", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const state = createClusterState();
        const ended = new Set<object>();
        for (const { time, events } of clusterAfter(all).log) {
          for (const event of events) {
            evolve(state, event, time);
            if (event.kind === "TaskUnreachable") ended.clear();
            for (const framework of state.frameworks.values()) {
              for (const task of framework.tasks.values()) {
                if (ended.has(task)) expect(isTerminal(task.state)).toBe(true);
                else if (isTerminal(task.state)) ended.add(task);
              }
            }
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});

// A small version of the experiment: a service framework that decides slowly starves the batch framework under Mesos'
// offers, and not under optimistic ones.
import { describe, expect, it } from "vitest";
import { type Outcome, runOmega } from "./experiment.ts";

function run(optimisticAfterMs: number | null, serviceDecisionMs: number): Outcome {
  return runOmega({ seed: "1", serviceDecisionMs, optimisticAfterMs, attemptsMax: 500, lengthMs: 1_200_000 });
}

describe("a batch framework beside a service framework that takes 100 s to decide", () => {
  const slow = { mesos: run(null, 100_000), at: run(0, 100_000), after: run(5_000, 100_000) };

  it("abandons jobs under Mesos' offers, and none under optimistic ones", () => {
    expect(slow.mesos.batch.abandoned).toBeGreaterThan(0);
    expect(slow.at.batch.abandoned).toBe(0);
    expect(slow.after.batch.abandoned).toBe(0);
    expect(slow.at.batch.placed).toBeGreaterThan(0.99 * slow.at.batch.jobs);
  });

  it("waits at least ten times as long under Mesos' offers", () => {
    expect(slow.mesos.batch.meanWaitMs).toBeGreaterThan(10 * slow.at.batch.meanWaitMs);
    expect(slow.mesos.batch.meanWaitMs).toBeGreaterThan(10 * slow.after.batch.meanWaitMs);
  });

  it("costs the service framework offers, which is the price", () => {
    expect(slow.mesos.service.lostOffers).toBe(0);
    expect(slow.at.service.lostOffers).toBeGreaterThan(0);
  });

  it("is the same every time", () => {
    expect(run(0, 100_000)).toEqual(slow.at);
  });
});

describe("beside one that decides quickly", () => {
  it("waits as long either way", () => {
    expect(run(5_000, 100).batch).toEqual(run(null, 100).batch);
  });
});

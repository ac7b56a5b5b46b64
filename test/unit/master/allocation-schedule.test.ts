// When allocation cycles run: by a clock that is moved by hand.
import { describe, expect, it } from "vitest";
import { asMillis } from "../../../src/kernel/ids.ts";
import { AllocationSchedule, type SliceDone } from "../../../src/master/allocation-schedule.ts";
import {
  ALLOCATION_GAP_MS,
  ALLOCATION_REST_FACTOR,
  CYCLE_REST_PER_OFFER_MS,
  SLICE_REST_PER_OFFER_MS,
} from "../../../src/master/limits.ts";

const INTERVAL_MS = 1_000;

/** A clock, and what it did when. */
class Rig {
  now = 0;
  readonly slices: number[] = [];
  readonly schedule: AllocationSchedule;
  readonly #timers = new Set<{ readonly at: number; readonly action: () => void }>();
  readonly #makes: (time: number) => SliceDone | "refused" | "nothing yet";

  constructor(makes: (time: number) => SliceDone | "refused" | "nothing yet") {
    this.#makes = makes;
    const clock = {
      monotonicMs: () => asMillis(this.now),
      after: (delayMs: number, action: () => void) => {
        const timer = { at: this.now + delayMs, action };
        this.#timers.add(timer);
        return { cancel: () => void this.#timers.delete(timer) };
      },
    };
    this.schedule = new AllocationSchedule(
      clock,
      () => INTERVAL_MS,
      () => this.#slice(),
    );
  }

  #slice(): void {
    this.slices.push(this.now);
    const made = this.#makes(this.now);
    if (made === "refused") this.schedule.refused();
    else if (made !== "nothing yet") this.schedule.done(made);
  }

  /** @param each called for every millisecond that passes */
  run(ms: number, each: () => void = () => undefined): void {
    const end = this.now + ms;
    while (this.now < end) {
      each();
      this.now++;
      for (const timer of [...this.#timers]) {
        if (timer.at > this.now) continue;
        this.#timers.delete(timer);
        timer.action();
      }
    }
  }
}

const quick: SliceDone = { tookMs: 0, offers: 0, isUnderWay: false };

describe("allocation cycles", () => {
  it("come soon after what asks for them, one for all that asks in the meantime", () => {
    const rig = new Rig(() => quick);
    rig.run(500);
    for (let count = 0; count < 100; count++) rig.schedule.ask();
    rig.run(5 * ALLOCATION_GAP_MS);
    expect(rig.slices).toEqual([500 + ALLOCATION_GAP_MS]);
  });

  it("leave a multiple of their own length to the rest of the work", () => {
    const rig = new Rig(() => ({ ...quick, tookMs: 50 }));
    rig.run(10_000, () => rig.schedule.ask());
    const share = (rig.slices.length * 50) / 10_000;
    expect(rig.slices.length).toBeGreaterThan(10);
    expect(share).toBeLessThanOrEqual(1 / ALLOCATION_REST_FACTOR);
  });

  it("make a bounded number of offers in a second, however often a framework that takes none asks for them again", () => {
    for (const agents of [10, 1_000, 5_000, 50_000]) {
      let left = agents;
      const offered: { readonly time: number; readonly offers: number }[] = [];
      const rig = new Rig((time) => {
        const offers = Math.min(left, 1_000);
        left = left === offers ? agents : left - offers;
        offered.push({ time, offers });
        return { tookMs: 1, offers, isUnderWay: left !== agents };
      });
      rig.run(60_000, () => rig.schedule.ask());
      const perSecond = offered.reduce((all, { offers }) => all + offers, 0) / 60;
      expect(perSecond).toBeLessThanOrEqual(1_000 / SLICE_REST_PER_OFFER_MS);
      if (agents <= 1_000) expect(perSecond).toBeLessThanOrEqual(1_000 / CYCLE_REST_PER_OFFER_MS);
      expect(perSecond).toBeGreaterThan(Math.min(agents, 1_000) / 2);
    }
  });

  it("rest no longer than the allocation interval, however many offers they have made", () => {
    const rig = new Rig(() => ({ ...quick, offers: 1_000_000 }));
    rig.run(3 * INTERVAL_MS, () => rig.schedule.ask());
    expect(rig.slices).toHaveLength(3);
  });

  it("go on until they are over, and then begin anew if something has asked since they began", () => {
    const ends = [true, true, false, false];
    const rig = new Rig(() => ({ ...quick, isUnderWay: ends.shift() ?? false }));
    rig.schedule.ask();
    rig.run(ALLOCATION_GAP_MS);
    expect(rig.slices).toHaveLength(1);
    rig.schedule.ask();
    rig.run(1_000);
    expect(rig.slices).toHaveLength(4);
  });

  it("are tried again if there was too much else to do, also in the middle", () => {
    const answers = [{ ...quick, isUnderWay: true }, "refused", "refused", quick] as const;
    let at = 0;
    const rig = new Rig(() => answers[at++] ?? quick);
    rig.schedule.ask();
    rig.run(1_000);
    expect(rig.slices).toHaveLength(4);
  });

  it("are asked for once while a slice waits to be made; none comes after the end of leading", () => {
    const rig = new Rig(() => "nothing yet");
    rig.schedule.ask();
    rig.run(1_000, () => rig.schedule.ask());
    expect(rig.slices).toHaveLength(1);
    rig.schedule.stop();
    rig.schedule.ask();
    rig.schedule.stop();
    rig.run(1_000);
    expect(rig.slices).toHaveLength(1);
  });
});

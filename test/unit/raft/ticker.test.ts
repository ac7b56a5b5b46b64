// Ticks of virtual time: how many the core is given, and how often its process is woken for them.
import { describe, expect, it } from "vitest";
import { asMillis, type Millis } from "../../../src/kernel/ids.ts";
import type { Clock, Timer } from "../../../src/kernel/ports.ts";
import { CATCH_UP_TICKS_MAX } from "../../../src/raft/limits.ts";
import { Ticker } from "../../../src/raft/ticker.ts";
import { VirtualClock } from "./support/virtual-clock.ts";

const TICK_MS = 10;

/** A core to which every `period`-th tick matters. */
function rig(period: number) {
  const clock = new VirtualClock();
  const seen = { ticks: 0, looks: 0, skipped: 0, wakes: 0, elapsed: 0 };
  const counted = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs: number, action: () => void) =>
      clock.after(delayMs, () => {
        seen.wakes++;
        action();
      }),
  };
  const ticker = new Ticker({
    clock: counted,
    tickMs: TICK_MS,
    quiet: () => period - 1 - seen.elapsed,
    onQuiet: (count) => {
      seen.ticks += count;
      seen.elapsed += count;
    },
    onTick: () => {
      seen.ticks++;
      seen.looks++;
      seen.elapsed = 0;
    },
    onSkipped: () => {
      seen.skipped++;
    },
  });
  return { clock, ticker, seen };
}

/** Its one timer fires in the very moment for which it was set. */
class SteppedClock implements Clock {
  #now: number;
  #delayMs = 0;
  #action: () => void = () => undefined;

  constructor(now: number) {
    this.#now = now;
  }

  wallMs = (): Millis => asMillis(this.#now);
  monotonicMs = (): Millis => asMillis(this.#now);

  after(delayMs: number, action: () => void): Timer {
    this.#delayMs = delayMs;
    this.#action = action;
    return { cancel: () => undefined };
  }

  wake(): void {
    this.#now += this.#delayMs;
    this.#action();
  }
}

describe("a ticker", () => {
  it("counts every tick and wakes for those that matter", async () => {
    const { clock, ticker, seen } = rig(20);
    ticker.start();
    await clock.advance(1_000 * TICK_MS);
    expect(seen).toMatchObject({ ticks: 1_000, looks: 50, wakes: 50, skipped: 0 });
  });

  it("wakes at each tick of a core to which each matters", async () => {
    const { clock, ticker, seen } = rig(1);
    ticker.start();
    await clock.advance(100 * TICK_MS);
    expect(seen).toMatchObject({ ticks: 100, looks: 100, wakes: 100 });
  });

  it("knows before an input how much time has passed, and sleeps on when the tick that mattered has moved away", async () => {
    const { clock, ticker, seen } = rig(20);
    ticker.start();
    for (let i = 0; i < 100; i++) {
      await clock.advance(15 * TICK_MS);
      ticker.countQuiet();
      expect(seen.ticks).toBe(15 * (i + 1));
      seen.elapsed = 0;
      ticker.plan();
    }
    expect(seen.looks).toBe(0);
    expect(seen.wakes).toBeLessThanOrEqual(100);
  });

  it("leaves the tick that matters to its own time, whatever comes before", async () => {
    const { clock, ticker, seen } = rig(20);
    ticker.start();
    clock.pause(22 * TICK_MS);
    ticker.countQuiet();
    expect(seen).toMatchObject({ ticks: 19, looks: 0 });
    await clock.advance(0);
    expect(seen).toMatchObject({ ticks: 22, looks: 1, skipped: 0 });
  });

  it("wakes earlier when a tick begins to matter that did not", async () => {
    const { clock, ticker, seen } = rig(20);
    ticker.start();
    await clock.advance(3 * TICK_MS);
    ticker.countQuiet();
    seen.elapsed = 19;
    ticker.plan();
    await clock.advance(TICK_MS);
    expect(seen).toMatchObject({ ticks: 4, looks: 1 });
  });

  it("catches up with a few ticks only after a pause of the process, and says so", async () => {
    const { clock, ticker, seen } = rig(20);
    ticker.start();
    clock.pause(1_000 * TICK_MS);
    ticker.countQuiet();
    expect(seen.ticks).toBe(0);
    await clock.advance(0);
    expect(seen).toMatchObject({ ticks: CATCH_UP_TICKS_MAX, looks: 0, skipped: 1 });
    await clock.advance(20 * TICK_MS);
    ticker.countQuiet();
    expect(seen).toMatchObject({ ticks: CATCH_UP_TICKS_MAX + 20, looks: 1, skipped: 1 });
  });

  it("counts the tick for which it is woken in its very moment, whatever fractions the clock shows", () => {
    for (let start = 20; start < 200; start += 0.7301) {
      const clock = new SteppedClock(start);
      const seen = { ticks: 0, wakes: 0 };
      const onTick = (): void => void seen.ticks++;
      const nothing = (): void => undefined;
      new Ticker({
        clock,
        tickMs: TICK_MS,
        quiet: () => 0,
        onQuiet: nothing,
        onTick,
        onSkipped: nothing,
      }).start();
      for (; seen.wakes < 50; seen.wakes++) clock.wake();
      expect(seen).toEqual({ ticks: 50, wakes: 50 });
    }
  });

  it("is silent before its start and after its end", async () => {
    const { clock, ticker, seen } = rig(1);
    ticker.countQuiet();
    ticker.count();
    ticker.plan();
    await clock.advance(10 * TICK_MS);
    expect(seen).toMatchObject({ ticks: 0, wakes: 0 });
    ticker.start();
    ticker.stop();
    await clock.advance(10 * TICK_MS);
    expect(seen).toMatchObject({ ticks: 0, wakes: 0 });
  });
});

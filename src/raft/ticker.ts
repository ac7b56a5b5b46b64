// Time for the core: counts the ticks that have passed, and wakes only for those that matter.
import type { Clock, Timer } from "../kernel/ports.ts";
import { CATCH_UP_TICKS_MAX } from "./limits.ts";

export interface TickerOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  /** Ticks from now on at which nothing can happen. */
  quiet(): number;
  /** So many of them have passed. */
  onQuiet(count: number): void;
  /** One tick that may matter. */
  onTick(): void;
  /** Time has passed that is counted by no tick: the process was paused. */
  onSkipped(): void;
}

export class Ticker {
  private readonly options: TickerOptions;
  private timer: Timer | null = null;
  /** Up to here all is counted; null before the start and after the end. Monotonic milliseconds, as below. */
  private tickedAt: number | null = null;
  private wakeAt = Number.POSITIVE_INFINITY;

  constructor(options: TickerOptions) {
    this.options = options;
  }

  /** @param delayMs that passes before the time of the first tick begins */
  start(delayMs = 0): void {
    this.tickedAt = this.options.clock.monotonicMs() + delayMs;
    this.plan();
  }

  stop(): void {
    this.tickedAt = null;
    this.timer?.cancel();
  }

  /** Counts all that has passed. After a pause that nobody had planned only a part of it: what came meanwhile is to be read first. */
  count(): void {
    if (this.tickedAt === null) return;
    const now = this.options.clock.monotonicMs();
    const due = this.dueAt(now, this.tickedAt);
    if (due <= 0) return;
    const overslept = this.hasOverslept(now);
    this.tickedAt = overslept ? now : this.tickedAt + due * this.options.tickMs;
    if (overslept) this.options.onSkipped();
    this.feed(overslept ? Math.min(due, CATCH_UP_TICKS_MAX) : due);
  }

  /** Counts the ticks at which nothing can happen, as before an input that is not a tick. */
  countQuiet(): void {
    if (this.tickedAt === null) return;
    const now = this.options.clock.monotonicMs();
    const due = this.dueAt(now, this.tickedAt);
    if (due <= 0 || this.hasOverslept(now)) return;
    const passed = Math.min(due, this.options.quiet());
    this.tickedAt += passed * this.options.tickMs;
    if (passed > 0) this.options.onQuiet(passed);
  }

  /** To be called when the core has changed: sleeps no longer than until the next tick that may matter. */
  plan(): void {
    if (this.tickedAt === null) return;
    const { clock, tickMs } = this.options;
    const wakeAt = this.tickedAt + (this.options.quiet() + 1) * tickMs;
    if (this.wakeAt <= wakeAt) return;
    this.timer?.cancel();
    this.wakeAt = wakeAt;
    this.timer = clock.after(Math.max(0, wakeAt - clock.monotonicMs()), () => this.wake());
  }

  private wake(): void {
    this.count();
    this.wakeAt = Number.POSITIVE_INFINITY;
    this.plan();
  }

  private feed(ticks: number): void {
    for (let left = ticks; left > 0 && this.tickedAt !== null; ) {
      const quiet = Math.min(left, this.options.quiet());
      if (quiet > 0) this.options.onQuiet(quiet);
      left -= quiet;
      if (left === 0) return;
      this.options.onTick();
      left -= 1;
    }
  }

  /** With fractions a difference may be rounded down and the sum not: what `plan` took for a tick's time is one here too. */
  private dueAt(now: number, tickedAt: number): number {
    const { tickMs } = this.options;
    const whole = Math.floor((now - tickedAt) / tickMs);
    return tickedAt + (whole + 1) * tickMs <= now ? whole + 1 : whole;
  }

  private hasOverslept(now: number): boolean {
    return now - this.wakeAt > CATCH_UP_TICKS_MAX * this.options.tickMs;
  }
}

// Timers that end together: those of a leader's term of office.
import type { Clock, Timer } from "../kernel/ports.ts";

export class Timers {
  private readonly clock: Clock;
  private readonly running = new Set<Timer>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  after(delayMs: number, action: () => void): void {
    const timer = this.clock.after(delayMs, () => {
      this.running.delete(timer);
      action();
    });
    this.running.add(timer);
  }

  /** The first time after one period. */
  every(periodMs: number, action: () => void): void {
    this.after(periodMs, () => {
      this.every(periodMs, action);
      action();
    });
  }

  cancelAll(): void {
    for (const timer of this.running) timer.cancel();
    this.running.clear();
  }
}

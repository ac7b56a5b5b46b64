// A clock whose timers run when the test says so; its wall time moves with them.
import { asMillis } from "../../../../src/kernel/ids.ts";
import type { Clock, Timer } from "../../../../src/kernel/ports.ts";

export class ManualClock implements Clock {
  private now = 1_700_000_000_000;
  private readonly timers = new Set<{ readonly at: number; readonly action: () => void }>();

  wallMs() {
    return asMillis(this.now);
  }

  monotonicMs() {
    return asMillis(this.now);
  }

  after(delayMs: number, action: () => void): Timer {
    const timer = { at: this.now + delayMs, action };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  /** Runs what is due in the order of its time. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let due = this.nextDue(end); due !== undefined; due = this.nextDue(end)) {
      this.timers.delete(due);
      this.now = Math.max(this.now, due.at);
      due.action();
    }
    this.now = end;
  }

  private nextDue(end: number) {
    return [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

// A clock that stands still until it is advanced. Promises that are due settle between timers.
import { asMillis, type Millis } from "../../../../src/kernel/ids.ts";
import type { Clock, Timer } from "../../../../src/kernel/ports.ts";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

export class VirtualClock implements Clock {
  private now = 0;
  private order = 0;
  private alarms: Alarm[] = [];

  wallMs(): Millis {
    return asMillis(1_700_000_000_000 + this.now);
  }

  monotonicMs(): Millis {
    return asMillis(this.now);
  }

  after(delayMs: number, action: () => void): Timer {
    const alarm: Alarm = { at: this.now + Math.max(0, delayMs), order: this.order++, action };
    this.alarms.push(alarm);
    return {
      cancel: () => {
        this.alarms = this.alarms.filter((other) => other !== alarm);
      },
    };
  }

  /** The same time as one process sees it: after `die` none of its timers run. */
  ofProcess(): { readonly clock: Clock; die(): void } {
    let dead = false;
    const clock: Clock = {
      wallMs: () => this.wallMs(),
      monotonicMs: () => this.monotonicMs(),
      after: (delayMs, action) =>
        this.after(delayMs, () => {
          if (!dead) action();
        }),
    };
    const die = (): void => {
      dead = true;
    };
    return { clock, die };
  }

  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    await settled();
    for (let next = this.next(end); next !== undefined; next = this.next(end)) {
      this.now = Math.max(this.now, next.at);
      this.alarms = this.alarms.filter((alarm) => alarm !== next);
      next.action();
      await settled();
    }
    this.now = end;
  }

  /** Advances until the condition holds; fails after `limitMs`. @returns the virtual milliseconds that it took */
  async until(condition: () => boolean, limitMs = 20_000): Promise<number> {
    const start = this.now;
    while (!condition()) {
      if (this.now - start > limitMs) throw new Error(`not so within ${limitMs} ms`);
      await this.advance(1);
    }
    return this.now - start;
  }

  /** The process is paused: time passes, nothing runs. */
  pause(ms: number): void {
    this.now += ms;
  }

  private next(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.alarms) {
      if (alarm.at > end) continue;
      if (
        first === undefined ||
        alarm.at < first.at ||
        (alarm.at === first.at && alarm.order < first.order)
      ) {
        first = alarm;
      }
    }
    return first;
  }
}

/** Lets all settled promises run their continuations. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

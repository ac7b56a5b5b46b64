// The least clock that can drive a virtual disk: it jumps to the next timer whenever everything else waits.
import { asMillis } from "../../../src/kernel/ids.ts";
import type { Clock } from "../../../src/kernel/ports.ts";

interface Due {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #due: Due[] = [];

  wallMs(): ReturnType<Clock["wallMs"]> {
    return asMillis(this.#now);
  }

  monotonicMs(): ReturnType<Clock["monotonicMs"]> {
    return asMillis(this.#now);
  }

  after(delayMs: number, action: () => void): { cancel(): void } {
    const due: Due = { at: this.#now + delayMs, order: this.#order++, action };
    this.#due.push(due);
    return {
      cancel: () => {
        this.#due = this.#due.filter((each) => each !== due);
      },
    };
  }

  /** Runs one timer, the earliest, after all pending promises. False if there is none. */
  async step(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    const next = this.#due.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
    if (next === undefined) return false;
    this.#due = this.#due.filter((each) => each !== next);
    this.#now = next.at;
    next.action();
    return true;
  }

  /** Runs timers until the promise settles; throws if it cannot any more. */
  async until<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false;
    const watch = (): void => {
      settled = true;
    };
    promise.then(watch, watch);
    while (!settled) {
      const moved = await this.step();
      if (!moved && !settled) throw new Error("waits for ever");
    }
    return promise;
  }
}

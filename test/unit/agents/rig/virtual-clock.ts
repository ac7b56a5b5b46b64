// Time that moves when a test says so.
import { asMillis } from "../../../../src/kernel/ids.ts";
import type { Clock, Timer } from "../../../../src/kernel/ports.ts";

const EPOCH_MS = 1_700_000_000_000;

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #pending = new Set<Pending>();

  wallMs() {
    return asMillis(EPOCH_MS + this.#nowMs);
  }

  monotonicMs() {
    return asMillis(this.#nowMs);
  }

  after(delayMs: number, action: () => void): Timer {
    const pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, action };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** Runs every timer of the next `ms`, in order, each after all that the one before it set going. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.action();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  #next(untilMs: number): Pending | undefined {
    const due = [...this.#pending].filter(({ atMs }) => atMs <= untilMs);
    return due.sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
  }
}

/** Everything that waits for no timer has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

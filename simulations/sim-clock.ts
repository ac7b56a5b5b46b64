// The clock of one process in a simulated world: its machine's oscillator runs a little fast or slow, its wall clock is
// off and is stepped now and then, and timers fire a little late, as they do in life.
import { asMillis, type Millis } from "../src/kernel/ids.ts";
import type { Clock, Random, Timer } from "../src/kernel/ports.ts";
import { below } from "../src/kernel/random.ts";
import type { EventLoop, Life, Micros } from "./event-loop.ts";

/** What a machine's clocks are like; it outlives the processes on it. */
export interface Oscillator {
  /** Seconds of its own in one second of virtual time; close to 1. */
  readonly rate: number;
  /** What its wall clock is ahead of virtual time. Milliseconds. */
  wallOffsetMs: number;
}

/** Virtual time 0 on a wall clock that is right: 2026-01-01T00:00:00Z. */
const EPOCH_MS = 1_767_225_600_000;
/** Timers fire up to this much late. */
const LATENESS_US_MAX = 300;

export interface ClockParts {
  readonly loop: EventLoop;
  readonly life: Life;
  readonly oscillator: Oscillator;
  readonly random: Random;
}

export class SimClock implements Clock {
  readonly #parts: ClockParts;
  readonly #startedAt: Micros;

  constructor(parts: ClockParts) {
    this.#parts = parts;
    this.#startedAt = parts.loop.now;
  }

  wallMs(): Millis {
    const { loop, oscillator } = this.#parts;
    return asMillis(Math.floor(EPOCH_MS + oscillator.wallOffsetMs + (loop.now / 1_000) * oscillator.rate));
  }

  monotonicMs(): Millis {
    const { loop, oscillator } = this.#parts;
    return asMillis(((loop.now - this.#startedAt) / 1_000) * oscillator.rate);
  }

  after(delayMs: number, action: () => void): Timer {
    const { loop, life, oscillator, random } = this.#parts;
    const lateness = delayMs > 0 ? below(random, LATENESS_US_MAX) : 0;
    const delay = Math.ceil((Math.max(0, delayMs) * 1_000) / oscillator.rate) + lateness;
    const event = loop.schedule(delay, life, action);
    return { cancel: () => loop.cancel(event) };
  }
}

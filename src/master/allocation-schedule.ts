// When allocation cycles run (AL07): at a fixed interval, and soon after what may lead to offers. Cycles are cut into
// slices, and each leaves time to the rest of the work: in proportion to how long it took, and to how many offers it made,
// for each of them is sent, answered and, if it is declined without a filter, made again. So no framework that declines
// everything, asks for more and declines again keeps the master busy, whatever it does.
import type { Clock, Timer } from "../kernel/ports.ts";
import {
  ALLOCATION_GAP_MS,
  ALLOCATION_REST_FACTOR,
  CYCLE_REST_PER_OFFER_MS,
  SLICE_GAP_MS,
  SLICE_REST_PER_OFFER_MS,
} from "./limits.ts";

export interface SliceDone {
  /** How long it took. Milliseconds. */
  readonly tookMs: number;
  readonly offers: number;
  /** Whether the cycle goes on. */
  readonly isUnderWay: boolean;
}

export class AllocationSchedule {
  readonly #clock: Pick<Clock, "monotonicMs" | "after">;
  readonly #intervalMs: () => number;
  readonly #allocate: () => void;
  /** A slice is to come: this runs for it, or has run and it is on its way. */
  #timer: Timer | null = null;
  #isUnderWay = false;
  /** Another cycle after the one under way. */
  #isWanted = false;
  /** Before that no cycle begins. Milliseconds of the monotonic clock. */
  #restUntil = 0;
  /** Of the cycle under way. */
  #tookMs = 0;
  #offers = 0;

  /**
   * @param intervalMs no rest after a cycle is longer
   * @param allocate has a slice made, and `done` or `refused` told of it
   */
  constructor(clock: Pick<Clock, "monotonicMs" | "after">, intervalMs: () => number, allocate: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#allocate = allocate;
  }

  /** There may be something to offer: a cycle that begins from now on is wanted. */
  ask(): void {
    if (this.#isUnderWay) this.#isWanted = true;
    else if (this.#timer === null)
      this.#sliceAfter(Math.max(ALLOCATION_GAP_MS, this.#restUntil - this.#clock.monotonicMs()));
  }

  done({ tookMs, offers, isUnderWay }: SliceDone): void {
    this.#clear();
    this.#isUnderWay = isUnderWay;
    this.#tookMs += tookMs;
    this.#offers += offers;
    if (isUnderWay) {
      const rest = Math.max(ALLOCATION_REST_FACTOR * tookMs, SLICE_REST_PER_OFFER_MS * offers);
      this.#sliceAfter(Math.max(SLICE_GAP_MS, rest));
      return;
    }
    const rest = Math.max(ALLOCATION_REST_FACTOR * this.#tookMs, CYCLE_REST_PER_OFFER_MS * this.#offers);
    this.#restUntil = this.#clock.monotonicMs() + Math.min(rest, this.#intervalMs());
    this.#tookMs = 0;
    this.#offers = 0;
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.ask();
  }

  /** The slice was not made, for there is too much else to do: it is tried again. */
  refused(): void {
    this.#sliceAfter(ALLOCATION_GAP_MS);
  }

  /** Nothing is under way any more, and nothing wanted. */
  stop(): void {
    this.#clear();
    this.#isUnderWay = false;
    this.#isWanted = false;
    this.#restUntil = 0;
    this.#tookMs = 0;
    this.#offers = 0;
  }

  #sliceAfter(delayMs: number): void {
    this.#clear();
    this.#timer = this.#clock.after(delayMs, () => this.#allocate());
  }

  #clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

// The machine's clock behind the Clock port.
import { performance } from "node:perf_hooks";
import { asMillis } from "../kernel/ids.ts";
import type { Clock } from "../kernel/ports.ts";

/** Timers longer than this would fire at once in Node; nothing here waits for so long. Milliseconds. */
const DELAY_MS_MAX = 2_147_483_647;

export const nodeClock: Clock = {
  wallMs: () => asMillis(Date.now()),
  monotonicMs: () => asMillis(performance.now()),
  after(delayMs, action) {
    if (delayMs <= 0) {
      const immediate = setImmediate(action);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(action, Math.min(delayMs, DELAY_MS_MAX));
    return { cancel: () => clearTimeout(timer) };
  },
};

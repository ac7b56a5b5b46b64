// Waiting by the clock that was handed in.
import type { Clock } from "../../kernel/ports.ts";

export function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(milliseconds, resolve);
  });
}

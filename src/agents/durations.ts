// Lengths of time on the wire and in executors' environments.
import type { DurationInfo } from "../contract/types.ts";

const NANOSECONDS_PER_MS = 1_000_000n;
const DAY_MS = 86_400_000;

const units = [
  ["weeks", 7 * DAY_MS],
  ["days", DAY_MS],
  ["hrs", 3_600_000],
  ["mins", 60_000],
  ["secs", 1_000],
  ["ms", 1],
] as const;

/** Milliseconds; a negative length counts as none. */
export function durationMs(duration: DurationInfo | undefined, otherwiseMs: number): number {
  if (duration === undefined) return otherwiseMs;
  return Math.max(0, Number(duration.nanoseconds / NANOSECONDS_PER_MS));
}

/** As Mesos writes it, in the largest unit of which there is at least one: `15mins`, `1.5secs`. */
export function durationText(ms: number): string {
  for (const [name, size] of units) if (ms >= size) return `${ms / size}${name}`;
  return "0ns";
}

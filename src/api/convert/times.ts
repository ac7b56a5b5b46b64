// Times: whole milliseconds in the state; nanoseconds or seconds with fractions on the wire.
import type { TimeInfo } from "../../contract/types.ts";
import type { Millis } from "../../kernel/ids.ts";
import { asMillis } from "../../kernel/ids.ts";
import { REFUSE_MS_DEFAULT, REFUSE_MS_MAX } from "../limits.ts";

export function timeInfo(time: Millis | 0): TimeInfo {
  return { nanoseconds: BigInt(Math.round(time)) * 1_000_000n };
}

export function secondsOf(time: Millis): number {
  return time / 1_000;
}

export function millisOfSeconds(seconds: number): Millis {
  return asMillis(Math.round(seconds * 1_000));
}

/** Milliseconds of a filter's refuse_seconds (trap 17): unset or senseless = 5 s, 0 = none, at most a year. */
export function refuseMsOf(seconds: number | undefined): number {
  if (seconds === undefined || Number.isNaN(seconds) || seconds < 0) return REFUSE_MS_DEFAULT;
  return Math.min(Math.ceil(seconds * 1_000), REFUSE_MS_MAX);
}

/** Milliseconds of a failover_timeout; what is not positive is 0, infinity is the largest exact integer. */
export function failoverMsOf(seconds: number | undefined): number {
  if (seconds === undefined || !(seconds > 0)) return 0;
  return Math.min(Math.round(seconds * 1_000), Number.MAX_SAFE_INTEGER);
}

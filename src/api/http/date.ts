// The Date header: formatted once a second.
import type { Clock } from "../../kernel/ports.ts";

/** Gives the current time as HTTP writes it (RFC 9110, section 5.6.7). */
export function httpDate(clock: Clock): () => string {
  let second = -1;
  let formatted = "";
  return () => {
    const now = Math.floor(clock.wallMs() / 1_000);
    if (now !== second) {
      second = now;
      formatted = new Date(now * 1_000).toUTCString();
    }
    return formatted;
  };
}

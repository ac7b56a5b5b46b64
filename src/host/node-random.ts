// The operating system's randomness behind the Random port: election timeouts, ids of streams and of a new cluster.
import { randomFillSync } from "node:crypto";
import type { Random } from "../kernel/ports.ts";

const POOL_WORDS = 256;

export function nodeRandom(): Random {
  const pool = new Uint32Array(POOL_WORDS);
  let next = POOL_WORDS;
  return {
    uint32() {
      if (next === POOL_WORDS) {
        randomFillSync(pool);
        next = 0;
      }
      return pool[next++] ?? 0;
    },
  };
}

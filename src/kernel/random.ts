// Seeded randomness: the same seed gives the same numbers on every machine and every version of Node. The generator
// is sfc32 (Chris Doty-Humphrey's small fast counting generator, 128 bits of state). Not for secrets.
import type { Random } from "./ports.ts";

/** A generator that depends on the seed alone. @param seed any text or number; different seeds give unrelated streams. */
export function seededRandom(seed: string | number): Random {
  let [a, b, c, d] = spread(String(seed));
  function uint32(): number {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  }
  for (let round = 0; round < 15; round++) uint32();
  return { uint32 };
}

/** A whole number in [0, bound), without modulo bias worth speaking of. @param bound 1 to 2^32 */
export function below(random: Random, bound: number): number {
  return Math.floor((random.uint32() / 0x1_0000_0000) * bound);
}

/** A whole number in [low, high], both included. */
export function between(random: Random, low: number, high: number): number {
  return low + below(random, high - low + 1);
}

/** True with the given probability. @param probability 0 to 1 */
export function chance(random: Random, probability: number): boolean {
  return random.uint32() < probability * 0x1_0000_0000;
}

/** One of the items; the list must not be empty. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[below(random, items.length)] as Item;
}

/** A version 4 UUID whose randomness comes from the generator. */
export function uuidFrom(random: Random): string {
  const word = (): string => random.uint32().toString(16).padStart(8, "0");
  const hex = word() + word() + word() + word();
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Four 32-bit words out of a text (FNV-1a with a different offset per word). */
function spread(text: string): [number, number, number, number] {
  const word = (offset: number): number => {
    let hash = (0x811c9dc5 ^ offset) | 0;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return hash ^ (hash >>> 15);
  };
  return [word(0x9e3779b9), word(0x243f6a88), word(0xb7e15162), 1];
}

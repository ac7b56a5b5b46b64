// The order of ids wherever the allocator needs one: by the number at the end, then by text, so that S2 comes before
// S10. A function of the ids alone.
import { compareText } from "../kernel/ids.ts";

const DIGITS_MAX = 15;

/** The number that the text ends with, of at most 15 digits; -1 if it ends with none. */
export function numberAtEnd(text: string): number {
  let value = 0;
  let scale = 1;
  const end = Math.max(0, text.length - DIGITS_MAX);
  for (let at = text.length - 1; at >= end; at--) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    value += digit * scale;
    scale *= 10;
  }
  return scale === 1 ? -1 : value;
}

export function compareIds(a: string, b: string): number {
  return numberAtEnd(a) - numberAtEnd(b) || compareText(a, b);
}

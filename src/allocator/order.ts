// The order of ids wherever the allocator needs one: by the number at the end, then by text, so that S2 comes before
// S10. A function of the ids alone.
import { compareText } from "../kernel/ids.ts";

const DIGITS_MAX = 15;

/** The number that the text ends with, of at most 15 digits; -1 if it ends with none. */
export function numberAtEnd(text: string): number {
  let start = text.length;
  while (start > 0 && text.length - start < DIGITS_MAX && isDigit(text.charCodeAt(start - 1))) start--;
  return start === text.length ? -1 : Number(text.slice(start));
}

export function compareIds(a: string, b: string): number {
  return numberAtEnd(a) - numberAtEnd(b) || compareText(a, b);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

// JSON text to a value, in which whole numbers that a double cannot hold are bigints. The platform's parser does the
// work wherever it can; this file's own, slower one reads what has such numbers and finds the place of an error.
import { ERROR_EXCERPT_CHARS_MAX, JSON_DEPTH_MAX } from "./limits.ts";
import { fail } from "./wire-error.ts";

/** Objects may have a null prototype; a key `__proto__` is an own property. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** The fewest digits of a whole number beyond 2^53. */
const LONG_NUMBER_DIGITS = 16;
/** Of a whole number with its sign; what is longer is out of every range, and need not be exact. */
const INT64_CHARS_MAX = 20;
const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Throws WireError with the text of Mesos' parser: `syntax error at line 1 near: …`. */
export function parseJson(text: string): JsonValue {
  const { deep, longNumber } = survey(text);
  if (deep) fail(`Nested deeper than ${JSON_DEPTH_MAX} levels`);
  if (!longNumber) {
    try {
      return JSON.parse(text) as JsonValue;
    } catch {
      // The own parser below says where.
    }
  }
  return new Parser(text).document();
}

/** One pass over the text outside its strings. */
function survey(text: string): { readonly deep: boolean; readonly longNumber: boolean } {
  let depth = 0;
  let digits = 0;
  let longNumber = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) {
      digits++;
      if (digits >= LONG_NUMBER_DIGITS) longNumber = true;
      continue;
    }
    digits = 0;
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || code === 0x5d) depth--;
    if (depth > JSON_DEPTH_MAX) return { deep: true, longNumber };
  }
  return { deep: false, longNumber };
}

/** Index of the quote that ends the string begun at `start`; the end of the text if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (text.charCodeAt(first - 1) === BACKSLASH) first--;
    if ((end - first) % 2 === 0) return end;
  }
  return text.length;
}

/** Reads one text; its depth has been checked. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    const value = this.#value();
    const rest = this.#text.slice(this.#at).trim();
    if (rest === "") return value;
    return fail(
      `Parsed JSON included non-whitespace trailing characters: ${rest.slice(0, ERROR_EXCERPT_CHARS_MAX)}`,
    );
  }

  #value(): JsonValue {
    this.#skipWhitespace();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(): JsonValue {
    const object: Record<string, JsonValue> = Object.create(null);
    this.#at++;
    if (this.#accept("}")) return object;
    do {
      this.#skipWhitespace();
      if (this.#text[this.#at] !== '"') return this.#syntaxError();
      const key = this.#string();
      this.#expect(":");
      object[key] = this.#value();
    } while (this.#accept(","));
    this.#expect("}");
    return object;
  }

  #array(): JsonValue {
    const items: JsonValue[] = [];
    this.#at++;
    if (this.#accept("]")) return items;
    do items.push(this.#value());
    while (this.#accept(","));
    this.#expect("]");
    return items;
  }

  #string(): string {
    const end = endOfString(this.#text, this.#at);
    try {
      const value: unknown = JSON.parse(this.#text.slice(this.#at, end + 1));
      this.#at = end + 1;
      return String(value);
    } catch {
      return this.#syntaxError();
    }
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) return this.#syntaxError();
    this.#at += digits.length;
    const value = Number(digits);
    const exact = Number.isSafeInteger(value) || !Number.isInteger(value) || /\D/.test(digits.slice(1));
    return exact || digits.length > INT64_CHARS_MAX ? value : BigInt(digits);
  }

  #word<Value extends JsonValue>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) return this.#syntaxError();
    this.#at += word.length;
    return value;
  }

  #expect(character: string): void {
    if (!this.#accept(character)) this.#syntaxError();
  }

  #accept(character: string): boolean {
    this.#skipWhitespace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipWhitespace(): void {
    WHITESPACE.lastIndex = this.#at;
    this.#at += WHITESPACE.exec(this.#text)?.[0].length ?? 0;
  }

  #syntaxError(): never {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    const rest = this.#text.slice(this.#at, this.#at + ERROR_EXCERPT_CHARS_MAX).split("\n", 1)[0] ?? "";
    const visible = [...rest].filter((character) => character >= " ").join("");
    return fail(`syntax error at line ${line} near: ${visible}`);
  }
}

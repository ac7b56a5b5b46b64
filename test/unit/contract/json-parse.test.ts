// The contract's JSON parser: that of the platform, but exact for long integers and with Mesos' words for errors.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonValue, parseJson } from "../../../src/contract/json-parse.ts";
import { JSON_DEPTH_MAX } from "../../../src/contract/limits.ts";
import { plain } from "./recordings.ts";

function outcome(text: string): { readonly value: unknown } | "error" {
  try {
    return { value: rounded(plain(parseJson(text))) };
  } catch {
    return "error";
  }
}

/** Long integers as the platform's parser has them. */
function rounded(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}

function platform(text: string): { readonly value: unknown } | "error" {
  try {
    return { value: JSON.parse(text) as JsonValue };
  } catch {
    return "error";
  }
}

function errorOf(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}

describe("parseJson", () => {
  /** In front of it, a number beyond 2^53 makes the contract's own parser do the work. */
  const LONG = "9007199254740993";

  it("reads what the platform's parser reads, with its own parser too", () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 6, stringUnit: "binary" }),
        fc.constantFrom("", " ", "\n\t"),
        (text, space) => {
          expect(outcome(space + text + space)).toEqual(platform(text));
          expect(outcome(`[${LONG},${space}${text}]`)).toEqual({ value: [Number(LONG), JSON.parse(text)] });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("refuses what the platform's parser refuses", () => {
    const fragments = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "a",
      "1",
      "-",
      ".",
      "e",
      "0",
      "true",
      "null",
      " ",
      "\n",
      LONG,
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...fragments), { maxLength: 8 }), (parts) => {
        const text = parts.join("");
        if (platform(text) === "error") expect(outcome(text)).toBe("error");
        else expect(outcome(text)).not.toBe("error");
      }),
      { numRuns: 1500 },
    );
  });

  it("keeps every bit of an int64", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(BigInt(parseJson(String(value)) as number | bigint)).toBe(value);
      }),
    );
  });

  it("keeps a key __proto__ as a key", () => {
    for (const text of ['{"__proto__":{"a":1}}', `{"__proto__":{"a":${LONG}}}`]) {
      const value = parseJson(text) as object;
      expect(Object.keys(value)).toEqual(["__proto__"]);
      expect("a" in value).toBe(false);
    }
  });

  it.each([
    ["", "syntax error at line 1 near: "],
    ["{not json", "syntax error at line 1 near: not json"],
    ["{", "syntax error at line 1 near: "],
    ['{"a":1,\n "b" 2}', "syntax error at line 2 near: 2}"],
    ["[1,]", "syntax error at line 1 near: ]"],
    ["{} x", "Parsed JSON included non-whitespace trailing characters: x"],
    ['"open', 'syntax error at line 1 near: "open'],
  ])("says what is wrong with %j", (text, message) => {
    expect(errorOf(text)).toBe(message);
  });

  it("counts the nesting outside of strings", () => {
    expect(errorOf(JSON.stringify("[".repeat(JSON_DEPTH_MAX + 1)))).toBe("no error");
    expect(errorOf("[".repeat(JSON_DEPTH_MAX + 1))).toBe(`Nested deeper than ${JSON_DEPTH_MAX} levels`);
    expect(errorOf(`${"[".repeat(JSON_DEPTH_MAX)}${LONG}${"]".repeat(JSON_DEPTH_MAX)}`)).toBe("no error");
  });
});

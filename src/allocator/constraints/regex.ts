// Regular expressions of constraints: RE2's syntax and meaning in time linear in the text, by RE2JS. This file alone knows
// that engine. Refusals are worded as RE2 (C++) words them, because frameworks know those words from Mesos.
import { RE2JS } from "re2js";
import { err, ok, type Result } from "../../kernel/result.ts";
import {
  COMPILATION_COST,
  COMPILED_REGEXES_MAX,
  MATCH_COST,
  MATCHES_PER_COMPILATION_MAX,
  REGEX_CHARACTERS_MAX,
  REGEX_MEMORY_BYTES_DEFAULT,
  REGEX_PROGRAM_SIZE_DEFAULT,
} from "./limits.ts";

export interface RegexLimits {
  readonly memoryBytes: number;
  /** Instructions. */
  readonly programSize: number;
}

export const DEFAULT_REGEX_LIMITS: RegexLimits = {
  memoryBytes: REGEX_MEMORY_BYTES_DEFAULT,
  programSize: REGEX_PROGRAM_SIZE_DEFAULT,
};

const TOO_LARGE = "pattern too large - compile failed";

/** RE2 gives two thirds of its memory to the forward program: a head, then eight bytes for each instruction. */
const FORWARD_SHARE = 2 / 3;
const PROGRAM_HEAD_BYTES = 432;
const INSTRUCTION_BYTES = 8;

/** RE2JS's instructions that RE2 does not count in a finished program: choices and jumps. */
const UNCOUNTED_OPERATIONS: ReadonlySet<unknown> = new Set([1, 2, 7]);

/** RE2JS says what Go's engine says; left that, right what RE2 says. What is not here is said alike by both. */
const WORDS_OF_RE2: Readonly<Record<string, string>> = {
  "missing closing ]": "missing ]",
  "missing closing )": "missing )",
  "trailing backslash at end of expression": "trailing \\",
  "missing argument to repetition operator": "no argument for repetition operator",
  "invalid repeat count": "invalid repetition size",
  "invalid nested repetition operator": "bad repetition operator",
  "invalid or unsupported Perl syntax": "invalid perl operator",
  "invalid named capture": "invalid named capture group",
  "duplicate capture group name": "invalid named capture group",
};

/** What Mesos would say against the expression, null if nothing. */
export function problemOfRegex(regex: string, limits: RegexLimits): string | null {
  const compiled = compile(regex);
  const instructions = compiled.ok ? compiled.value.programSize() : 0;
  const problem = compiled.ok ? (instructions > roomOf(limits) ? TOO_LARGE : null) : compiled.error;
  if (problem !== null) return `Failed to construct regex from pattern '${regex}': ${problem}`;
  const size = compiled.ok ? finishedSize(compiled.value) : 0;
  if (size <= limits.programSize) return null;
  return (
    `Regex '${regex}' is too complex: program size of ${size} is larger than maximum of ` +
    `${limits.programSize} allowed`
  );
}

/** Compiled expressions, the newest kept. An expression's automaton grows with the texts it sees, hence the renewal. */
export class RegexCache {
  readonly #compiled: Map<string, { readonly regex: RE2JS | null; matches: number }> = new Map();

  #work = 0;

  /** Whether the whole text matches; null for an expression that cannot be read. */
  readonly matches = (regex: string, text: string): boolean | null => {
    const entry = this.#entry(regex);
    if (entry.regex === null) return null;
    this.#work += MATCH_COST;
    if (++entry.matches >= MATCHES_PER_COMPILATION_MAX) this.#compiled.delete(regex);
    return entry.regex.testExact(text);
  };

  /** What all matches and compilations have cost, in the unit of EVALUATION_COST. */
  get work(): number {
    return this.#work;
  }

  get size(): number {
    return this.#compiled.size;
  }

  #entry(regex: string): { readonly regex: RE2JS | null; matches: number } {
    const known = this.#compiled.get(regex);
    const compiled = known === undefined ? compile(regex) : null;
    if (compiled !== null) this.#work += COMPILATION_COST + Math.min(regex.length, REGEX_CHARACTERS_MAX) ** 2;
    const entry = known ?? { regex: compiled?.ok === true ? compiled.value : null, matches: 0 };
    this.#compiled.delete(regex);
    this.#compiled.set(regex, entry);
    if (this.#compiled.size > COMPILED_REGEXES_MAX) {
      for (const oldest of this.#compiled.keys()) {
        this.#compiled.delete(oldest);
        break;
      }
    }
    return entry;
  }
}

function compile(regex: string): Result<RE2JS, string> {
  if (regex.length > REGEX_CHARACTERS_MAX) return err(TOO_LARGE);
  try {
    return ok(RE2JS.compile(regex));
  } catch (cause) {
    return err(wordsOf(cause));
  }
}

function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error) || !("error" in cause)) return TOO_LARGE;
  const description = String(cause.error);
  if (description.includes("too large") || description.includes("too deeply")) return TOO_LARGE;
  const input = "input" in cause && typeof cause.input === "string" ? `: ${cause.input}` : "";
  return `${WORDS_OF_RE2[description] ?? description}${input}`;
}

/** Instructions that RE2 would have room for while it compiles. */
function roomOf({ memoryBytes }: RegexLimits): number {
  return Math.floor((Math.floor(memoryBytes * FORWARD_SHARE) - PROGRAM_HEAD_BYTES) / INSTRUCTION_BYTES);
}

/**
 * At most RE2's own program size: its program counts bytes where this one counts characters, and more of both for what
 * may precede a match. So what Mesos takes is taken here.
 */
function finishedSize(compiled: RE2JS): number {
  const program: unknown = compiled.re2().prog;
  const list: unknown =
    typeof program === "object" && program !== null && "inst" in program ? program.inst : null;
  if (!Array.isArray(list)) return compiled.programSize();
  return (list as readonly { readonly op?: unknown }[]).filter(({ op }) => !UNCOUNTED_OPERATIONS.has(op))
    .length;
}

// Programmer errors. An assertion stays on in production and ends the process: a state that cannot be is not to be
// written to the log. What the outside world can cause (bad input, a closed socket) is a value, never an assertion.

/** Thrown when something that cannot happen has happened; the host ends the process with its own exit code. */
export class InvariantError extends Error {
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(Object.keys(facts).length === 0 ? message : `${message} ${describe(facts)}`);
    this.name = "InvariantError";
    this.facts = facts;
  }
}

/** Throws an InvariantError with the facts unless the condition holds. */
export function assert(
  condition: boolean,
  message: string,
  facts: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) throw new InvariantError(message, facts);
}

/** The value, or an InvariantError if it is undefined: for look-ups whose miss would be a bug. */
export function present<T>(
  value: T | undefined,
  message: string,
  facts: Readonly<Record<string, unknown>> = {},
): T {
  if (value === undefined) throw new InvariantError(message, facts);
  return value;
}

/** Ends an exhaustive switch: does not compile while a case is missing. */
export function assertNever(value: never): never {
  throw new InvariantError("unexpected variant", { value });
}

function describe(facts: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(facts, (_key, value) => (typeof value === "bigint" ? value.toString() : value));
}

// How a checker says that something that must always be true is not.

export class CheckFailure extends Error {
  readonly checker: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(checker: string, message: string, facts: Readonly<Record<string, unknown>>) {
    super(message);
    this.name = "CheckFailure";
    this.checker = checker;
    this.facts = facts;
  }
}

/** Bound to one checker's name. */
export type Check = (
  condition: boolean,
  message: string,
  facts: () => Readonly<Record<string, unknown>>,
) => asserts condition;

export function checkOf(checker: string): Check {
  return (condition, message, facts) => {
    if (!condition) throw new CheckFailure(checker, message, facts());
  };
}

// What clients of Tepui may believe to be talking to, as models for checkLinearizable.
import type { Model, Operation } from "./linearizability-model.ts";

export type RegisterInput<Value> =
  | { readonly kind: "read" }
  | { readonly kind: "write"; readonly value: Value };

type RegisterValue = string | number | null;

/** One value, read and written. The output of a write is null. */
export function registerModel(
  initial: RegisterValue = null,
): Model<RegisterValue, RegisterInput<RegisterValue>, RegisterValue> {
  return {
    initial,
    step: (state, input, answer) => {
      if (input.kind === "write") return { state: input.value };
      return answer === null || answer.output === state ? { state } : null;
    },
    isRead: ({ kind }) => kind === "read",
    stateKey: (state) => JSON.stringify(state),
    show: (input, output) => {
      if (input.kind === "write") return `write ${JSON.stringify(input.value)}`;
      return `read ${JSON.stringify(output)}`;
    },
    canBeLeftOut: (write, others) => !others.some((other) => hasRead(other, write)),
  };
}

/** A write that nobody has read can be taken out of every order: no read stands between it and the next one. */
function hasRead(
  { input, answer }: Operation<RegisterInput<RegisterValue>, RegisterValue>,
  write: Operation<RegisterInput<RegisterValue>, RegisterValue>,
): boolean {
  return (
    input.kind === "read" &&
    write.input.kind === "write" &&
    answer !== null &&
    answer.output === write.input.value
  );
}

export type FlagsInput =
  | { readonly kind: "set" | "clear"; readonly flag: string }
  /** Answered with the flag if it is set, or with nothing. */
  | { readonly kind: "has"; readonly flag: string }
  /** Answered with the flags that are set, in any order. */
  | { readonly kind: "list" };

/** A set of names, read as a whole: which frameworks there are, which tasks, whose offers are suppressed. */
export const flagsModel: Model<ReadonlySet<string>, FlagsInput, readonly string[] | null> = {
  initial: new Set(),
  step: (state, input, answer) => {
    if (input.kind === "set")
      return { state: state.has(input.flag) ? state : new Set(state).add(input.flag) };
    if (input.kind === "clear") return { state: without(state, input.flag) };
    if (answer === null) return { state };
    const told = answer.output ?? [];
    const isRight =
      input.kind === "list" ? isSame(state, told) : told.includes(input.flag) === state.has(input.flag);
    return isRight ? { state } : null;
  },
  isRead: ({ kind }) => kind === "list" || kind === "has",
  stateKey: (state) => JSON.stringify([...state].sort()),
  show: (input, output) => {
    if (input.kind === "list") return `list ${JSON.stringify(output === null ? null : output.toSorted())}`;
    if (input.kind === "has")
      return `has ${input.flag}: ${output === null ? "?" : output.includes(input.flag)}`;
    return `${input.kind} ${input.flag}`;
  },
  canBeLeftOut: ({ input }, others) => {
    if (input.kind !== "set" && input.kind !== "clear") return false;
    return !others.some((other) => hasSeen(other, input.flag, input.kind === "set"));
  },
};

/** Whether somebody was told that the flag is set, or is not. */
function hasSeen(
  { input, answer }: Operation<FlagsInput, readonly string[] | null>,
  flag: string,
  isSet: boolean,
): boolean {
  if (answer === null || input.kind === "set" || input.kind === "clear") return false;
  if (input.kind === "has" && input.flag !== flag) return false;
  return answer.output?.includes(flag) === isSet;
}

/**
 * The same history flag by flag: each list becomes a read of every flag that the history names. Cheaper to check than
 * the whole, and weaker: that one flag was seen without another is not noticed.
 */
export function flagByFlag(
  history: readonly Operation<FlagsInput, readonly string[] | null>[],
): Operation<RegisterInput<RegisterValue>, RegisterValue>[] {
  const flags = new Set(history.flatMap(({ input, answer }) => namedIn(input, answer?.output ?? null)));
  return history.flatMap(({ client, key, input, callAt, answer }) => {
    const asked = input.kind === "list" ? [...flags] : [input.flag];
    return asked.map((flag) => {
      const output = answer?.output?.includes(flag) === true ? 1 : null;
      return {
        client,
        key: `${key}/${flag}`,
        input: flagInput(input),
        callAt,
        answer: answer === null ? null : { returnAt: answer.returnAt, output },
      };
    });
  });
}

function flagInput({ kind }: FlagsInput): RegisterInput<RegisterValue> {
  if (kind === "list" || kind === "has") return { kind: "read" };
  return { kind: "write", value: kind === "set" ? 1 : null };
}

function namedIn(input: FlagsInput, output: readonly string[] | null): readonly string[] {
  return input.kind === "list" ? (output ?? []) : [input.flag];
}

function without(state: ReadonlySet<string>, flag: string): ReadonlySet<string> {
  return state.has(flag) ? new Set([...state].filter((each) => each !== flag)) : state;
}

function isSame(state: ReadonlySet<string>, listed: readonly string[]): boolean {
  return new Set(listed).size === state.size && listed.every((flag) => state.has(flag));
}

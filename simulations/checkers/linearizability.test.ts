// The checker of linearizability against one that tries every order, and against histories that people have judged.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { History } from "../history.ts";
import { checkLinearizable, type Model, type Operation } from "./linearizability.ts";
import {
  type FlagsInput,
  flagByFlag,
  flagsModel,
  type RegisterInput,
  registerModel,
} from "./linearizability-models.ts";
import { showWitness } from "./linearizability-witness.ts";

type RegisterOperation = Operation<RegisterInput<string | number | null>, string | number | null>;

const register = registerModel(0);

function write(client: string, value: number, callAt: number, returnAt: number | null): RegisterOperation {
  const answer = returnAt === null ? null : { output: null, returnAt };
  return { client, key: "x", input: { kind: "write", value }, callAt, answer };
}

function read(client: string, output: number, callAt: number, returnAt: number): RegisterOperation {
  return { client, key: "x", input: { kind: "read" }, callAt, answer: { output, returnAt } };
}

describe("histories that are linearizable", () => {
  test.each<[string, RegisterOperation[]]>([
    ["none", []],
    ["one after the other", [write("a", 1, 1, 2), read("b", 1, 3, 4)]],
    ["a read beside a write, old value", [write("a", 1, 1, 4), read("b", 0, 2, 3)]],
    ["a read beside a write, new value", [write("a", 1, 1, 4), read("b", 1, 2, 3)]],
    [
      "an unanswered write that happens late",
      [write("a", 1, 1, null), read("b", 0, 2, 3), read("b", 1, 4, 5)],
    ],
    ["an unanswered write that never happens", [write("a", 1, 1, null), read("b", 0, 2, 3)]],
    ["an answer at the moment of the next call", [write("a", 1, 1, 2), read("b", 0, 2, 3)]],
  ])("%s", (_, history) => {
    expect(checkLinearizable(register, history)).toMatchObject({ ok: true, operations: history.length });
  });
});

describe("histories that are not", () => {
  test.each<[string, RegisterOperation[]]>([
    ["a stale read", [write("a", 1, 1, 2), read("b", 0, 3, 4)]],
    ["a lost update", [write("a", 1, 1, 2), write("b", 2, 3, 4), read("c", 1, 5, 6)]],
    [
      "a write that is applied twice",
      [write("a", 1, 1, 2), write("b", 2, 3, 4), read("c", 2, 5, 6), read("c", 1, 7, 8)],
    ],
    ["a value that goes back", [write("a", 1, 1, 8), read("b", 1, 2, 3), read("c", 0, 4, 5)]],
    ["a value that nobody wrote", [write("a", 1, 1, 2), read("b", 7, 1, 2)]],
    ["a value from before its write", [read("b", 1, 1, 2), write("a", 1, 3, 4)]],
    [
      "an unanswered write that is taken back",
      [write("a", 1, 1, null), read("b", 1, 2, 3), read("b", 0, 4, 5)],
    ],
  ])("%s", (_, history) => {
    const verdict = checkLinearizable(register, history);
    expect(verdict.ok).toBe(false);
    if (verdict.ok === false) expect(bruteForce(register, verdict.witness.operations)).toBe(false);
  });
});

type FlagHistory = History<FlagsInput, readonly string[] | null>;

test("flags: a list without what was set before it", () => {
  const history: FlagHistory = new History();
  history.call("a", "all", { kind: "set", flag: "first" }).answered(null);
  const second = history.call("a", "all", { kind: "set", flag: "second" });
  history.call("b", "all", { kind: "list" }).answered(["second"]);
  second.answered(null);
  expect(checkLinearizable(flagsModel, history.operations()).ok).toBe(false);
  expect(checkLinearizable(registerModel(), flagByFlag(history.operations())).ok).toBe(false);
});

test("flags: two lists that saw two writes in different orders, which only the whole shows", () => {
  const history: FlagHistory = new History();
  const first = history.call("a", "all", { kind: "set", flag: "first" });
  const second = history.call("b", "all", { kind: "set", flag: "second" });
  history.call("c", "all", { kind: "list" });
  const one = history.call("d", "all", { kind: "list" });
  const other = history.call("e", "all", { kind: "list" });
  one.answered(["first"]);
  other.answered(["second"]);
  first.answered(null);
  second.answered(null);
  expect(checkLinearizable(flagsModel, history.operations()).ok).toBe(false);
  expect(checkLinearizable(registerModel(), flagByFlag(history.operations())).ok).toBe(true);
});

test("a history leaves out what was refused and keeps what was never answered", () => {
  const history = new History<RegisterInput<number>, number | null>();
  const refused = history.call("a", "x", { kind: "write", value: 1 });
  history.call("b", "x", { kind: "write", value: 2 });
  const third = history.call("c", "x", { kind: "read" });
  refused.refused();
  refused.answered(null);
  third.answered(2);
  expect(history.operations()).toEqual([
    { client: "b", key: "x", input: { kind: "write", value: 2 }, callAt: 2, answer: null },
    { client: "c", key: "x", input: { kind: "read" }, callAt: 3, answer: { output: 2, returnAt: 4 } },
  ]);
});

test("a witness is small and can be read", () => {
  const noise = Array.from({ length: 100 }, (_, i) => [
    write("noise", 100 + i, 10 * i, 10 * i + 1),
    read("noise", 100 + i, 10 * i + 2, 10 * i + 3),
  ]).flat();
  const verdict = checkLinearizable(register, [
    ...noise,
    write("alice", 1, 2_000, 2_001),
    write("bob", 2, 2_002, 2_003),
    read("carol", 1, 2_004, 2_005),
    ...noise.map((each) => ({ ...each, key: "y" })),
  ]);
  if (verdict.ok !== false) throw new Error("it is wrong");
  expect(verdict.witness.operations).toHaveLength(3);
  expect(`\n${showWitness(register, verdict.witness)}\n`).toBe(`
No order of these 3 operations on "x" explains their answers:
    1  alice  |--|              write 1
    2  bob          |--|        write 2
    3  carol              |--|  read 1
  The longest order found: 1, 2
`);
});

test("a search that takes too long is given up, not called right", () => {
  const verdict = checkLinearizable(register, [write("a", 1, 1, 2), read("b", 1, 3, 4)], 1);
  expect(verdict).toEqual({ ok: "unknown", key: "x", steps: 1 });
});

test("many clients and unanswered writes stay within the limit", () => {
  const history = longHistory();
  expect(checkLinearizable(register, history)).toMatchObject({ ok: true });
});

/** A register that is asked by eight clients; every tenth write is done late and not answered. */
function longHistory(): RegisterOperation[] {
  const operations: RegisterOperation[] = [];
  let value = 0;
  for (let i = 1; i <= 4_000; i++) {
    const client = `c${i % 8}`;
    if (i % 400 === 0) operations.push(write(client, i, 10 * i, null));
    else if (i % 2 === 0) operations.push(read(client, value, 10 * i, 10 * i + 60));
    else {
      value = i;
      operations.push(write(client, i, 10 * i, 10 * i + 60));
    }
  }
  return operations;
}

const operation = fc
  .record({
    client: fc.constantFrom("a", "b", "c"),
    input: fc.oneof(
      fc.constant({ kind: "read" } as const),
      fc.record({ kind: fc.constant("write" as const), value: fc.integer({ min: 0, max: 2 }) }),
    ),
    callAt: fc.integer({ min: 0, max: 12 }),
    answer: fc.option(
      fc.record({ output: fc.integer({ min: 0, max: 2 }), took: fc.integer({ min: 0, max: 8 }) }),
      {
        freq: 6,
      },
    ),
  })
  .map(
    ({ client, input, callAt, answer }): RegisterOperation => ({
      client,
      key: "x",
      input,
      callAt,
      answer: answer === null ? null : { output: answer.output, returnAt: callAt + answer.took },
    }),
  );

test("agrees with the trial of every order", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 6 }), (history) => {
      const verdict = checkLinearizable(register, history);
      expect(verdict.ok).toBe(bruteForce(register, history));
      if (verdict.ok === false) expect(bruteForce(register, verdict.witness.operations)).toBe(false);
    }),
    { numRuns: 500 },
  );
});

const flagOperation = fc
  .record({
    input: fc.oneof(
      fc.constant({ kind: "list" } as const),
      fc.record({
        kind: fc.constantFrom("set" as const, "clear" as const, "has" as const),
        flag: fc.constantFrom("p", "q"),
      }),
    ),
    callAt: fc.integer({ min: 0, max: 12 }),
    took: fc.option(fc.integer({ min: 0, max: 8 }), { freq: 6 }),
    output: fc.subarray(["p", "q"]),
  })
  .map(({ input, callAt, took, output }) => ({
    client: "a",
    key: "all",
    input,
    callAt,
    answer: took === null ? null : { output, returnAt: callAt + took },
  }));

test("agrees with the trial of every order on sets of flags; flag by flag finds no more", () => {
  fc.assert(
    fc.property(fc.array(flagOperation, { maxLength: 5 }), (history) => {
      const verdict = checkLinearizable(flagsModel, history);
      expect(verdict.ok).toBe(bruteForce(flagsModel, history));
      if (verdict.ok === true) expect(checkLinearizable(registerModel(), flagByFlag(history)).ok).toBe(true);
    }),
    { numRuns: 500 },
  );
});

/** Tries every order of every choice of the unanswered operations. */
function bruteForce<State, In, Out>(
  model: Model<State, In, Out>,
  history: readonly Operation<In, Out>[],
): boolean {
  const answered = history.filter(({ answer }) => answer !== null);
  const unanswered = history.filter(({ answer }) => answer === null);
  return subsets(unanswered).some((some) =>
    permutations([...answered, ...some]).some((order) => keepsTime(order) && isPlayable(model, order)),
  );
}

function isPlayable<State, In, Out>(
  model: Model<State, In, Out>,
  order: readonly Operation<In, Out>[],
): boolean {
  let state = model.initial;
  return order.every(({ input, answer }) => {
    const after = model.step(state, input, answer);
    if (after !== null) state = after.state;
    return after !== null;
  });
}

function keepsTime<In, Out>(order: readonly Operation<In, Out>[]): boolean {
  return order.every((later, i) =>
    order.slice(0, i).every(({ callAt }) => later.answer === null || later.answer.returnAt >= callAt),
  );
}

function subsets<Item>(items: readonly Item[]): Item[][] {
  const [first, ...rest] = items;
  if (first === undefined) return [[]];
  return subsets(rest).flatMap((some) => [some, [first, ...some]]);
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  );
}

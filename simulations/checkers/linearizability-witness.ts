// A history that is not linearizable, made small enough to be read, and its picture. Each way of making it smaller
// keeps the proof: if the smaller one cannot be put in order, neither can the whole.
import type { Model, Operation, Witness } from "./linearizability-model.ts";
import { findOrder } from "./linearizability-search.ts";

/** Smaller histories that are tried, one search each. */
const ATTEMPTS_MAX = 1_000;
/** Width of the picture. Characters. */
const BAR_COLUMNS_MAX = 60;

type Operations<In, Out> = readonly Operation<In, Out>[];

/** @param operations of one key, sorted by call, for which there is no order */
export function shrunk<State, In, Out>(
  model: Model<State, In, Out>,
  key: string,
  operations: Operations<In, Out>,
  stepsMax: number,
): Witness<In, Out> {
  let attempts = 0;
  const fails = (part: Operations<In, Out>) =>
    attempts++ < ATTEMPTS_MAX && findOrder(model, part, stepsMax).kind === "none";
  const shortest = shortestPrefix(operations, fails);
  const few = withoutNeedless(model, withoutNeedless(model, shortest, fails), fails);
  const found = findOrder(model, few, stepsMax);
  return { key, operations: few, longestOrder: found.kind === "none" ? found.longestOrder : [] };
}

/** What had happened at the earliest answer at which the history was wrong already. */
function shortestPrefix<In, Out>(
  operations: Operations<In, Out>,
  fails: (part: Operations<In, Out>) => boolean,
): Operations<In, Out> {
  const returns = operations.flatMap(({ answer }) => (answer === null ? [] : [answer.returnAt]));
  const times = [...new Set(returns)].sort((a, b) => a - b);
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (fails(until(operations, times[middle] as number))) high = middle;
    else low = middle + 1;
  }
  const prefix = until(operations, times[high] as number);
  return fails(prefix) ? prefix : operations;
}

/** Answers that came later have not been given yet. */
function until<In, Out>(operations: Operations<In, Out>, time: number): Operations<In, Out> {
  return operations
    .filter(({ callAt }) => callAt <= time)
    .map((each) => (each.answer !== null && each.answer.returnAt > time ? { ...each, answer: null } : each));
}

/** Without reads, and without writes of which the model says that they can be left out, one after the other. */
function withoutNeedless<State, In, Out>(
  model: Model<State, In, Out>,
  operations: Operations<In, Out>,
  fails: (part: Operations<In, Out>) => boolean,
): Operations<In, Out> {
  let kept = operations;
  for (const operation of operations.toReversed()) {
    const others = kept.filter((each) => each !== operation);
    const allowed = model.isRead(operation.input) || model.canBeLeftOut?.(operation, others) === true;
    if (allowed && fails(others)) kept = others;
  }
  return kept;
}

/** A line for each operation: who, from when to when, what; then how far an order was found. */
export function showWitness<State, In, Out>(
  model: Model<State, In, Out>,
  { key, operations, longestOrder }: Witness<In, Out>,
): string {
  const times = operations.flatMap(({ callAt, answer }) =>
    answer === null ? [callAt] : [callAt, answer.returnAt],
  );
  const columns = new Map([...new Set(times)].sort((a, b) => a - b).map((time, i) => [time, i]));
  const scale = Math.min(3, (BAR_COLUMNS_MAX - 1) / Math.max(1, columns.size - 1));
  const column = (time: number) => Math.round((columns.get(time) ?? 0) * scale);
  const width = Math.round((columns.size - 1) * scale) + 1;
  const nameWidth = Math.max(...operations.map(({ client }) => client.length));
  const lines = operations.map((each, i) => {
    const { client, input, answer, callAt } = each;
    const bar =
      answer === null ? openBar(column(callAt), width) : closedBar(column(callAt), column(answer.returnAt));
    const what = model.show(input, answer?.output ?? null);
    return `  ${String(i + 1).padStart(3)}  ${client.padEnd(nameWidth)}  ${bar.padEnd(width)}  ${what}`;
  });
  const order = longestOrder.map((i) => i + 1).join(", ");
  return [
    `No order of these ${operations.length} operations on "${key}" explains their answers:`,
    ...lines,
    `  The longest order found: ${order === "" ? "none" : order}`,
  ].join("\n");
}

function closedBar(from: number, to: number): string {
  return `${" ".repeat(from)}|${"-".repeat(Math.max(0, to - from - 1))}${to > from ? "|" : ""}`;
}

function openBar(from: number, width: number): string {
  return `${" ".repeat(from)}|${"-".repeat(Math.max(0, width - from - 2))}>`;
}

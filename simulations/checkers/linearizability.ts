// Whether what clients saw of a cluster could have come from one machine that does one operation at a time: each
// between its call and its answer (Herlihy and Wing 1990). The search is Wing and Gong's with Lowe's memory of states
// already tried (Lowe 2017), key by key, as locality allows. Pure; the models are in linearizability-models.ts.
import type { Model, Operation, Witness } from "./linearizability-model.ts";
import { findOrder } from "./linearizability-search.ts";
import { shrunk } from "./linearizability-witness.ts";

export type { Answer, Model, Operation, Witness } from "./linearizability-model.ts";

export type Verdict<In, Out> =
  | { readonly ok: true; readonly operations: number; readonly keys: number }
  | { readonly ok: false; readonly witness: Witness<In, Out> }
  /** The search was given up at its limit: nothing is known of this key. */
  | { readonly ok: "unknown"; readonly key: string; readonly steps: number };

/** Steps of the model, for one key, after which a search is given up. A second or two of work. */
export const SEARCH_STEPS_MAX = 2_000_000;

/** A failure in any key comes before a search of another that was given up. */
export function checkLinearizable<State, In, Out>(
  model: Model<State, In, Out>,
  history: readonly Operation<In, Out>[],
  stepsMax: number = SEARCH_STEPS_MAX,
): Verdict<In, Out> {
  const keys = byKey(history);
  let givenUp: Verdict<In, Out> | null = null;
  for (const [key, all] of keys) {
    const operations = withoutIdle(model, all);
    const found = findOrder(model, operations, stepsMax);
    if (found.kind === "none") return { ok: false, witness: shrunk(model, key, operations, stepsMax) };
    if (found.kind === "given-up") givenUp ??= { ok: "unknown", key, steps: found.steps };
  }
  return givenUp ?? { ok: true, operations: history.length, keys: keys.size };
}

/** Without unanswered writes that nobody has noticed: each would double the search. */
function withoutIdle<State, In, Out>(
  model: Model<State, In, Out>,
  operations: readonly Operation<In, Out>[],
): readonly Operation<In, Out>[] {
  const { canBeLeftOut } = model;
  if (canBeLeftOut === undefined) return operations;
  return operations.filter((each) => each.answer !== null || !canBeLeftOut(each, operations));
}

function byKey<In, Out>(history: readonly Operation<In, Out>[]): Map<string, Operation<In, Out>[]> {
  const keys = new Map<string, Operation<In, Out>[]>();
  for (const operation of history.toSorted((a, b) => a.callAt - b.callAt)) {
    const same = keys.get(operation.key);
    if (same === undefined) keys.set(operation.key, [operation]);
    else same.push(operation);
  }
  return keys;
}

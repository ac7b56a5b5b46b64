// The search for one order of one key's operations that explains all answers: depth first, as Wing and Gong (1993), with
// Lowe's memory (2017) of which sets of operations have led to which states.
import type { Model, Operation } from "./linearizability-model.ts";

export type Found =
  /** Indexes in the order of taking effect; unanswered operations may be missing. */
  | { readonly kind: "order"; readonly order: readonly number[] }
  | { readonly kind: "none"; readonly longestOrder: readonly number[] }
  | { readonly kind: "given-up"; readonly steps: number };

interface Frame<State> {
  readonly state: State;
  readonly candidates: readonly number[];
  next: number;
}

/** Searches depth first for an order of one key's operations. @param operations sorted by call */
export function findOrder<State, In, Out>(
  model: Model<State, In, Out>,
  operations: readonly Operation<In, Out>[],
  stepsMax: number,
): Found {
  const unplaced = unplacedOf(operations, model.isRead);
  const tried = triedStates(operations.length);
  const frames: Frame<State>[] = [{ state: model.initial, candidates: unplaced.candidates(), next: 0 }];
  const order: number[] = [];
  let longestOrder: readonly number[] = [];
  let steps = 0;
  while (unplaced.answered() > 0) {
    const frame = frames.at(-1);
    if (frame === undefined) return { kind: "none", longestOrder };
    const index = frame.candidates[frame.next++];
    if (index === undefined) {
      frames.pop();
      const last = order.pop();
      if (last !== undefined) unplaced.putBack(last);
      if (last !== undefined) tried.flip(last);
      continue;
    }
    if (steps++ >= stepsMax) return { kind: "given-up", steps: stepsMax };
    const { input, answer } = operations[index] as Operation<In, Out>;
    const after = model.step(frame.state, input, answer);
    if (after === null) continue;
    // A read that fits now may as well take effect now: nothing else depends on when it does.
    if (model.isRead(input)) frame.next = frame.candidates.length;
    tried.flip(index);
    if (!tried.isNew(model.stateKey(after.state))) {
      tried.flip(index);
      continue;
    }
    unplaced.take(index);
    order.push(index);
    if (order.length > longestOrder.length) longestOrder = [...order];
    frames.push({ state: after.state, candidates: unplaced.candidates(), next: 0 });
  }
  return { kind: "order", order };
}

interface Unplaced {
  /** Those that no other must come before; answered ones first, since others need not happen at all. */
  candidates(): readonly number[];
  take(index: number): void;
  /** In the opposite order of `take`. */
  putBack(index: number): void;
  /** How many of them were answered. */
  answered(): number;
}

/** The operations that have no place yet, as a list in the order of calls that is mended as Knuth's dancing links. */
function unplacedOf<In, Out>(
  operations: readonly Operation<In, Out>[],
  isRead: (input: In) => boolean,
): Unplaced {
  const end = operations.length;
  const next = Int32Array.from({ length: end + 1 }, (_, i) => (i === end ? 0 : i + 1));
  const before = Int32Array.from({ length: end + 1 }, (_, i) => (i === 0 ? end : i - 1));
  let answered = operations.filter(({ answer }) => answer !== null).length;
  const first = () => next[end] as number;

  function unlink(index: number): void {
    next[before[index] as number] = next[index] as number;
    before[next[index] as number] = before[index] as number;
  }

  next[end] = 0;
  for (const [i, { input, answer }] of operations.entries()) if (answer === null && isRead(input)) unlink(i);

  return {
    candidates() {
      const certain: number[] = [];
      const possible: number[] = [];
      let firstReturn = Number.POSITIVE_INFINITY;
      for (let i = first(); i !== end; i = next[i] as number) {
        const { callAt, answer } = operations[i] as Operation<In, Out>;
        if (callAt > firstReturn) break;
        if (answer === null) possible.push(i);
        else {
          certain.push(i);
          firstReturn = Math.min(firstReturn, answer.returnAt);
        }
      }
      return [...certain, ...possible];
    },
    take(index) {
      unlink(index);
      if (operations[index]?.answer !== null) answered--;
    },
    putBack(index) {
      next[before[index] as number] = index;
      before[next[index] as number] = index;
      if (operations[index]?.answer !== null) answered++;
    },
    answered: () => answered,
  };
}

interface TriedStates {
  /** Puts an operation into the set of those that have taken effect, or takes it out. */
  flip(index: number): void;
  /** Whether this state has not been reached by this set before; remembers it. */
  isNew(stateKey: string): boolean;
}

/** Lowe's memory. Sets are compared in full: the hash only finds them. */
function triedStates(operations: number): TriedStates {
  const placed = new Uint32Array(Math.ceil(operations / 32));
  const tried = new Map<string, Uint32Array[]>();
  let hash = 0;
  return {
    flip(index) {
      placed[index >>> 5] = ((placed[index >>> 5] as number) ^ (1 << (index & 31))) >>> 0;
      hash ^= scattered(index + 1);
    },
    isNew(stateKey) {
      const where = `${hash} ${stateKey}`;
      const sets = tried.get(where) ?? [];
      if (sets.some((set) => set.every((word, i) => word === placed[i]))) return false;
      tried.set(where, [...sets, placed.slice()]);
      return true;
    },
  };
}

/** Spreads small numbers over 32 bits (the finalizer of MurmurHash3). */
function scattered(value: number): number {
  const a = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return b ^ (b >>> 16);
}

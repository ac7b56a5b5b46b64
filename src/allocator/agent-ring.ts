// All agents in the order of their ids, kept from cycle to cycle: it is looked whether any came or went, and only then
// sorted again. Derived from the state and never part of it.
import type { AgentId } from "../kernel/ids.ts";
import type { AllocatorState } from "./model.ts";
import { compareIds, compareNumbered, type Numbered, numberAtEnd } from "./order.ts";

export class AgentRing {
  /** In the order of the state's Map. */
  #known: Numbered<AgentId>[] = [];
  #ordered: readonly AgentId[] = [];

  /** The agents in order; the list is not changed afterwards. */
  of(agents: AllocatorState["agents"]): readonly AgentId[] {
    let same = 0;
    for (const agentId of agents.keys()) {
      if (this.#known[same]?.id !== agentId) break;
      same++;
    }
    if (same === agents.size && same === this.#known.length) return this.#ordered;
    this.#known.length = same;
    for (const id of skipped(agents.keys(), same)) this.#known.push({ id, number: numberAtEnd(id) });
    this.#ordered = [...this.#known].sort(compareNumbered).map(({ id }) => id);
    return this.#ordered;
  }
}

/** Place of the first that comes after the one named, which need not be among them; 0 if there is none. */
export function placeAfter(ordered: readonly AgentId[], last: AgentId | null): number {
  if (last === null) return 0;
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareIds(ordered[middle] ?? last, last) <= 0) low = middle + 1;
    else high = middle;
  }
  return low === ordered.length ? 0 : low;
}

function* skipped<T>(all: Iterable<T>, count: number): Generator<T> {
  let at = 0;
  for (const each of all) if (at++ >= count) yield each;
}

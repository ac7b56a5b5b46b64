// All agents in the order of their ids, kept from cycle to cycle: it is looked whether any came or went, and only then
// sorted again, if they do not come in order anyhow. Derived from the state and never part of it.
import { type AgentId, compareText } from "../kernel/ids.ts";
import type { AllocatorState } from "./model.ts";
import { compareIds, numberAtEnd } from "./order.ts";

export class AgentRing {
  /** In the order of the state's Map, each with `numberAtEnd` of it. */
  #ids: AgentId[] = [];
  #numbers: number[] = [];
  #ordered: readonly AgentId[] = [];

  /**
   * The agents in order; the list is not changed afterwards.
   * @param newMax with more new ones than that the rest of them waits for the next call
   * @returns null if they do
   */
  of(agents: AllocatorState["agents"], newMax: number): readonly AgentId[] | null {
    const same = this.#lengthKept(agents);
    if (same === agents.size && same === this.#ids.length) return this.#ordered;
    this.#ids = this.#ids.slice(0, same);
    this.#numbers = this.#numbers.slice(0, same);
    let at = 0;
    for (const agentId of agents.keys()) {
      if (at++ < same) continue;
      if (this.#ids.length >= same + newMax) return null;
      this.#ids.push(agentId);
      this.#numbers.push(numberAtEnd(agentId));
    }
    this.#ordered = this.#inOrder();
    return this.#ordered;
  }

  /** How many of the first are the same as before. */
  #lengthKept(agents: AllocatorState["agents"]): number {
    let length = 0;
    for (const agentId of agents.keys()) {
      if (this.#ids[length] !== agentId) return length;
      length++;
    }
    return length;
  }

  #inOrder(): readonly AgentId[] {
    const [ids, numbers] = [this.#ids, this.#numbers];
    const compare = (a: number, b: number): number =>
      (numbers[a] ?? 0) - (numbers[b] ?? 0) || compareText(ids[a] ?? "", ids[b] ?? "");
    let isSorted = true;
    for (let at = 1; at < ids.length && isSorted; at++) isSorted = compare(at - 1, at) < 0;
    if (isSorted) return [...ids];
    const places = ids.map((_id, place) => place).sort(compare);
    return places.flatMap((place) => ids[place] ?? []);
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

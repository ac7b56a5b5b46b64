// What is to happen when: the earliest first, and of equals the one that was added first.
import type { Millis } from "../../kernel/ids.ts";

interface Item<Value> {
  readonly at: Millis;
  readonly order: number;
  readonly value: Value;
}

export class Agenda<Value> {
  readonly #items: Item<Value>[] = [];
  #added = 0;

  /** Infinity if there is nothing. */
  get next(): number {
    return this.#items[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  add(at: Millis, value: Value): void {
    const items = this.#items;
    const item = { at, order: this.#added++, value };
    let place = items.length;
    items.push(item);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = items[above];
      if (parent === undefined || !comesBefore(item, parent)) break;
      items[place] = parent;
      place = above;
    }
    items[place] = item;
  }

  /** Takes the earliest if its time has come. */
  takeDue(now: number): Value | undefined {
    const first = this.#items[0];
    if (first === undefined || first.at > now) return undefined;
    const last = this.#items.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first.value;
  }

  #sink(item: Item<Value>): void {
    const items = this.#items;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      const [left, right] = [items[below], items[below + 1]];
      if (left !== undefined && right !== undefined && comesBefore(right, left)) below += 1;
      const child = items[below];
      if (child === undefined || !comesBefore(child, item)) break;
      items[place] = child;
      place = below;
    }
    items[place] = item;
  }
}

function comesBefore(a: Item<unknown>, b: Item<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

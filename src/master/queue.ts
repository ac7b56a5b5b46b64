// First in, first out, without the cost of Array.shift on long queues.
import { assert } from "../kernel/assert.ts";

export interface Queue<Item> {
  push(item: Item): void;
  /** Puts an item before all others. */
  unshift(item: Item): void;
  /** The oldest; the queue must not be empty. */
  shift(): Item;
  first(): Item | undefined;
  last(): Item | undefined;
  size(): number;
}

/** Slots given free in front before the array is cut. */
const FREE_SLOTS_MAX = 1024;

export function createQueue<Item>(): Queue<Item> {
  let items: (Item | undefined)[] = [];
  let head = 0;
  return {
    push: (item) => void items.push(item),
    unshift(item) {
      if (head > 0) items[--head] = item;
      else items.unshift(item);
    },
    shift() {
      assert(head < items.length, "the queue is not empty");
      const item = items[head] as Item;
      items[head++] = undefined;
      if (head > FREE_SLOTS_MAX && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    first: () => items[head],
    last: () => (head < items.length ? items[items.length - 1] : undefined),
    size: () => items.length - head,
  };
}

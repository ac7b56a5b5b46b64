// A long list kept in order while those that come first are moved back again and again: in blocks, so that moving one
// costs about as much in a list of thousands as in one of a few hundred.

/** Where a block has grown to twice that, it is parted. */
const BLOCK_LENGTH = 64;

export class Turns<C> {
  readonly #compare: (a: C, b: C) => number;
  /** None is empty, unless the list is. */
  #blocks: C[][];

  /** @param list in order */
  constructor(list: readonly C[], compare: (a: C, b: C) => number) {
    this.#compare = compare;
    this.#blocks = [];
    for (let at = 0; at < list.length; at += BLOCK_LENGTH) {
      this.#blocks.push(list.slice(at, at + BLOCK_LENGTH));
    }
  }

  /**
   * The first one of which something is taken, in order, comes behind all that now come before it.
   * @param take changes the place of what it returns something for, and of no other
   * @returns what was taken; null if there was nothing
   */
  first<R>(take: (each: C) => R | null): R | null {
    for (const [place, block] of this.#blocks.entries()) {
      for (const [at, each] of block.entries()) {
        const taken = take(each);
        if (taken === null) continue;
        this.#moveBack(place, at, each);
        return taken;
      }
    }
    return null;
  }

  /** In order. */
  *[Symbol.iterator](): Generator<C> {
    for (const block of this.#blocks) yield* block;
  }

  #moveBack(place: number, at: number, moved: C): void {
    const from = this.#blocks[place];
    if (from === undefined) return;
    from.splice(at, 1);
    const to = this.#lastThatBegins(place, moved);
    const block = this.#blocks[to] ?? from;
    block.splice(this.#placeIn(block, moved), 0, moved);
    if (block.length >= 2 * BLOCK_LENGTH) this.#blocks.splice(to + 1, 0, block.splice(BLOCK_LENGTH));
    if (from.length === 0) this.#blocks.splice(place, 1);
  }

  /** The last block from that place on that begins before the one that is moved; that place if there is none. */
  #lastThatBegins(place: number, moved: C): number {
    let low = place + 1;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const head = this.#blocks[middle]?.[0];
      if (head !== undefined && this.#compare(head, moved) < 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #placeIn(block: readonly C[], moved: C): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = block[middle];
      if (other !== undefined && this.#compare(other, moved) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

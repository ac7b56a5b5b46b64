// Named points in time, the earliest first: a binary heap with lazy removal. Setting a name again moves it.

interface Entry {
  readonly name: string;
  readonly atMs: number;
}

export class Deadlines {
  readonly #current = new Map<string, Entry>();
  readonly #heap: Entry[] = [];

  /** @param atMs on the clock that the caller uses throughout */
  set(name: string, atMs: number): void {
    const entry = { name, atMs };
    this.#current.set(name, entry);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
  }

  clear(name: string): void {
    this.#current.delete(name);
  }

  /** The earliest, or null if there is none. */
  next(): number | null {
    this.#dropStale();
    return this.#heap[0]?.atMs ?? null;
  }

  /** Takes out and returns the earliest name whose time has come. */
  take(nowMs: number): string | null {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return null;
    this.#pop();
    this.#current.delete(first.name);
    return first.name;
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#current.get(first.name) === first) return;
      this.#pop();
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(index: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) return;
      index = parent;
    }
  }

  #sink(index: number): void {
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const least = this.#at(right) < this.#at(left) ? right : left;
      if (!this.#swapIfEarlier(least, index)) return;
      index = least;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const lower = this.#heap[child];
    const upper = this.#heap[parent];
    if (lower === undefined || upper === undefined || lower.atMs >= upper.atMs) return false;
    this.#heap[child] = upper;
    this.#heap[parent] = lower;
    return true;
  }
}

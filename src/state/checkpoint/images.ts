// What the state was like when a walk over it began: copies of the parts that have changed since, made before the
// change. A part that has not changed is its own image. Parts are told apart by identity; each is read once, which
// drops its copy. Which parts an event changes is said in touched.ts, in what order they are read in units.ts.

/** The parts of the walk, in its order: small ones that change often come first, so that few copies are needed. */
export const SECTIONS = {
  lists: 0,
  allocator: 1,
  frameworks: 2,
  agents: 3,
  allocatorAgents: 4,
  tasks: 5,
  completed: 6,
} as const;

export type Section = (typeof SECTIONS)[keyof typeof SECTIONS];

export class Images {
  readonly #objects = new Map<object, object>();
  readonly #lists = new Map<object, readonly unknown[]>();
  readonly #walked = new Set<object>();
  #section = 0;

  /** The walk has read all sections before this one. */
  enter(section: Section): void {
    this.#section = section;
  }

  /** All parts of that owner are read. */
  leave(owner: object): void {
    this.#walked.add(owner);
  }

  isRead(section: Section, owner?: object): boolean {
    return section < this.#section || (owner !== undefined && this.#walked.has(owner));
  }

  /** Copies now held. */
  size(): number {
    return this.#objects.size + this.#lists.size;
  }

  /** The object is about to change. */
  keepObject<Part extends object>(section: Section, part: Part, copy: (part: Part) => Part): void {
    if (section < this.#section || this.#objects.has(part)) return;
    this.#objects.set(part, copy(part));
  }

  /** What the Map or array holds is about to change; `list` says what of it the walk reads. */
  keepList<Source extends object, Item>(
    section: Section,
    source: Source,
    list: (source: Source) => readonly Item[],
  ): void {
    if (section < this.#section || this.#lists.has(source)) return;
    this.#lists.set(source, list(source));
  }

  object<Part extends object>(part: Part): Part {
    const copy = this.#objects.get(part);
    if (copy === undefined) return part;
    this.#objects.delete(part);
    return copy as Part;
  }

  /** A list of its own, which later changes leave alone. `list` is the same function as in `keepList`. */
  list<Source extends object, Item>(
    source: Source,
    list: (source: Source) => readonly Item[],
  ): readonly Item[] {
    const kept = this.#lists.get(source);
    if (kept === undefined) return list(source);
    this.#lists.delete(source);
    return kept as readonly Item[];
  }
}

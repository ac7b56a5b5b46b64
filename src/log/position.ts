// Where the log begins and ends, and the term of every index between, in memory proportional to the number of terms.
import { assert } from "../kernel/assert.ts";
import type { LogIndex, Term } from "../kernel/ids.ts";
import { asIndex, asTerm } from "../kernel/ids.ts";
import type { LogPoint } from "./types.ts";

interface TermRun {
  readonly first: number;
  readonly term: Term;
}

/** The indices in (base, last] and their terms. Belongs to one owner, who appends and resets. */
export class Position {
  #base: number;
  #baseTerm: Term | undefined;
  #last: number;
  #runs: TermRun[] = [];

  constructor(base: LogPoint) {
    this.#base = base.index;
    this.#baseTerm = base.term;
    this.#last = base.index;
  }

  /** The index before the first entry. */
  get base(): LogIndex {
    return asIndex(this.#base);
  }

  get last(): LogIndex {
    return asIndex(this.#last);
  }

  get lastTerm(): Term {
    return this.termAt(this.#last) ?? asTerm(0);
  }

  /** Undefined if the index is not in the log (or is the base, and the base's term is not known). */
  termAt(index: number): Term | undefined {
    if (index > this.#last) return undefined;
    if (index <= this.#base) return index === this.#base ? this.#baseTerm : undefined;
    let at = this.#runs.length - 1;
    while (at > 0 && (this.#runs[at] as TermRun).first > index) at--;
    return this.#runs[at]?.term;
  }

  /** Takes an entry; one at or below the end replaces what is there and all after it. */
  append(index: LogIndex, term: Term): void {
    assert(index <= this.#last + 1, "an entry leaves a gap", { index, last: this.#last });
    if (index <= this.#base) this.#moveBaseBelow(index);
    while ((this.#runs.at(-1)?.first ?? 0) >= index) this.#runs.pop();
    if (this.#runs.at(-1)?.term !== term) this.#runs.push({ first: index, term });
    this.#last = index;
  }

  /** Drops all entries; the log goes on after this point. */
  reset(point: LogPoint): void {
    this.#base = point.index;
    this.#baseTerm = point.term;
    this.#last = point.index;
    this.#runs = [];
  }

  /** While recovering, the oldest segment kept may hold a replacement that reaches back before its own start. */
  #moveBaseBelow(index: number): void {
    this.#base = index - 1;
    this.#baseTerm = index === 1 ? asTerm(0) : undefined;
    this.#runs = [];
  }
}

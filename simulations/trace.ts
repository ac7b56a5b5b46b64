// A fingerprint of everything that happened in a run, and the lines of it when somebody wants to read them. Two runs of
// one seed have the same fingerprint, or something in them depended on more than the seed.

export class Trace {
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;
  readonly #print: ((who: string, what: string, facts: () => unknown) => void) | null;

  /** @param print called for each line if somebody reads them; facts are made only then */
  constructor(print: ((who: string, what: string, facts: () => unknown) => void) | null = null) {
    this.#print = print;
  }

  number(value: number): void {
    this.#mix(value | 0);
    this.#mix((value / 0x1_0000_0000) | 0);
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.#mix(value.charCodeAt(i));
  }

  bytes(value: Uint8Array): void {
    let low = this.#low;
    for (let i = 0; i < value.length; i++) low = Math.imul(low ^ (value[i] as number), 0x01000193);
    this.#low = low;
    this.#mix(value.length);
  }

  /** Something worth a line. @param facts made only when lines are read: they are no part of the fingerprint */
  line(who: string, what: string, facts: () => unknown = () => ({})): void {
    this.text(who);
    this.text(what);
    this.#print?.(who, what, facts);
  }

  /** 16 hexadecimal digits. */
  hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul((this.#high ^ this.#low) + 0x7f4a7c15, 0x85ebca6b);
    this.#high ^= this.#high >>> 13;
  }
}

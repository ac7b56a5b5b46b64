// What clients of a cluster asked and were told, in the order in which it happened, for the check of linearizability.
// Serves one process with many simulated clients as well as clients that are processes of their own.
import type { Answer, Operation } from "./checkers/linearizability.ts";

/** One call that is under way. Whatever is called first counts; a call of which nothing is ever said is unanswered. */
export interface PendingCall<Out> {
  answered(output: Out): void;
  /** It has certainly not happened and never will, as when a member says that it does not lead. */
  refused(): void;
}

export class History<In, Out> {
  readonly #now: () => number;
  readonly #slots: (Operation<In, Out> | null)[] = [];

  /**
   * @param now a clock that all clients share. By default each call and answer gets the next number, which tells more
   * than any clock where all clients are in one process.
   */
  constructor(now: () => number = counter()) {
    this.#now = now;
  }

  /** To be called before anything is sent. */
  call(client: string, key: string, input: In): PendingCall<Out> {
    const slot = this.#slots.length;
    const asked: Operation<In, Out> = { client, key, input, callAt: this.#now(), answer: null };
    this.#slots.push(asked);
    let open = true;
    const close = (answer: Answer<Out> | null) => {
      this.#slots[slot] = answer === null ? null : { ...asked, answer };
      open = false;
    };
    return {
      answered: (output) => {
        if (open) close({ output, returnAt: this.#now() });
      },
      refused: () => {
        if (open) close(null);
      },
    };
  }

  /** All but refused ones, in the order of the calls. Those that are under way count as unanswered. */
  operations(): readonly Operation<In, Out>[] {
    return this.#slots.filter((slot) => slot !== null);
  }
}

function counter(): () => number {
  let last = 0;
  return () => ++last;
}

// One snapshot of our own state machine on its way to the disk: its pieces as the state machine gives them, then a wait
// for the lane, so that it is published at a moment when nobody reads the one before.

/** Ends the writing of a snapshot that is of no use any more; nothing has changed then. */
export class SnapshotOvertaken extends Error {
  constructor() {
    super("a newer snapshot has come meanwhile");
    this.name = "SnapshotOvertaken";
  }
}

type Pieces = Iterator<Uint8Array> | AsyncIterator<Uint8Array>;

export class SnapshotSave {
  private readonly data: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  private readonly turn: () => Promise<(() => void) | null>;
  private isAbandoned = false;
  private onAbandon: () => void = () => undefined;
  private onEnd: () => void = () => undefined;

  /** @param turn resolves to what ends the turn, or to null if the snapshot is not to be published */
  constructor(
    data: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    turn: () => Promise<(() => void) | null>,
  ) {
    this.data = data;
    this.turn = turn;
  }

  /** The pieces end with SnapshotOvertaken, without waiting for one that is not there yet. */
  abandon(): void {
    this.isAbandoned = true;
    this.onAbandon();
  }

  /** The snapshot is published, or is not going to be. */
  end(): void {
    this.onEnd();
  }

  /** What storage writes; it publishes the snapshot when these end, which they do in the lane. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    if (this.data instanceof Uint8Array) yield this.data;
    else yield* this.given(iteratorOf(this.data));
    const turn = this.turn();
    const end = await this.unlessAbandoned(turn);
    if (end === "abandoned") void turn.then((late) => late?.());
    if (end === "abandoned" || end === null) throw new SnapshotOvertaken();
    this.onEnd = end;
  }

  private async *given(pieces: Pieces): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const next = await this.unlessAbandoned(pieces.next());
        if (next === "abandoned") throw new SnapshotOvertaken();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      giveUp(pieces);
    }
  }

  /** One wait at a time. A race with one promise for all of them would keep every piece until the save ends. */
  private unlessAbandoned<T>(awaited: T | PromiseLike<T>): Promise<T | "abandoned"> {
    return new Promise((resolve, reject) => {
      this.onAbandon = () => resolve("abandoned");
      if (this.isAbandoned) this.onAbandon();
      Promise.resolve(awaited).then(resolve, reject);
    });
  }
}

function iteratorOf(data: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Pieces {
  return Symbol.asyncIterator in data ? data[Symbol.asyncIterator]() : data[Symbol.iterator]();
}

/** Nobody waits for a state machine that ends its iteration late, or badly. */
function giveUp(pieces: Pieces): void {
  const ended = pieces.return?.();
  if (ended instanceof Promise) ended.catch(() => undefined);
}

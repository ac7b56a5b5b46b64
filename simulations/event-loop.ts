// The one queue of everything that is going to happen in a simulated world, in virtual time. Events run one after the
// other; between two of them all promises that are ready are settled, so that a run depends on the seed alone.

/** Microseconds of virtual time. */
export type Micros = number;

/** One life of a process or machine: when it ends, everything that was to happen in its name does not happen. */
export interface Life {
  readonly name: string;
  alive: boolean;
  /** It is stopped, as by SIGSTOP, and nothing happens in its name until then. */
  pausedUntil?: Micros;
}

export interface ScheduledEvent {
  at: Micros;
  order: number;
  readonly life: Life;
  action: (() => void) | null;
}

export interface LoopWatcher {
  /** Before the action of each event. */
  before(event: ScheduledEvent): void;
  /** After the action and all that it settled. */
  after(life: Life): void;
  /** The action threw, or a promise was rejected and nobody took notice. */
  failed(error: unknown, life: Life): void;
}

/** Immediates queued at a time: Node settles promises between two of them without a turn of its own event loop. */
const IMMEDIATES_PER_TURN = 256;

export class EventLoop {
  now: Micros = 0;
  events = 0;
  readonly #heap: ScheduledEvent[] = [];
  #order = 0;
  #stopped = false;
  #current: Life | null = null;

  /** @param delay not negative */
  schedule(delay: Micros, life: Life, action: () => void): ScheduledEvent {
    const event = { at: this.now + Math.max(0, Math.round(delay)), order: this.#order++, life, action };
    push(this.#heap, event);
    return event;
  }

  cancel(event: ScheduledEvent): void {
    event.action = null;
  }

  /** The event that is running turned out to be this one's: a frame has reached its receiver. */
  attribute(life: Life): void {
    if (this.#current !== null) this.#current = life;
  }

  /** Ends `run` after the event that is running. */
  stop(): void {
    this.#stopped = true;
  }

  /** Runs events until the moment, or until stopped. Resolves when all that the last event began has settled. */
  run(until: Micros, watcher: LoopWatcher): Promise<void> {
    this.#stopped = false;
    const onRejection = (error: unknown): void => watcher.failed(error, this.#current ?? nobody);
    process.on("unhandledRejection", onRejection);
    return new Promise<void>((resolve) => {
      const step = (): void => this.#step(until, watcher);
      const turn = (): void => {
        for (let i = 0; i < IMMEDIATES_PER_TURN; i++) setImmediate(step);
        setImmediate(() => (this.#isOver(until) ? resolve() : turn()));
      };
      turn();
    }).finally(() => {
      this.#settle(watcher);
      process.off("unhandledRejection", onRejection);
      if (!this.#stopped) this.now = Math.max(this.now, until);
    });
  }

  #step(until: Micros, watcher: LoopWatcher): void {
    this.#settle(watcher);
    const event = this.#next(until);
    if (event === null) return;
    const { action } = event;
    this.now = event.at;
    this.events += 1;
    this.#current = event.life;
    watcher.before(event);
    try {
      action?.();
    } catch (error) {
      watcher.failed(error, this.#current ?? event.life);
    }
  }

  /** What the event before began has settled by now. */
  #settle(watcher: LoopWatcher): void {
    const last = this.#current;
    this.#current = null;
    if (last !== null) watcher.after(last);
  }

  #next(until: Micros): ScheduledEvent | null {
    for (;;) {
      const first = this.#heap[0];
      if (this.#stopped || first === undefined || first.at > until) return null;
      pop(this.#heap);
      if (first.action === null || !first.life.alive) continue;
      const { pausedUntil = 0 } = first.life;
      if (pausedUntil <= first.at) return first;
      first.at = pausedUntil;
      first.order = this.#order++;
      push(this.#heap, first);
    }
  }

  #isOver(until: Micros): boolean {
    const first = this.#heap[0];
    return this.#stopped || first === undefined || first.at > until;
  }
}

const nobody: Life = { name: "nobody", alive: true };

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: ScheduledEvent[], event: ScheduledEvent): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as ScheduledEvent;
    if (!isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: ScheduledEvent[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const child = smallerChild(heap, at);
    if (child === null || !isBefore(heap[child] as ScheduledEvent, last)) break;
    heap[at] = heap[child] as ScheduledEvent;
    at = child;
  }
  heap[at] = last;
}

function smallerChild(heap: readonly ScheduledEvent[], at: number): number | null {
  const left = 2 * at + 1;
  const right = left + 1;
  const first = heap[left];
  const second = heap[right];
  if (first === undefined) return null;
  return second !== undefined && isBefore(second, first) ? right : left;
}

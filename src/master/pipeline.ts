// The leader's way of a command: decide, evolve at once, gather the events of a turn into one entry, propose it, and
// release effects and outcomes when it is committed. Several entries are in flight; everything keeps the order of the
// calls. If leadership is lost, what is in flight is abandoned and the master rebuilds the state.

import { asMillis, type LogIndex, type Millis } from "../kernel/ids.ts";
import type { Clock } from "../kernel/ports.ts";
import { encodeEntry } from "../state/codec.ts";
import type { Command, Context } from "../state/commands.ts";
import { decide } from "../state/decide.ts";
import type { Effect } from "../state/effects.ts";
import { effectsOf } from "../state/effects-of.ts";
import type { Event } from "../state/events.ts";
import { ENTRIES_IN_FLIGHT_MAX, EVENTS_PER_ENTRY_MAX, QUEUED_COMMANDS_MAX } from "./limits.ts";
import { createQueue, type Queue } from "./queue.ts";
import type { Replica } from "./replica.ts";
import type { Outcome } from "./types.ts";

export interface PipelineOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly entryBytesMax: number;
  context(now: Millis): Context;
  /** Appends to the log; null if this member cannot (it lost leadership): the pipeline stops there. */
  propose(payload: Uint8Array): LogIndex | null;
  /** After each proposed entry, with the state as of that entry: a chance to take a checkpoint. */
  onProposed(index: LogIndex, events: readonly Event[]): void;
  deliver(effect: Effect): void;
}

interface Waiting {
  readonly outcome: Outcome;
  readonly done: (outcome: Outcome) => void;
}

/** What one command led to. */
interface Decided {
  readonly events: readonly Event[];
  readonly effects: readonly Effect[];
  readonly waiting: Waiting;
}

interface Batch {
  readonly now: Millis;
  readonly decided: readonly Decided[];
}

interface EntryInFlight {
  readonly index: LogIndex;
  readonly released: Decided[];
  readonly settled: ((committed: boolean) => void)[];
}

export class Pipeline {
  private readonly options: PipelineOptions;
  private readonly queue: Queue<{ readonly command: Command; readonly done: (outcome: Outcome) => void }>;
  private readonly entries: Queue<EntryInFlight>;
  private flushAsked = false;
  private stopped = false;

  constructor(options: PipelineOptions) {
    this.options = options;
    this.queue = createQueue();
    this.entries = createQueue();
  }

  submit(command: Command, done: (outcome: Outcome) => void): void {
    if (this.stopped) done({ kind: "unknown" });
    else if (this.queue.size() >= QUEUED_COMMANDS_MAX) done({ kind: "overloaded" });
    else {
      this.queue.push({ command, done });
      this.askFlush();
    }
  }

  /** Calls back when everything decided so far is committed; with false if leadership is lost before. */
  whenSettled(done: (committed: boolean) => void): void {
    const last = this.entries.last();
    if (this.stopped) done(false);
    else if (last === undefined) done(true);
    else last.settled.push(done);
  }

  /** Everything up to this index is committed. */
  onCommitted(index: LogIndex): void {
    for (
      let head = this.entries.first();
      head !== undefined && head.index <= index;
      head = this.entries.first()
    ) {
      this.entries.shift();
      for (const decided of head.released) this.release(decided);
      for (const settled of head.settled) settled(true);
    }
    if (this.queue.size() > 0) this.askFlush();
  }

  /** Leadership is lost: nobody waits any longer. What is in flight may or may not be committed by the next leader. */
  abandon(outcome: Outcome): void {
    this.stopped = true;
    while (this.entries.size() > 0) {
      const entry = this.entries.shift();
      for (const { waiting } of entry.released) waiting.done({ kind: "unknown" });
      for (const settled of entry.settled) settled(false);
    }
    while (this.queue.size() > 0) this.queue.shift().done(outcome);
  }

  private askFlush(): void {
    if (this.flushAsked || this.stopped) return;
    this.flushAsked = true;
    this.options.clock.after(0, () => this.flush());
  }

  private flush(): void {
    this.flushAsked = false;
    while (!this.stopped && this.queue.size() > 0 && this.entries.size() < ENTRIES_IN_FLIGHT_MAX) {
      this.propose(this.decideBatch());
    }
  }

  private decideBatch(): Batch {
    const { replica, clock } = this.options;
    const now = asMillis(Math.max(replica.state().time, clock.wallMs()));
    const context = this.options.context(now);
    const decided: Decided[] = [];
    let events = 0;
    while (this.queue.size() > 0 && events < EVENTS_PER_ENTRY_MAX) {
      const one = this.decideOne(this.queue.shift(), context);
      events += one.events.length;
      decided.push(one);
    }
    return { now, decided };
  }

  private decideOne(item: { command: Command; done: (outcome: Outcome) => void }, context: Context): Decided {
    const { replica } = this.options;
    const decision = decide(replica.state(), item.command, context);
    if (decision.kind === "rejected") {
      return { events: [], effects: [], waiting: { outcome: decision, done: item.done } };
    }
    const effects: Effect[] = [];
    for (const event of decision.events) {
      replica.evolveAhead(event, context.now);
      effects.push(...effectsOf(event, replica.state()));
    }
    if (decision.effects !== undefined) effects.push(...decision.effects);
    const outcome: Outcome = { kind: "done", reply: decision.reply };
    return { events: decision.events, effects, waiting: { outcome, done: item.done } };
  }

  private propose({ now, decided }: Batch): void {
    const events = decided.flatMap((one) => one.events);
    if (events.length === 0) {
      this.releaseWithLast(decided);
      return;
    }
    const payload = encodeEntry({ time: now, events });
    if (payload.length > this.options.entryBytesMax && decided.length > 1) {
      const half = decided.length >> 1;
      this.propose({ now, decided: decided.slice(0, half) });
      this.propose({ now, decided: decided.slice(half) });
      return;
    }
    this.append(payload, events, decided);
  }

  private append(payload: Uint8Array, events: readonly Event[], decided: readonly Decided[]): void {
    const index = this.stopped ? null : this.options.propose(payload);
    if (index === null) {
      this.stopped = true;
      for (const { waiting } of decided) waiting.done({ kind: "unknown" });
      return;
    }
    this.options.replica.markEntry(index);
    this.entries.push({ index, released: [...decided], settled: [] });
    this.options.onProposed(index, events);
  }

  /** What changed nothing may still rest on what is in flight: it is told after that. */
  private releaseWithLast(decided: readonly Decided[]): void {
    const last = this.entries.last();
    if (last === undefined) for (const one of decided) this.release(one);
    else last.released.push(...decided);
  }

  private release(decided: Decided): void {
    for (const effect of decided.effects) this.options.deliver(effect);
    decided.waiting.done(decided.waiting.outcome);
  }
}

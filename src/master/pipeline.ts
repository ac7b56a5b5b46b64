// The leader's way of a command: decide, evolve at once, gather the events of a turn into one entry, propose it, and
// release effects and outcomes when it is committed. Several entries are in flight; everything keeps the order of the
// calls. If leadership is lost, what is in flight is abandoned and the master rebuilds the state. When an entry is
// proposed the state is as of that entry and no further, so that a checkpoint may be taken there.

import { asMillis, type LogIndex, type Millis } from "../kernel/ids.ts";
import type { Clock } from "../kernel/ports.ts";
import { encodeEntry, eventsBytesAtMost } from "../state/codec.ts";
import type { Command, Context } from "../state/commands.ts";
import type { Decision } from "../state/decide.ts";
import type { Effect } from "../state/effects.ts";
import { effectsOf } from "../state/effects-of.ts";
import type { Event } from "../state/events.ts";
import type { ClusterState } from "../state/model.ts";
import { packedBytesAtMost } from "../state/packed-size.ts";
import {
  ENTRIES_IN_FLIGHT_MAX,
  EVENTS_IN_FLIGHT_MAX,
  EVENTS_PER_ENTRY_MAX,
  LOG_RETRY_MS,
  QUEUED_COMMANDS_MAX,
} from "./limits.ts";
import { createQueue, type Queue } from "./queue.ts";
import type { Replica } from "./replica.ts";
import type { Outcome } from "./types.ts";

export interface PipelineOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  /** Largest payload that `propose` takes. */
  readonly entryBytesMax: number;
  /** Payloads proposed and not yet committed; from here on commands wait. `propose` must take one more at this point. */
  readonly bytesInFlightMax: number;
  context(now: Millis): Context;
  decide(state: ClusterState, command: Command, context: Context): Decision;
  /** Whether `propose` would take an entry now; not while leadership is handed over. Commands wait until it does. */
  accepts(): boolean;
  /** Appends to the log; null if that is impossible: the pipeline stops there, with the state ahead of the log. */
  propose(payload: Uint8Array): LogIndex | null;
  /** After each proposed entry, with the state as of that entry: a chance to take a checkpoint. */
  onProposed(index: LogIndex, events: readonly Event[]): void;
  deliver(effect: Effect): void;
  /** It has stopped by itself: an assertion failed or `propose` gave null. The state must not be used any more. */
  onFailure(error: unknown): void;
}

interface Submitted {
  readonly command: Command;
  readonly done: (outcome: Outcome) => void;
}

/** What one command led to. */
interface Decided {
  readonly events: readonly Event[];
  readonly effects: readonly Effect[];
  readonly outcome: Outcome;
  readonly done: (outcome: Outcome) => void;
}

interface Batch {
  readonly now: Millis;
  readonly decided: readonly Decided[];
}

interface EntryInFlight {
  readonly index: LogIndex;
  readonly bytes: number;
  readonly events: number;
  readonly released: Decided[];
  readonly settled: ((committed: boolean) => void)[];
}

export class Pipeline {
  private readonly options: PipelineOptions;
  private readonly queue: Queue<Submitted> = createQueue();
  private readonly entries: Queue<EntryInFlight> = createQueue();
  private bytesInFlight = 0;
  private eventsInFlight = 0;
  private flushAsked = false;
  private stopped = false;

  constructor(options: PipelineOptions) {
    this.options = options;
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
      this.bytesInFlight -= head.bytes;
      this.eventsInFlight -= head.events;
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
      for (const { done } of entry.released) done({ kind: "unknown" });
      for (const settled of entry.settled) settled(false);
    }
    while (this.queue.size() > 0) this.queue.shift().done(outcome);
  }

  private askFlush(delayMs = 0): void {
    if (this.flushAsked || this.stopped) return;
    this.flushAsked = true;
    this.options.clock.after(delayMs, () => this.flush());
  }

  /** One entry in a turn: between two of them heartbeats leave and answers are read, however much is queued. */
  private flush(): void {
    this.flushAsked = false;
    if (!this.mayDecide()) return;
    if (!this.options.accepts()) {
      this.askFlush(LOG_RETRY_MS);
      return;
    }
    try {
      this.propose(this.decideBatch());
    } catch (error) {
      this.fail(error);
    }
    if (this.mayDecide()) this.askFlush();
  }

  private mayDecide(): boolean {
    return (
      !this.stopped &&
      this.queue.size() > 0 &&
      this.entries.size() < ENTRIES_IN_FLIGHT_MAX &&
      this.eventsInFlight < EVENTS_IN_FLIGHT_MAX &&
      this.bytesInFlight < this.options.bytesInFlightMax
    );
  }

  /**
   * Ends before a command whose events would not fit into the entry; that one is decided anew for the next. Ends after a
   * part of a command; the rest of it comes first in the next.
   */
  private decideBatch(): Batch {
    const { replica, clock, entryBytesMax } = this.options;
    const now = asMillis(Math.max(replica.state().time, clock.wallMs()));
    const context = this.options.context(now);
    const decided: Decided[] = [];
    let events = 0;
    let bytes = packedBytesAtMost({ time: now, events: [] });
    for (
      let next = this.queue.first();
      next !== undefined && events < EVENTS_PER_ENTRY_MAX;
      next = this.queue.first()
    ) {
      const decision = this.options.decide(replica.state(), next.command, context);
      const needed = decision.kind === "accepted" ? eventsBytesAtMost(decision.events) : 0;
      if (decided.length > 0 && bytes + needed > entryBytesMax) break;
      this.queue.shift();
      const rest = decision.kind === "accepted" ? decision.next : undefined;
      const done = rest === undefined ? next.done : onPart(next.done);
      const one = this.carryOut({ ...next, done }, decision, bytes + needed, now);
      events += one.events.length;
      bytes += needed;
      decided.push(one);
      if (rest === undefined) continue;
      if (one.outcome.kind === "done") this.queue.unshift({ command: rest, done: onRest(next.done) });
      break;
    }
    return { now, decided };
  }

  private carryOut({ done }: Submitted, decision: Decision, bytesAtMost: number, now: Millis): Decided {
    if (decision.kind === "rejected") return { events: [], effects: [], outcome: decision, done };
    if (bytesAtMost > this.options.entryBytesMax && this.isTooLarge(decision.events, now)) {
      return { events: [], effects: [], outcome: { kind: "overloaded" }, done };
    }
    const { replica } = this.options;
    const effects: Effect[] = [];
    for (const event of decision.events) {
      replica.evolveAhead(event, now);
      effects.push(...effectsOf(event, replica.state()));
    }
    effects.push(...decision.effects);
    return { events: decision.events, effects, outcome: { kind: "done", reply: decision.reply }, done };
  }

  private isTooLarge(events: readonly Event[], time: Millis): boolean {
    return encodeEntry({ time, events }).length > this.options.entryBytesMax;
  }

  private propose({ now, decided }: Batch): void {
    const events = decided.flatMap((one) => one.events);
    if (events.length === 0) {
      this.releaseWithLast(decided);
      return;
    }
    const payload = encodeEntry({ time: now, events });
    const index = this.options.propose(payload);
    if (index === null) {
      for (const { done } of decided) done({ kind: "unknown" });
      this.fail(new Error("the log takes no entry though this member leads"));
      return;
    }
    this.options.replica.markEntry(index, payload.length);
    this.entries.push({
      index,
      bytes: payload.length,
      events: events.length,
      released: [...decided],
      settled: [],
    });
    this.bytesInFlight += payload.length;
    this.eventsInFlight += events.length;
    this.options.onProposed(index, events);
  }

  /** What changed nothing may still rest on what is in flight: it is told after that. */
  private releaseWithLast(decided: readonly Decided[]): void {
    const last = this.entries.last();
    if (last === undefined) for (const one of decided) this.release(one);
    else last.released.push(...decided);
  }

  private release({ effects, outcome, done }: Decided): void {
    for (const effect of effects) this.options.deliver(effect);
    done(outcome);
  }

  private fail(error: unknown): void {
    this.stopped = true;
    this.options.onFailure(error);
  }
}

/** Only the last part says that all is done; if leadership is lost, that is told for the rest, which waits. */
function onPart(done: Submitted["done"]): Submitted["done"] {
  return (outcome) => {
    if (outcome.kind === "overloaded") done(outcome);
  };
}

/** A part is in the log already. */
function onRest(done: Submitted["done"]): Submitted["done"] {
  return (outcome) => done(outcome.kind === "not-leader" ? { kind: "unknown" } : outcome);
}

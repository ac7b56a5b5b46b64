// The operator's event streams (MO12). Each event is encoded once per format, whoever listens. A subscriber gets the
// state first; what happens until that state is confirmed is held back and follows it, so that nothing is missed. What
// the state shows already may come once more.
import { messageTypes } from "../../contract/message-types.ts";
import type { MasterEvent } from "../../contract/types.ts";
import type { Timer } from "../../kernel/ports.ts";
import type { OperatorEvent } from "../../state/effects.ts";
import type { ApiContext } from "../context.ts";
import type { EventStream } from "../http/event-stream.ts";
import { CONTENT_TYPES, encodeAsRecord, type Format } from "../http/formats.ts";
import { HEARTBEAT_INTERVAL_MS, OPERATOR_EVENTS_HELD_MAX } from "../limits.ts";
import { masterEvent } from "./events.ts";

export interface Subscriber {
  readonly stream: EventStream;
  readonly format: Format;
  /** Records that wait for the first one; null once that is sent. */
  held: Uint8Array[] | null;
  heartbeat: Timer | null;
}

export class OperatorStreams {
  private readonly context: ApiContext;
  /** Oldest first. */
  private readonly subscribers = new Set<Subscriber>();

  constructor(context: ApiContext) {
    this.context = context;
  }

  get count(): number {
    return this.subscribers.size;
  }

  /** From now on events are held for it. One too many closes the oldest. */
  add(subscriber: Subscriber): void {
    if (this.subscribers.size >= this.context.limits.operatorStreamsMax) {
      const [oldest] = this.subscribers;
      if (oldest !== undefined) this.end(oldest);
    }
    this.subscribers.add(subscriber);
  }

  /** The state is confirmed: sends it, a HEARTBEAT, and what was held. */
  begin(subscriber: Subscriber, first: Uint8Array): void {
    const { held, stream, format } = subscriber;
    if (!this.subscribers.has(subscriber)) stream.drop("ended before it began");
    if (held === null || stream.isClosed) return;
    subscriber.held = null;
    stream.open(["Content-Type", CONTENT_TYPES[format]], this.context.date(), first);
    this.beat(subscriber);
    for (const record of held) stream.send(record);
  }

  /** The stream has closed, whoever closed it. */
  remove(subscriber: Subscriber): void {
    subscriber.heartbeat?.cancel();
    this.subscribers.delete(subscriber);
  }

  deliver(event: OperatorEvent): void {
    if (this.subscribers.size === 0) return;
    const message = masterEvent(event, this.context.master.state());
    if (message === null) return;
    const records: { [format in Format]?: Uint8Array } = {};
    for (const subscriber of [...this.subscribers]) {
      records[subscriber.format] ??= encodeAsRecord(messageTypes.MasterEvent, subscriber.format, message);
      const record = records[subscriber.format];
      if (record !== undefined) this.send(subscriber, record);
    }
  }

  endAll(): void {
    for (const subscriber of [...this.subscribers]) this.end(subscriber);
  }

  private send(subscriber: Subscriber, record: Uint8Array): void {
    if (subscriber.held === null) subscriber.stream.send(record);
    else if (subscriber.held.length < OPERATOR_EVENTS_HELD_MAX) subscriber.held.push(record);
    else subscriber.stream.drop("too many events before the state was confirmed");
  }

  /** One HEARTBEAT at once, then one in every interval. */
  private beat(subscriber: Subscriber): void {
    if (!this.subscribers.has(subscriber)) return;
    const heartbeat: MasterEvent = { type: "HEARTBEAT" };
    subscriber.stream.send(encodeAsRecord(messageTypes.MasterEvent, subscriber.format, heartbeat));
    subscriber.heartbeat = this.context.clock.after(HEARTBEAT_INTERVAL_MS, () => this.beat(subscriber));
  }

  /** One that has not begun is answered by whoever was about to begin it. */
  private end(subscriber: Subscriber): void {
    this.remove(subscriber);
    if (subscriber.held === null) subscriber.stream.end();
  }
}

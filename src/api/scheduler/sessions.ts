// The streams of frameworks: a SUBSCRIBE waits here under its stream id until the effect of its commit binds it; from
// then on the framework's events go to it. A stream that breaks is told to the cluster, one that the cluster ends is not.
import { messageTypes } from "../../contract/message-types.ts";
import type { SchedulerEvent } from "../../contract/types.ts";
import type { FrameworkId, StreamId } from "../../kernel/ids.ts";
import type { Timer } from "../../kernel/ports.ts";
import type { FrameworkEvent } from "../../state/effects.ts";
import { masterInfo } from "../advertised.ts";
import type { ApiContext } from "../context.ts";
import type { EventStream, RecordSource } from "../http/event-stream.ts";
import { CONTENT_TYPES, encodeAsRecord, type Format } from "../http/formats.ts";
import { FRAMEWORK_STREAMS_MAX, HEARTBEAT_INTERVAL_MS } from "../limits.ts";
import { errorEvent, HEARTBEAT, schedulerEvent, subscribedEvent } from "./events.ts";
import { updateRecord } from "./update-record.ts";

/** One subscription. */
export interface Subscription {
  readonly streamId: StreamId;
  readonly stream: EventStream;
  readonly format: Format;
  /** Whether the framework has RESERVATION_REFINEMENT. */
  readonly refined: boolean;
}

interface Bound extends Subscription {
  readonly frameworkId: FrameworkId;
  heartbeat: Timer | null;
}

export class FrameworkSessions {
  private readonly context: ApiContext;
  private readonly waiting = new Map<StreamId, Subscription>();
  private readonly byStream = new Map<StreamId, Bound>();
  private readonly byFramework = new Map<FrameworkId, Bound>();

  constructor(context: ApiContext) {
    this.context = context;
  }

  get isFull(): boolean {
    return this.waiting.size + this.byStream.size >= FRAMEWORK_STREAMS_MAX;
  }

  /** Before its command is submitted: the effect may come before the outcome. */
  expect(subscription: Subscription): void {
    this.waiting.set(subscription.streamId, subscription);
  }

  /** The subscription is not to be: it was refused, or its client has gone. */
  forget(streamId: StreamId): void {
    this.waiting.delete(streamId);
  }

  /** Answers a subscription that is refused: a stream with one ERROR (section h). */
  refuse(subscription: Subscription, message: string): void {
    this.forget(subscription.streamId);
    this.open(subscription, errorEvent(message));
    subscription.stream.end();
  }

  deliver(frameworkId: FrameworkId, event: FrameworkEvent): void {
    if (event.kind === "subscribed") {
      this.bind(frameworkId, event.streamId);
      return;
    }
    const bound = this.byFramework.get(frameworkId);
    if (bound === undefined || bound.stream.isClosed) return;
    const record = recordAsIs(event, bound.format);
    if (record === null) this.sendTo(bound, schedulerEvent(event, bound.refined));
    else bound.stream.send(record);
  }

  /** The cluster ends a stream, with an ERROR event first if there is a message. */
  endStream(streamId: StreamId, error: string | null): void {
    const bound = this.byStream.get(streamId);
    if (bound === undefined) return;
    if (error !== null) this.sendTo(bound, errorEvent(error));
    this.unbind(bound);
    bound.stream.end();
  }

  /** The stream of a subscription has closed, whoever closed it. */
  closed(streamId: StreamId, reason: string): void {
    this.forget(streamId);
    const bound = this.byStream.get(streamId);
    if (bound === undefined) return;
    this.unbind(bound);
    this.context.tracer.info("framework stream closed", { frameworkId: bound.frameworkId, streamId, reason });
    this.reportGone(bound.frameworkId, streamId);
  }

  /** Every bound stream ends; the cluster knows why. Those that wait are answered by their outcome. */
  endAll(): void {
    for (const bound of [...this.byStream.values()]) {
      this.unbind(bound);
      bound.stream.end();
    }
  }

  /** Nothing is answered any more. */
  dropWaiting(): void {
    for (const { stream } of [...this.waiting.values()]) stream.drop("shutting down");
    this.waiting.clear();
  }

  private bind(frameworkId: FrameworkId, streamId: StreamId): void {
    const subscription = this.waiting.get(streamId);
    this.waiting.delete(streamId);
    if (subscription === undefined || subscription.stream.isClosed) {
      this.reportGone(frameworkId, streamId);
      return;
    }
    const bound: Bound = { ...subscription, frameworkId, heartbeat: null };
    this.byStream.set(streamId, bound);
    this.byFramework.set(frameworkId, bound);
    this.open(subscription, subscribedEvent(frameworkId, masterInfo(this.context.advertised())));
    this.beat(bound);
  }

  private open({ stream, streamId, format }: Subscription, first: SchedulerEvent): void {
    const headers = ["Mesos-Stream-Id", streamId, "Content-Type", CONTENT_TYPES[format]];
    stream.open(headers, this.context.date(), encodeAsRecord(messageTypes.SchedulerEvent, format, first));
  }

  private sendTo(bound: Bound, event: SchedulerEvent): void {
    if (bound.stream.isClosed) return;
    bound.stream.send(encodeAsRecord(messageTypes.SchedulerEvent, bound.format, event));
  }

  /** One HEARTBEAT at once, then one in every interval (SC32). */
  private beat(bound: Bound): void {
    if (this.byStream.get(bound.streamId) !== bound) return;
    this.sendTo(bound, HEARTBEAT);
    bound.heartbeat = this.context.clock.after(HEARTBEAT_INTERVAL_MS, () => this.beat(bound));
  }

  private unbind(bound: Bound): void {
    bound.heartbeat?.cancel();
    this.byStream.delete(bound.streamId);
    if (this.byFramework.get(bound.frameworkId) === bound) this.byFramework.delete(bound.frameworkId);
  }

  private reportGone(frameworkId: FrameworkId, streamId: StreamId): void {
    void this.context.master.submit({ kind: "disconnect-framework", frameworkId, streamId });
  }
}

/** An update whose bytes can be passed on as they came; null for any other event. */
function recordAsIs(event: FrameworkEvent, format: Format): RecordSource | null {
  if (event.kind !== "update" || event.before !== undefined || format !== "protobuf") return null;
  return updateRecord(event.status);
}

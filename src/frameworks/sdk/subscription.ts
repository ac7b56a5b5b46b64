// Keeps one subscription alive: finds the leader, subscribes, reads events, notices silence and broken streams, backs
// off and begins again under the same framework id. What the events mean is the framework's business.
import type { IncomingMessage } from "node:http";
import { decodeJson, encodeJson } from "../../contract/codec.ts";
import { messageTypes } from "../../contract/message-types.ts";
import { RecordDecoder } from "../../contract/record-io.ts";
import type {
  FrameworkInfo,
  SchedulerCall,
  SchedulerCallSubscribe,
  SchedulerEvent,
} from "../../contract/types.ts";
import { FrameworkError } from "./errors.ts";
import { createCallAgent, post, textOf } from "./http.ts";
import {
  BACKOFF_FACTOR,
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  EVENT_BYTES_MAX,
  HEARTBEATS_MISSED_MAX,
  REDIRECTS_MAX,
} from "./limits.ts";

/** What a framework says of itself when it subscribes. */
export interface SubscriptionTerms {
  readonly info: FrameworkInfo;
  readonly suppressedRoles: readonly string[];
  readonly offerConstraints: Pick<SchedulerCallSubscribe, "offer_constraints">;
}

export interface SubscriptionOptions {
  /** `host:port` of any or all masters. */
  readonly masters: readonly string[];
  /** Of an earlier run. */
  readonly frameworkId: string | undefined;
  /** Asked at each subscription. */
  readonly terms: () => SubscriptionTerms;
  readonly onEvent: (event: SchedulerEvent) => void;
  /** The stream broke; a new attempt follows by itself. */
  readonly onBroken: (reason: string) => void;
  /** The master refuses this framework for good. */
  readonly onFatal: (error: FrameworkError) => void;
}

interface Stream {
  readonly master: string;
  readonly streamId: string;
  readonly response: IncomingMessage;
}

const JSON_HEADERS = { "Content-Type": "application/json", Accept: "application/json" };

export class Subscription {
  private readonly options: SubscriptionOptions;
  private readonly callAgent = createCallAgent();
  private readonly subscribing = new AbortController();
  private frameworkId: string | undefined;
  private stream: Stream | null = null;
  private subscribed = false;
  private nextMaster = 0;
  /** Attempts that failed since the last subscription. */
  private failures = 0;
  private retry: NodeJS.Timeout | undefined;
  private silence: NodeJS.Timeout | undefined;
  private silenceMs = 45_000;
  private stopped = false;

  constructor(options: SubscriptionOptions) {
    this.options = options;
    this.frameworkId = options.frameworkId;
  }

  /** `host:port` of the leader that serves the stream, while there is one. */
  master(): string | undefined {
    return this.stream?.master;
  }

  start(): void {
    void this.attempt(undefined, 0);
  }

  stop(): void {
    this.stopped = true;
    this.subscribing.abort();
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.stream?.response.destroy();
    this.stream = null;
    this.callAgent.destroy();
  }

  /** @throws FrameworkError; after "connection-lost" the call may have taken effect */
  async call(call: Omit<SchedulerCall, "framework_id">): Promise<void> {
    const stream = this.stream;
    if (this.stopped) throw new FrameworkError("stopped", "the framework has been stopped");
    if (stream === null || !this.subscribed || this.frameworkId === undefined) {
      throw new FrameworkError("not-connected", "there is no subscription at the moment");
    }
    const body = encodeJson(messageTypes.SchedulerCall, {
      ...call,
      framework_id: { value: this.frameworkId },
    });
    const headers = { ...JSON_HEADERS, "Mesos-Stream-Id": stream.streamId };
    try {
      const answer = await post(stream.master, body, headers, { agent: this.callAgent });
      judge(answer.status, await textOf(answer.response));
    } catch (error) {
      // With a new subscription a call that is still on its way is refused, so that what is asked afterwards is certain.
      if (error instanceof FrameworkError && error.code !== "refused") this.broken(stream, error.message);
      throw error;
    }
  }

  private async attempt(leader: string | undefined, redirects: number): Promise<void> {
    if (this.stopped) return;
    const master =
      leader ?? this.options.masters[this.nextMaster++ % this.options.masters.length] ?? "127.0.0.1:5050";
    try {
      const { signal } = this.subscribing;
      const answer = await post(master, this.subscribeBody(), JSON_HEADERS, { signal });
      if (answer.status === 200 && answer.streamId !== undefined) {
        this.follow({ master, streamId: answer.streamId, response: answer.response });
      } else if (answer.status === 200) {
        answer.response.destroy();
        this.later();
      } else await this.refused(answer.status, answer.leader, await textOf(answer.response), redirects);
    } catch {
      this.later();
    }
  }

  private async refused(
    status: number,
    leader: string | undefined,
    text: string,
    redirects: number,
  ): Promise<void> {
    if (this.stopped) return;
    if (status === 307 && leader !== undefined && redirects < REDIRECTS_MAX)
      await this.attempt(leader, redirects + 1);
    else if (status >= 400 && status < 500) {
      this.stop();
      this.options.onFatal(new FrameworkError("refused", text, status));
    } else this.later();
  }

  private subscribeBody(): string {
    const id = this.frameworkId === undefined ? {} : { id: { value: this.frameworkId } };
    const { info, suppressedRoles, offerConstraints } = this.options.terms();
    const subscribe = {
      framework_info: { ...info, ...id },
      suppressed_roles: suppressedRoles,
      ...offerConstraints,
    };
    const framework = this.frameworkId === undefined ? {} : { framework_id: { value: this.frameworkId } };
    return encodeJson(messageTypes.SchedulerCall, { type: "SUBSCRIBE", ...framework, subscribe });
  }

  private follow(stream: Stream): void {
    if (this.stopped) {
      stream.response.destroy();
      return;
    }
    this.stream = stream;
    const decoder = new RecordDecoder(EVENT_BYTES_MAX);
    this.heard(stream);
    stream.response.on("data", (bytes: Buffer) => {
      const records = decoder.push(bytes);
      if (!records.ok) this.broken(stream, records.error);
      else for (const record of records.value) this.take(stream, record);
    });
    stream.response.once("close", () => this.broken(stream, "the master closed the stream"));
    stream.response.once("error", (error: Error) => this.broken(stream, error.message));
  }

  private take(stream: Stream, record: Uint8Array): void {
    if (this.stream !== stream) return;
    const event = decodeJson(messageTypes.SchedulerEvent, Buffer.from(record).toString("utf8"));
    if (!event.ok) {
      this.broken(stream, `an event that is no event: ${event.error}`);
      return;
    }
    if (event.value.subscribed !== undefined) this.onSubscribed(event.value.subscribed);
    this.heard(stream);
    if (event.value.error === undefined) this.options.onEvent(event.value);
    else {
      this.stop();
      this.options.onFatal(new FrameworkError("fatal", event.value.error.message));
    }
  }

  private onSubscribed(subscribed: NonNullable<SchedulerEvent["subscribed"]>): void {
    this.frameworkId = subscribed.framework_id.value;
    this.subscribed = true;
    this.failures = 0;
    if (subscribed.heartbeat_interval_seconds !== undefined) {
      this.silenceMs = subscribed.heartbeat_interval_seconds * 1000 * HEARTBEATS_MISSED_MAX;
    }
  }

  private heard(stream: Stream): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.broken(stream, "no heartbeat"), this.silenceMs);
  }

  private broken(stream: Stream, reason: string): void {
    if (this.stream !== stream) return;
    this.stream = null;
    this.subscribed = false;
    clearTimeout(this.silence);
    stream.response.destroy();
    if (this.stopped) return;
    this.options.onBroken(reason);
    this.later();
  }

  /** Waits grow with every round through the masters, not with every master: a new leader is to be found soon. */
  private later(): void {
    if (this.stopped) return;
    const round = Math.floor(this.failures++ / Math.max(1, this.options.masters.length));
    const longest = Math.min(BACKOFF_MS_MIN * BACKOFF_FACTOR ** round, BACKOFF_MS_MAX);
    const wait = longest * (0.5 + Math.random() / 2);
    this.retry = setTimeout(() => void this.attempt(undefined, 0), wait);
  }
}

/** @throws FrameworkError unless the call was taken */
function judge(status: number, text: string): void {
  if (status === 202 || status === 200) return;
  const message = `the master answered ${status} ${text}`;
  if (status === 307 || isOfOldStream(status, text)) {
    throw new FrameworkError("not-connected", message, status);
  }
  if ((status >= 400 && status < 500) || status === 501) throw new FrameworkError("refused", text, status);
  throw new FrameworkError("connection-lost", message, status);
}

/** The master knows a newer subscription of this framework, or none (section h): the stream is over, its end not here yet. */
function isOfOldStream(status: number, text: string): boolean {
  return status === 403 || (status === 400 && text.includes("didn't match the stream ID"));
}

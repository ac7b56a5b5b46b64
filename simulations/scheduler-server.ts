// The frameworks' side of a simulated master: what src/api does over HTTP, over frames. The checks, the conversions and
// the encodings are the api's own; only streams and requests are replaced.
import { pack, unpack } from "msgpackr";
import { masterInfo } from "../src/api/advertised.ts";
import type { ApiContext } from "../src/api/context.ts";
import { newStreamId } from "../src/api/context.ts";
import { frameworkSpec, problemOfFramework, problemOfSuppressed } from "../src/api/convert/frameworks.ts";
import { commandOf } from "../src/api/scheduler/commands.ts";
import { errorEvent, schedulerEvent, subscribedEvent } from "../src/api/scheduler/events.ts";
import { problemOfCall } from "../src/api/scheduler/validate.ts";
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../src/contract/codec.ts";
import { messageTypes } from "../src/contract/message-types.ts";
import type { SchedulerCall, SchedulerEvent } from "../src/contract/types.ts";
import { asId, type FrameworkId, type MemberId, type StreamId } from "../src/kernel/ids.ts";
import type { Connection, ConnectionHandler } from "../src/kernel/ports.ts";
import type { Outcome } from "../src/master/types.ts";
import type { FrameworkEvent } from "../src/state/effects.ts";

export type Encoding = "json" | "protobuf";

/** From a framework: the number of the call, the stream it belongs to (null for SUBSCRIBE), the body. */
export type CallFrame = readonly [call: number, stream: string | null, encoding: Encoding, body: Uint8Array];
/** To a framework: an event on its stream, or the answer to a call. A 307 has the leader's name, or "", as text. */
export type AnswerFrame =
  | readonly [kind: "event", stream: string, body: Uint8Array]
  | readonly [kind: "answer", call: number, status: number, text: string];

interface Stream {
  readonly id: StreamId;
  readonly connection: Connection;
  readonly encoding: Encoding;
  /** The framework that it is bound to; null until its subscription is committed. */
  frameworkId: FrameworkId | null;
  isClosed: boolean;
}

export class SchedulerServer {
  readonly #context: ApiContext;
  readonly #waiting = new Map<StreamId, Stream>();
  readonly #byStream = new Map<StreamId, Stream>();
  readonly #byFramework = new Map<FrameworkId, Stream>();

  constructor(context: ApiContext) {
    this.#context = context;
  }

  accept(connection: Connection): ConnectionHandler {
    const streams: Stream[] = [];
    return {
      onFrame: (frame) => void this.#receive(connection, streams, frame),
      onClose: () => {
        for (const stream of streams) this.#closed(stream);
      },
    };
  }

  deliver(frameworkId: FrameworkId, event: FrameworkEvent): void {
    if (event.kind === "subscribed") {
      this.#bind(frameworkId, event.streamId);
      return;
    }
    const stream = this.#byFramework.get(frameworkId);
    if (stream !== undefined) send(stream, schedulerEvent(event, false));
  }

  endStream(streamId: StreamId, error: string | null): void {
    const stream = this.#byStream.get(streamId);
    if (stream === undefined) return;
    if (error !== null) send(stream, errorEvent(error));
    this.#end(stream);
  }

  endAll(): void {
    for (const stream of [...this.#byStream.values()]) this.#end(stream);
  }

  async #receive(connection: Connection, streams: Stream[], frame: Uint8Array): Promise<void> {
    const [number, streamId, encoding, body] = unpack(frame) as CallFrame;
    const reply = (status: number, text = ""): void => sendTo(connection, ["answer", number, status, text]);
    if (!this.#context.isLeading()) return reply(...this.#elsewhere());
    const decoded = decode(encoding, body);
    if (!decoded.ok) return reply(400, decoded.error);
    const problem = problemOfCall(decoded.value);
    if (problem !== null) return reply(400, problem);
    if (decoded.value.type !== "SUBSCRIBE") return reply(...(await this.#carryOut(decoded.value, streamId)));
    const stream = this.#newStream(connection, encoding);
    streams.push(stream);
    const refusal = await this.#subscribe(decoded.value, stream);
    if (refusal !== null) reply(...refusal);
  }

  #newStream(connection: Connection, encoding: Encoding): Stream {
    const id = newStreamId(this.#context);
    return { id, connection, encoding, frameworkId: null, isClosed: false };
  }

  async #carryOut(call: SchedulerCall, streamId: string | null): Promise<readonly [number, string]> {
    const frameworkId = asId<FrameworkId>(call.framework_id?.value ?? "");
    const state = this.#context.master.state();
    const framework = state.frameworks.get(frameworkId);
    if (framework === undefined) return [400, "Framework cannot be found"];
    if (framework.connection.kind !== "connected") return [403, "Framework is not subscribed"];
    if (framework.connection.streamId !== streamId) return [400, "The stream ID is another"];
    const command = commandOf(call, frameworkId, state);
    if (command === null) return [202, ""];
    return this.#statusOf(await this.#context.master.submit(command));
  }

  async #subscribe(call: SchedulerCall, stream: Stream): Promise<readonly [number, string] | null> {
    const { subscribe, framework_id } = call;
    if (subscribe === undefined) return [400, "Expecting 'subscribe' to be present"];
    const info = subscribe.framework_info;
    const suppressed = subscribe.suppressed_roles ?? [];
    const problem = problemOfFramework(info) ?? problemOfSuppressed(suppressed, info);
    if (problem !== null) return [400, problem];
    this.#waiting.set(stream.id, stream);
    const id = framework_id?.value ?? "";
    const outcome = await this.#context.master.submit({
      kind: "subscribe",
      frameworkId: id === "" ? null : asId<FrameworkId>(id),
      spec: frameworkSpec(info),
      suppressedRoles: suppressed.map((role) => asId(role)),
      streamId: stream.id,
    });
    if (outcome.kind === "done") return null;
    this.#waiting.delete(stream.id);
    return this.#statusOf(outcome);
  }

  #statusOf(outcome: Outcome): readonly [number, string] {
    switch (outcome.kind) {
      case "done":
        return [202, ""];
      case "rejected":
        return [outcome.rejection.code === "framework-not-connected" ? 403 : 400, outcome.rejection.message];
      case "not-leader":
        return [307, this.#addressOf(outcome.leader)];
      case "overloaded":
      case "unknown":
        return [503, outcome.kind];
    }
  }

  #elsewhere(): readonly [number, string] {
    const { role, leader, self } = this.#context.master.status();
    if (role === "leader") return [503, "Master has not finished recovery"];
    return [307, this.#addressOf(leader === self ? null : leader)];
  }

  #addressOf(leader: MemberId | null): string {
    return leader ?? "";
  }

  #bind(frameworkId: FrameworkId, streamId: StreamId): void {
    const stream = this.#waiting.get(streamId);
    this.#waiting.delete(streamId);
    if (stream === undefined || stream.isClosed) {
      this.#reportGone(frameworkId, streamId);
      return;
    }
    stream.frameworkId = frameworkId;
    this.#byStream.set(streamId, stream);
    this.#byFramework.set(frameworkId, stream);
    send(stream, subscribedEvent(frameworkId, masterInfo(this.#context.advertised())));
  }

  #end(stream: Stream): void {
    this.#unbind(stream);
    stream.isClosed = true;
    stream.connection.close();
  }

  #closed(stream: Stream): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    this.#waiting.delete(stream.id);
    const { frameworkId } = stream;
    if (frameworkId === null) return;
    this.#unbind(stream);
    this.#reportGone(frameworkId, stream.id);
  }

  #unbind(stream: Stream): void {
    this.#byStream.delete(stream.id);
    const { frameworkId } = stream;
    if (frameworkId !== null && this.#byFramework.get(frameworkId) === stream) {
      this.#byFramework.delete(frameworkId);
    }
  }

  #reportGone(frameworkId: FrameworkId, streamId: StreamId): void {
    void this.#context.master.submit({ kind: "disconnect-framework", frameworkId, streamId });
  }
}

function decode(encoding: Encoding, body: Uint8Array): ReturnType<typeof decodeProtobuf<SchedulerCall>> {
  if (encoding === "protobuf") return decodeProtobuf(messageTypes.SchedulerCall, body);
  return decodeJson(messageTypes.SchedulerCall, new TextDecoder().decode(body));
}

function send(stream: Stream, event: SchedulerEvent): void {
  const type = messageTypes.SchedulerEvent;
  const body =
    stream.encoding === "protobuf"
      ? encodeProtobuf(type, event)
      : new TextEncoder().encode(encodeJson(type, event));
  sendTo(stream.connection, ["event", stream.id, body]);
}

function sendTo(connection: Connection, frame: AnswerFrame): void {
  connection.send(pack(frame));
}

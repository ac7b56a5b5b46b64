// A plain HTTP client that shows what came over the wire, and reads streams record by record.
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { RecordDecoder } from "../../../../src/contract/record-io.ts";

export interface Answer {
  readonly status: number;
  /** Names as sent, in their order. */
  readonly headerNames: readonly string[];
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export function ask(port: number, asked: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = open(port, asked);
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve(answerOf(response, Buffer.concat(chunks))));
    });
  });
}

/** POST of JSON to a v1 endpoint. */
export function call(
  port: number,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  return ask(port, {
    method: "POST",
    path,
    headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

function open(port: number, { method = "GET", path = "/", headers = {}, body }: Asked): ClientRequest {
  const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const sent = request({
    host: "127.0.0.1",
    port,
    method,
    path,
    headers: { ...headers, ...length },
    agent: false,
  });
  sent.end(body);
  return sent;
}

function answerOf(response: IncomingMessage, body: Buffer): Answer {
  return {
    status: response.statusCode ?? 0,
    headerNames: response.rawHeaders.filter((_, index) => index % 2 === 0),
    headers: response.headers as Readonly<Record<string, string | undefined>>,
    body,
    text: body.toString("utf8"),
  };
}

/** A subscription: its head, and its records as they come. */
export class RecordStream {
  readonly answer: Answer;
  readonly chunkSizes: number[] = [];
  readonly records: Buffer[] = [];
  /** Set when the response has ended or broken. */
  ended: "in order" | "broken" | null = null;
  private readonly response: IncomingMessage;
  private readonly sent: ClientRequest;
  private waiters: (() => void)[] = [];
  private taken = 0;

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.sent = sent;
    this.response = response;
    this.answer = answerOf(response, Buffer.alloc(0));
    const decoder = new RecordDecoder();
    response.on("data", (chunk: Buffer) => {
      this.chunkSizes.push(chunk.byteLength);
      if (this.answer.status !== 200) return;
      const decoded = decoder.push(chunk);
      if (!decoded.ok) throw new Error(decoded.error);
      this.records.push(...decoded.value.map((record) => Buffer.from(record)));
      this.wake();
    });
    response.on("end", () => this.finish("in order"));
    response.on("close", () => this.finish("broken"));
    response.on("error", () => this.finish("broken"));
  }

  static open(port: number, asked: Asked): Promise<RecordStream> {
    return new Promise((resolve, reject) => {
      const sent = open(port, asked);
      sent.on("error", reject);
      sent.on("response", (response) => resolve(new RecordStream(sent, response)));
    });
  }

  /** The next record; null once the stream has ended. */
  async nextRecord(): Promise<Buffer | null> {
    while (this.taken >= this.records.length && this.ended === null) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    return this.records[this.taken++] ?? null;
  }

  async next(): Promise<Json> {
    const record = await this.nextRecord();
    if (record === null) throw new Error("the stream has ended");
    return JSON.parse(record.toString("utf8"));
  }

  /** The next event of the type; those before it are passed over. */
  async nextOf(type: string): Promise<Json> {
    for (;;) {
      const event = await this.next();
      if (event.type === type) return event;
    }
  }

  async untilEnd(): Promise<"in order" | "broken"> {
    while (this.ended === null) await new Promise<void>((resolve) => this.waiters.push(resolve));
    return this.ended;
  }

  streamId(): string {
    return this.answer.headers["mesos-stream-id"] ?? "";
  }

  /** Stops reading without closing. */
  pause(): void {
    this.response.pause();
  }

  close(): void {
    this.sent.destroy();
  }

  private finish(how: "in order" | "broken"): void {
    this.ended ??= how;
    this.wake();
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: parsed JSON, looked into by tests.
export type Json = any;

export function subscribe(
  port: number,
  frameworkInfo: unknown,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<RecordStream> {
  return RecordStream.open(port, {
    method: "POST",
    path: "/api/v1/scheduler",
    headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
    body: JSON.stringify({ type: "SUBSCRIBE", subscribe: { framework_info: frameworkInfo }, ...more }),
  });
}

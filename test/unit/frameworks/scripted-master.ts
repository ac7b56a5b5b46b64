// A master over real sockets that says what the test tells it to say, and keeps the calls that it was sent.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { SchedulerCall, SchedulerEvent } from "../../../src/contract/types.ts";

/** What is answered to a call that is no SUBSCRIBE: a status, or a cut connection. */
export type Answer = { readonly status: number; readonly text?: string } | "cut" | "silence";

export class ScriptedMaster {
  readonly calls: SchedulerCall[] = [];
  /** Of SUBSCRIBEs that were answered with a stream: the id that each came with. */
  readonly subscribedAs: (string | undefined)[] = [];
  /** How the next SUBSCRIBE is answered instead of with a stream. */
  redirectTo: string | null = null;
  refuseWith: { readonly status: number; readonly text: string } | null = null;
  /** Told in SUBSCRIBED. Seconds. */
  heartbeatSeconds = 15;
  answer: (call: SchedulerCall) => Answer = () => ({ status: 202 });
  private readonly server: Server;
  private streams: ServerResponse[] = [];
  private waiters: (() => void)[] = [];

  constructor() {
    this.server = createServer((request, response) => void this.handle(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  /** To the newest stream. */
  say(event: SchedulerEvent): void {
    this.sayText(JSON.stringify(event));
  }

  sayText(text: string): void {
    this.streams.at(-1)?.write(`${Buffer.byteLength(text)}\n${text}`);
  }

  cutStream(): void {
    this.streams.at(-1)?.destroy();
  }

  ofType(type: string): SchedulerCall[] {
    return this.calls.filter((call) => call.type === type);
  }

  /** Resolves when the condition holds; it is looked at after every request. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => void this.waiters.push(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const call = JSON.parse(Buffer.concat(parts).toString("utf8")) as SchedulerCall;
    this.calls.push(call);
    if (call.type === "SUBSCRIBE") this.subscribe(call, response);
    else this.reply(response, this.answer(call));
    const waiters = this.waiters;
    this.waiters = [];
    for (const wake of waiters) wake();
  }

  private subscribe(call: SchedulerCall, response: ServerResponse): void {
    if (this.redirectTo !== null) {
      response.writeHead(307, { Location: `//${this.redirectTo}/api/v1/scheduler` }).end();
      return;
    }
    if (this.refuseWith !== null) {
      response.writeHead(this.refuseWith.status).end(this.refuseWith.text);
      return;
    }
    this.subscribedAs.push(call.framework_id?.value);
    response.writeHead(200, {
      "Content-Type": "application/json",
      "Mesos-Stream-Id": `s${this.streams.length}`,
    });
    this.streams.push(response);
    this.say({
      type: "SUBSCRIBED",
      subscribed: {
        framework_id: { value: call.framework_id?.value ?? "f-1" },
        heartbeat_interval_seconds: this.heartbeatSeconds,
      },
    });
  }

  private reply(response: ServerResponse, answer: Answer): void {
    if (answer === "cut") response.destroy();
    else if (answer !== "silence") response.writeHead(answer.status).end(answer.text ?? "");
  }
}

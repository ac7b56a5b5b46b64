// A response that never ends by itself: RecordIO records, each in one HTTP chunk. A reader that falls too far behind is
// dropped, so that it costs a bounded amount of memory and delays nobody.
import type { ServerResponse } from "node:http";
import { STREAM_ENDING_MS_MAX } from "../limits.ts";
import { writeHead } from "./reply.ts";

export interface EventStreamOptions {
  readonly response: ServerResponse;
  /** What may wait for the reader beside the first record. Bytes. */
  readonly unsentBytesMax: number;
  /** Called once, whoever closed; `reason` says why in a few words. */
  onClosed(reason: string): void;
}

export class EventStream {
  private readonly options: EventStreamOptions;
  private unsentBytesMax: number;
  private opened = false;
  private closed = false;

  constructor(options: EventStreamOptions) {
    this.options = options;
    this.unsentBytesMax = options.unsentBytesMax;
    options.response.on("close", () => this.finish("client gone"));
    options.response.on("error", () => this.finish("connection failed"));
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** @param headers beside Date and Transfer-Encoding, name and value in turn */
  open(headers: readonly string[], date: string, first: Uint8Array): void {
    if (this.closed) return;
    this.opened = true;
    this.unsentBytesMax += first.byteLength;
    writeHead(this.options.response, 200, ["Transfer-Encoding", "chunked", ...headers], date);
    this.send(first);
  }

  send(record: Uint8Array): void {
    if (this.closed || !this.opened) return;
    const { response } = this.options;
    response.write(record);
    if (response.writableLength > this.unsentBytesMax) this.drop("reader too slow");
  }

  /** Ends the response in good order; what was sent before still arrives. */
  end(): void {
    if (this.closed) return;
    if (this.opened) this.options.response.setTimeout(STREAM_ENDING_MS_MAX);
    this.finish("ended");
    this.options.response.end();
  }

  /** Breaks the connection: nothing more arrives. */
  drop(reason: string): void {
    if (this.closed) return;
    this.finish(reason);
    this.options.response.destroy();
  }

  private finish(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.options.onClosed(reason);
  }
}

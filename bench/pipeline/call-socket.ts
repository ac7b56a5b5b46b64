// One connection that carries one HTTP call after the other, with as little work as can be: the benchmark shares its
// cores with what it measures.
import { connect, type Socket } from "node:net";

const ACCEPTED = Buffer.from("HTTP/1.1 202 ", "latin1");
const HEAD_END = "\r\n\r\n";

export class CallSocket {
  private readonly socket: Socket;
  private done: (() => void) | null = null;
  private head: Buffer = Buffer.alloc(0);

  /** @param onFailure an answer that is no 202, or a connection that ends before `close` */
  constructor(api: string, onFailure: (reason: string) => void) {
    const [host = "", port = ""] = api.split(":");
    this.socket = connect({ host, port: Number(port), noDelay: true });
    this.socket.on("data", (bytes) => this.take(bytes, onFailure));
    this.socket.on("error", (error) => onFailure(error.message));
    this.socket.on("close", () => {
      if (this.done !== null) onFailure("a connection was closed before the answer");
    });
  }

  /** `done` is called when the 202 is there; the call before must be done. */
  send(request: Uint8Array, done: () => void): void {
    if (this.done !== null) throw new Error("a call socket carries one call at a time");
    this.done = done;
    this.socket.write(request);
  }

  close(): void {
    this.done = null;
    this.socket.destroy();
  }

  private take(bytes: Buffer, onFailure: (reason: string) => void): void {
    this.head = this.head.length === 0 ? bytes : Buffer.concat([this.head, bytes]);
    if (!this.head.includes(HEAD_END)) return;
    const { done, head } = this;
    this.head = Buffer.alloc(0);
    this.done = null;
    if (head.subarray(0, ACCEPTED.length).equals(ACCEPTED)) done?.();
    else onFailure(head.toString("utf8"));
  }
}

/** A whole POST to the scheduler API with a protobuf body. @param streamId null before there is one */
export function schedulerRequest(api: string, streamId: string | null, body: Uint8Array): Buffer {
  const head = [
    "POST /api/v1/scheduler HTTP/1.1",
    `Host: ${api}`,
    "Content-Type: application/x-protobuf",
    streamId === null ? "Accept: application/x-protobuf" : `Mesos-Stream-Id: ${streamId}`,
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(head.join("\r\n") + HEAD_END, "latin1"), body]);
}

// One connection that carries HTTP calls one after the other, or several in flight at once (RFC 9112, section 9.3.2, as
// Mesos' own scheduler library does), with as little work as can be: the benchmark shares its cores with what it measures.
import { connect, type Socket } from "node:net";

const ACCEPTED = Buffer.from("HTTP/1.1 202 ", "latin1");
const HEAD_END = "\r\n\r\n";

export class CallSocket {
  private readonly socket: Socket;
  /** Of the calls in flight, the oldest first. */
  private readonly waiting: (() => void)[] = [];
  private readonly callsMax: number;
  /** What has come of an answer that is not whole yet. */
  private rest: Buffer = Buffer.alloc(0);

  /**
   * @param onFailure an answer that is no 202, or a connection that ends before `close`
   * @param callsMax in flight at once
   */
  constructor(api: string, onFailure: (reason: string) => void, callsMax = 1) {
    const [host = "", port = ""] = api.split(":");
    this.callsMax = callsMax;
    this.socket = connect({ host, port: Number(port), noDelay: true });
    this.socket.on("data", (bytes) => this.take(bytes, onFailure));
    this.socket.on("error", (error) => onFailure(error.message));
    this.socket.on("close", () => {
      if (this.waiting.length > 0) onFailure("a connection was closed before the answer");
    });
  }

  /** `done` is called when the 202 is there. Calls of a turn leave together. */
  send(request: Uint8Array, done: () => void): void {
    if (this.waiting.length === this.callsMax) throw new Error(`more than ${this.callsMax} calls in flight`);
    this.waiting.push(done);
    if (this.callsMax > 1 && this.socket.writableCorked === 0) {
      this.socket.cork();
      setImmediate(() => this.socket.uncork());
    }
    this.socket.write(request);
  }

  close(): void {
    this.waiting.length = 0;
    this.socket.destroy();
  }

  private take(bytes: Buffer, onFailure: (reason: string) => void): void {
    let rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    for (let end = rest.indexOf(HEAD_END); end >= 0; end = rest.indexOf(HEAD_END)) {
      if (!rest.subarray(0, ACCEPTED.length).equals(ACCEPTED)) {
        onFailure(rest.toString("utf8"));
        return;
      }
      rest = rest.subarray(end + HEAD_END.length);
      this.waiting.shift()?.();
    }
    this.rest = rest;
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

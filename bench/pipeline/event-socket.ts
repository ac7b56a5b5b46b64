// A framework's event stream with as little work as can be: the benchmark shares its cores with what it measures. The
// connection is read by hand, one record after the other out of the memory in which it came.
import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";
const LINE_END = "\r\n";
const NEWLINE = 0x0a;
/** The longest line before a chunk: eight hexadecimal digits and the line's end. */
const CHUNK_HEAD_BYTES_MAX = 10;

export interface EventSocketHandlers {
  /** The value of Mesos-Stream-Id. */
  readonly onOpen: (streamId: string) => void;
  /** A view, for the time of the call. */
  readonly onRecord: (record: Buffer) => void;
  readonly onFailure: (reason: string) => void;
}

export class EventSocket {
  private readonly socket: Socket;
  private readonly handlers: EventSocketHandlers;
  private isOpen = false;
  private closing = false;
  /** What came last of a chunk, or of the answer's head, that is not there as a whole. */
  private rest: Buffer = Buffer.alloc(0);

  /** @param request a whole SUBSCRIBE */
  constructor(api: string, request: Uint8Array, handlers: EventSocketHandlers) {
    const [host = "", port = ""] = api.split(":");
    this.handlers = handlers;
    this.socket = connect({ host, port: Number(port), noDelay: true });
    this.socket.on("data", (bytes) => this.take(bytes));
    this.socket.on("error", (error) => this.fail(error.message));
    this.socket.on("close", () => this.fail("the stream was closed"));
    this.socket.write(request);
  }

  close(): void {
    this.closing = true;
    this.socket.destroy();
  }

  private fail(reason: string): void {
    if (!this.closing) this.handlers.onFailure(reason);
  }

  private take(bytes: Buffer): void {
    if (!this.isOpen) this.open(Buffer.concat([this.rest, bytes]));
    else if (this.rest.length === 0) this.chunks(bytes);
    else this.chunks(this.joined(bytes));
  }

  private open(bytes: Buffer): void {
    this.rest = bytes;
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) return;
    const head = bytes.toString("latin1", 0, end);
    const streamId = /^mesos-stream-id: (.*)$/im.exec(head)?.[1];
    if (!head.startsWith("HTTP/1.1 200 ") || streamId === undefined) {
      this.fail(head);
      return;
    }
    this.isOpen = true;
    this.rest = Buffer.alloc(0);
    this.handlers.onOpen(streamId.trim());
    this.chunks(bytes.subarray(end + HEAD_END.length));
  }

  /** Completes the chunk that was left with no more of the bytes than it needs. @returns what comes after it */
  private joined(bytes: Buffer): Buffer {
    const { rest } = this;
    this.rest = Buffer.alloc(0);
    const head = Buffer.concat([rest, bytes.subarray(0, CHUNK_HEAD_BYTES_MAX)]);
    const end = chunkEnd(head, 0);
    const needed = end - rest.length;
    if (end < 0 || needed > bytes.length || needed < 0) return Buffer.concat([rest, bytes]);
    this.chunk(Buffer.concat([rest, bytes.subarray(0, needed)]), 0, end);
    return bytes.subarray(needed);
  }

  private chunks(bytes: Buffer): void {
    let at = 0;
    for (let end = chunkEnd(bytes, at); end >= 0 && end <= bytes.length; end = chunkEnd(bytes, at)) {
      this.chunk(bytes, at, end);
      at = end;
    }
    if (at < bytes.length) this.rest = bytes.subarray(at);
  }

  /** The master sends each record in a chunk of its own: its length in decimal digits, a newline, the event. */
  private chunk(bytes: Buffer, start: number, end: number): void {
    const recordAt = bytes.indexOf(NEWLINE, bytes.indexOf(NEWLINE, start) + 1) + 1;
    this.handlers.onRecord(bytes.subarray(recordAt, end - LINE_END.length));
  }
}

/** Where the chunk that begins there ends; -1 if that is not known yet. */
function chunkEnd(bytes: Buffer, start: number): number {
  const lineEnd = bytes.indexOf(NEWLINE, start);
  if (lineEnd < 0) return -1;
  const size = Number.parseInt(bytes.toString("latin1", start, lineEnd), 16);
  return lineEnd + 1 + size + LINE_END.length;
}

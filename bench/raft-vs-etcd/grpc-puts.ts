// Puts to etcd over gRPC: one connection that carries many at a time. A general gRPC client would cost as much of the
// shared cores as an etcd member does; this one sends bytes made beforehand and reads of an answer that it is none of
// an error: those have no message, only trailers.
import { connect, type Socket } from "node:net";
import {
  clientSettings,
  FLAG_END,
  FLAG_END_HEADERS,
  FRAME,
  FRAME_HEAD_BYTES,
  type Frame,
  frame,
  frameCutter,
  literalHeader,
  PREFACE,
  WINDOW_BYTES_AT_FIRST,
  WINDOW_BYTES_MAX,
  windowUpdate,
} from "./http2-frames.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Names of the static table of header fields (RFC 7541, appendix A). */
const METHOD_POST = 0x83;
const SCHEME_HTTP = 0x86;
const AUTHORITY = 1;
const PATH = 4;
const CONTENT_TYPE = 31;
const GRPC_HEAD_BYTES = 5;
const STREAM_AT = 5;

interface Waiting {
  readonly request: Uint8Array;
  readonly done: () => void;
}

interface Open {
  readonly done: () => void;
  hasMessage: boolean;
}

export class PutConnection {
  private readonly socket: Socket;
  private readonly onFailure: (reason: string) => void;
  private readonly head: Buffer;
  private readonly open = new Map<number, Open>();
  private waiting: Waiting[] = [];
  private nextStream = 1;
  /** Bytes of DATA that etcd takes now. */
  private window = WINDOW_BYTES_AT_FIRST;
  private received = 0;
  private gathering = false;
  private closed = false;

  /** @param onFailure an answer that is an error, or a connection that ends before `close` */
  constructor(address: Address, onFailure: (reason: string) => void) {
    this.onFailure = onFailure;
    this.head = requestHead(address);
    this.socket = connect({ ...address, noDelay: true });
    this.socket.write(
      Buffer.concat([PREFACE, clientSettings(), windowUpdate(WINDOW_BYTES_MAX - WINDOW_BYTES_AT_FIRST)]),
    );
    this.socket.on(
      "data",
      frameCutter((each) => this.take(each)),
    );
    this.socket.on("error", (error) => this.fail(error.message));
    this.socket.on("close", () => this.fail("etcd closed the connection"));
  }

  /** @param request of `putRequest`; `done` is called when etcd has committed the put */
  send(request: Uint8Array, done: () => void): void {
    if (this.window < request.length - FRAME_HEAD_BYTES) this.waiting.push({ request, done });
    else this.write(request, done);
  }

  close(): void {
    this.closed = true;
    this.socket.destroy();
  }

  /** What is sent in one turn leaves in one system call. */
  private write(request: Uint8Array, done: () => void): void {
    const stream = this.nextStream;
    this.nextStream += 2;
    this.open.set(stream, { done, hasMessage: false });
    this.window -= request.length - FRAME_HEAD_BYTES;
    const bytes = Buffer.concat([this.head, request]);
    bytes.writeUInt32BE(stream, STREAM_AT);
    bytes.writeUInt32BE(stream, this.head.length + STREAM_AT);
    if (!this.gathering) {
      this.gathering = true;
      this.socket.cork();
      process.nextTick(() => {
        this.gathering = false;
        this.socket.uncork();
      });
    }
    this.socket.write(bytes);
  }

  private take({ type, flags, stream, payload }: Frame): void {
    if (type === FRAME.settings && (flags & FLAG_END) === 0) {
      this.socket.write(frame(FRAME.settings, FLAG_END, 0, Buffer.alloc(0)));
    } else if (type === FRAME.ping && (flags & FLAG_END) === 0) {
      this.socket.write(frame(FRAME.ping, FLAG_END, 0, payload));
    } else if (type === FRAME.windowUpdate && stream === 0) this.widen(payload.readUInt32BE());
    else if (type === FRAME.data) this.message(stream, payload);
    else if (type === FRAME.headers && (flags & FLAG_END) !== 0) this.trailers(stream);
    else if (type === FRAME.goAway || type === FRAME.resetStream) this.fail(`etcd sent frame ${type}`);
  }

  private widen(bytes: number): void {
    this.window += bytes;
    while (
      this.waiting[0] !== undefined &&
      this.window >= this.waiting[0].request.length - FRAME_HEAD_BYTES
    ) {
      const { request, done } = this.waiting[0];
      this.waiting.shift();
      this.write(request, done);
    }
  }

  private message(stream: number, payload: Buffer): void {
    const open = this.open.get(stream);
    if (open !== undefined && payload.length >= GRPC_HEAD_BYTES) open.hasMessage = true;
    this.received += payload.length;
    if (this.received < WINDOW_BYTES_AT_FIRST) return;
    this.socket.write(windowUpdate(this.received));
    this.received = 0;
  }

  private trailers(stream: number): void {
    const open = this.open.get(stream);
    this.open.delete(stream);
    if (open?.hasMessage === true) open.done();
    else this.fail("etcd answered a put with an error");
  }

  private fail(reason: string): void {
    if (this.closed) return;
    this.close();
    this.onFailure(reason);
  }
}

/** A DATA frame that carries one etcdserverpb.PutRequest; the number of the stream is written into it when it is sent. */
export function putRequest(key: string, value: Uint8Array): Uint8Array {
  const message = Buffer.concat([field(1, Buffer.from(key, "utf8")), field(2, value)]);
  const head = Buffer.alloc(GRPC_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return frame(FRAME.data, FLAG_END, 0, Buffer.concat([head, message]));
}

/** A length-delimited field of protobuf. @param number below 16 */
function field(number: number, bytes: Uint8Array): Buffer {
  const head: number[] = [(number << 3) | 2];
  let length = bytes.length;
  for (; length >= 0x80; length >>>= 7) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return Buffer.concat([Buffer.from(head), bytes]);
}

function requestHead({ host, port }: Address): Buffer {
  const block = Buffer.concat([
    Buffer.from([METHOD_POST, SCHEME_HTTP]),
    literalHeader(PATH, "/etcdserverpb.KV/Put"),
    literalHeader(AUTHORITY, `${host}:${port}`),
    literalHeader(CONTENT_TYPE, "application/grpc"),
    literalHeader("te", "trailers"),
  ]);
  return frame(FRAME.headers, FLAG_END_HEADERS, 0, block);
}

// A response that never ends by itself: RecordIO records, each in one HTTP chunk. A reader that falls too far behind is
// dropped, so that it costs a bounded amount of memory and delays nobody.
import type { ServerResponse } from "node:http";
import { STREAM_ENDING_MS_MAX } from "../limits.ts";
import { writeHead } from "./reply.ts";

/** Around the data of a chunk: its length in hexadecimal digits, and two line ends. */
const CHUNK_FRAMING_BYTES_MAX = 12;

/** A record that is written straight into the memory in which it leaves. */
export interface RecordSource {
  readonly byteLength: number;
  /** @returns where it ends */
  write(memory: Buffer, start: number): number;
}

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
  /** Records of this turn: together they are one write. */
  private gathered: (Uint8Array | RecordSource)[] = [];
  private gatheredBytes = 0;

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
    this.options.response.flushHeaders();
    this.send(first);
  }

  send(record: Uint8Array | RecordSource): void {
    if (this.closed || !this.opened) return;
    if (this.gathered.length === 0) process.nextTick(() => this.release());
    this.gathered.push(record);
    this.gatheredBytes += record.byteLength;
    const unsent = this.options.response.writableLength + this.gatheredBytes;
    if (unsent > this.unsentBytesMax) this.drop("reader too slow");
  }

  /** Ends the response in good order; what was sent before still arrives. */
  end(): void {
    if (this.closed) return;
    if (this.opened) this.options.response.setTimeout(STREAM_ENDING_MS_MAX);
    this.release();
    this.finish("ended");
    this.options.response.end();
  }

  /** Breaks the connection: nothing more arrives. */
  drop(reason: string): void {
    if (this.closed) return;
    this.finish(reason);
    this.options.response.destroy();
  }

  private release(): void {
    const { gathered } = this;
    this.gathered = [];
    this.gatheredBytes = 0;
    if (gathered.length === 0 || this.closed) return;
    const { response } = this.options;
    // Without a socket the response waits for an earlier one on its connection, and Node keeps what it is given.
    if (response.socket === null) for (const record of gathered) response.write(bytesOf(record));
    else if (response.socket.writable) response.socket.write(chunksOf(gathered));
  }

  private finish(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.options.onClosed(reason);
  }
}

/** As Node would write them, but for all records in one piece instead of several pieces for each. */
function chunksOf(records: readonly (Uint8Array | RecordSource)[]): Uint8Array {
  let size = 0;
  for (const { byteLength } of records) size += CHUNK_FRAMING_BYTES_MAX + byteLength;
  const chunks = Buffer.allocUnsafe(size);
  let at = 0;
  for (const record of records) {
    at += chunks.write(`${record.byteLength.toString(16)}\r\n`, at, "latin1");
    at = writeRecord(record, chunks, at);
    at += chunks.write("\r\n", at, "latin1");
  }
  return chunks.subarray(0, at);
}

function bytesOf(record: Uint8Array | RecordSource): Uint8Array {
  if (record instanceof Uint8Array) return record;
  const bytes = Buffer.allocUnsafe(record.byteLength);
  record.write(bytes, 0);
  return bytes;
}

function writeRecord(record: Uint8Array | RecordSource, memory: Buffer, start: number): number {
  if (!(record instanceof Uint8Array)) return record.write(memory, start);
  memory.set(record, start);
  return start + record.byteLength;
}

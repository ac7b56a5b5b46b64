// The UPDATE event as a record of a protobuf stream, straight from the status' bytes: it is the most frequent thing that a
// master says, and decoding and encoding it anew costs ten times as much.
import type { TaskStatus } from "../../state/model.ts";
import type { RecordSource } from "../http/event-stream.ts";

/** Event { type = 1: UPDATE (4); update = 5: { status = 1 } }, and TaskStatus.data = 3. */
const TYPE_UPDATE = [0x08, 0x04] as const;
const UPDATE_TAG = 0x2a;
const STATUS_TAG = 0x0a;
const DATA_TAG = 0x1a;

/** The record, its length before it; null if the status is not encoded. */
export function updateRecord({ wire, data }: TaskStatus): RecordSource | null {
  if (typeof wire === "string") return new UpdateRecord(Buffer.from(wire, "latin1"), data);
  return wire instanceof Uint8Array ? new UpdateRecord(wire, data) : null;
}

class UpdateRecord implements RecordSource {
  readonly byteLength: number;
  readonly #head: string;
  readonly #updateSize: number;
  readonly #statusSize: number;
  readonly #status: Uint8Array;
  readonly #data: Uint8Array | undefined;

  constructor(status: Uint8Array, data: Uint8Array | undefined) {
    this.#status = status;
    this.#data = data;
    this.#statusSize = status.length + (data === undefined ? 0 : fieldSize(data.length));
    this.#updateSize = fieldSize(this.#statusSize);
    const eventSize = TYPE_UPDATE.length + fieldSize(this.#updateSize);
    this.#head = `${eventSize}\n`;
    this.byteLength = this.#head.length + eventSize;
  }

  write(memory: Buffer, start: number): number {
    let at = start + memory.write(this.#head, start, "latin1");
    memory[at++] = TYPE_UPDATE[0];
    memory[at++] = TYPE_UPDATE[1];
    at = writeHead(memory, at, UPDATE_TAG, this.#updateSize);
    at = writeHead(memory, at, STATUS_TAG, this.#statusSize);
    memory.set(this.#status, at);
    at += this.#status.length;
    const data = this.#data;
    if (data === undefined) return at;
    at = writeHead(memory, at, DATA_TAG, data.length);
    memory.set(data, at);
    return at + data.length;
  }
}

/** Of a field whose tag takes one byte. */
function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) size++;
  return size;
}

/** @returns where the field's content goes */
function writeHead(memory: Buffer, start: number, tag: number, length: number): number {
  let at = start;
  memory[at++] = tag;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) memory[at++] = (rest & 0x7f) | 0x80;
  memory[at++] = rest;
  return at;
}

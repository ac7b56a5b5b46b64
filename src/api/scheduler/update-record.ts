// The UPDATE event as a record of a protobuf stream, straight from the status' bytes: it is the most frequent thing that a
// master says, and decoding and encoding it anew costs ten times as much.
import type { TaskStatus } from "../../state/model.ts";

/** Event { type = 1: UPDATE (4); update = 5: { status = 1 } }, and TaskStatus.data = 3. */
const TYPE_UPDATE = [0x08, 0x04] as const;
const UPDATE_TAG = 0x2a;
const STATUS_TAG = 0x0a;
const DATA_TAG = 0x1a;

/** The record, its length before it; null if the status is not in bytes. */
export function updateRecord({ wire, data }: TaskStatus): Uint8Array | null {
  if (!(wire instanceof Uint8Array)) return null;
  const dataSize = data === undefined ? 0 : fieldSize(data.length);
  const statusSize = wire.length + dataSize;
  const updateSize = fieldSize(statusSize);
  const eventSize = TYPE_UPDATE.length + fieldSize(updateSize);
  const head = `${eventSize}\n`;
  const record = Buffer.allocUnsafe(head.length + eventSize);
  let at = record.write(head, 0, "latin1");
  record[at++] = TYPE_UPDATE[0];
  record[at++] = TYPE_UPDATE[1];
  at = writeHead(record, at, UPDATE_TAG, updateSize);
  at = writeHead(record, at, STATUS_TAG, statusSize);
  record.set(wire, at);
  if (data !== undefined) record.set(data, writeHead(record, at + wire.length, DATA_TAG, data.length));
  return record;
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
function writeHead(record: Buffer, start: number, tag: number, length: number): number {
  let at = start;
  record[at++] = tag;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) record[at++] = (rest & 0x7f) | 0x80;
  record[at++] = rest;
  return at;
}

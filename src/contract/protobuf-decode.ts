// Protobuf bytes to a message. Unknown fields, unknown enum values and fields of the wrong wire type are skipped, and a
// message that comes in pieces is merged, as the protobuf encoding prescribes. Missing fields are looked for elsewhere.
import protobuf from "protobufjs/minimal.js";
import { present } from "../kernel/assert.ts";
import type { EncodedMessage } from "../kernel/encoded.ts";
import { PROTOBUF_DEPTH_MAX } from "./limits.ts";
import type { FieldDescriptor, MessageDescriptor, ScalarKind, UntypedMessage } from "./schema.ts";
import { emptyMapValue, setOwn, store } from "./store.ts";
import { fail } from "./wire-error.ts";

const WIRE_TYPES: Readonly<Record<ScalarKind, number>> = {
  double: 1,
  int32: 0,
  uint32: 0,
  int64: 0,
  uint64: 0,
  nanoseconds: 0,
  bool: 0,
  string: 2,
  bytes: 2,
};
const LENGTH_DELIMITED = 2;

const readers: Readonly<Record<ScalarKind, (reader: protobuf.Reader) => unknown>> = {
  double: (reader) => reader.double(),
  int32: (reader) => reader.int32(),
  uint32: (reader) => reader.uint32(),
  int64: (reader) => safeInteger(reader.int64()),
  uint64: (reader) => safeInteger(reader.uint64()),
  nanoseconds: (reader) => bigInteger(reader.int64()),
  bool: (reader) => reader.bool(),
  string: (reader) => reader.string(),
  bytes: (reader) => reader.bytes().slice(),
};

/** Asked for by those who carry messages on as they came: the encoded forms of one type's messages within another. */
export interface EncodedForms {
  readonly of: MessageDescriptor;
  /** By the decoded message; null until there is one. Items of lists only: another message may come in pieces. */
  found: Map<object, EncodedMessage> | null;
}

class Reader extends protobuf.Reader {
  readonly forms: EncodedForms | null;
  private readonly source: Buffer;

  constructor(bytes: Uint8Array, forms: EncodedForms | null) {
    super(bytes);
    this.forms = forms;
    this.source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  encoded(from: number, end: number): EncodedMessage {
    return this.source.toString("latin1", from, end) as EncodedMessage;
  }
}

/** The message in the bytes. Throws WireError, or an Error of the reader's, if they are none. */
export function readProtobuf(
  type: MessageDescriptor,
  bytes: Uint8Array,
  forms: EncodedForms | null = null,
): UntypedMessage {
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const message: UntypedMessage = {};
  readFields(new Reader(plain, forms), plain.length, type, message, 0);
  return message;
}

function readFields(
  reader: Reader,
  end: number,
  type: MessageDescriptor,
  message: UntypedMessage,
  depth: number,
): void {
  if (depth > PROTOBUF_DEPTH_MAX) fail("messages are nested too deeply");
  while (reader.pos < end) {
    const tag = reader.tag();
    const field = type.byNumber[tag >>> 3];
    const known = field !== undefined && readField(reader, tag & 7, field, message, depth);
    if (!known) reader.skipType(tag & 7, depth, tag >>> 3);
  }
  if (reader.pos !== end) fail("a field does not end with its message");
}

/** Reads the field's value into the message; false if the wire type is not the field's. */
function readField(
  reader: Reader,
  wireType: number,
  field: FieldDescriptor,
  message: UntypedMessage,
  depth: number,
): boolean {
  if (field.label === "map") return readMapEntry(reader, wireType, field, message, depth);
  if (field.type.kind === "message") {
    if (wireType !== LENGTH_DELIMITED) return false;
    readNested(reader, field, field.type.message, message, depth);
    return true;
  }
  const expected = field.type.kind === "enum" ? 0 : WIRE_TYPES[field.type.scalar];
  if (wireType === expected) store(message, field, readValue(reader, field));
  else if (wireType === LENGTH_DELIMITED && field.label === "repeated") readPacked(reader, field, message);
  else return false;
  return true;
}

function readNested(
  reader: Reader,
  field: FieldDescriptor,
  type: MessageDescriptor,
  message: UntypedMessage,
  depth: number,
): void {
  const end = nestedEnd(reader);
  const begun = field.label === "repeated" ? undefined : (message[field.name] as UntypedMessage | undefined);
  const nested = begun ?? {};
  if (begun === undefined) store(message, field, nested);
  if (reader.forms !== null && reader.forms.of === type && field.label === "repeated") {
    reader.forms.found ??= new Map();
    reader.forms.found.set(nested, reader.encoded(reader.pos, end));
  }
  readFields(reader, end, type, nested, depth + 1);
}

function nestedEnd(reader: Reader): number {
  const length = reader.size();
  const end = reader.pos + length;
  if (end > reader.len) fail("a length reaches beyond the end");
  return end;
}

function readPacked(reader: Reader, field: FieldDescriptor, message: UntypedMessage): void {
  const end = nestedEnd(reader);
  while (reader.pos < end) store(message, field, readValue(reader, field));
  if (reader.pos !== end) fail("a packed field does not end with its length");
}

/** Undefined for a number that the enum does not have. */
function readValue(reader: Reader, field: FieldDescriptor): unknown {
  const { type } = field;
  if (type.kind === "scalar") return readers[type.scalar](reader);
  return type.kind === "enum" ? type.enum.names.get(reader.int32()) : undefined;
}

/** An entry is a message of its own with the key as field 1 and the value as field 2; both have defaults. */
function readMapEntry(
  reader: Reader,
  wireType: number,
  field: FieldDescriptor,
  message: UntypedMessage,
  depth: number,
): boolean {
  if (wireType !== LENGTH_DELIMITED) return false;
  const end = nestedEnd(reader);
  const entry: UntypedMessage = {};
  readFields(reader, end, present(field.entry, "entry of a map"), entry, depth + 1);
  const map = (message[field.name] ?? {}) as UntypedMessage;
  message[field.name] = map;
  const value = entry.value ?? emptyMapValue(field);
  setOwn(map, typeof entry.key === "string" ? entry.key : "", value);
  return true;
}

interface Long {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

function safeInteger(long: Long | number): number {
  if (typeof long === "number") return long;
  const high = long.unsigned ? long.high >>> 0 : long.high;
  const value = high * 0x1_0000_0000 + (long.low >>> 0);
  if (!Number.isSafeInteger(value)) fail("a 64-bit integer is beyond 2^53 - 1");
  return value;
}

function bigInteger(long: Long | number): bigint {
  if (typeof long === "number") return BigInt(long);
  return (BigInt(long.high) << 32n) | BigInt(long.low >>> 0);
}

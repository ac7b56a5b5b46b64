// Protobuf bytes looked at where they lie: whether they are a message as our own encoder would write it, and where its
// fields are, without making an object of it. Stricter than the decoder: what it does not know is no message for it.
import { isUtf8 } from "node:buffer";
import { PROTOBUF_DEPTH_MAX } from "./limits.ts";
import type { FieldDescriptor, MessageDescriptor, ScalarKind } from "./schema.ts";

export const VARINT = 0;
export const EIGHT_BYTES = 1;
export const LENGTH_DELIMITED = 2;

/** Bits of a varint that are kept: whole numbers up to 2^49 are exact; a longer one is none of ours. */
const VARINT_BYTES_MAX = 7;
const INT32_MAX = 0x7fff_ffff;
const UINT32_MAX = 0xffff_ffff;
const FIELD_NUMBER_BITS = 32;

const scalarWireTypes: Readonly<Record<ScalarKind, number>> = {
  double: EIGHT_BYTES,
  int32: VARINT,
  uint32: VARINT,
  int64: VARINT,
  uint64: VARINT,
  nanoseconds: VARINT,
  bool: VARINT,
  string: LENGTH_DELIMITED,
  bytes: LENGTH_DELIMITED,
};
const scalarsMax: Readonly<Record<ScalarKind, number>> = {
  double: 0,
  int32: INT32_MAX,
  uint32: UINT32_MAX,
  int64: Number.MAX_SAFE_INTEGER,
  uint64: Number.MAX_SAFE_INTEGER,
  nanoseconds: Number.MAX_SAFE_INTEGER,
  bool: 1,
  string: 0,
  bytes: 0,
};

/**
 * A place in the bytes. Past the end, or at a varint that is too long or longer than its number needs, `ok` turns to false
 * and zeros are read.
 */
export class ProtobufScan {
  readonly bytes: Uint8Array;
  at: number;
  ok = true;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  varint(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = this.bytes[this.at];
      if (byte === undefined) break;
      this.at++;
      if (byte < 0x80) {
        if (byte === 0 && i > 0) break;
        return value + byte * unit;
      }
      value += (byte & 0x7f) * unit;
      unit *= 0x80;
    }
    this.ok = false;
    return 0;
  }

  /** Passes a value of the wire type; a group is none of ours. */
  skip(wireType: number): void {
    if (wireType === LENGTH_DELIMITED) this.forward(this.varint());
    else if (wireType === EIGHT_BYTES) this.forward(8);
    else if (wireType === VARINT) this.varint();
    else this.ok = false;
  }

  private forward(bytes: number): void {
    if (this.at + bytes > this.bytes.length) this.ok = false;
    else this.at += bytes;
  }
}

/** Whether the bytes are a message of the type and have all required fields, also in the messages within it. */
export function isCanonical(type: MessageDescriptor, bytes: Uint8Array): boolean {
  return isMessage(new ProtobufScan(bytes), bytes.length, type, 0);
}

/** Fields in ascending order, and only a list's more than once: so nothing is said twice. */
function isMessage(scan: ProtobufScan, end: number, type: MessageDescriptor, depth: number): boolean {
  if (depth > PROTOBUF_DEPTH_MAX) return false;
  let last = 0;
  let required = 0;
  while (scan.at < end) {
    const tag = scan.varint();
    const number = tag >>> 3;
    const field = type.byNumber[number];
    if (!scan.ok || tag > UINT32_MAX || field === undefined || number < last) return false;
    if (number === last && field.label !== "repeated") return false;
    if (!isField(scan, end, tag & 7, field, depth)) return false;
    if (field.label === "required" && number < FIELD_NUMBER_BITS) required |= 1 << number;
    last = number;
  }
  return scan.ok && scan.at === end && (!type.requires || hasRequired(type, required));
}

function hasRequired(type: MessageDescriptor, seen: number): boolean {
  for (const { label, number } of type.fields) {
    if (label === "required" && (seen & (1 << number)) === 0) return false;
  }
  return true;
}

/** A map is left to the decoder. */
function isField(
  scan: ProtobufScan,
  end: number,
  wireType: number,
  { label, type }: FieldDescriptor,
  depth: number,
): boolean {
  if (label === "map") return false;
  if (type.kind === "enum") return wireType === VARINT && type.enum.names.has(scan.varint());
  if (type.kind === "message") {
    if (wireType !== LENGTH_DELIMITED) return false;
    const nestedEnd = scan.varint() + scan.at;
    return nestedEnd <= end && isMessage(scan, nestedEnd, type.message, depth + 1);
  }
  if (wireType !== scalarWireTypes[type.scalar]) return false;
  if (type.scalar === "string") return isText(scan, end);
  return isScalar(scan, end, wireType, scalarsMax[type.scalar]);
}

/** Others than the decoder, which replaces what is no UTF-8, refuse a message with such a text. */
function isText(scan: ProtobufScan, end: number): boolean {
  const textEnd = scan.varint() + scan.at;
  if (!scan.ok || textEnd > end) return false;
  const start = scan.at;
  scan.at = textEnd;
  for (let at = start; at < textEnd; at++) {
    if ((scan.bytes[at] as number) >= 0x80) return isUtf8(scan.bytes.subarray(at, textEnd));
  }
  return true;
}

function isScalar(scan: ProtobufScan, end: number, wireType: number, max: number): boolean {
  if (wireType === VARINT) return scan.varint() <= max && scan.ok;
  scan.skip(wireType);
  return scan.ok && scan.at <= end;
}

// A message to protobuf bytes, fields in ascending order of their numbers. A message that does not fit its type is a
// programmer error.
import protobuf from "protobufjs/minimal.js";
import { present } from "../kernel/assert.ts";
import { checkScalar, refuseEnumValue, refuseMissing } from "./scalar-check.ts";
import type { FieldDescriptor, FieldType, MessageDescriptor, ScalarKind, UntypedMessage } from "./schema.ts";

type Writer = protobuf.Writer;

/** The bytes of the message. Throws InvariantError if the message is not of the type. */
export function writeProtobuf(type: MessageDescriptor, message: UntypedMessage): Uint8Array {
  const writer = new protobuf.Writer();
  writeFields(writer, type, message);
  return writer.finish();
}

function writeFields(writer: Writer, type: MessageDescriptor, message: UntypedMessage): void {
  for (const field of type.fields) {
    const value = message[field.name];
    if (value !== undefined) writeField(writer, field, value);
    else if (field.label === "required") refuseMissing(type, field);
  }
}

function writeField(writer: Writer, field: FieldDescriptor, value: unknown): void {
  if (field.label === "map") {
    for (const [key, item] of Object.entries(value as UntypedMessage))
      writeMapEntry(writer, field, key, item);
  } else if (field.label === "repeated") {
    for (const item of value as readonly unknown[]) writeValue(writer, field.number, field.type, item);
  } else {
    writeValue(writer, field.number, field.type, value);
  }
}

function writeMapEntry(writer: Writer, field: FieldDescriptor, key: string, value: unknown): void {
  writer.uint32((field.number << 3) | 2).fork();
  writeFields(writer, present(field.entry, "entry of a map", { field: field.name }), { key, value });
  writer.ldelim();
}

function writeValue(writer: Writer, number: number, type: FieldType, value: unknown): void {
  if (type.kind === "message") {
    writer.uint32((number << 3) | 2).fork();
    writeFields(writer, type.message, value as UntypedMessage);
    writer.ldelim();
  } else if (type.kind === "enum") {
    const code = type.enum.numbers[value as string] ?? refuseEnumValue(type.enum, value);
    writer.uint32(number << 3).int32(code);
  } else {
    checkScalar(type.scalar, value);
    writers[type.scalar](writer, number << 3, value);
  }
}

const writers: Readonly<Record<ScalarKind, (writer: Writer, tag: number, value: unknown) => void>> = {
  double: (writer, tag, value) => writer.uint32(tag | 1).double(value as number),
  int32: (writer, tag, value) => writer.uint32(tag).int32(value as number),
  uint32: (writer, tag, value) => writer.uint32(tag).uint32(value as number),
  int64: (writer, tag, value) => writer.uint32(tag).int64(value as number),
  uint64: (writer, tag, value) => writer.uint32(tag).uint64(value as number),
  nanoseconds: (writer, tag, value) => writer.uint32(tag).int64(longOf(value as bigint)),
  bool: (writer, tag, value) => writer.uint32(tag).bool(value as boolean),
  string: (writer, tag, value) => writer.uint32(tag | 2).string(value as string),
  bytes: (writer, tag, value) => writer.uint32(tag | 2).bytes(value as Uint8Array),
};

function longOf(value: bigint): protobuf.Long {
  return new protobuf.util.Long(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

// A message to protobuf bytes, fields in ascending order of their numbers. A message that does not fit its type is a
// programmer error.
import { present } from "../kernel/assert.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import { checkScalar, refuseEnumValue, refuseMissing } from "./scalar-check.ts";
import type { FieldDescriptor, FieldType, MessageDescriptor, ScalarKind, UntypedMessage } from "./schema.ts";

/** The bytes of the message. Throws InvariantError if the message is not of the type. */
export function writeProtobuf(type: MessageDescriptor, message: UntypedMessage): Uint8Array {
  const writer = new ProtobufWriter();
  writeFields(writer, type, message);
  return writer.finish();
}

function writeFields(writer: ProtobufWriter, type: MessageDescriptor, message: UntypedMessage): void {
  for (const field of type.fields) {
    const value = message[field.name];
    if (value !== undefined) writeField(writer, field, value);
    else if (field.label === "required") refuseMissing(type, field);
  }
}

function writeField(writer: ProtobufWriter, field: FieldDescriptor, value: unknown): void {
  if (field.label === "map") {
    for (const [key, item] of Object.entries(value as UntypedMessage))
      writeMapEntry(writer, field, key, item);
  } else if (field.label === "repeated") {
    for (const item of value as readonly unknown[]) writeValue(writer, field.number, field.type, item);
  } else {
    writeValue(writer, field.number, field.type, value);
  }
}

function writeMapEntry(writer: ProtobufWriter, field: FieldDescriptor, key: string, value: unknown): void {
  writer.uint((field.number << 3) | 2);
  const lengthAt = writer.beginMessage();
  writeFields(writer, present(field.entry, "entry of a map", { field: field.name }), { key, value });
  writer.endMessage(lengthAt);
}

function writeValue(writer: ProtobufWriter, number: number, type: FieldType, value: unknown): void {
  if (type.kind === "message") {
    writer.uint((number << 3) | 2);
    const lengthAt = writer.beginMessage();
    writeFields(writer, type.message, value as UntypedMessage);
    writer.endMessage(lengthAt);
  } else if (type.kind === "enum") {
    const code = type.enum.numbers[value as string] ?? refuseEnumValue(type.enum, value);
    writer.uint(number << 3);
    writer.int(code);
  } else {
    checkScalar(type.scalar, value);
    writers[type.scalar](writer, number << 3, value);
  }
}

type ScalarWriter = (writer: ProtobufWriter, tag: number, value: unknown) => void;

/** @param wireType 0 varint, 1 eight bytes, 2 with its length before it */
function scalar<Value>(
  wireType: 0 | 1 | 2,
  write: (writer: ProtobufWriter, value: Value) => void,
): ScalarWriter {
  return (writer, tag, value) => {
    writer.uint(tag | wireType);
    write(writer, value as Value);
  };
}

const writers: Readonly<Record<ScalarKind, ScalarWriter>> = {
  double: scalar<number>(1, (writer, value) => writer.double(value)),
  int32: scalar<number>(0, (writer, value) => writer.int(value)),
  uint32: scalar<number>(0, (writer, value) => writer.uint(value)),
  int64: scalar<number>(0, (writer, value) => writer.int(value)),
  uint64: scalar<number>(0, (writer, value) => writer.uint(value)),
  nanoseconds: scalar<bigint>(0, (writer, value) => writer.bigInt(value)),
  bool: scalar<boolean>(0, (writer, value) => writer.uint(value ? 1 : 0)),
  string: scalar<string>(2, (writer, value) => writer.text(value)),
  bytes: scalar<Uint8Array>(2, (writer, value) => writer.bytes(value)),
};

// A message to the JSON text that Mesos writes: explicit defaults are there even when not set, doubles have a decimal
// point, 64-bit integers are bare numbers, bytes base64, empty lists are left out. A message that does not fit its type
// is a programmer error.
import { checkScalar, refuseEnumValue, refuseMissing } from "./scalar-check.ts";
import type { FieldDescriptor, FieldType, MessageDescriptor, ScalarKind, UntypedMessage } from "./schema.ts";

/** Throws InvariantError if the message is not of the type. */
export function writeJson(type: MessageDescriptor, message: UntypedMessage): string {
  let text = "";
  for (const field of type.fields) {
    const value = valueOrDefault(field, message[field.name]);
    if (value !== undefined) text += `${text === "" ? "" : ","}"${field.name}":${fieldText(field, value)}`;
    else if (field.label === "required") refuseMissing(type, field);
  }
  return `{${text}}`;
}

/** Undefined if the field is to be left out. */
function valueOrDefault(field: FieldDescriptor, value: unknown): unknown {
  if (field.label === "repeated") {
    if (value !== undefined && (value as readonly unknown[]).length > 0) return value;
    return field.listedWhenEmpty ? [] : undefined;
  }
  if (field.label === "map") return isEmpty(value as UntypedMessage | undefined) ? undefined : value;
  return value ?? field.jsonDefault;
}

function isEmpty(map: UntypedMessage | undefined): boolean {
  return map === undefined || Object.keys(map).length === 0;
}

function fieldText(field: FieldDescriptor, value: unknown): string {
  if (field.label === "map") return mapText(field.type, value as UntypedMessage);
  if (field.label === "repeated") return listText(field.type, value as readonly unknown[]);
  return valueText(field.type, value);
}

function listText(type: FieldType, items: readonly unknown[]): string {
  let text = "[";
  for (let i = 0; i < items.length; i++) text += (i === 0 ? "" : ",") + valueText(type, items[i]);
  return `${text}]`;
}

function mapText(type: FieldType, map: UntypedMessage): string {
  const entries = Object.entries(map).map(
    ([key, value]) => `${JSON.stringify(key)}:${valueText(type, value)}`,
  );
  return `{${entries.join(",")}}`;
}

function valueText(type: FieldType, value: unknown): string {
  if (type.kind === "message") return writeJson(type.message, value as UntypedMessage);
  if (type.kind === "enum") {
    if (type.enum.numbers[value as string] === undefined) refuseEnumValue(type.enum, value);
    return `"${value as string}"`;
  }
  checkScalar(type.scalar, value);
  return scalarTexts[type.scalar](value);
}

const scalarTexts: Readonly<Record<ScalarKind, (value: unknown) => string>> = {
  double: (value) => doubleText(value as number),
  int32: integerText,
  uint32: integerText,
  int64: integerText,
  uint64: integerText,
  nanoseconds: integerText,
  bool: (value) => (value === true ? "true" : "false"),
  string: (value) => JSON.stringify(value),
  bytes: (value) => `"${base64(value as Uint8Array)}"`,
};

function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function integerText(value: unknown): string {
  return (value as number | bigint).toString();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

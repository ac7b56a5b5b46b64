// A parsed JSON value to a message, with the leniency of Mesos: unknown fields are ignored, null is "not set", numbers
// and booleans may come as strings, a lone value may stand for a list, an unknown name of an enum that is not required is
// dropped. The texts of refusal are those that Mesos answers with. Missing fields are looked for elsewhere.
import { present } from "../kernel/assert.ts";
import { type JsonValue, parseJson } from "./json-parse.ts";
import { ERROR_EXCERPT_CHARS_MAX } from "./limits.ts";
import { isScalarOf } from "./scalar-check.ts";
import type { EnumType, FieldDescriptor, MessageDescriptor, ScalarKind, UntypedMessage } from "./schema.ts";
import { emptyMapValue, setOwn, store } from "./store.ts";
import { fail, WireError } from "./wire-error.ts";

const SURROGATE = /[\ud800-\udfff]/;
type JsonObject = { readonly [key: string]: JsonValue };

/** The message that the value stands for. Throws WireError if it stands for none. */
export function messageFromJson(type: MessageDescriptor, value: JsonValue): UntypedMessage {
  if (!isObject(value)) fail("Expecting a JSON object");
  const message: UntypedMessage = {};
  readObject(type, value, message);
  return message;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readObject(type: MessageDescriptor, object: JsonObject, message: UntypedMessage): void {
  for (const name of Object.keys(object)) {
    const field = type.byName.get(name);
    if (field !== undefined) readField(field, object[name] as JsonValue, message);
  }
}

function readField(field: FieldDescriptor, value: JsonValue, message: UntypedMessage): void {
  if (value === null) return;
  if (Array.isArray(value)) {
    if (field.label !== "repeated") fail(`Not expecting a JSON array for field '${field.name}'`);
    for (const item of value) readField(field, item, message);
  } else if (field.label === "map") {
    readMap(field, value, message);
  } else {
    store(message, field, readValue(field, value));
  }
}

/** Of a value's refusal the message says that it is the field `value`: that of the map's entry in protobuf. */
function readMap(field: FieldDescriptor, value: JsonValue, message: UntypedMessage): void {
  if (!isObject(value)) fail(notExpecting(value, field));
  const valueField = present(field.entry?.byName.get("value"), "value of a map's entry");
  const map: UntypedMessage = {};
  for (const key of Object.keys(value)) {
    const entry: UntypedMessage = {};
    readField(valueField, value[key] as JsonValue, entry);
    setOwn(map, wellFormed(key), entry.value ?? emptyMapValue(field));
  }
  if (Object.keys(map).length > 0) message[field.name] = map;
}

/** Undefined for a name that an optional enum does not have. */
function readValue(field: FieldDescriptor, value: JsonValue): unknown {
  const { type } = field;
  if (type.kind === "message") {
    return isObject(value) ? messageFromJson(type.message, value) : fail(notExpecting(value, field));
  }
  if (isObject(value)) return fail(notExpecting(value, field));
  return type.kind === "enum"
    ? readEnum(type.enum, field, value)
    : scalarReaders[type.scalar](field, value, type.scalar);
}

/**
 * JSON can escape half of a surrogate pair, which no UTF-8 can hold: such a text would be another one after a trip
 * through the log, and so differ between members.
 */
function wellFormed(text: string): string {
  return SURROGATE.test(text) ? Buffer.from(text, "utf8").toString("utf8") : text;
}

function readEnum(type: EnumType, field: FieldDescriptor, value: JsonValue): string | undefined {
  if (typeof value !== "string") return fail(notExpecting(value, field));
  if (type.numbers[value] !== undefined) return value;
  return field.label === "required" ? fail(`Failed to find enum for '${excerpt(value)}'`) : undefined;
}

type ScalarReader = (field: FieldDescriptor, value: JsonValue, kind: ScalarKind) => unknown;

const scalarReaders: Readonly<Record<ScalarKind, ScalarReader>> = {
  double: readDouble,
  int32: readInteger,
  uint32: readInteger,
  int64: readInteger,
  uint64: readInteger,
  nanoseconds: readInteger,
  bool: readBoolean,
  string: (field, value) =>
    typeof value === "string" ? wellFormed(value) : fail(notExpecting(value, field)),
  bytes: readBytes,
};

function readDouble(field: FieldDescriptor, value: JsonValue): number {
  if (value === "Infinity") return Number.POSITIVE_INFINITY;
  if (value === "-Infinity") return Number.NEGATIVE_INFINITY;
  const number = Number(readNumber(field, value));
  return Number.isFinite(number) ? number : fail("Value out of range");
}

/** Fractions are cut off, as Mesos does; what the kind cannot hold is refused. */
function readInteger(field: FieldDescriptor, value: JsonValue, kind: ScalarKind): number | bigint {
  const number = readNumber(field, value);
  const whole = typeof number === "bigint" ? number : Math.trunc(number) + 0;
  if (typeof whole === "number" && !Number.isFinite(whole)) fail("Value out of range");
  const fitted = kind === "nanoseconds" ? BigInt(whole) : Number(whole);
  return isScalarOf(kind, fitted) ? fitted : fail("Value out of range");
}

function readNumber(field: FieldDescriptor, value: JsonValue): number | bigint {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value !== "string") return fail(notExpecting(value, field));
  const parsed = parseWithin(field, value, "number");
  return typeof parsed === "number" || typeof parsed === "bigint"
    ? parsed
    : wrongType(field, value, "number");
}

function readBoolean(field: FieldDescriptor, value: JsonValue): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return fail(notExpecting(value, field));
  const parsed = parseWithin(field, value, "boolean");
  return typeof parsed === "boolean" ? parsed : wrongType(field, value, "boolean");
}

function parseWithin(field: FieldDescriptor, text: string, wanted: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof WireError) return fail(`${notParsed(field, text, wanted)}: ${error.message}`);
    throw error;
  }
}

function wrongType(field: FieldDescriptor, text: string, wanted: string): never {
  return fail(`${notParsed(field, text, wanted)}: Unexpected JSON type parsed`);
}

function notParsed(field: FieldDescriptor, text: string, wanted: string): string {
  return `Failed to parse '${excerpt(text)}' as a JSON ${wanted} for field '${field.name}'`;
}

/** Whitespace is skipped, the first padding character ends it, and padding may be missing. */
function readBytes(field: FieldDescriptor, value: JsonValue): Uint8Array {
  if (typeof value !== "string") return fail(notExpecting(value, field));
  const padding = value.indexOf("=");
  const text = padding === -1 ? value : value.slice(0, padding);
  const wrong = /[^A-Za-z0-9+/\s]/u.exec(text)?.[0];
  if (wrong !== undefined) {
    fail(`Failed to base64 decode bytes field '${field.name}': Invalid character '${wrong}'`);
  }
  return new Uint8Array(Buffer.from(text, "base64"));
}

function notExpecting(value: JsonValue, field: FieldDescriptor): string {
  return `Not expecting a JSON ${jsonTypeOf(value)} for field '${field.name}'`;
}

function jsonTypeOf(value: JsonValue): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "bigint" ? "number" : typeof value;
}

function excerpt(text: string): string {
  return text.slice(0, ERROR_EXCERPT_CHARS_MAX);
}

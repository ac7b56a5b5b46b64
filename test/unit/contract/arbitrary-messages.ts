// Arbitrary messages of any type of the schema, in canonical form: nothing empty, nothing undefined.
import fc from "fast-check";
import type {
  FieldDescriptor,
  FieldType,
  MessageDescriptor,
  ScalarKind,
  UntypedMessage,
} from "../../../src/contract/schema.ts";

const INT64_MAX = 2n ** 63n - 1n;
/** Below this depth only required fields are made, so that messages end. */
const DEPTH_MAX = 4;
const ITEMS_MAX = 2;

const text = fc.string({ unit: "binary", maxLength: 12 });

const scalars: Readonly<Record<ScalarKind, fc.Arbitrary<unknown>>> = {
  double: fc.double({ noNaN: true }),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 0xffff_ffff }),
  int64: fc.maxSafeInteger(),
  uint64: fc.maxSafeNat(),
  nanoseconds: fc.bigInt({ min: -INT64_MAX - 1n, max: INT64_MAX }),
  bool: fc.boolean(),
  string: text,
  bytes: fc.uint8Array({ maxLength: 12 }),
};

export function arbitraryMessage(type: MessageDescriptor, depth = 0): fc.Arbitrary<UntypedMessage> {
  const required = type.fields.filter((field) => field.label === "required");
  const others = depth >= DEPTH_MAX ? [] : type.fields.filter((field) => field.label !== "required");
  const chosen = fc.subarray(others, { maxLength: Math.min(others.length, 6) });
  return chosen.chain((fields) => {
    const present = withoutRivals([...required, ...fields]);
    return fc.tuple(...present.map((field) => arbitraryField(field, depth))).map((values) => {
      return Object.fromEntries(present.map((field, index) => [field.name, values[index]]));
    });
  });
}

/** At most one field of each oneof. */
function withoutRivals(fields: readonly FieldDescriptor[]): readonly FieldDescriptor[] {
  return fields.filter(
    (field, index) => !fields.slice(0, index).some((earlier) => field.rivals.includes(earlier.name)),
  );
}

function arbitraryField(field: FieldDescriptor, depth: number): fc.Arbitrary<unknown> {
  const value = arbitraryValue(field.type, depth);
  if (field.label === "repeated") return fc.array(value, { minLength: 1, maxLength: ITEMS_MAX });
  if (field.label === "map") {
    const key = text.filter((name) => name !== "__proto__");
    return fc.dictionary(key, value, { minKeys: 1, maxKeys: ITEMS_MAX, noNullPrototype: true });
  }
  return value;
}

function arbitraryValue(type: FieldType, depth: number): fc.Arbitrary<unknown> {
  if (type.kind === "message") return arbitraryMessage(type.message, depth + 1);
  return type.kind === "enum" ? fc.constantFrom(...Object.keys(type.enum.numbers)) : scalars[type.scalar];
}

/** The message with the defaults that Mesos writes in JSON: the reference for what comes back from JSON. */
export function withJsonDefaults(type: MessageDescriptor, message: UntypedMessage): UntypedMessage {
  const full: UntypedMessage = {};
  for (const field of type.fields) {
    const value = message[field.name] ?? field.jsonDefault;
    if (value !== undefined) full[field.name] = defaultsWithin(field, value);
  }
  return full;
}

function defaultsWithin(field: FieldDescriptor, value: unknown): unknown {
  if (field.type.kind !== "message") return value;
  const nested = field.type.message;
  if (field.label === "repeated")
    return (value as UntypedMessage[]).map((item) => withJsonDefaults(nested, item));
  if (field.label !== "map") return withJsonDefaults(nested, value as UntypedMessage);
  const entries = Object.entries(value as Record<string, UntypedMessage>);
  return Object.fromEntries(entries.map(([key, item]) => [key, withJsonDefaults(nested, item)]));
}

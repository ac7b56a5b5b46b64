// Descriptors of the messages: what the codecs walk along. The generated rows are linked here once, when the module is
// loaded. Text forms are left to the codecs.
import { assert, present } from "../kernel/assert.ts";

/** Scalars of the schema. `nanoseconds` is an int64 kept as a bigint; other 64-bit integers are numbers within ±(2^53 - 1). */
export type ScalarKind =
  | "double"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "nanoseconds"
  | "bool"
  | "string"
  | "bytes";

export type FieldLabel = "required" | "optional" | "repeated" | "map";

/** `[name, number, label, type, facts]`; type is a scalar, or the name of an enum or message. Maps have string keys. */
export type FieldRow = readonly [string, number, FieldLabel, string, FieldFacts?];

export interface FieldFacts {
  readonly default?: string | number | boolean;
  readonly deprecated?: true;
  /** Name of the oneof that the field belongs to: at most one of its fields is set. */
  readonly oneof?: string;
}

/** Full protobuf name and fields, in ascending order of their numbers. */
export type MessageRow = readonly [string, readonly FieldRow[]];
export type EnumNumbers = Readonly<Record<string, number>>;

export interface EnumType {
  readonly name: string;
  /** Without a prototype: a name that is not the enum's gives undefined. */
  readonly numbers: EnumNumbers;
  readonly names: ReadonlyMap<number, string>;
}

export type FieldType =
  | { readonly kind: "scalar"; readonly scalar: ScalarKind }
  | { readonly kind: "enum"; readonly enum: EnumType }
  | { readonly kind: "message"; readonly message: MessageDescriptor };

export interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: FieldLabel;
  readonly type: FieldType;
  /** Default that Mesos writes in JSON when the field is not set: only explicit ones of fields not deprecated. */
  readonly jsonDefault: string | number | boolean | undefined;
  /** The other fields of its oneof. */
  readonly rivals: readonly string[];
  /** Of a map: the message that each of its entries is in protobuf, with the fields `key` and `value`. */
  readonly entry: MessageDescriptor | undefined;
  /** Of a list: Mesos writes it in JSON even when it is empty. */
  readonly listedWhenEmpty: boolean;
}

export interface MessageDescriptor {
  /** As in Tepui's types: `SchedulerCallAccept`. */
  readonly name: string;
  /** As in protobuf: `mesos.v1.scheduler.Call.Accept`. */
  readonly fullName: string;
  readonly fields: readonly FieldDescriptor[];
  readonly byName: ReadonlyMap<string, FieldDescriptor>;
  readonly byNumber: readonly (FieldDescriptor | undefined)[];
  /** Whether it or any message in it has a required field. */
  readonly requires: boolean;
  /** The fields because of which that is so. */
  readonly requiring: readonly FieldDescriptor[];
}

declare const shape: unique symbol;

/** A message's descriptor that knows the TypeScript type of the message. */
export interface MessageType<Message> extends MessageDescriptor {
  readonly [shape]?: (message: Message) => Message;
}

/** A message while its type is not known at compile time: field name to value, absent when not set. */
export type UntypedMessage = { [field: string]: unknown };

const SCALARS: ReadonlySet<string> = new Set([
  "double",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "nanoseconds",
  "bool",
  "string",
  "bytes",
] satisfies ScalarKind[]);

interface Draft {
  name: string;
  fullName: string;
  fields: FieldDescriptor[];
  byName: Map<string, FieldDescriptor>;
  byNumber: (FieldDescriptor | undefined)[];
  requires: boolean;
  requiring: readonly FieldDescriptor[];
}

/**
 * Makes descriptors out of rows, of which each names its messages and enums. Throws InvariantError on an unknown name.
 * @param listedWhenEmpty lists that Mesos writes in JSON even when they are empty, as `Message.field`
 */
export function linkSchema(
  messages: Readonly<Record<string, MessageRow>>,
  enums: Readonly<Record<string, EnumNumbers>>,
  listedWhenEmpty: ReadonlySet<string>,
): Readonly<Record<string, MessageDescriptor>> {
  const enumTypes = new Map(Object.entries(enums).map(([name, numbers]) => [name, enumType(name, numbers)]));
  const drafts = new Map(Object.entries(messages).map(([name, [fullName]]) => [name, draft(name, fullName)]));
  for (const [name, [, rows]] of Object.entries(messages)) {
    const message = present(drafts.get(name), "message of the schema", { name });
    for (const row of rows) {
      const listed = listedWhenEmpty.has(`${name}.${row[0]}`);
      addField(message, { ...linkField(row, rows, drafts, enumTypes), listedWhenEmpty: listed });
    }
  }
  markRequires([...drafts.values()]);
  gatherRequiring([...drafts.values()]);
  return Object.fromEntries(drafts);
}

function enumType(name: string, numbers: EnumNumbers): EnumType {
  const names = new Map(Object.entries(numbers).map(([value, number]) => [number, value]));
  const bare: EnumNumbers = Object.assign(Object.create(null), numbers);
  return { name, numbers: bare, names };
}

function draft(name: string, fullName: string): Draft {
  return { name, fullName, fields: [], byName: new Map(), byNumber: [], requires: false, requiring: [] };
}

function addField(message: Draft, field: FieldDescriptor): void {
  message.fields.push(field);
  message.byName.set(field.name, field);
  while (message.byNumber.length <= field.number) message.byNumber.push(undefined);
  message.byNumber[field.number] = field;
}

function linkField(
  [name, number, label, type, facts]: FieldRow,
  rows: readonly FieldRow[],
  drafts: ReadonlyMap<string, Draft>,
  enums: ReadonlyMap<string, EnumType>,
): Omit<FieldDescriptor, "listedWhenEmpty"> {
  const written = label === "optional" && facts?.deprecated !== true;
  const rivals = rows.filter(([other, , , , its]) => other !== name && its?.oneof !== undefined);
  const linked = linkType(type, drafts, enums);
  return {
    name,
    number,
    label,
    type: linked,
    jsonDefault: written ? facts?.default : undefined,
    rivals: rivals.filter((row) => row[4]?.oneof === facts?.oneof).map(([other]) => other),
    entry: label === "map" ? entryOf(name, linked) : undefined,
  };
}

function entryOf(name: string, type: FieldType): MessageDescriptor {
  const entry = draft(name, name);
  const shared = {
    label: "optional",
    jsonDefault: undefined,
    rivals: [],
    entry: undefined,
    listedWhenEmpty: false,
  } as const;
  addField(entry, { ...shared, name: "key", number: 1, type: { kind: "scalar", scalar: "string" } });
  addField(entry, { ...shared, name: "value", number: 2, type });
  return entry;
}

function linkType(
  type: string,
  drafts: ReadonlyMap<string, Draft>,
  enums: ReadonlyMap<string, EnumType>,
): FieldType {
  if (isScalar(type)) return { kind: "scalar", scalar: type };
  const enumOfField = enums.get(type);
  if (enumOfField !== undefined) return { kind: "enum", enum: enumOfField };
  const message = drafts.get(type);
  assert(message !== undefined, "type of the schema", { type });
  return { kind: "message", message };
}

function isScalar(type: string): type is ScalarKind {
  return SCALARS.has(type);
}

/** Messages refer to each other in circles, so the property spreads until nothing changes. */
function markRequires(messages: readonly Draft[]): void {
  let changed = true;
  while (changed) {
    changed = false;
    for (const message of messages.filter((each) => !each.requires)) {
      if (!message.fields.some(bringsRequirement)) continue;
      message.requires = true;
      changed = true;
    }
  }
}

/** When it is known which messages have a requirement. */
function gatherRequiring(messages: readonly Draft[]): void {
  for (const message of messages) message.requiring = message.fields.filter(bringsRequirement);
}

function bringsRequirement(field: FieldDescriptor): boolean {
  return field.label === "required" || (field.type.kind === "message" && field.type.message.requires);
}

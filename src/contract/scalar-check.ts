// What the values of a message may be, in the form that they have in memory, and how the encoders refuse others: a
// message to be encoded comes from our own code.
import { InvariantError } from "../kernel/assert.ts";
import type { EnumType, FieldDescriptor, MessageDescriptor, ScalarKind } from "./schema.ts";

const INT32_MIN = -0x8000_0000;
const INT32_MAX = 0x7fff_ffff;
const UINT32_MAX = 0xffff_ffff;

const checks: Readonly<Record<ScalarKind, (value: unknown) => boolean>> = {
  double: (value) => typeof value === "number",
  int32: (value) => Number.isInteger(value) && isBetween(value as number, INT32_MIN, INT32_MAX),
  uint32: (value) => Number.isInteger(value) && isBetween(value as number, 0, UINT32_MAX),
  int64: (value) => Number.isSafeInteger(value),
  uint64: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  nanoseconds: (value) => typeof value === "bigint" && BigInt.asIntN(64, value) === value,
  bool: (value) => typeof value === "boolean",
  string: (value) => typeof value === "string",
  bytes: (value) => value instanceof Uint8Array,
};

/** Whether the value is one of the kind and within its range. */
export function isScalarOf(kind: ScalarKind, value: unknown): boolean {
  return checks[kind](value);
}

/** Throws InvariantError unless the value is one of the kind. */
export function checkScalar(kind: ScalarKind, value: unknown): void {
  if (!checks[kind](value)) throw new InvariantError("not a value of the scalar", { kind, value });
}

export function refuseEnumValue(type: EnumType, value: unknown): never {
  throw new InvariantError("not a value of the enum", { enum: type.name, value });
}

export function refuseMissing(type: MessageDescriptor, field: FieldDescriptor): never {
  throw new InvariantError("a required field is missing", { message: type.fullName, field: field.name });
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

// What a scalar of a message may be, in the form that it has in memory.
import { assert } from "../kernel/assert.ts";
import type { ScalarKind } from "./schema.ts";

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

/** Throws InvariantError unless the value is one of the kind: it comes from our own code. */
export function checkScalar(kind: ScalarKind, value: unknown): void {
  if (!checks[kind](value)) assert(false, "scalar of a message", { kind, value });
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

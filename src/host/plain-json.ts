// JSON of what state and events hold: bytes as base64, long integers as text, Maps as lists of pairs.

/** The replacer for JSON.stringify. A Buffer has turned itself into an object before it gets here. */
export function plainJson(this: unknown, key: string, value: unknown): unknown {
  const original: unknown = typeof this === "object" && this !== null ? Reflect.get(this, key) : value;
  if (original instanceof Uint8Array) return Buffer.from(original).toString("base64");
  if (original instanceof Map) return [...original];
  return typeof value === "bigint" ? value.toString() : value;
}

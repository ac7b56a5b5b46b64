// How many bytes a value takes in the log at most, without packing it: a bound that is cheap to know before events are
// carried out, so that an entry is closed in time. Texts count three bytes a character, as the longest do in UTF-8.

/** The longest header that msgpack puts before a text, byte string, list, map or record, and the longest number. */
const HEAD_BYTES_MAX = 9;
const CHARACTER_BYTES_MAX = 3;

/** Of plain data: no functions, no cycles. */
export function packedBytesAtMost(value: unknown): number {
  if (typeof value === "string") return HEAD_BYTES_MAX + CHARACTER_BYTES_MAX * value.length;
  if (typeof value === "bigint") return HEAD_BYTES_MAX + value.toString(16).length;
  if (typeof value !== "object" || value === null) return HEAD_BYTES_MAX;
  if (value instanceof Uint8Array) return HEAD_BYTES_MAX + value.length;
  if (Array.isArray(value)) return ofList(value);
  if (value instanceof Map) {
    return ofList([...(value as ReadonlyMap<unknown, unknown>)].flat());
  }
  let bytes = HEAD_BYTES_MAX;
  for (const name in value) {
    bytes += HEAD_BYTES_MAX + CHARACTER_BYTES_MAX * name.length;
    bytes += packedBytesAtMost((value as Readonly<Record<string, unknown>>)[name]);
  }
  return bytes;
}

function ofList(items: readonly unknown[]): number {
  let bytes = HEAD_BYTES_MAX;
  for (const item of items) bytes += packedBytesAtMost(item);
  return bytes;
}

// JSON of what state and events hold: bytes as base64, long integers as text, Maps as lists of pairs, a TaskInfo or a
// status that is carried in its encoded form as the message that it is.
import { taskInfoOf } from "../contract/encoded.ts";
import type { EncodedMessage } from "../kernel/encoded.ts";
import { readableStatus } from "./readable-statuses.ts";

/** The replacer for JSON.stringify. A Buffer has turned itself into an object before it gets here. */
export function plainJson(this: unknown, key: string, value: unknown): unknown {
  const original: unknown = typeof this === "object" && this !== null ? Reflect.get(this, key) : value;
  if (original instanceof Uint8Array) return Buffer.from(original).toString("base64");
  if (original instanceof Map) return [...original];
  if (key === "wire" && typeof original === "string") return taskInfoIn(original as EncodedMessage, this);
  return typeof value === "bigint" ? value.toString() : readableStatus(value);
}

function taskInfoIn(wire: EncodedMessage, task: unknown): unknown {
  const role: unknown = typeof task === "object" && task !== null ? Reflect.get(task, "role") : undefined;
  return taskInfoOf(wire, typeof role === "string" ? role : "*");
}

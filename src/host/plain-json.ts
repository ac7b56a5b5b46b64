// JSON of what state and events hold: bytes as base64, long integers as text, Maps as lists of pairs, a TaskInfo or a
// status that is carried in its encoded form as the message that it is.
import { readTaskInfo } from "../contract/encoded.ts";
import type { EncodedMessage } from "../kernel/encoded.ts";
import { readableStatus } from "./readable-statuses.ts";

/** The replacer for JSON.stringify. A Buffer has turned itself into an object before it gets here. */
export function plainJson(this: unknown, key: string, value: unknown): unknown {
  const original: unknown = typeof this === "object" && this !== null ? Reflect.get(this, key) : value;
  if (original instanceof Uint8Array) return Buffer.from(original).toString("base64");
  if (original instanceof Map) return [...original];
  if (key === "wire" && typeof original === "string") return messageIn(original as EncodedMessage, this);
  return typeof value === "bigint" ? value.toString() : readableStatus(value);
}

/** As base64 if it cannot be read: a status that could has become a message before. */
function messageIn(wire: EncodedMessage, holder: unknown): unknown {
  const fields = typeof holder === "object" && holder !== null ? holder : {};
  const role: unknown = Reflect.get(fields, "role");
  const info = "uuid" in fields ? null : readTaskInfo(wire, typeof role === "string" ? role : "*");
  return info?.ok === true ? info.value : Buffer.from(wire, "latin1").toString("base64");
}

// How the decoders put a value into a message.
import type { FieldDescriptor, UntypedMessage } from "./schema.ts";

/** Appends to a list, or sets a field and unsets the others of its oneof; undefined stores nothing. */
export function store(message: UntypedMessage, field: FieldDescriptor, value: unknown): void {
  if (value === undefined) return;
  if (field.label === "repeated") {
    const items = message[field.name];
    if (Array.isArray(items)) items.push(value);
    else message[field.name] = [value];
    return;
  }
  for (const rival of field.rivals) delete message[rival];
  message[field.name] = value;
}

/** Sets an own property whatever its name: `__proto__` too is a key like any other. */
export function setOwn(target: UntypedMessage, key: string, value: unknown): void {
  if (key !== "__proto__") target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Value of a map's entry that brings none. Values of maps are messages or strings. */
export function emptyMapValue(field: FieldDescriptor): unknown {
  return field.type.kind === "message" ? {} : "";
}

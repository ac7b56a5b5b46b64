// Which required fields a decoded message lacks. Looked for once the whole message is there, because protobuf may bring
// a message in pieces.
import { MISSING_FIELDS_NAMED_MAX } from "./limits.ts";
import type { FieldDescriptor, MessageDescriptor, UntypedMessage } from "./schema.ts";

/** Paths such as `accept.operations[0].launch.task_infos[0].agent_id`, at most MISSING_FIELDS_NAMED_MAX of them. */
export function missingFields(type: MessageDescriptor, message: UntypedMessage): readonly string[] {
  const missing: string[] = [];
  collect(type, message, "", missing);
  return missing;
}

function collect(type: MessageDescriptor, message: UntypedMessage, path: string, missing: string[]): void {
  if (!type.requires) return;
  for (const field of type.requiring) {
    if (field.label !== "required" || message[field.name] !== undefined) continue;
    if (missing.length < MISSING_FIELDS_NAMED_MAX) missing.push(path + field.name);
  }
  for (const field of type.requiring) {
    const value = message[field.name];
    if (value !== undefined) collectWithin(field, value, path, missing);
  }
}

function collectWithin(field: FieldDescriptor, value: unknown, path: string, missing: string[]): void {
  if (field.type.kind !== "message" || !field.type.message.requires) return;
  const type = field.type.message;
  if (field.label === "repeated") {
    const items = value as readonly UntypedMessage[];
    for (let i = 0; i < items.length; i++) {
      collect(type, items[i] as UntypedMessage, `${path}${field.name}[${i}].`, missing);
    }
  } else if (field.label === "map") {
    for (const [key, item] of Object.entries(value as Readonly<Record<string, UntypedMessage>>)) {
      collect(type, item, `${path}${field.name}[${key}].`, missing);
    }
  } else {
    collect(type, value as UntypedMessage, `${path}${field.name}.`, missing);
  }
}

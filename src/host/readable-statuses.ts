// Statuses that agents reported are encoded in events and in the state. People and scripts want their fields.
import { decodeStatus } from "../contract/encoded-status.ts";
import type { Event } from "../state/events.ts";

/** The event with the fields of its status. */
export function readableEvent(event: Event): Event {
  return event.kind === "TaskStatusUpdated"
    ? { ...event, status: readableStatus(event.status) as typeof event.status }
    : event;
}

/** A status of the state with its fields if it is an encoded one; anything else as it is. */
export function readableStatus(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const bytes = encodedIn(value);
  if (bytes === null) return value;
  const { data, ...status } = value as { readonly data?: Uint8Array };
  const decoded = decodeStatus({ bytes, data: data ?? null });
  return decoded.ok ? { ...status, wire: decoded.value } : value;
}

/** Null if it is no encoded status; a task has an encoded message too, but no uuid. */
function encodedIn(value: object): Uint8Array | null {
  if (!("wire" in value)) return null;
  const { wire } = value;
  if (typeof wire === "string") return "uuid" in value ? Buffer.from(wire, "latin1") : null;
  return wire instanceof Uint8Array ? wire : null;
}

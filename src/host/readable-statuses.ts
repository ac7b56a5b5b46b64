// Statuses that agents reported are bytes in events and in the state. People and scripts want their fields.
import { decodeStatus } from "../contract/encoded-status.ts";
import type { Event } from "../state/events.ts";

/** The event with the fields of its status. */
export function readableEvent(event: Event): Event {
  return event.kind === "TaskStatusUpdated"
    ? { ...event, status: readableStatus(event.status) as typeof event.status }
    : event;
}

/** A status of the state with its fields if it is one in bytes; anything else as it is. */
export function readableStatus(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (!("wire" in value) || !(value.wire instanceof Uint8Array)) return value;
  const { data, ...status } = value as { readonly wire: Uint8Array; readonly data?: Uint8Array };
  const decoded = decodeStatus({ bytes: status.wire, data: data ?? null });
  return decoded.ok ? { ...status, wire: decoded.value } : value;
}

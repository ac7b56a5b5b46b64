// Log entries as bytes: format version, the leader's time, events. Decoding is total: damage, an unknown format and an
// unknown kind of event are values that say what is wrong and which version is needed.
import type { Millis } from "../kernel/ids.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import type { Event } from "./events.ts";
import { isLaunches, launchesTogether, separateLaunches } from "./launches.ts";
import { FORMAT_VERSION, migrate } from "./migrations/index.ts";
import { packedBytesAtMost } from "./packed-size.ts";
import { packValue, packValueAfter, unpackValue } from "./packing.ts";
import { eventsOfRows, isEncodedUpdate, rowsOf, type StatusRows } from "./status-rows.ts";

/** What one Raft entry holds. */
export interface Entry {
  readonly time: Millis;
  readonly events: readonly Event[];
}

export type DecodeError =
  | { readonly kind: "malformed"; readonly message: string }
  /** Written by a newer version of this program: that, or a newer one, is needed to read it. */
  | {
      readonly kind: "unknown-format";
      readonly version: number;
      readonly supported: number;
      readonly message: string;
    }
  | {
      readonly kind: "unknown-event";
      readonly event: string;
      readonly version: number;
      readonly message: string;
    };

/** Every kind of event, with the format version in which it first appeared. */
export const EVENT_KINDS: { readonly [Kind in Event["kind"]]: { readonly since: number } } = {
  ClusterFounded: { since: 1 },
  LeaderElected: { since: 1 },
  FrameworkSubscribed: { since: 1 },
  FrameworkUpdated: { since: 3 },
  FrameworkDisconnected: { since: 1 },
  FrameworkRemoved: { since: 1 },
  FrameworkSuppressed: { since: 1 },
  FrameworkRevived: { since: 1 },
  AgentRegistered: { since: 1 },
  AgentReregistered: { since: 1 },
  AgentDisconnected: { since: 1 },
  AgentUnreachable: { since: 1 },
  AgentRemoved: { since: 1 },
  AgentCorrected: { since: 3 },
  AgentHistoryForgotten: { since: 3 },
  AgentDeactivated: { since: 3 },
  AgentReactivated: { since: 3 },
  AgentDrainStarted: { since: 3 },
  AgentDrained: { since: 3 },
  MaintenanceScheduled: { since: 3 },
  MaintenanceStarted: { since: 3 },
  MaintenanceStopped: { since: 3 },
  InverseOffersMade: { since: 3 },
  InverseOffersAnswered: { since: 3 },
  InverseOffersRescinded: { since: 3 },
  AgentResourcesConverted: { since: 3 },
  OperationAcknowledged: { since: 3 },
  OperationsTold: { since: 3 },
  OffersMade: { since: 1 },
  OffersAccepted: { since: 1 },
  OffersDeclined: { since: 1 },
  OffersDiscarded: { since: 1 },
  OffersRescinded: { since: 1 },
  TaskLaunched: { since: 1 },
  TaskRefused: { since: 1 },
  OperationRefused: { since: 1 },
  TaskStatusUpdated: { since: 1 },
  TaskUnreachable: { since: 1 },
  TaskRecovered: { since: 1 },
  TaskStatusAcknowledged: { since: 1 },
  TaskKillRequested: { since: 1 },
  ExecutorExited: { since: 1 },
  WeightsUpdated: { since: 3 },
  QuotasUpdated: { since: 3 },
  PolicyChanged: { since: 3 },
  FiltersExpired: { since: 1 },
  DigestRecorded: { since: 1 },
};

/** An entry with statuses in rows begins with it, which no packed list does; then u32 bytes of the packed part, big-endian. */
const ROWS_TAG = 0x53;
const ROWS_HEAD_BYTES = 5;
/** At most what a status takes in an entry beside its bytes, its three ids and its uuid. */
const ROW_BYTES_MAX = 128;

export function encodeEntry({ time, events }: Entry): Uint8Array {
  const items = launchesTogether(events);
  const rows = rowsOf(items, time);
  return rows === null ? packValue([FORMAT_VERSION, time, items]) : encodeRows(time, rows);
}

function encodeRows(time: Millis, { items, names, cells, bodies }: StatusRows): Uint8Array {
  const packed = packValueAfter(ROWS_HEAD_BYTES, [FORMAT_VERSION, time, items, names, cells]);
  let size = packed.length;
  for (const body of bodies) size += body.length;
  const bytes = new Uint8Array(size);
  bytes.set(packed);
  bytes[0] = ROWS_TAG;
  new DataView(bytes.buffer).setUint32(1, packed.length - ROWS_HEAD_BYTES);
  let at = packed.length;
  for (const body of bodies) {
    bytes.set(body, at);
    at += body.length;
  }
  return bytes;
}

/** How many bytes the events add to an entry at most. */
export function eventsBytesAtMost(events: readonly Event[]): number {
  let bytes = 0;
  for (const event of events) {
    if (!isEncodedUpdate(event)) {
      bytes += packedBytesAtMost(event);
      continue;
    }
    const { frameworkId, taskId, agentId, status } = event;
    const ids = 3 * (frameworkId.length + taskId.length + agentId.length + (status.uuid?.length ?? 0));
    bytes += ROW_BYTES_MAX + ids + status.wire.length + (status.data?.length ?? 0);
  }
  return bytes;
}

/** Statuses in rows are views of the entry's bytes. */
export function decodeEntry(bytes: Uint8Array): Result<Entry, DecodeError> {
  return bytes[0] === ROWS_TAG ? decodeRows(bytes) : decodePacked(bytes);
}

function decodeRows(bytes: Uint8Array): Result<Entry, DecodeError> {
  if (bytes.length < ROWS_HEAD_BYTES) return err(malformed("it ends within its head"));
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  const end = ROWS_HEAD_BYTES + length;
  if (end > bytes.length) return err(malformed("it ends within its packed part"));
  const unpacked = unpackVersioned(bytes.subarray(ROWS_HEAD_BYTES, end), 5);
  if (!unpacked.ok) return unpacked;
  const { version, parts } = unpacked.value;
  const [time, ...rows] = parts;
  if (!isTime(time)) return err(malformed("the entry has no time"));
  const events = eventsOfRows(rows, bytes.subarray(end), time);
  return events === null ? err(malformed("the rows of statuses are none")) : entryOf(version, time, events);
}

function decodePacked(bytes: Uint8Array): Result<Entry, DecodeError> {
  const unpacked = unpackVersioned(bytes, 3);
  if (!unpacked.ok) return unpacked;
  const { version, parts } = unpacked.value;
  const [time, events] = parts;
  if (!isTime(time)) return err(malformed("the entry has no time"));
  if (!Array.isArray(events)) return err(malformed("the entry has no events"));
  return entryOf(version, time, events as readonly unknown[]);
}

function isTime(time: unknown): time is Millis {
  return typeof time === "number" && Number.isSafeInteger(time);
}

function entryOf(version: number, time: Millis, events: readonly unknown[]): Result<Entry, DecodeError> {
  const decoded: Event[] = [];
  for (const raw of events) {
    if (isLaunches(raw)) {
      const launched = separateLaunches(raw);
      if (launched === null) return err(malformed("launches that are written together are not whole"));
      decoded.push(...launched);
      continue;
    }
    const event = decodeEvent(raw, version);
    if (!event.ok) return event;
    decoded.push(event.value);
  }
  return ok({ time, events: decoded });
}

/** The parts of a packed array after the version that it begins with. */
export function unpackVersioned(
  bytes: Uint8Array,
  length: number,
): Result<{ readonly version: number; readonly parts: readonly unknown[] }, DecodeError> {
  let value: unknown;
  try {
    value = unpackValue(bytes);
  } catch (cause) {
    return err(malformed(cause instanceof Error ? cause.message : String(cause)));
  }
  const [version, ...parts] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1) {
    return err(malformed("it does not begin with a format version"));
  }
  if (version > FORMAT_VERSION) {
    const message = `written in format ${version}; this program reads formats up to ${FORMAT_VERSION}`;
    return err({ kind: "unknown-format", version, supported: FORMAT_VERSION, message });
  }
  if (parts.length !== length - 1) return err(malformed(`it has ${parts.length + 1} parts, not ${length}`));
  return ok({ version, parts });
}

export function malformed(message: string): DecodeError {
  return { kind: "malformed", message };
}

function decodeEvent(raw: unknown, version: number): Result<Event, DecodeError> {
  const event = version === FORMAT_VERSION ? raw : migrate(raw, "event", version);
  const kind = typeof event === "object" && event !== null && "kind" in event ? event.kind : undefined;
  if (typeof kind !== "string") return err(malformed("an event has no kind"));
  if (Object.hasOwn(EVENT_KINDS, kind)) return ok(event as Event);
  const message = `unknown event '${kind}' in format ${version}: a newer version of this program is needed`;
  return err({ kind: "unknown-event", event: kind, version, message });
}

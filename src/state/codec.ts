// Log entries as bytes: format version, the leader's time, events. Decoding is total: damage, an unknown format and an
// unknown kind of event are values that say what is wrong and which version is needed.
import type { Millis } from "../kernel/ids.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import type { Event } from "./events.ts";
import { isLaunches, launchesTogether, separateLaunches } from "./launches.ts";
import { FORMAT_VERSION, MIGRATIONS, migrate } from "./migrations/index.ts";
import { packValue, unpackValue } from "./packing.ts";

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
const EVENT_KINDS: { readonly [Kind in Event["kind"]]: { readonly since: number } } = {
  ClusterFounded: { since: 1 },
  LeaderElected: { since: 1 },
  FrameworkSubscribed: { since: 1 },
  FrameworkUpdated: { since: 2 },
  FrameworkDisconnected: { since: 1 },
  FrameworkRemoved: { since: 1 },
  FrameworkSuppressed: { since: 1 },
  FrameworkRevived: { since: 1 },
  AgentRegistered: { since: 1 },
  AgentReregistered: { since: 1 },
  AgentDisconnected: { since: 1 },
  AgentUnreachable: { since: 1 },
  AgentRemoved: { since: 1 },
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
  WeightsUpdated: { since: 2 },
  FiltersExpired: { since: 1 },
  DigestRecorded: { since: 1 },
};

export function encodeEntry(entry: Entry): Uint8Array {
  return packValue([FORMAT_VERSION, entry.time, launchesTogether(entry.events)]);
}

export function decodeEntry(bytes: Uint8Array): Result<Entry, DecodeError> {
  const unpacked = unpackVersioned(bytes, 3);
  if (!unpacked.ok) return unpacked;
  const { version, parts } = unpacked.value;
  const [time, events] = parts;
  if (typeof time !== "number" || !Number.isSafeInteger(time)) return err(malformed("the entry has no time"));
  if (!Array.isArray(events)) return err(malformed("the entry has no events"));
  const decoded: Event[] = [];
  for (const raw of events as readonly unknown[]) {
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
  return ok({ time: time as Millis, events: decoded });
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
  const event = MIGRATIONS.length === 0 ? raw : migrate(raw, "event", version);
  const kind = typeof event === "object" && event !== null && "kind" in event ? event.kind : undefined;
  if (typeof kind !== "string") return err(malformed("an event has no kind"));
  if (Object.hasOwn(EVENT_KINDS, kind)) return ok(event as Event);
  const message = `unknown event '${kind}' in format ${version}: a newer version of this program is needed`;
  return err({ kind: "unknown-event", event: kind, version, message });
}

// The exchanges recorded from a real Mesos, with the ids of that cluster replaced by those of the cluster under test.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeProtobuf, encodeJson, encodeProtobuf } from "../../../src/contract/codec.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import type { MessageType } from "../../../src/contract/schema.ts";

const root = join(import.meta.dirname, "..", "..", "recorded");

// biome-ignore lint/suspicious/noExplicitAny: parsed JSON, looked into by tests.
export type Json = any;

export interface Recording {
  /** `scheduler/kill` */
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Json;
    readonly body_text?: string;
    readonly body_base64?: string;
  };
  readonly response: {
    readonly status: number | null;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Json;
    readonly body_text?: string;
    readonly body_base64?: string;
    readonly records?: readonly Json[];
    readonly records_base64?: readonly string[];
    readonly closed_by_peer?: boolean;
  };
  /** What a framework heard of an operator's call. */
  readonly scheduler_stream_events?: readonly Json[];
  readonly stream_events?: readonly Json[];
  readonly stream_events_base64?: readonly string[];
}

/** What stands for the recorded cluster's ids. */
export interface Ids {
  readonly framework?: string | undefined;
  readonly agent?: string | undefined;
  readonly offer?: string | undefined;
  readonly stream?: string | undefined;
  /** `host:port` of the master's API. */
  readonly master?: string | undefined;
}

export function namesOf(folder: string): readonly string[] {
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".json"))
    .map((file) => `${folder}/${file.slice(0, -".json".length)}`)
    .sort();
}

export function recordingOf(name: string): Recording {
  return JSON.parse(readFileSync(join(root, `${name}.json`), "utf8"));
}

/** Replaces the ids that the recorded master and its clients had; made-up ones stay. */
export function withIds(text: string, ids: Ids): string {
  const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
  return text
    .replaceAll(new RegExp(`${uuid}-S\\d+`, "g"), ids.agent ?? "no-agent")
    .replaceAll(new RegExp(`${uuid}-O\\d+`, "g"), ids.offer ?? "no-offer")
    .replaceAll(new RegExp(`${uuid}-\\d{4}(?!\\d|-)`, "g"), ids.framework ?? "no-framework")
    .replaceAll("//127.0.0.1:7150", `//${ids.master ?? "no-master"}`)
    .replaceAll("(valid)", ids.framework ?? "no-framework");
}

/** The request's body with our ids; undefined if it has none. */
export function bodyOf({ request }: Recording, ids: Ids): Buffer | undefined {
  if (request.body !== undefined) return Buffer.from(withIds(JSON.stringify(request.body), ids));
  if (request.body_text !== undefined) return Buffer.from(request.body_text);
  if (request.body_base64 === undefined) return undefined;
  const bytes = Buffer.from(request.body_base64, "base64");
  const type = request.path.startsWith("/api/v1/scheduler")
    ? messageTypes.SchedulerCall
    : messageTypes.MasterCall;
  return withIdsInProtobuf(type as MessageType<unknown>, bytes, ids);
}

function withIdsInProtobuf(type: MessageType<unknown>, bytes: Buffer, ids: Ids): Buffer {
  const decoded = decodeProtobuf(type, bytes);
  if (!decoded.ok || bytes.length === 0) return bytes;
  return Buffer.from(encodeProtobuf(type, replaced(decoded.value, ids)));
}

function replaced(value: unknown, ids: Ids): unknown {
  if (typeof value === "string") return withIds(value, ids);
  if (Array.isArray(value)) return value.map((item) => replaced(item, ids));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, replaced(field, ids)]));
}

/** A stream's records as JSON, whatever they were recorded in. */
export function recordsOf(
  name: string,
  { records, records_base64 = [] }: Recording["response"],
): readonly Json[] {
  return (
    records ?? records_base64.map((record) => fromProtobuf(eventTypeOf(name), Buffer.from(record, "base64")))
  );
}

export function streamEventsOf({ stream_events, stream_events_base64 = [] }: Recording): readonly Json[] {
  const type = messageTypes.SchedulerEvent as MessageType<unknown>;
  return (
    stream_events ?? stream_events_base64.map((record) => fromProtobuf(type, Buffer.from(record, "base64")))
  );
}

export function eventTypeOf(name: string): MessageType<unknown> {
  const operator = name.startsWith("operator/") || name.startsWith("protobuf/operator");
  return (operator ? messageTypes.MasterEvent : messageTypes.SchedulerEvent) as MessageType<unknown>;
}

export function fromProtobuf(type: MessageType<unknown>, bytes: Uint8Array): Json {
  const decoded = decodeProtobuf(type, bytes);
  if (!decoded.ok) throw new Error(decoded.error);
  return JSON.parse(encodeJson(type, decoded.value));
}

// The messages in test/recorded, each with its type, for the tests of the contract. Files are read with exact integers,
// as nanoseconds go beyond 2^53.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type JsonValue, parseJson } from "../../../src/contract/json-parse.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import type { MessageDescriptor } from "../../../src/contract/schema.ts";

const DIRECTORY = fileURLToPath(new URL("../../recorded/", import.meta.url));

export type JsonObject = { readonly [key: string]: JsonValue };

/** A message as it was on the wire. */
export interface Recorded {
  /** File, and where in it. */
  readonly source: string;
  readonly type: MessageDescriptor;
  readonly body:
    | { readonly kind: "json"; readonly text: string }
    | { readonly kind: "protobuf"; readonly bytes: Uint8Array };
}

/** A request, and the text with which it was refused if that was for its encoding. */
export interface RecordedRequest extends Recorded {
  readonly refusal: string | undefined;
}

interface Endpoint {
  readonly call: MessageDescriptor;
  readonly response?: MessageDescriptor;
  readonly event?: MessageDescriptor;
}

const master: Endpoint = {
  call: messageTypes.MasterCall,
  response: messageTypes.MasterResponse,
  event: messageTypes.MasterEvent,
};
const agent: Endpoint = { call: messageTypes.AgentCall, response: messageTypes.AgentResponse };
const scheduler: Endpoint = { call: messageTypes.SchedulerCall, event: messageTypes.SchedulerEvent };
const executor: Endpoint = { call: messageTypes.ExecutorCall, event: messageTypes.ExecutorEvent };

/** Every file of the recordings, as the path below test/recorded, with its content. */
export function recordedFiles(): readonly (readonly [string, JsonObject])[] {
  return readdirSync(DIRECTORY, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => [file, object(parseJson(readFileSync(DIRECTORY + file, "utf8")))]);
}

export function recordedRequests(): readonly RecordedRequest[] {
  return exchanges().flatMap(({ source, endpoint, request, response }) => {
    const type = object(request.headers)["Content-Type"];
    const isMessage = type === "application/json" || type === "application/x-protobuf";
    if (!isMessage || (request.method !== "POST" && request.method !== undefined)) return [];
    const refusal = refusalOf(response);
    return bodies(`${source} request`, endpoint.call, request).map((body) => ({ ...body, refusal }));
  });
}

/** Bodies of answers, and events of streams. */
export function recordedAnswers(): readonly Recorded[] {
  return exchanges().flatMap(({ source, endpoint, response, whole }) => [
    ...(endpoint.response === undefined ? [] : bodies(`${source} response`, endpoint.response, response)),
    ...(endpoint.event === undefined ? [] : events(source, endpoint.event, response, whole)),
    ...events(
      source,
      messageTypes.SchedulerEvent,
      {},
      { stream_events: whole.scheduler_stream_events ?? [] },
    ),
  ]);
}

interface Exchange {
  readonly source: string;
  readonly endpoint: Endpoint;
  readonly request: JsonObject;
  readonly response: JsonObject;
  readonly whole: JsonObject;
}

function exchanges(): readonly Exchange[] {
  return recordedFiles().flatMap(([file, whole]) => {
    const request = object(whole.request);
    const endpoint = endpointOf(file, String(request.path));
    if (endpoint === undefined) return [];
    const steps = list(whole.sequence).map((step) => object(step));
    return [
      { source: file, endpoint, request, response: object(whole.response), whole },
      ...steps.map((step, index) => ({
        source: `${file} step ${index}`,
        endpoint,
        request: object(step.call),
        response: object(step.response),
        whole: { stream_events: list(step.event), stream_events_base64: list(step.event_base64) },
      })),
    ];
  });
}

function endpointOf(file: string, path: string): Endpoint | undefined {
  if (path.startsWith("/api/v1/scheduler")) return scheduler;
  if (path.startsWith("/api/v1/executor")) return executor;
  if (path !== "/api/v1") return undefined;
  return /^(agent|protobuf\/agent)/.test(file) ? agent : master;
}

function bodies(source: string, type: MessageDescriptor, from: JsonObject): readonly Recorded[] {
  const headers = object(from.headers);
  if (from.body !== undefined) return [{ source, type, body: { kind: "json", text: jsonText(from.body) } }];
  const isJson = headers["Content-Type"] === "application/json";
  if (isJson && typeof from.body_text === "string") {
    return [{ source, type, body: { kind: "json", text: from.body_text } }];
  }
  const bytes = typeof from.body_base64 === "string" ? from.body_base64 : undefined;
  const empty = headers["Content-Type"] === "application/x-protobuf" && from.body_text === "";
  if (bytes === undefined && !empty) return [];
  return [{ source, type, body: { kind: "protobuf", bytes: fromBase64(bytes ?? "") } }];
}

function events(
  source: string,
  type: MessageDescriptor,
  response: JsonObject,
  whole: JsonObject,
): readonly Recorded[] {
  const json = [...list(response.records), ...list(whole.stream_events)];
  const binary = [...list(response.records_base64), ...list(whole.stream_events_base64)];
  return [
    ...json.map((event) => ({ kind: "json" as const, text: jsonText(event) })),
    ...binary.map((event) => ({ kind: "protobuf" as const, bytes: fromBase64(String(event)) })),
  ].map((body, index) => ({ source: `${source} event ${index}`, type, body }));
}

/** Only refusals that come from the decoding of the body. */
function refusalOf(response: JsonObject): string | undefined {
  const text = String(response.body_text ?? "");
  return /^Failed to (parse body|convert JSON) into/.test(text) ? text : undefined;
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

export function object(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** JSON text with integers as they are. */
export function jsonText(value: JsonValue): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value as JsonObject);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${jsonText(item)}`).join(",")}}`;
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Value without prototypes' differences, for comparisons. */
export function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, item]) => [key, plain(item)]));
}

/** The JSON without empty lists, which say nothing. */
export function withoutEmptyLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyLists);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, item]) => !(Array.isArray(item) && item.length === 0));
  return Object.fromEntries(members.map(([key, item]) => [key, withoutEmptyLists(item)]));
}

/** The JSON without the member `checkpoint` of every AgentInfo: a field of Mesos' own that the v1 API does not declare. */
export function withoutAgentCheckpoint(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAgentCheckpoint);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([key]) => !(key === "checkpoint" && isAgentInfo(value)));
  return Object.fromEntries(members.map(([key, item]) => [key, withoutAgentCheckpoint(item)]));
}

function isAgentInfo(value: object): boolean {
  return "hostname" in value && "port" in value && "resources" in value;
}

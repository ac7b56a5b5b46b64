// What every route of the agent's HTTP side shares: reading a bounded body, media types, answers in Mesos' words.
import type { IncomingMessage, ServerResponse } from "node:http";
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../../contract/codec.ts";
import type { MessageType } from "../../contract/schema.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import { REQUEST_BYTES_MAX } from "../limits.ts";

export type Encoding = "json" | "protobuf";

export const mediaTypes: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  protobuf: "application/x-protobuf",
};

export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly allow?: string;
}

export function refuse(response: ServerResponse, refusal: Refusal): void {
  const body = Buffer.from(refusal.text);
  response.writeHead(refusal.status, {
    ...(refusal.allow === undefined ? {} : { Allow: refusal.allow }),
    ...(hasUnreadBody(response.req) ? { Connection: "close" } : {}),
    ...(body.length === 0 ? {} : { "Content-Type": "text/plain; charset=utf-8" }),
    "Content-Length": body.length,
  });
  response.end(body);
}

/** It would be taken for the next request of the connection. */
function hasUnreadBody(request: IncomingMessage): boolean {
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  return !request.complete && (length !== "0" || encoding !== undefined);
}

export function answerJson(response: ServerResponse, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { "Content-Type": mediaTypes.json, "Content-Length": body.length });
  response.end(body);
}

export function answerMessage<Message>(
  response: ServerResponse,
  type: MessageType<Message>,
  message: Message,
  encoding: Encoding,
): void {
  const body = encodeMessage(type, message, encoding);
  response.writeHead(200, { "Content-Type": mediaTypes[encoding], "Content-Length": body.length });
  response.end(body);
}

export function encodeMessage<Message>(
  type: MessageType<Message>,
  message: Message,
  encoding: Encoding,
): Uint8Array {
  return encoding === "json" ? Buffer.from(encodeJson(type, message)) : encodeProtobuf(type, message);
}

export function wrongMethod(expected: string, received: string): Refusal {
  const text = `405 Method Not Allowed. Expecting one of { '${expected}' }, but received '${received}'.`;
  return { status: 405, text, allow: expected };
}

/** Exactly one of the two types: parameters are a 415 in Mesos. */
function contentEncoding(request: IncomingMessage): Result<Encoding, Refusal> {
  const type = request.headers["content-type"];
  if (type === undefined) return err({ status: 400, text: "Expecting 'Content-Type' to be present" });
  if (type === mediaTypes.json) return ok("json");
  if (type === mediaTypes.protobuf) return ok("protobuf");
  const text = `Expecting 'Content-Type' of ${mediaTypes.json} or ${mediaTypes.protobuf}`;
  return err({ status: 415, text });
}

/** JSON is tried first; no header is as good as any type. */
export function acceptedEncoding(request: IncomingMessage): Result<Encoding, Refusal> {
  const header = request.headers.accept ?? "*/*";
  const ranges = header.split(",").map((range) => (range.split(";")[0] ?? "").trim());
  const allows = (type: string) => ranges.some((range) => ["*/*", "application/*", type].includes(range));
  if (allows(mediaTypes.json)) return ok("json");
  if (allows(mediaTypes.protobuf)) return ok("protobuf");
  return err({
    status: 406,
    text: `Expecting 'Accept' to allow '${mediaTypes.protobuf}' or '${mediaTypes.json}'`,
  });
}

/** The whole body, or a 413 as soon as it is known to be too long; null if the client went away. */
async function readBody(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Result<Uint8Array, Refusal> | null> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > bytesMax) return err({ status: 413, text: `The body has more than ${bytesMax} bytes` });
      pieces.push(piece);
    }
  } catch {
    return null;
  }
  return ok(Buffer.concat(pieces));
}

/** The message in the body of a POST. Null when the connection broke before it was whole. */
export async function readMessage<Message>(
  request: IncomingMessage,
  type: MessageType<Message>,
): Promise<Result<Message, Refusal> | null> {
  if (request.method !== "POST") return err(wrongMethod("POST", request.method ?? ""));
  const encoding = contentEncoding(request);
  if (!encoding.ok) return encoding;
  const body = await readBody(request, REQUEST_BYTES_MAX);
  if (body === null || !body.ok) return body;
  const message =
    encoding.value === "protobuf"
      ? decodeProtobuf(type, body.value)
      : decodeJson(type, Buffer.from(body.value).toString("utf8"));
  return message.ok ? message : err({ status: 400, text: message.error });
}

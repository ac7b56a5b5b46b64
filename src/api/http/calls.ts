// From a request of a v1 API to its decoded call: method, content type and body, in the order in which Mesos looks.
import type { IncomingMessage } from "node:http";
import type { EncodedForms } from "../../contract/codec.ts";
import type { MessageType } from "../../contract/schema.ts";
import type { ApiLimits } from "../types.ts";
import { type Body, readBody } from "./body.ts";
import { decode, formatOfBody } from "./formats.ts";
import { badRequest, methodNotAllowed, type Reply, text, tooLarge } from "./reply.ts";

export interface DecodedCall<Call> {
  readonly call: Call;
  readonly bodyBytes: number;
}

/** What a request is: a call, the reply that refuses it, or null if the client has gone. */
export type Decoded<Call> = DecodedCall<Call> | Reply | null;

export async function decodeCall<Call>(
  type: MessageType<Call>,
  request: IncomingMessage,
  limits: ApiLimits,
): Promise<Decoded<Call>> {
  const wrong = refusalOfMethod(request);
  return wrong ?? callOf(type, request, await readBody(request, limits.requestBodyBytesMax), limits);
}

/** Looked at before the body is read. */
export function refusalOfMethod({ method = "" }: IncomingMessage): Reply | null {
  return method === "POST" ? null : methodNotAllowed("POST", method);
}

/** @param forms is given the encoded forms of the messages that it asks for */
export function callOf<Call>(
  type: MessageType<Call>,
  request: IncomingMessage,
  body: Body,
  limits: ApiLimits,
  forms: EncodedForms | null = null,
): Decoded<Call> {
  if (body.kind === "aborted") return null;
  if (body.kind === "too-large") return tooLarge(limits.requestBodyBytesMax);
  const contentType = request.headers["content-type"];
  if (contentType === undefined) return badRequest("Expecting 'Content-Type' to be present");
  const format = formatOfBody(contentType);
  if (format === null) {
    return text(415, "Expecting 'Content-Type' of application/json or application/x-protobuf");
  }
  const decoded = decode(type, format, body.bytes, forms);
  return decoded.ok ? { call: decoded.value, bodyBytes: body.bytes.byteLength } : badRequest(decoded.error);
}

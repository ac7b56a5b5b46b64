// From a request of a v1 API to its decoded call: method, content type and body, in the order in which Mesos looks.
import type { IncomingMessage } from "node:http";
import type { EncodedForms } from "../../contract/codec.ts";
import type { MessageType } from "../../contract/schema.ts";
import type { ApiLimits } from "../types.ts";
import { readBody } from "./body.ts";
import { decode, formatOfBody } from "./formats.ts";
import { badRequest, methodNotAllowed, type Reply, text, tooLarge } from "./reply.ts";

export interface DecodedCall<Call> {
  readonly call: Call;
  readonly bodyBytes: number;
}

/**
 * The call, or the reply that refuses it; null if the client has gone.
 * @param forms is given the encoded forms of the messages that it asks for
 */
export async function decodeCall<Call>(
  type: MessageType<Call>,
  request: IncomingMessage,
  limits: ApiLimits,
  forms: EncodedForms | null = null,
): Promise<DecodedCall<Call> | Reply | null> {
  if (request.method !== "POST") return methodNotAllowed("POST", request.method ?? "");
  const body = await readBody(request, limits.requestBodyBytesMax);
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

// The two encodings of the v1 APIs: which one a request has and which one its answer gets (reference, section h), and
// the codecs behind one name each.
import {
  decodeJson,
  decodeProtobuf,
  type EncodedForms,
  encodeJson,
  encodeProtobuf,
} from "../../contract/codec.ts";
import { encodeRecord } from "../../contract/record-io.ts";
import type { MessageType } from "../../contract/schema.ts";
import type { Result } from "../../kernel/result.ts";

export type Format = "json" | "protobuf";

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  json: "application/json",
  protobuf: "application/x-protobuf",
};

/** Only the exact names are known: with a parameter behind it a type is unknown, as in Mesos. */
export function formatOfBody(contentType: string): Format | null {
  if (contentType === CONTENT_TYPES.json) return "json";
  return contentType === CONTENT_TYPES.protobuf ? "protobuf" : null;
}

/** JSON if the client takes it, else protobuf if it takes that; weights do not count. Null if it takes neither. */
export function formatOfAnswer(accept: string | undefined): Format | null {
  if (accept === undefined) return "json";
  const ranges = accept.split(",").map((range) => (range.split(";", 1)[0] ?? "").trim());
  if (ranges.some(covers(CONTENT_TYPES.json))) return "json";
  return ranges.some(covers(CONTENT_TYPES.protobuf)) ? "protobuf" : null;
}

function covers(type: string): (range: string) => boolean {
  return (range) => range === type || range === "*/*" || range === "application/*";
}

/**
 * The error is the text of a 400.
 * @param forms is given the encoded forms that it asks for, if the message came in protobuf
 */
export function decode<Message>(
  type: MessageType<Message>,
  format: Format,
  bytes: Uint8Array,
  forms: EncodedForms | null = null,
): Result<Message, string> {
  return format === "json"
    ? decodeJson(type, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"))
    : decodeProtobuf(type, bytes, forms);
}

export function encode<Message>(type: MessageType<Message>, format: Format, message: Message): Uint8Array {
  return format === "json" ? Buffer.from(encodeJson(type, message)) : encodeProtobuf(type, message);
}

/** One RecordIO record in one piece of memory, which makes it one HTTP chunk. */
export function encodeAsRecord<Message>(
  type: MessageType<Message>,
  format: Format,
  message: Message,
): Uint8Array {
  return format === "json"
    ? textRecord(encodeJson(type, message))
    : encodeRecord(encodeProtobuf(type, message));
}

function textRecord(json: string): Uint8Array {
  const length = Buffer.byteLength(json);
  const head = `${length}\n`;
  const record = Buffer.allocUnsafe(head.length + length);
  record.write(head, 0, "latin1");
  record.write(json, head.length, "utf8");
  return record;
}

// Messages to and from the two encodings of the Mesos v1 APIs. Bad input is an error value whose text is the body of the
// 400 that Mesos answers; a message of our own that does not fit its type is an InvariantError.
import { InvariantError } from "../kernel/assert.ts";
import { err, ok, type Result } from "../kernel/result.ts";
import { messageFromJson } from "./json-decode.ts";
import { writeJson } from "./json-encode.ts";
import { parseJson } from "./json-parse.ts";
import { missingFields } from "./missing-fields.ts";
import { type EncodedForms, readProtobuf } from "./protobuf-decode.ts";
import { writeProtobuf } from "./protobuf-encode.ts";
import type { MessageDescriptor, MessageType, UntypedMessage } from "./schema.ts";
import { WireError } from "./wire-error.ts";

export type { EncodedForms };

/** Protobuf bytes, fields in ascending order of their numbers. */
export function encodeProtobuf<Message>(type: MessageType<Message>, message: Message): Uint8Array {
  return writeProtobuf(type, message as UntypedMessage);
}

/**
 * The error is `Failed to parse body into Call protobuf`, with the message's own name.
 * @param forms is given the encoded forms of the messages that it asks for
 */
export function decodeProtobuf<Message>(
  type: MessageType<Message>,
  bytes: Uint8Array,
  forms: EncodedForms | null = null,
): Result<Message, string> {
  const read = attempt(() => readProtobuf(type, bytes, forms));
  if (!read.ok || missingFields(type, read.value).length > 0) {
    return err(`Failed to parse body into ${shortName(type)} protobuf`);
  }
  return ok(read.value as Message);
}

/** JSON text as Mesos writes it. */
export function encodeJson<Message>(type: MessageType<Message>, message: Message): string {
  return writeJson(type, message as UntypedMessage);
}

/**
 * The error is `Failed to parse body into JSON: …` for text that is no JSON, and `Failed to convert JSON into Call
 * protobuf: …`, with the message's own name, for JSON that is no such message.
 */
export function decodeJson<Message>(type: MessageType<Message>, text: string): Result<Message, string> {
  const parsed = attempt(() => parseJson(text));
  if (!parsed.ok) return err(`Failed to parse body into JSON: ${parsed.error}`);
  const converted = attempt(() => messageFromJson(type, parsed.value));
  if (!converted.ok)
    return err(`Failed to convert JSON into ${shortName(type)} protobuf: ${converted.error}`);
  const missing = missingFields(type, converted.value);
  if (missing.length > 0) {
    return err(
      `Failed to convert JSON into ${shortName(type)} protobuf: Missing required fields: ${missing.join(", ")}`,
    );
  }
  return ok(converted.value as Message);
}

/** `Call` of `mesos.v1.scheduler.Call`. */
function shortName(type: MessageDescriptor): string {
  return type.fullName.slice(type.fullName.lastIndexOf(".") + 1);
}

/** What the readers throw on bad input as a value; bugs keep flying. */
function attempt<Value>(read: () => Value): Result<Value, string> {
  try {
    return ok(read());
  } catch (error) {
    if (error instanceof WireError || error instanceof RangeError) return err(error.message);
    if (error instanceof InvariantError || error instanceof TypeError) throw error;
    if (error instanceof Error) return err(error.message);
    throw error;
  }
}

// One answer against the recorded one: status, headers, body. Each difference is a line.

import { messageTypes } from "../../../src/contract/message-types.ts";
import type { MessageType } from "../../../src/contract/schema.ts";
import type { Answer } from "../../unit/api/support/client.ts";
import { fromProtobuf, type Ids, type Json, type Recording, withIds } from "./recordings.ts";
import { shapeDifferences } from "./shape.ts";

/** Headers whose value is another one every time. */
const VOLATILE: ReadonlySet<string> = new Set(["date", "mesos-stream-id"]);

/** @param ids those that the recorded ids stand for */
export function answerDifferences(recording: Recording, answer: Answer, ids: Ids): readonly string[] {
  const status = statusDifferences(recording, answer);
  if (status.length > 0) return status;
  return [...headerDifferences(recording, answer, ids), ...bodyDifferences(recording, answer, ids)];
}

export function statusDifferences({ request, response }: Recording, answer: Answer): readonly string[] {
  if (response.status === null) return [`status: ${answer.status} instead of none`];
  if (response.status === answer.status) return [];
  const type = typeof request.body?.type === "string" ? ` of ${request.body.type}` : "";
  return [`status${type}: ${answer.status} instead of ${response.status}`];
}

export function headerDifferences({ response }: Recording, answer: Answer, ids: Ids): readonly string[] {
  const names = Object.keys(response.headers);
  if (names.join() !== answer.headerNames.join()) {
    return [`headers: ${answer.headerNames.join()} instead of ${names.join()}`];
  }
  return names.flatMap((name) => {
    const lower = name.toLowerCase();
    const ours = answer.headers[lower] ?? "";
    if (VOLATILE.has(lower)) return [];
    if (lower === "content-length") return lengthDifferences(answer, ours);
    const recorded = withIds(response.headers[name] ?? "", ids);
    return recorded === ours ? [] : [`header ${name}: ${ours} instead of ${recorded}`];
  });
}

/** Bodies differ in length, but a length must be that of its own body; that of HEAD has none. */
function lengthDifferences(answer: Answer, length: string): readonly string[] {
  if (answer.body.length === 0 || Number(length) === answer.body.length) return [];
  return [`header Content-Length: ${length} for ${answer.body.length} bytes`];
}

function bodyDifferences({ response }: Recording, answer: Answer, ids: Ids): readonly string[] {
  if (response.body !== undefined) return shapeDifferences(response.body, JSON.parse(answer.text));
  if (response.body_base64 !== undefined) return protobufDifferences(response.body_base64, answer);
  const recorded = withIds(response.body_text ?? "", ids);
  return recorded === answer.text ? [] : [`body: ${answer.text} instead of ${recorded}`];
}

function protobufDifferences(base64: string, answer: Answer): readonly string[] {
  const type = messageTypes.MasterResponse as MessageType<unknown>;
  return shapeDifferences(fromProtobuf(type, Buffer.from(base64, "base64")), fromProtobuf(type, answer.body));
}

/** Beside its shape, what the master itself says must be said in the same words. */
export function eventDifferences(recorded: Json, ours: Json, ids: Ids): readonly string[] {
  const shapes = shapeDifferences(recorded, ours);
  const [said, weSay] = [recorded.update?.status, ours.update?.status];
  if (said?.source !== "SOURCE_MASTER" || said.message === undefined) return shapes;
  const words = withIds(said.message, ids);
  return words === weSay?.message
    ? shapes
    : [...shapes, `message of ${said.state}: ${weSay?.message} instead of ${words}`];
}

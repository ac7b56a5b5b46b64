// What a real Mesos and its clients put on the wire is read without loss, and what Mesos refused is refused in its words.
import { describe, expect, it } from "vitest";
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../../../src/contract/codec.ts";
import { parseJson } from "../../../src/contract/json-parse.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import type { MessageDescriptor, MessageType } from "../../../src/contract/schema.ts";
import { present } from "../../../src/kernel/assert.ts";
import type { Result } from "../../../src/kernel/result.ts";
import {
  fromBase64,
  jsonText,
  plain,
  type Recorded,
  recordedAnswers,
  recordedFiles,
  recordedRequests,
  withoutAgentCheckpoint,
  withoutEmptyLists,
} from "./recordings.ts";

const everyType: readonly MessageDescriptor[] = Object.values(messageTypes);
const typesByFullName = new Map(everyType.map((type) => [type.fullName, type]));

function decode(recorded: Recorded): Result<object, string> {
  const type: MessageType<object> = recorded.type;
  const { body } = recorded;
  return body.kind === "json" ? decodeJson(type, body.text) : decodeProtobuf(type, body.bytes);
}

function decoded(recorded: Recorded): object {
  const result = decode(recorded);
  if (!result.ok) throw new Error(`${recorded.source}: ${result.error}`);
  return result.value;
}

function jsonOf(type: MessageDescriptor, message: object): unknown {
  return plain(parseJson(encodeJson(type, message)));
}

/** AgentInfo's field 7 (Mesos' own `checkpoint`) is not of the v1 API: it is skipped, and so not written again. */
const BYTES_WITH_UNDECLARED_FIELD = new Set([
  "pairs/agentinfo-rich.json",
  "pairs/agentinfo.json",
  "pairs/master-event-agent-added.json",
  "pairs/master-event-subscribed.json",
  "pairs/master-response-get-agents-rich.json",
  "pairs/master-response-get-agents.json",
  "pairs/master-response-get-state.json",
]);

const ANSWERS_WITH_UNDECLARED_FIELD = [
  "executor/exchange-protobuf-docker.json step 2 event 0",
  "executor/exchange-protobuf-mesos.json step 2 event 0",
  "operator/protobuf-get-state.json response",
  "protobuf/agent-get-agent.json response",
  "protobuf/operator-subscribe-stream-drain-gone.json event 0",
];

/** They hold a name that the contract does not have, or an empty map: reading drops both. */
const REQUESTS_WITH_UNKNOWN_NAME = [
  "operator/error-unknown-type.json request",
  "operator/update-quota-bad-role.json request",
  "operator/update-quota-duplicate-role.json request",
  "operator/update-quota-star-role.json request",
  "scheduler/error-lowercase-type.json request",
  "scheduler/error-unknown-type.json request",
  "scheduler/unknown-field-ignored.json request",
];

/** Mesos leaves the tasks of completed frameworks out of the protobuf, but not out of the JSON. */
const DIFFERENT_CONTENT = new Set([
  "pairs/master-response-get-state.json",
  "pairs/master-response-get-tasks.json",
]);

describe("pairs of the same message in both encodings", () => {
  const pairs = recordedFiles().filter(([file]) => file.startsWith("pairs/"));

  it("are all there", () => {
    expect(pairs).toHaveLength(68);
  });

  it.each(pairs)("%s", (file, { message, protobuf_base64, json }) => {
    const type = present(typesByFullName.get(String(message)), "type of the pair", { message });
    const bytes = fromBase64(String(protobuf_base64));
    const fromBytes = decoded({ source: file, type, body: { kind: "protobuf", bytes } });
    const fromText = decoded({ source: file, type, body: { kind: "json", text: jsonText(json ?? null) } });
    const expected = withoutAgentCheckpoint(plain(json ?? null));
    expect(jsonOf(type, fromText)).toEqual(expected);
    if (!DIFFERENT_CONTENT.has(file)) expect(jsonOf(type, fromBytes)).toEqual(expected);
    const same = Buffer.compare(encodeProtobuf(type, fromBytes), bytes) === 0;
    expect(same).toBe(!BYTES_WITH_UNDECLARED_FIELD.has(file));
  });
});

describe("answers and events", () => {
  const answers = recordedAnswers();
  const json = answers.filter(({ body }) => body.kind === "json");
  const binary = answers.filter(({ body }) => body.kind === "protobuf");

  it("are there in both encodings", () => {
    expect(json.length).toBeGreaterThan(300);
    expect(binary.length).toBeGreaterThan(20);
  });

  it("in JSON are written again as they were", () => {
    for (const recorded of json) {
      if (recorded.body.kind !== "json") continue;
      const again = jsonOf(recorded.type, decoded(recorded));
      expect(again, recorded.source).toEqual(withoutAgentCheckpoint(plain(parseJson(recorded.body.text))));
    }
  });

  it("in protobuf are written again as they were, but for what v1 does not declare", () => {
    const changed = binary.filter((recorded) => {
      const again = encodeProtobuf(recorded.type, decoded(recorded));
      return recorded.body.kind === "protobuf" && Buffer.compare(again, recorded.body.bytes) !== 0;
    });
    expect(changed.map(({ source }) => source)).toEqual(ANSWERS_WITH_UNDECLARED_FIELD);
  });

  it("agree in both encodings once they have been read", () => {
    for (const recorded of answers) {
      const message = decoded(recorded);
      const bytes = encodeProtobuf(recorded.type, message);
      expect(decodeProtobuf(recorded.type, bytes), recorded.source).toEqual({ ok: true, value: message });
    }
  });
});

describe("requests", () => {
  const requests = recordedRequests();

  it("are there, taken and refused", () => {
    expect(requests.filter(({ refusal }) => refusal !== undefined).length).toBeGreaterThan(15);
    expect(requests.filter(({ refusal }) => refusal === undefined).length).toBeGreaterThan(200);
  });

  it("are refused in Mesos' words", () => {
    for (const request of requests.filter(({ refusal }) => refusal !== undefined)) {
      expect(decode(request), request.source).toEqual({ ok: false, error: request.refusal });
    }
  });

  it("are taken without loss", () => {
    const lossy = requests.filter((request) => request.refusal === undefined && losesNames(request));
    expect(lossy.map(({ source }) => source)).toEqual(REQUESTS_WITH_UNKNOWN_NAME);
  });

  it("agree in both encodings once they have been read", () => {
    for (const request of requests.filter(({ refusal }) => refusal === undefined)) {
      const message = decoded(request);
      const again = decodeProtobuf(request.type, encodeProtobuf(request.type, message));
      expect(again, request.source).toEqual({ ok: true, value: message });
    }
  });
});

/** Whether something of the request is not there when it is written again. */
function losesNames(request: Recorded): boolean {
  if (request.body.kind !== "json") return false;
  const sent = withoutEmptyLists(plain(parseJson(request.body.text)));
  return !contains(jsonOf(request.type, decoded(request)), sent);
}

function contains(whole: unknown, part: unknown): boolean {
  if (typeof part !== "object" || part === null) return Object.is(whole, part);
  if (typeof whole !== "object" || whole === null) return false;
  return Object.entries(part).every(([key, item]) => contains(Reflect.get(whole, key), item));
}

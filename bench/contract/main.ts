// How long the codecs take for the two messages that a busy master sees most, as a framework and an agent sent them to
// a real Mesos: microseconds per call, median of ROUNDS.
import { readFileSync } from "node:fs";
import { decodeJson, decodeProtobuf, encodeJson, encodeProtobuf } from "../../src/contract/codec.ts";
import { messageTypes } from "../../src/contract/message-types.ts";
import type { MessageType } from "../../src/contract/schema.ts";
import { assert } from "../../src/kernel/assert.ts";

const CALLS_PER_ROUND = 5_000;
const ROUNDS = 9;

function recorded(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../test/recorded/${file}`, import.meta.url), "utf8"));
}

/** Median over the rounds, microseconds. */
function microsecondsOf(action: () => unknown): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < CALLS_PER_ROUND; call++) action();
    rounds.push(Number(process.hrtime.bigint() - start) / 1_000 / CALLS_PER_ROUND);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] as number;
}

function measure<Message>(name: string, type: MessageType<Message>, json: unknown): void {
  const text = JSON.stringify(json);
  const decoded = decodeJson(type, text);
  assert(decoded.ok, "the recording decodes");
  const message = decoded.value;
  const bytes = encodeProtobuf(type, message);
  const actions = {
    "decode protobuf": () => decodeProtobuf(type, bytes),
    "encode protobuf": () => encodeProtobuf(type, message),
    "decode JSON": () => decodeJson(type, text),
    "encode JSON": () => encodeJson(type, message),
  };
  console.log(`${name}: ${bytes.length} bytes of protobuf, ${text.length} of JSON`);
  for (const [action, run] of Object.entries(actions)) {
    console.log(`  ${action.padEnd(16)} ${microsecondsOf(run).toFixed(1)} us`);
  }
}

const accept = recorded("scheduler/launch-health-and-check.json") as { request: { body: unknown } };
const update = recorded("pairs/scheduler-event-update.json") as { json: unknown };
measure("ACCEPT", messageTypes.SchedulerCall, accept.request.body);
measure("UPDATE", messageTypes.SchedulerEvent, update.json);

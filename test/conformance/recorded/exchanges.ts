// Sends the recorded requests to a cluster and gathers how it differs from Mesos. Who calls decides what is expected.
import { decodeJson, decodeProtobuf, encodeJson } from "../../../src/contract/codec.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import type { SchedulerCall } from "../../../src/contract/types.ts";
import type { Answer } from "../../unit/api/support/client.ts";
import { answerDifferences, eventDifferences, headerDifferences, statusDifferences } from "./compare.ts";
import {
  bodyOf,
  type Ids,
  type Json,
  type Recording,
  recordingOf,
  recordsOf,
  streamEventsOf,
} from "./recordings.ts";
import { shapeDifferences } from "./shape.ts";
import { ask, RecordStream, type Target, TestFramework, withoutLength, withPatience } from "./target.ts";

export type Differences = readonly string[];

/** Requests that are answered without a stream's help. */
export async function plainExchange(target: Target, name: string): Promise<Differences> {
  const recording = recordingOf(name);
  return withFramework(target, undefined, async (framework) => {
    if (JSON.stringify(recording.request).includes("-O")) await framework.offered();
    await prepare(framework, name);
    const ids = framework.ids();
    return answerDifferences(recording, await send(target, recording, ids), ids);
  });
}

/** The framework is torn down at the end, however it comes. */
export async function withFramework<Value>(
  target: Target,
  request: string | undefined,
  use: (framework: TestFramework) => Promise<Value>,
): Promise<Value> {
  const framework = await TestFramework.start(target, request);
  try {
    return await use(framework);
  } finally {
    await framework.tearDown();
  }
}

/** Requests after which events come on the framework's own stream. */
export async function exchangeWithEvents(target: Target, name: string): Promise<Differences> {
  const recording = recordingOf(name);
  const protobuf = recording.request.body_base64 !== undefined;
  return withFramework(target, protobuf ? "protobuf/scheduler-subscribe" : undefined, async (framework) => {
    await prepare(framework, name);
    if (!NEEDS_NO_OFFER.has(name)) await framework.offered();
    const ids = framework.ids();
    const differences = [...answerDifferences(recording, await send(target, recording, ids), ids)];
    return [...differences, ...(await eventsDifferences(framework, streamEventsOf(recording), ids))];
  });
}

/** Ours are gathered until the last of the recorded ones has come, then each is held against its twin. */
async function eventsDifferences(
  framework: TestFramework,
  events: readonly Json[],
  ids: Ids,
): Promise<Differences> {
  const recorded = events.filter(({ type }) => CAUSED.has(type));
  const last = recorded.at(-1);
  const ours: Json[] = [];
  while (last !== undefined && ours.filter(sameAs(last)).length < recorded.filter(sameAs(last)).length) {
    ours.push(await framework.nextOf(...CAUSED));
  }
  const missing = recorded.filter((event) => !ours.some(sameAs(event)));
  const added = ours.filter((event) => !recorded.some(sameAs(event)));
  const offers = events.find(({ type }) => type === "OFFERS");
  return [
    ...missing.map((event) => `event ${nameOf(event)}: not sent`),
    ...added.map((event) => `event ${nameOf(event)}: added`),
    ...recorded.flatMap((event) => {
      const twin = ours.find(sameAs(event));
      return twin === undefined ? [] : eventDifferences(event, twin, ids);
    }),
    ...(offers === undefined ? [] : shapeDifferences(offers, await framework.nextOf("OFFERS"))),
  ];
}

function nameOf(event: Json): string {
  return event.update?.status.state ?? event.type;
}

/** The same kind of event of the same task. */
function sameAs(event: Json): (other: Json) => boolean {
  const task = event.update?.status.task_id.value;
  return (other) => nameOf(other) === nameOf(event) && other.update?.status.task_id.value === task;
}

/** Subscriptions: the stream's head and its first records. */
export async function subscription(target: Target, name: string): Promise<Differences> {
  const recording = recordingOf(name);
  const ids = FAILOVERS.has(name) ? await leftFramework(target) : { agent: await target.agentId() };
  const stream = await open(target, recording, ids);
  const ours = new TestEvents(stream, name);
  try {
    const differences = [...streamHeadDifferences(recording, stream.answer)];
    const recorded = recordsOf(name, recording.response).filter(({ type }) => COMPARED.has(type));
    for (const event of recorded) differences.push(...shapeDifferences(event, await ours.nextOf(event.type)));
    if (recording.response.closed_by_peer === true) await withPatience(stream.untilEnd());
    return differences;
  } finally {
    await end(target, stream, ours.frameworkId);
  }
}

/** The end that a stream comes to when its framework subscribes again. */
export async function streamThatFailsOver(target: Target, name: string): Promise<Differences> {
  const recording = recordingOf(name);
  const stream = await open(target, recording, {});
  const events = new TestEvents(stream, name);
  await events.nextOf("SUBSCRIBED");
  const again = await reopen(target, name, events.frameworkId);
  const last = recordsOf(name, recording.response).at(-1);
  try {
    const differences = shapeDifferences(last, await events.nextOf("ERROR"));
    return (await withPatience(stream.untilEnd())) === "in order"
      ? differences
      : [...differences, "the stream broke"];
  } finally {
    await end(target, again, events.frameworkId);
  }
}

/** A state of the cluster in which every list of the operator's answers has something in it. */
export async function operatorExchanges(
  target: Target,
  names: readonly string[],
): Promise<ReadonlyMap<string, Differences>> {
  await withFramework(target, undefined, async (framework) => {
    await framework.launch("t-life", "true");
    await framework.nextStatus("TASK_FINISHED");
  });
  return withFramework(target, undefined, async (framework) => {
    await framework.launch("t-finish", "true");
    await framework.nextStatus("TASK_FINISHED");
    const [recorded] = recordingOf("scheduler/launch-health-and-check").request.body.accept.operations;
    const { labels, discovery, kill_policy } = recorded.launch.task_infos[0];
    await framework.launch("t-run", "while true; do sleep 1; done", { labels, discovery, kill_policy });
    await framework.nextStatus("TASK_RUNNING");
    await framework.offered();
    const differences = new Map<string, Differences>();
    for (const name of names) {
      const recording = recordingOf(name);
      const answer = await send(target, recording, framework.ids());
      differences.set(name, answerDifferences(recording, answer, framework.ids()));
    }
    return differences;
  });
}

/** Quotas before, when and after they are set, in the order given, of roles in any order. */
export async function quotaExchanges(
  target: Target,
  names: readonly string[],
): Promise<ReadonlyMap<string, Differences>> {
  return withFramework(target, undefined, async (framework) => {
    const found = new Map<string, Differences>();
    await framework.offered();
    for (const name of names) {
      const recording = recordingOf(name);
      const answer = await send(target, recording, framework.ids());
      const { body } = recording.response;
      const compare = body === undefined ? answerDifferences : headDifferences;
      const differences = [...compare(recording, answer, framework.ids())];
      if (body !== undefined && inOrder(body) !== inOrder(JSON.parse(answer.text))) {
        differences.push(`body: ${answer.text}`);
      }
      for (const event of recording.scheduler_stream_events ?? []) {
        differences.push(...shapeDifferences(event, await framework.nextOf(event.type)));
      }
      found.set(name, differences);
    }
    return found;
  });
}

function headDifferences(recording: Recording, answer: Answer, ids: Ids): Differences {
  return [...statusDifferences(recording, answer), ...headerDifferences(recording, answer, ids)];
}

/** The fields by name, and the quotas of a list by their text. */
function inOrder(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inOrder).sort().join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `{${fields.map((name) => `${name}:${inOrder(value[name])}`).join(",")}}`;
}

/** The weights before, when and after they are set, in the order given: what was set is shown as it was recorded. */
export async function weightsExchanges(
  target: Target,
  names: readonly string[],
): Promise<ReadonlyMap<string, Differences>> {
  return withFramework(target, undefined, async (framework) => {
    const found = new Map<string, Differences>();
    for (const name of names) {
      const recording = recordingOf(name);
      await framework.offered();
      const answer = await send(target, recording, framework.ids());
      const differences = [...answerDifferences(recording, answer, framework.ids())];
      if (recording.response.body !== undefined && JSON.stringify(recording.response.body) !== answer.text) {
        differences.push(`body: ${answer.text}`);
      }
      for (const event of recording.scheduler_stream_events ?? []) {
        differences.push(...shapeDifferences(event, await framework.nextOf(event.type)));
      }
      found.set(name, differences);
    }
    return found;
  });
}

/** Reservations and volumes that come and go, in the order given; what is offered is rescinded for them. */
export async function operationsExchanges(
  target: Target,
  names: readonly string[],
): Promise<ReadonlyMap<string, Differences>> {
  return withFramework(target, undefined, async (framework) => {
    const found = new Map<string, Differences>();
    for (const name of names) {
      const recording = hereAndNow(recordingOf(name), framework.ids());
      if (recording.scheduler_stream_events !== undefined) await framework.nextOf("OFFERS");
      const answer = await send(target, recording, framework.ids());
      const differences = [...answerDifferences(recording, answer, framework.ids())];
      for (const event of recording.scheduler_stream_events ?? []) {
        if (event.type === "RESCIND")
          differences.push(...shapeDifferences(event, await framework.nextOf(event.type)));
      }
      found.set(name, differences);
    }
    return found;
  });
}

/** With our agent in forms. */
function hereAndNow(recording: Recording, { agent = "" }: Ids): Recording {
  const text = JSON.stringify(recording).replace(/slaveId=[\da-f-]+-S\d+/, `slaveId=${agent}`);
  return JSON.parse(text) as Recording;
}

/** What a framework hears when the agent that runs its task leaves for good. */
export async function agentThatLeaves(target: Target, name: string): Promise<Differences> {
  const framework = await TestFramework.start(target, name);
  try {
    const ids = framework.ids();
    await framework.launch("t-both", "while true; do sleep 1; done");
    await framework.nextStatus("TASK_RUNNING");
    await framework.offered();
    await target.unregisterAgent();
    const records = recordsOf(name, recordingOf(name).response);
    const differences: string[] = [];
    for (const recorded of records.slice(-3)) {
      const ours = await framework.nextOf("UPDATE", "RESCIND", "FAILURE");
      differences.push(...eventDifferences(recorded, ours, ids));
    }
    return differences;
  } finally {
    await target.startAgent();
    await framework.tearDown();
  }
}

/** What an operator hears of one framework's life and of an agent that leaves and of one that comes. */
export async function operatorStreams(target: Target): Promise<ReadonlyMap<string, Differences>> {
  const names = ["operator/subscribe-stream", "operator/subscribe-stream-agent-added-removed"];
  const stream = await open(target, recordingOf(names[0] ?? ""), {});
  const heard: Json[] = [];
  const listening = listen(stream, heard);
  const framework = await TestFramework.start(target);
  await framework.launch("t-life", "true");
  await framework.nextStatus("TASK_FINISHED");
  const again = await reopen(target, "scheduler/subscribe-failover", framework.ids().framework ?? "");
  await target.unregisterAgent();
  await target.startAgent();
  await end(target, again, framework.ids().framework ?? "");
  await until(heard, "FRAMEWORK_REMOVED");
  stream.close();
  await listening;
  return new Map(names.map((name) => [name, heardDifferences(recordingOf(name), stream.answer, heard)]));
}

function heardDifferences(recording: Recording, answer: Answer, heard: readonly Json[]): Differences {
  const records = recording.response.records ?? [];
  const types = [...new Set(records.map(({ type }) => type as string))];
  return [
    ...streamHeadDifferences(recording, answer),
    ...types.flatMap((type) => {
      const ours = heard.find((event) => event.type === type);
      if (ours === undefined) return [`${type}: not heard`];
      const twin = records.find((event) => event.type === type && alike(event, ours));
      return shapeDifferences(
        withoutState(twin ?? records.find((event) => event.type === type)),
        withoutState(ours),
      );
    }),
  ];
}

/** An update is compared with one of the same state. */
function alike(recorded: Json, ours: Json): boolean {
  return recorded.task_updated?.state === ours.task_updated?.state;
}

/** The state that comes first depends on what was there before; GET_STATE is compared elsewhere. */
function withoutState(event: Json): Json {
  if (event.subscribed?.get_state === undefined) return event;
  const lists = Object.keys(event.subscribed.get_state).sort();
  return { ...event, subscribed: { ...event.subscribed, get_state: lists } };
}

async function listen(stream: RecordStream, heard: Json[]): Promise<void> {
  for (;;) {
    const record = await stream.nextRecord();
    if (record === null) return;
    heard.push(JSON.parse(record.toString("utf8")));
  }
}

async function until(heard: readonly Json[], type: string): Promise<void> {
  for (let i = 0; i < 1_000 && !heard.some((event) => event.type === type); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Events that a call causes; the others came in between for reasons of their own. */
const CAUSED: ReadonlySet<string> = new Set(["UPDATE", "FAILURE", "MESSAGE", "RESCIND"]);
/** Events of a subscription that come whatever else happens in the cluster. */
const COMPARED: ReadonlySet<string> = new Set(["SUBSCRIBED", "HEARTBEAT", "OFFERS", "ERROR"]);
const FAILOVERS: ReadonlySet<string> = new Set(["scheduler/subscribe-failover"]);
/** Their requests name no offer, or one that never was. */
const NEEDS_NO_OFFER: ReadonlySet<string> = new Set([
  "scheduler/kill",
  "scheduler/reconcile-implicit",
  "scheduler/reconcile-explicit",
]);

/** Brings about what the recorded cluster had before. */
async function prepare(framework: TestFramework, name: string): Promise<void> {
  if (name === "scheduler/error-call-after-teardown") await framework.call({ type: "TEARDOWN" });
  if (NEEDS_NO_OFFER.has(name)) {
    await framework.launch("t-run", "while true; do sleep 1; done");
    await framework.nextStatus("TASK_RUNNING");
  }
}

async function leftFramework(target: Target): Promise<Ids> {
  const framework = await TestFramework.start(target);
  framework.stream.close();
  return framework.ids();
}

export function send(target: Target, recording: Recording, ids: Ids): Promise<Answer> {
  const { method, path } = recording.request;
  const body = bodyOf(recording, ids);
  return ask(target.port, {
    method,
    path,
    headers: headersOf(recording, ids),
    ...(body === undefined ? {} : { body }),
  });
}

function open(target: Target, recording: Recording, ids: Ids): Promise<RecordStream> {
  const { method, path } = recording.request;
  const body = bodyOf(recording, ids);
  return RecordStream.open(target.port, {
    method,
    path,
    headers: headersOf(recording, ids),
    ...(body === undefined ? {} : { body }),
  });
}

/** The same subscription once more, with the id that the framework has got. */
function reopen(target: Target, name: string, framework: string): Promise<RecordStream> {
  const { request } = recordingOf(name);
  const call = callOf(recordingOf(name));
  const framework_id = { value: framework };
  const subscribe = {
    ...call.subscribe,
    framework_info: { ...call.subscribe?.framework_info, id: framework_id },
  };
  const body = encodeJson(messageTypes.SchedulerCall, { ...call, framework_id, subscribe } as SchedulerCall);
  const headers = { ...withoutLength(request.headers), "Content-Type": "application/json" };
  return RecordStream.open(target.port, { method: "POST", path: request.path, headers, body });
}

function callOf(recording: Recording): SchedulerCall {
  const body = bodyOf(recording, {}) ?? Buffer.alloc(0);
  const decoded =
    recording.request.body_base64 === undefined
      ? decodeJson(messageTypes.SchedulerCall, body.toString("utf8"))
      : decodeProtobuf(messageTypes.SchedulerCall, body);
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value;
}

/** A stream id that was the right one then is replaced by the right one now. */
function headersOf(recording: Recording, ids: Ids): Readonly<Record<string, string>> {
  const headers = withoutLength(recording.request.headers);
  const recorded = headers["Mesos-Stream-Id"];
  if (recorded === undefined || ids.stream === undefined || WRONG_STREAM.has(recording.name)) return headers;
  return { ...headers, "Mesos-Stream-Id": ids.stream };
}

const WRONG_STREAM: ReadonlySet<string> = new Set([
  "scheduler/error-garbage-stream-id",
  "scheduler/error-wrong-stream-id",
  "scheduler/error-old-stream-id-after-failover",
]);

function streamHeadDifferences(recording: Recording, answer: Answer): Differences {
  const status = statusDifferences(recording, answer);
  return status.length > 0 ? status : headerDifferences(recording, answer, {});
}

/** Events of a subscription in the format in which it was asked for. */
class TestEvents {
  frameworkId = "";
  private readonly stream: RecordStream;
  private readonly name: string;

  constructor(stream: RecordStream, name: string) {
    this.stream = stream;
    this.name = name;
  }

  nextOf(type: string): Promise<Json> {
    return withPatience(this.firstOf(type));
  }

  private async firstOf(type: string): Promise<Json> {
    for (;;) {
      const record = await this.stream.nextRecord();
      if (record === null) throw new Error(`the stream ended before a ${type}`);
      const event = this.eventOf(record);
      this.frameworkId = event.subscribed?.framework_id?.value ?? this.frameworkId;
      if (event.type === type) return event;
    }
  }

  private eventOf(record: Buffer): Json {
    if (this.stream.answer.headers["content-type"] === "application/json")
      return JSON.parse(record.toString("utf8"));
    const [event] = recordsOf(this.name, {
      status: 200,
      headers: {},
      records_base64: [record.toString("base64")],
    });
    return event;
  }
}

/** A framework that the test started is torn down; one that was refused never was. */
async function end(target: Target, stream: RecordStream, frameworkId: string): Promise<void> {
  if (frameworkId !== "") {
    const body = JSON.stringify({ type: "TEARDOWN", teardown: { framework_id: { value: frameworkId } } });
    const headers = { "Content-Type": "application/json" };
    await ask(target.port, { method: "POST", path: "/api/v1", headers, body });
  }
  stream.close();
}

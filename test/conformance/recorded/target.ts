// The cluster under test, and a framework in it as the recordings had one.

import { messageTypes } from "../../../src/contract/message-types.ts";
import type { MessageType } from "../../../src/contract/schema.ts";
import { ask, call, RecordStream } from "../../unit/api/support/client.ts";
import type { Ids, Json } from "./recordings.ts";
import { fromProtobuf, recordingOf } from "./recordings.ts";

/** A cluster with one agent: 2 cpus, 4096 MB, attributes rack and zone, and nothing running. */
export interface Target {
  /** Of the leader's API on 127.0.0.1. */
  readonly port: number;
  agentId(): Promise<string>;
  /** Makes the agent leave for good. */
  unregisterAgent(): Promise<void>;
  /** Starts an agent after the other has left. */
  startAgent(): Promise<void>;
  stop(): Promise<void>;
}

const EVENT_PATIENCE_MS = 10_000;

/** A subscribed framework that acknowledges every update and keeps what it was told. */
export class TestFramework {
  readonly stream: RecordStream;
  readonly port: number;
  readonly format: "json" | "protobuf";
  private frameworkId = "";
  private offerId: string | undefined;
  private readonly agentId: string;

  private constructor(port: number, stream: RecordStream, agentId: string, format: "json" | "protobuf") {
    this.port = port;
    this.stream = stream;
    this.agentId = agentId;
    this.format = format;
  }

  /** @param request the recorded SUBSCRIBE whose FrameworkInfo it takes */
  static async start(target: Target, request = "scheduler/subscribe-multi-role"): Promise<TestFramework> {
    const recording = recordingOf(request);
    const protobuf = recording.request.body_base64 !== undefined;
    const stream = await RecordStream.open(target.port, {
      method: "POST",
      path: "/api/v1/scheduler",
      headers: withoutLength(recording.request.headers),
      body: protobuf
        ? Buffer.from(recording.request.body_base64 ?? "", "base64")
        : JSON.stringify(recording.request.body),
    });
    const format = stream.answer.headers["content-type"] === "application/x-protobuf" ? "protobuf" : "json";
    const framework = new TestFramework(target.port, stream, await target.agentId(), format);
    const subscribed = await framework.next();
    framework.frameworkId = subscribed.subscribed.framework_id.value;
    await framework.next();
    return framework;
  }

  ids(): Ids {
    return {
      framework: this.frameworkId,
      agent: this.agentId,
      offer: this.offerId,
      stream: this.stream.streamId(),
      master: `127.0.0.1:${this.port}`,
    };
  }

  async next(): Promise<Json> {
    const record = await this.stream.nextRecord();
    if (record === null) throw new Error("the stream has ended");
    const type = messageTypes.SchedulerEvent as MessageType<unknown>;
    const event = this.format === "json" ? JSON.parse(record.toString("utf8")) : fromProtobuf(type, record);
    if (event.type === "OFFERS") this.offerId = event.offers.offers[0].id.value;
    if (event.type === "UPDATE") await this.acknowledge(event.update.status);
    return event;
  }

  /** What comes before it is passed over, for a bounded time. */
  nextOf(...types: readonly string[]): Promise<Json> {
    return withPatience(this.firstOf(types));
  }

  private async firstOf(types: readonly string[]): Promise<Json> {
    for (;;) {
      const event = await this.next();
      if (types.includes(event.type)) return event;
    }
  }

  async nextStatus(state: string): Promise<Json> {
    for (;;) {
      const { status } = (await this.nextOf("UPDATE")).update;
      if (status.state === state) return status;
    }
  }

  /** Waits for resources to accept. */
  async offered(): Promise<void> {
    if (this.offerId === undefined) await this.nextOf("OFFERS");
  }

  async call(body: object): Promise<number> {
    const whole = { framework_id: { value: this.frameworkId }, ...body };
    const headers = { "Mesos-Stream-Id": this.stream.streamId() };
    return (await call(this.port, "/api/v1/scheduler", whole, headers)).status;
  }

  /** Runs a command until it is killed. */
  async launch(taskId: string, shell: string, more: object = {}): Promise<void> {
    await this.offered();
    const resources = [
      { name: "cpus", type: "SCALAR", scalar: { value: 0.1 } },
      { name: "mem", type: "SCALAR", scalar: { value: 32 } },
    ];
    const task = {
      name: taskId,
      task_id: { value: taskId },
      agent_id: { value: this.agentId },
      resources,
      command: { shell: true, value: shell },
      ...more,
    };
    const operations = [{ type: "LAUNCH", launch: { task_infos: [task] } }];
    const accept = { offer_ids: [{ value: this.offerId }], operations, filters: { refuse_seconds: 0 } };
    this.offerId = undefined;
    await this.call({ type: "ACCEPT", accept });
  }

  async tearDown(): Promise<void> {
    await this.call({ type: "TEARDOWN" });
    this.stream.close();
  }

  private async acknowledge(status: Json): Promise<void> {
    const { uuid, task_id, agent_id } = status;
    if (uuid === undefined) return;
    await this.call({ type: "ACKNOWLEDGE", acknowledge: { uuid, task_id, agent_id } });
  }
}

export function withoutLength(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { Host: _host, "Content-Length": _length, ...others } = headers;
  return others;
}

export function withPatience<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing in ${EVENT_PATIENCE_MS} ms`)), EVENT_PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The agent that is registered at a master. */
export async function registeredAgent(port: number): Promise<string> {
  const deadline = Date.now() + EVENT_PATIENCE_MS;
  while (Date.now() < deadline) {
    const answer = await call(port, "/api/v1", { type: "GET_AGENTS" });
    const agent =
      answer.status === 200
        ? JSON.parse(answer.text).get_agents.agents.find((each: Json) => each.active)
        : undefined;
    if (agent !== undefined) return agent.agent_info.id.value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("no agent is registered");
}

export { ask, RecordStream };

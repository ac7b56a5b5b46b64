// The executor API over real sockets, against what was recorded from Mesos.
import { readdirSync, readFileSync } from "node:fs";
import { Agent as Connections, type IncomingMessage, request } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import type { Agent } from "../../../src/agents/agent-types.ts";
import { type AgentHttp, startAgentHttp } from "../../../src/agents/edge/http.ts";
import { REQUEST_BYTES_MAX } from "../../../src/agents/limits.ts";
import { decodeJson, decodeProtobuf } from "../../../src/contract/codec.ts";
import { messageTypes } from "../../../src/contract/message-types.ts";
import { RecordDecoder } from "../../../src/contract/record-io.ts";
import type { ExecutorEvent } from "../../../src/contract/types.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";
import { executorInfo, FRAMEWORK, Rig, runInExecutor } from "./rig/rig.ts";

const folder = new URL("../../recorded/executor/", import.meta.url);

interface Exchange {
  readonly request: RecordedRequest;
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body_text: string;
  };
  readonly sequence: readonly Step[];
}

interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
  readonly body_text?: string;
  readonly body_base64?: string;
}

interface Step {
  readonly env?: Record<string, string>;
  readonly call?: RecordedRequest;
  readonly response?: { readonly status: string; readonly headers: Record<string, string> };
  readonly event?: unknown;
  readonly event_base64?: string;
}

function recorded(name: string): Exchange {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Exchange;
}

function names(prefix: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.startsWith(prefix));
}

const open: AgentHttp[] = [];
/** Asks the server to keep connections open, as executors do. */
const connections = new Connections({ keepAlive: true });
afterEach(async () => {
  for (const http of open.splice(0)) await http.close();
});

async function served(rig: Rig): Promise<{ agent: Agent; port: number }> {
  const agent = await rig.startAgent();
  const options = { agent, version: "0.1.0", tracer: silentTracer, host: "127.0.0.1", port: 0 };
  const http = await startAgentHttp({ ...options, workDirectory: "/nonexistent" });
  open.push(http);
  return { agent, port: http.port };
}

function bodyOf(call: RecordedRequest): Buffer {
  if (call.body_base64 !== undefined) return Buffer.from(call.body_base64, "base64");
  if (call.body_text !== undefined) return Buffer.from(call.body_text);
  return Buffer.from(call.body === undefined ? "" : JSON.stringify(call.body));
}

function ask(port: number, call: RecordedRequest, body = bodyOf(call)): Promise<IncomingMessage> {
  const { Host: _host, "Content-Length": _length, ...headers } = call.headers;
  return new Promise((resolve, reject) => {
    const { method, path } = call;
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers, agent: connections }, resolve);
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

function call(body: unknown): RecordedRequest {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  return { method: "POST", path: "/api/v1/executor", headers, body };
}

describe("a bad call gets what Mesos answered", () => {
  test.each(names("error-"))("%s", async (name) => {
    const { port } = await served(new Rig());
    const exchange = recorded(name);
    const response = await ask(port, exchange.request);
    expect(response.statusCode).toBe(exchange.response.status);
    const { Date: _date, ...headers } = exchange.response.headers;
    const lowerCase = Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]);
    expect(await textOf(response)).toBe(exchange.response.body_text);
    expect(response.headers).toMatchObject(Object.fromEntries(lowerCase));
  });
});

/** Reads the events of one subscription. */
class Events {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #decoder = new RecordDecoder();
  readonly #ready: Uint8Array[] = [];

  constructor(response: IncomingMessage) {
    this.#pieces = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async next(): Promise<Uint8Array> {
    for (;;) {
      const event = this.#ready.shift();
      if (event !== undefined) return event;
      const piece = await this.#pieces.next();
      if (piece.done === true) throw new Error("the stream has ended");
      const records = this.#decoder.push(piece.value);
      if (!records.ok) throw new Error(records.error);
      this.#ready.push(...records.value);
    }
  }
}

describe("a whole exchange goes as it went with Mesos", () => {
  function decoded(step: Step): ExecutorEvent | null {
    if (step.event !== undefined)
      return unwrap(decodeJson(messageTypes.ExecutorEvent, JSON.stringify(step.event)));
    if (step.event_base64 === undefined) return null;
    return unwrap(decodeProtobuf(messageTypes.ExecutorEvent, Buffer.from(step.event_base64, "base64")));
  }

  function unwrap<Value>(result: { ok: true; value: Value } | { ok: false; error: string }): Value {
    return result.ok ? result.value : expect.fail(result.error);
  }

  /** What the master says so that the agent tells the executor this. */
  function provoke(rig: Rig, event: ExecutorEvent, subscribed: ExecutorEvent): void {
    const info = subscribed.subscribed ?? expect.fail("the exchange begins with SUBSCRIBED");
    const frameworkId = info.framework_info.id?.value ?? "";
    const executorId = info.executor_info.executor_id.value;
    const { launch, kill, message } = event;
    if (launch !== undefined)
      rig.master.send({ kind: "run", framework: info.framework_info, task: launch.task });
    if (message !== undefined) {
      rig.master.send({ kind: "framework-message", frameworkId, executorId, data: message.data });
    }
    if (kill !== undefined) {
      const policy = kill.kill_policy === undefined ? {} : { killPolicy: kill.kill_policy };
      rig.master.send({ kind: "kill", frameworkId, taskId: kill.task_id.value, ...policy });
    }
    if (event.type === "SHUTDOWN") rig.master.send({ kind: "shutdown-executor", frameworkId, executorId });
  }

  /** Ids of this run are not those of the recording. */
  function withoutContainer(event: ExecutorEvent): ExecutorEvent {
    if (event.subscribed === undefined) return event;
    const { container_id, ...rest } = event.subscribed;
    expect(container_id?.value).toMatch(/^[0-9a-f-]{36}$/);
    return { ...event, subscribed: rest };
  }

  async function rigFor(subscribed: ExecutorEvent): Promise<Rig> {
    const { id, ...info } = subscribed.subscribed?.agent_info ?? expect.fail();
    const rig = new Rig({ settings: { info, ip: "127.0.0.1", port: info.port ?? 5051 } });
    rig.master.agentId = id?.value ?? "";
    return rig;
  }

  // The exchange of a task group (LAUNCH_GROUP) is left out: this agent takes none.
  test.each(names("exchange-").filter((name) => !name.includes("-grp")))("%s", async (name) => {
    const steps = recorded(name).sequence;
    const events = steps.flatMap((step) => decoded(step) ?? []);
    const subscribed = events[0] ?? expect.fail();
    const rig = await rigFor(subscribed);
    const { port } = await served(rig);
    const firstLaunch = events.find(({ type }) => type === "LAUNCH") ?? expect.fail();
    provoke(rig, firstLaunch, subscribed);
    await rig.clock.advance(20);
    let stream: Events | null = null;
    for (const step of steps) {
      if (step.env !== undefined) compareEnvironment(rig.machine.launched[0]?.environment ?? {}, step.env);
      const event = decoded(step);
      if (event !== null) {
        // Said before the loop; a task that the agent has already would be ignored anyway.
        if (event !== firstLaunch) provoke(rig, event, subscribed);
        await rig.clock.advance(20);
        const bytes = (await stream?.next()) ?? expect.fail("an event before the subscription");
        const came = unwrap(
          step.event === undefined
            ? decodeProtobuf(messageTypes.ExecutorEvent, bytes)
            : decodeJson(messageTypes.ExecutorEvent, Buffer.from(bytes).toString()),
        );
        expect(withoutContainer(came)).toEqual(withoutContainer(event));
        if (step.event !== undefined && event.subscribed === undefined) {
          expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(step.event);
        }
      }
      if (step.call !== undefined) {
        const response = await ask(port, step.call);
        expect(`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`).toBe(step.response?.status);
        expect(response.headers["content-type"]).toBe(step.response?.headers["Content-Type"]);
        if (response.statusCode === 200) stream = new Events(response);
        else expect(await textOf(response)).toBe("");
        await rig.clock.advance(20);
      }
    }
  });

  function compareEnvironment(ours: Readonly<Record<string, string>>, theirs: Record<string, string>): void {
    const runs = /[0-9a-f-]{36}$/;
    for (const [key, value] of Object.entries(theirs)) {
      const own = (ours[key] ?? `(no ${key})`)
        .replace("/var/lib/agent/", "/var/lib/mesos/agent/")
        .replace(runs, "");
      expect(`${key}=${own}`).toBe(`${key}=${value.replace(runs, "")}`);
    }
  }
});

describe("what the recordings do not have", () => {
  const ids = { framework_id: { value: FRAMEWORK }, executor_id: { value: "e" } };

  test("a heartbeat is accepted and looks nobody up", async () => {
    const { port } = await served(new Rig());
    expect((await ask(port, call({ ...ids, type: "HEARTBEAT" }))).statusCode).toBe(202);
  });

  test("a call before the subscription is a 403", async () => {
    const rig = new Rig();
    const { port } = await served(rig);
    await rig.run(runInExecutor("t", executorInfo("e")));
    const response = await ask(port, call({ ...ids, type: "MESSAGE", message: { data: "" } }));
    expect([response.statusCode, await textOf(response)]).toEqual([403, "Executor is not subscribed"]);
  });

  test.each([
    [
      { state: "TASK_STAGING", source: "SOURCE_EXECUTOR" },
      /TASK_STAGING from executor e of framework .* not allowed$/,
    ],
    [{ state: "TASK_RUNNING", source: "SOURCE_AGENT" }, /invalid source, expecting 'SOURCE_EXECUTOR'$/],
    [
      { state: "TASK_RUNNING", source: "SOURCE_EXECUTOR", executor_id: { value: "x" } },
      /ExecutorID in Call: e does not match ExecutorID in TaskStatus: x$/,
    ],
  ])("an update with %j is a 400", async (fields, text) => {
    const { port } = await served(new Rig());
    const status = { task_id: { value: "t" }, uuid: "foRD7CJoQ2W992/drdrfXg==", ...fields };
    const response = await ask(port, call({ ...ids, type: "UPDATE", update: { status } }));
    expect(response.statusCode).toBe(400);
    expect(await textOf(response)).toMatch(text);
  });

  test("a body that is too long is a 413 and the connection ends", async () => {
    const { port } = await served(new Rig());
    const body = Buffer.alloc(REQUEST_BYTES_MAX + 1, " ");
    const response = await ask(port, call({}), body);
    expect(response.statusCode).toBe(413);
    expect(response.headers.connection).toBe("close");
    response.destroy();
  });

  test("a closed stream is noticed: the executor counts as disconnected", async () => {
    const rig = new Rig();
    const { agent, port } = await served(rig);
    await rig.run(runInExecutor("t", executorInfo("e")));
    const response = await ask(port, call({ ...ids, type: "SUBSCRIBE", subscribe: {} }));
    expect(agent.status().executors[0]?.connected).toBe(true);
    response.destroy();
    await expect.poll(() => agent.status().executors[0]?.connected).toBe(false);
  });

  test("health, version and state", async () => {
    const { port } = await served(new Rig());
    const get = (path: string) => ask(port, { method: "GET", path, headers: {} });
    const health = await get("/health");
    expect([health.statusCode, health.headers.connection]).toEqual([200, "keep-alive"]);
    health.resume();
    expect((await get("/slave(1)/health")).statusCode).toBe(200);
    expect(JSON.parse(await textOf(await get("/version")))).toEqual({ version: "0.1.0" });
    const state: unknown = JSON.parse(await textOf(await get("/tepui/v1/agent/state")));
    expect(state).toMatchObject({ agentId: "cluster-S0", link: { registered: true }, tasks: [] });
    expect((await get("/nonexistent")).statusCode).toBe(404);
  });

  test.each([
    [{ type: "GET_HEALTH" }, 200, { type: "GET_HEALTH", get_health: { healthy: true } }],
    [
      { type: "GET_VERSION" },
      200,
      { type: "GET_VERSION", get_version: { version_info: { version: "0.1.0" } } },
    ],
  ])("operator call %j", async (body, status, answer) => {
    const { port } = await served(new Rig());
    const response = await ask(port, { ...call(body), path: "/api/v1" });
    expect(response.statusCode).toBe(status);
    expect(JSON.parse(await textOf(response))).toEqual(answer);
  });

  test("an operator call that is not there yet is a 501 that names it", async () => {
    const { port } = await served(new Rig());
    const response = await ask(port, { ...call({ type: "GET_CONTAINERS" }), path: "/api/v1" });
    expect(response.statusCode).toBe(501);
    expect(await textOf(response)).toContain("GET_CONTAINERS");
  });
});

// The operator's event streams: what comes first, who is closed, and reads that cannot be confirmed.
import { describe, expect, it } from "vitest";
import { ask, call, RecordStream, subscribe } from "./support/client.ts";
import { FakeAgent } from "./support/fake-agent.ts";
import { startApi } from "./support/fixture.ts";
import { OTHER } from "./support/local-master.ts";

function operator(port: number, accept = "application/json"): Promise<RecordStream> {
  return RecordStream.open(port, {
    method: "POST",
    path: "/api/v1",
    headers: { "Content-Type": "application/json", Accept: accept },
    body: '{"type":"SUBSCRIBE"}',
  });
}

describe("an operator's stream", () => {
  it("begins with the state, then tells of agents and frameworks", async () => {
    const { port, clock } = await startApi();
    const stream = await operator(port);
    const first = await stream.next();
    expect(Object.keys(first.subscribed.get_state)).toEqual([
      "get_tasks",
      "get_executors",
      "get_frameworks",
      "get_agents",
    ]);
    expect((await stream.next()).type).toBe("HEARTBEAT");
    const agent = new FakeAgent(port);
    agent.register();
    const added = await stream.nextOf("AGENT_ADDED");
    expect(added.agent_added.agent.agent_info.hostname).toBe("127.0.0.1");
    const framework = await subscribe(port, { user: "root", name: "seen" });
    const seen = await stream.nextOf("FRAMEWORK_ADDED");
    expect(seen.framework_added.framework).toMatchObject({
      active: true,
      unregistered_time: { nanoseconds: 0 },
    });
    clock.advance(15_000);
    await stream.nextOf("HEARTBEAT");
    framework.close();
    await stream.nextOf("FRAMEWORK_REMOVED");
    agent.close();
    stream.close();
  });

  it("tells everyone the same bytes, each in the format that was asked for", async () => {
    const { port } = await startApi();
    const streams = await Promise.all([
      operator(port),
      operator(port),
      operator(port, "application/x-protobuf"),
    ]);
    for (const stream of streams) {
      await stream.nextRecord();
      await stream.nextRecord();
    }
    const framework = await subscribe(port, { user: "root", name: "seen" });
    const [one, two, three] = await Promise.all(streams.map((stream) => stream.nextRecord()));
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
    expect(three?.equals(one ?? Buffer.alloc(0))).toBe(false);
    for (const stream of streams) stream.close();
    framework.close();
  });

  it("of the oldest is closed when there is one too many", async () => {
    const { port } = await startApi({ operatorStreamsMax: 2 });
    const oldest = await operator(port);
    await oldest.next();
    const second = await operator(port);
    const third = await operator(port);
    await third.next();
    expect(await oldest.untilEnd()).toBe("in order");
    expect(second.ended).toBeNull();
    second.close();
    third.close();
  });

  it("ends when the master leads no more", async () => {
    const { master, port } = await startApi();
    const stream = await operator(port);
    await stream.next();
    master.lose(OTHER);
    expect(await stream.untilEnd()).toBe("in order");
  });
});

describe("a read", () => {
  it.each(["GET_STATE", "GET_AGENTS", "GET_FRAMEWORKS", "GET_TASKS", "GET_MASTER", "GET_ROLES", "SUBSCRIBE"])(
    "%s is not answered by a master that cannot confirm that it leads",
    async (type) => {
      const { master, port } = await startApi();
      master.settled = async () => {
        master.lose(OTHER);
        return false;
      };
      const answer = await call(port, "/api/v1", { type });
      expect([answer.status, answer.headers.location]).toEqual([307, "//127.0.0.2:5050/api/v1"]);
    },
  );

  it("of /state neither; and jsonp wraps what is answered", async () => {
    const { master, port } = await startApi();
    const wrapped = await ask(port, { path: "/state?jsonp=cb" });
    expect(wrapped.headers["content-type"]).toBe("text/javascript");
    expect(wrapped.text.startsWith("cb({") && wrapped.text.endsWith(");")).toBe(true);
    master.settled = async () => {
      master.lose(null);
      return false;
    };
    expect((await ask(port, { path: "/state" })).status).toBe(503);
  });

  it("of agents shows what they can do, as Mesos' agents do but for resource providers", async () => {
    const { port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    await agent.nextOf("registered");
    const { get_agents } = JSON.parse((await call(port, "/api/v1", { type: "GET_AGENTS" })).text);
    const names = get_agents.agents[0].capabilities.map(({ type }: { type: string }) => type);
    expect(names.join(" ")).toBe(
      "MULTI_ROLE HIERARCHICAL_ROLE RESERVATION_REFINEMENT RESIZE_VOLUME AGENT_OPERATION_FEEDBACK AGENT_DRAINING " +
        "TASK_RESOURCE_LIMITS",
    );
    const state = JSON.parse((await ask(port, { path: "/state" })).text);
    expect(state.slaves[0].capabilities).toEqual(names);
  });
});

describe("a refusal that rests on the state", () => {
  it.each([
    ["/api/v1", { type: "TEARDOWN", teardown: { framework_id: { value: "nobody" } } }],
    ["/api/v1/scheduler", { type: "REVIVE", framework_id: { value: "nobody" } }],
  ])("at %s is not given by a master that cannot confirm that it leads", async (path, body) => {
    const { master, port } = await startApi();
    expect((await call(port, path, body)).status).toBe(400);
    master.settled = async () => {
      master.lose(OTHER);
      return false;
    };
    const answer = await call(port, path, body);
    expect([answer.status, answer.headers.location]).toEqual([307, `//127.0.0.2:5050${path}`]);
  });
});

it("closing the api ends every stream and connection", async () => {
  const { api, port } = await startApi();
  const framework = await subscribe(port, { user: "root", name: "x" });
  const watcher = await operator(port);
  const agent = new FakeAgent(port);
  agent.register();
  await agent.nextOf("registered");
  await framework.next();
  await watcher.next();
  await api.close();
  await Promise.all([framework.untilEnd(), watcher.untilEnd(), agent.untilClosed()]);
  await expect(ask(port, { path: "/health" })).rejects.toThrow();
});

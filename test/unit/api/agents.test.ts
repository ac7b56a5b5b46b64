// Agents' connections over real HTTP upgrades: registration, pings, replacement, and frames that are none.
import { pack } from "msgpackr";
import { describe, expect, it } from "vitest";
import {
  AGENT_CONNECTION_PATH,
  PROTOCOL_VERSION,
  STATUSES_FRAME_BYTES_MAX,
  STATUSES_PER_FRAME_MAX,
} from "../../../src/contract/agent-protocol.ts";
import { encodeReports } from "../../../src/contract/status-reports.ts";
import { type AgentId, asId, type FrameworkId, type Millis, type RoleName } from "../../../src/kernel/ids.ts";
import { ask } from "./support/client.ts";
import { AGENT_INFO, FakeAgent } from "./support/fake-agent.ts";
import { startApi } from "./support/fixture.ts";
import { CLUSTER, OTHER } from "./support/local-master.ts";

describe("an agent", () => {
  it("registers, and what it says of itself is read once", async () => {
    const { master, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    expect(await agent.nextOf("registered")).toEqual({
      kind: "registered",
      agentId: `${CLUSTER}-S0`,
      silenceMsMax: 20_000,
      statusesMax: 100,
    });
    const [known] = master.state().agents.values();
    expect(known?.spec).toMatchObject({
      hostname: "127.0.0.1",
      port: 5051,
      attributes: { rack: "r1", zone: "z1" },
      version: "0.1.0",
    });
    expect(known?.spec.resources.map(({ name }) => name)).toEqual(["cpus", "disk", "mem", "ports"]);
    agent.close();
    await expect.poll(() => [...master.state().agents.values()][0]?.connection.kind).toBe("disconnected");
  });

  it("that comes back has its older connection closed, whose end is not taken for its own", async () => {
    const { master, port } = await startApi();
    const first = new FakeAgent(port);
    first.register();
    const { agentId } = await first.nextOf("registered");
    const second = new FakeAgent(port);
    second.register(agentId);
    expect((await second.nextOf("registered")).agentId).toBe(agentId);
    await first.untilClosed();
    expect(master.state().agents.get(agentId as never)?.connection.kind).toBe("connected");
    second.close();
  });

  it("that has given up a connection is not registered by what it said there, however late that arrives", async () => {
    const { master, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    const { agentId } = await agent.nextOf("registered");
    const late = new FakeAgent(port);
    late.answersPings = false;
    late.register(agentId);
    await late.nextOf("ping");
    const commands = master.commands.length;
    late.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(master.commands).toHaveLength(commands);
    expect(agent.closedFor).toBeNull();
    expect(master.state().agents.get(agentId as never)?.connection.kind).toBe("connected");
    agent.close();
  });

  it("that answers pings stays, one that does not is gone after 75 seconds", async () => {
    const { master, clock, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    const { agentId } = await agent.nextOf("registered");
    for (let i = 0; i < 8; i++) {
      clock.advance(5_000);
      await agent.nextOf("ping");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(agent.closedFor).toBeNull();
    agent.answersPings = false;
    for (let i = 0; i < 15; i++) clock.advance(5_000);
    expect(agent.closedFor).toBeNull();
    clock.advance(5_000);
    await agent.untilClosed();
    expect(master.state().agents.get(agentId as never)?.connection.kind).toBe("disconnected");
  });

  it("is sent to the leader by a master that does not lead", async () => {
    const { master, port } = await startApi();
    master.lose(OTHER);
    const agent = new FakeAgent(port);
    agent.register();
    expect(await agent.next()).toEqual({ kind: "redirect", leader: "127.0.0.2:5050" });
    await agent.untilClosed();
    expect(master.commands).toEqual([]);
  });

  it("that says nothing is not waited for", async () => {
    const { clock, port, traced } = await startApi();
    const agent = new FakeAgent(port);
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(30_000);
    await agent.untilClosed();
    expect(traced.at(-1)?.facts.reason).toBe("no register frame in time");
  });

  it("that unregisters is let go without a disconnect", async () => {
    const { master, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    await agent.nextOf("registered");
    agent.send({ kind: "unregister" });
    await agent.untilClosed();
    expect(master.commands.map(({ kind }) => kind)).toEqual(["register-agent", "unregister-agent"]);
    expect(master.state().agents.size).toBe(0);
  });

  it("whose resources make no sense is refused with a line that says why", async () => {
    const { master, port, traced } = await startApi();
    const agent = new FakeAgent(port);
    agent.register(undefined, {
      ...AGENT_INFO,
      resources: [{ name: "cpus", type: "SCALAR", scalar: { value: -1 } }],
    });
    await agent.untilClosed();
    expect(String(traced.at(-1)?.facts.reason)).toContain("resources are invalid");
    expect(master.commands).toEqual([]);
  });
});

describe("an agent's volumes", () => {
  const volumes = [{ role: asId<RoleName>("dev"), id: "v", since: 7, source: null }];
  const told = {
    to: "agent",
    message: { kind: "volumes", registeredAt: 5 as Millis, asOf: 7, volumes },
  } as const;

  it("are told in the protocol's words, before what comes after them", async () => {
    const { api, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register(undefined, undefined, { takesVolumes: true });
    const { agentId } = await agent.nextOf("registered");
    const id = asId<AgentId>(agentId);
    api.deliver({ ...told, agentId: id, message: { ...told.message, agentId: id } });
    expect(await agent.next()).toEqual({ kind: "volumes", registration: `${agentId} 5`, asOf: 7, volumes });
  });

  it("are not told to one that would not understand", async () => {
    const { api, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    const { agentId } = await agent.nextOf("registered");
    const id = asId<AgentId>(agentId);
    api.deliver({ ...told, agentId: id, message: { ...told.message, agentId: id } });
    const frameworkId = asId<FrameworkId>("f");
    api.deliver({ to: "agent", agentId: id, message: { kind: "shutdown-framework", frameworkId } });
    expect(await agent.next()).toMatchObject({ kind: "shutdown-framework" });
  });
});

describe("a frame of several statuses", () => {
  const status = (taskId: string) => ({
    frameworkId: "f",
    latestState: "TASK_RUNNING" as const,
    status: { task_id: { value: taskId }, state: "TASK_RUNNING" as const },
  });

  const withData = (bytes: number) => {
    const report = status("t");
    return { ...report, status: { ...report.status, data: new Uint8Array(bytes) } };
  };

  it("is one command", async () => {
    const { master, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    await agent.nextOf("registered");
    agent.send({ kind: "statuses", statuses: [status("t1"), status("t2")] });
    await expect.poll(() => master.commands.at(-1)?.kind).toBe("update-statuses");
    expect(master.commands.at(-1)).toMatchObject({ updates: [{ taskId: "t1" }, { taskId: "t2" }] });
  });

  it.each([
    ["with more than the master said", Array.from({ length: STATUSES_PER_FRAME_MAX + 1 }, () => status("t"))],
    ["with one of nobody's framework", [status("t1"), { ...status("t2"), frameworkId: "" }]],
    ["that is too large", [status("t1"), withData(STATUSES_FRAME_BYTES_MAX)]],
  ])("%s closes the connection", async (_, statuses) => {
    const { master, port } = await startApi();
    const agent = new FakeAgent(port);
    agent.register();
    await agent.nextOf("registered");
    agent.send({ kind: "statuses", statuses });
    await agent.untilClosed();
    expect(master.commands.map(({ kind }) => kind)).not.toContain("update-statuses");
  });
});

describe("a frame that is none closes the connection and reaches nobody", () => {
  const task = { frameworkId: "f", taskId: "t", state: "TASK_NOPE" };
  const register = {
    kind: "register",
    protocolVersion: PROTOCOL_VERSION,
    info: AGENT_INFO,
    version: "1",
    tasks: [],
    executors: [],
  };
  it.each([
    ["bytes", Uint8Array.from([0xc1, 0xc1])],
    ["a number", pack(7)],
    ["an unknown kind", pack({ kind: "nope" })],
    [
      "a status before registering",
      encodeReports([
        {
          frameworkId: "f",
          latestState: "TASK_RUNNING",
          status: { task_id: { value: "t" }, state: "TASK_RUNNING" },
        },
      ]),
    ],
    ["a register frame without tasks", pack({ ...register, tasks: undefined })],
    ["a task in no known state", pack({ ...register, tasks: [task] })],
    ...[
      { attributes: [{ name: "a", type: "RANGES", ranges: { range: 5 } }] },
      { attributes: [{ name: "a", type: "SET", set: { item: 5 } }] },
      { attributes: [{ name: { toString: 1 }, type: "TEXT" }] },
      { attributes: null },
      { resources: [{ name: "cpus" }] },
      { resources: [{ name: 5, type: "SCALAR", scalar: { value: 1 } }] },
      { resources: [{ name: "ports", type: "RANGES", ranges: { range: [null] } }] },
      { resources: [{ name: "s", type: "SET", set: { item: [null] } }] },
      { resources: [{ name: "cpus", type: "SCALAR", scalar: { value: 1 }, reservations: [null] }] },
      { port: "none" },
      { domain: null },
    ].map((wrong): [string, Uint8Array] => [
      `an AgentInfo with ${JSON.stringify(wrong)}`,
      pack({ ...register, info: { ...AGENT_INFO, ...wrong } }),
    ]),
    ["another protocol", pack({ ...register, protocolVersion: 99 })],
  ])("%s", async (_, bytes) => {
    const { master, port, traced } = await startApi();
    const agent = new FakeAgent(port);
    agent.sendBytes(bytes);
    await agent.untilClosed();
    expect(master.commands).toEqual([]);
    expect(traced.at(-1)?.event).toBe("agent connection closed");
  });
});

it("the agents' path without an upgrade, and an upgrade elsewhere, are refused", async () => {
  const { port } = await startApi();
  expect((await ask(port, { path: AGENT_CONNECTION_PATH })).status).toBe(426);
  const { request } = await import("node:http");
  const status = await new Promise((resolve, reject) => {
    const sent = request({
      host: "127.0.0.1",
      port,
      path: "/state",
      headers: { Connection: "Upgrade", Upgrade: "websocket" },
    });
    sent.on("response", (response) => resolve(response.statusCode));
    sent.on("error", reject);
    sent.end();
  });
  expect(status).toBe(400);
});

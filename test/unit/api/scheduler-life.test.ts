// The life of a framework over real sockets: SUBSCRIBE, OFFERS, ACCEPT, UPDATE, ACKNOWLEDGE, and the end.
import { describe, expect, it } from "vitest";
import { call, type Json, type RecordStream, subscribe } from "./support/client.ts";
import { FakeAgent } from "./support/fake-agent.ts";
import { type Fixture, startApi } from "./support/fixture.ts";
import { CLUSTER, OTHER } from "./support/local-master.ts";

const INFO = { user: "root", name: "plain", failover_timeout: 100 };
const MULTI = {
  ...INFO,
  roles: ["dev"],
  capabilities: [{ type: "MULTI_ROLE" }, { type: "RESERVATION_REFINEMENT" }, { type: "PARTITION_AWARE" }],
};
const UUID = Uint8Array.from([1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16]);

async function registeredAgent({ port }: Fixture): Promise<{ agent: FakeAgent; agentId: string }> {
  const agent = new FakeAgent(port);
  agent.register();
  const { agentId } = await agent.nextOf("registered");
  return { agent, agentId };
}

function later(fixture: Fixture, stream: RecordStream, frameworkId: string, body: object): Promise<Json> {
  return call(
    fixture.port,
    "/api/v1/scheduler",
    { framework_id: { value: frameworkId }, ...body },
    { "Mesos-Stream-Id": stream.streamId() },
  );
}

function launch(offerId: string, agentId: string, taskId: string) {
  const resources = [
    { name: "cpus", type: "SCALAR", scalar: { value: 0.1 } },
    { name: "mem", type: "SCALAR", scalar: { value: 32 } },
  ];
  const task = {
    name: taskId,
    task_id: { value: taskId },
    agent_id: { value: agentId },
    resources,
    command: { shell: true, value: "true" },
  };
  return {
    type: "ACCEPT",
    accept: {
      offer_ids: [{ value: offerId }],
      operations: [{ type: "LAUNCH", launch: { task_infos: [task] } }],
      filters: { refuse_seconds: 0 },
    },
  };
}

describe("a framework", () => {
  it("subscribes, is offered an agent, launches a task and hears of it", async () => {
    const fixture = await startApi();
    const { agent, agentId } = await registeredAgent(fixture);
    const stream = await subscribe(fixture.port, INFO);
    expect(stream.answer.status).toBe(200);
    expect(stream.answer.headerNames).toEqual([
      "Date",
      "Transfer-Encoding",
      "Mesos-Stream-Id",
      "Content-Type",
    ]);

    const subscribed = await stream.next();
    expect(subscribed).toMatchObject({ type: "SUBSCRIBED", subscribed: { heartbeat_interval_seconds: 15 } });
    const frameworkId = subscribed.subscribed.framework_id.value;
    expect(frameworkId).toBe(`${CLUSTER}-0000`);
    expect(await stream.next()).toEqual({ type: "HEARTBEAT" });

    const [offer] = (await stream.nextOf("OFFERS")).offers.offers;
    expect(offer).toMatchObject({ agent_id: { value: agentId }, hostname: "127.0.0.1" });
    expect(offer.resources[0]).toEqual({ name: "cpus", type: "SCALAR", scalar: { value: 2 }, role: "*" });
    expect(offer).not.toHaveProperty("allocation_info");

    const accepted = await later(fixture, stream, frameworkId, launch(offer.id.value, agentId, "t1"));
    expect([accepted.status, accepted.text]).toEqual([202, ""]);
    expect(accepted.headerNames).toEqual(["Date", "Content-Length"]);
    const run = await agent.nextOf("run");
    expect(run.framework.id).toEqual({ value: frameworkId });
    expect(run.task.resources?.[0]?.allocation_info).toEqual({ role: "*" });

    agent.status(frameworkId, "t1", agentId, "TASK_RUNNING", UUID);
    const { status } = (await stream.nextOf("UPDATE")).update;
    expect(status).toMatchObject({ state: "TASK_RUNNING", uuid: Buffer.from(UUID).toString("base64") });
    expect(status.timestamp).toBe(1_700_000_000.25);

    const acknowledge = {
      agent_id: { value: agentId },
      task_id: { value: "t1" },
      uuid: Buffer.from(UUID).toString("base64"),
    };
    const acknowledged = await later(fixture, stream, frameworkId, { type: "ACKNOWLEDGE", acknowledge });
    expect(acknowledged.status).toBe(202);
    expect(Buffer.from((await agent.nextOf("acknowledge")).uuid)).toEqual(Buffer.from(UUID));
    agent.close();
    stream.close();
  });

  it("sees the allocation role and no plain role when it is MULTI_ROLE with RESERVATION_REFINEMENT", async () => {
    const fixture = await startApi();
    const { agent } = await registeredAgent(fixture);
    const stream = await subscribe(fixture.port, MULTI);
    const [offer] = (await stream.nextOf("OFFERS")).offers.offers;
    expect(offer.allocation_info).toEqual({ role: "dev" });
    expect(offer.resources[0]).toEqual({
      name: "cpus",
      type: "SCALAR",
      scalar: { value: 2 },
      allocation_info: { role: "dev" },
    });
    agent.close();
    stream.close();
  });

  it("gets each event in one chunk, and a heartbeat every 15 seconds", async () => {
    const fixture = await startApi();
    const stream = await subscribe(fixture.port, INFO);
    await stream.nextOf("HEARTBEAT");
    fixture.clock.advance(14_999);
    expect(stream.records.length).toBe(2);
    fixture.clock.advance(1);
    await stream.nextOf("HEARTBEAT");
    expect(stream.chunkSizes.length).toBeLessThanOrEqual(3);
    stream.close();
  });

  it("that subscribes again ends its old stream with an ERROR", async () => {
    const fixture = await startApi();
    const first = await subscribe(fixture.port, INFO);
    const id = (await first.nextOf("SUBSCRIBED")).subscribed.framework_id;
    const second = await subscribe(fixture.port, { ...INFO, id }, { framework_id: id });
    expect((await second.nextOf("SUBSCRIBED")).subscribed.framework_id).toEqual(id);
    expect(await first.nextOf("ERROR")).toEqual({
      type: "ERROR",
      error: { message: "Framework failed over" },
    });
    expect(await first.untilEnd()).toBe("in order");
    const old = await later(fixture, first, id.value, { type: "REVIVE" });
    expect(old.status).toBe(400);
    expect((await later(fixture, second, id.value, { type: "REVIVE" })).status).toBe(202);
    second.close();
  });

  it("that goes is told to the cluster, with the stream's id", async () => {
    const fixture = await startApi();
    const stream = await subscribe(fixture.port, INFO);
    const frameworkId = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
    stream.close();
    await expect
      .poll(() => fixture.master.commands.at(-1))
      .toEqual({ kind: "disconnect-framework", frameworkId, streamId: stream.streamId() });
    const state = fixture.master.state().frameworks.get(frameworkId);
    expect(state?.connection.kind).toBe("disconnected");
  });

  it("whose stream ends by its own TEARDOWN is not told as gone", async () => {
    const fixture = await startApi();
    const stream = await subscribe(fixture.port, INFO);
    const frameworkId = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
    expect((await later(fixture, stream, frameworkId, { type: "TEARDOWN" })).status).toBe(202);
    expect(await stream.untilEnd()).toBe("in order");
    expect(fixture.master.commands.map(({ kind }) => kind)).toEqual(["subscribe", "teardown"]);
    const after = await later(fixture, stream, frameworkId, { type: "REVIVE" });
    expect([after.status, after.text]).toEqual([400, "Framework cannot be found"]);
  });

  it("loses its stream, and the agent is redirected, when the master leads no more", async () => {
    const fixture = await startApi();
    const { agent } = await registeredAgent(fixture);
    const stream = await subscribe(fixture.port, INFO);
    await stream.nextOf("SUBSCRIBED");
    fixture.master.lose(OTHER);
    expect(await stream.untilEnd()).toBe("in order");
    expect(await agent.nextOf("redirect")).toEqual({ kind: "redirect", leader: "127.0.0.2:5050" });
    await agent.untilClosed();
    expect(fixture.master.commands.map(({ kind }) => kind)).not.toContain("disconnect-framework");
    const answer = await call(fixture.port, "/api/v1/scheduler", { type: "REVIVE" });
    expect([answer.status, answer.headers.location]).toEqual([307, "//127.0.0.2:5050/api/v1/scheduler"]);
  });
});

// Reservations and volumes over real sockets: SC16, SC17, MO13, MO14, RV07; what the recordings do not show.
import { describe, expect, it } from "vitest";
import { ask, call, type Json, subscribe } from "./support/client.ts";
import { FakeAgent } from "./support/fake-agent.ts";
import { type Fixture, startApi } from "./support/fixture.ts";

const REFINED = {
  user: "root",
  name: "refined",
  roles: ["dev"],
  failover_timeout: 100,
  capabilities: [{ type: "MULTI_ROLE" }, { type: "RESERVATION_REFINEMENT" }],
};
const PLAIN = { user: "root", name: "plain", role: "dev", failover_timeout: 100 };
const DYNAMIC = { type: "DYNAMIC", role: "dev", principal: "op" };

function cpus(value: number, more: object): object {
  return { name: "cpus", type: "SCALAR", scalar: { value }, ...more };
}

async function withAgent(): Promise<{ fixture: Fixture; agent: FakeAgent; agentId: string }> {
  const fixture = await startApi();
  const agent = new FakeAgent(fixture.port);
  agent.register();
  const { agentId } = await agent.nextOf("registered");
  return { fixture, agent, agentId };
}

function reserve(port: number, agentId: string, resources: readonly object[]) {
  return call(port, "/api/v1", {
    type: "RESERVE_RESOURCES",
    reserve_resources: { agent_id: { value: agentId }, resources },
  });
}

async function firstAgent(port: number): Promise<Json> {
  return JSON.parse((await call(port, "/api/v1", { type: "GET_AGENTS" })).text).get_agents.agents[0];
}

function cpusOf(resources: readonly Json[]): readonly Json[] {
  return resources.filter(({ name }) => name === "cpus");
}

describe("reservations", () => {
  it("are shown in both formats, and in the old lists by role", async () => {
    const { fixture, agent, agentId } = await withAgent();
    expect(await reserve(fixture.port, agentId, [cpus(0.5, { reservations: [DYNAMIC] })])).toMatchObject({
      status: 202,
      text: "",
    });
    const { agent_info, total_resources } = await firstAgent(fixture.port);
    expect(cpusOf(agent_info.resources)).toEqual([cpus(2, {})]);
    expect(cpusOf(total_resources)).toEqual([
      cpus(1.5, { role: "*" }),
      cpus(0.5, { role: "dev", reservation: { principal: "op" }, reservations: [DYNAMIC] }),
    ]);
    const state = JSON.parse((await ask(fixture.port, { method: "GET", path: "/state" })).text);
    expect(state.slaves[0]).toMatchObject({
      resources: { cpus: 2 },
      reserved_resources: { dev: { cpus: 0.5 } },
      unreserved_resources: { cpus: 1.5 },
    });
    agent.close();
  });

  it.each([
    ["reservations alone", REFINED, { reservations: [DYNAMIC] }],
    ["role and reservation alone", PLAIN, { role: "dev", reservation: { principal: "op" } }],
  ])("are offered with %s to a framework of that kind (RV07)", async (_what, info, shown) => {
    const { fixture, agent, agentId } = await withAgent();
    await reserve(fixture.port, agentId, [cpus(0.5, { role: "dev", reservation: { principal: "op" } })]);
    const stream = await subscribe(fixture.port, info);
    const [offer] = (await stream.nextOf("OFFERS")).offers.offers;
    const [, reserved] = cpusOf(offer.resources);
    expect(reserved).toMatchObject({ scalar: { value: 0.5 }, ...shown });
    expect(Object.keys(reserved).filter((field) => /^(role|reserv)/.test(field))).toEqual(Object.keys(shown));
    stream.close();
    agent.close();
  });

  it("are made and used in one ACCEPT, in either format, and an operation with an id is told of", async () => {
    const { fixture, agent, agentId } = await withAgent();
    const stream = await subscribe(fixture.port, REFINED);
    const { framework_id } = (await stream.next()).subscribed;
    const [offer] = (await stream.nextOf("OFFERS")).offers.offers;
    const resources = [cpus(0.5, { reservations: [{ type: "DYNAMIC", role: "dev" }] })];
    const task = {
      name: "t",
      task_id: { value: "t" },
      agent_id: { value: agentId },
      resources,
      command: { value: "true" },
    };
    const operations = [
      {
        type: "RESERVE",
        id: { value: "r" },
        reserve: { resources: [cpus(0.5, { role: "dev", reservation: {} })] },
      },
      { type: "CREATE", id: { value: "c" }, create: { volumes: resources } },
      { type: "LAUNCH", launch: { task_infos: [task] } },
    ];
    const accept = { offer_ids: [offer.id], operations };
    const headers = { "Mesos-Stream-Id": stream.streamId() };
    await call(fixture.port, "/api/v1/scheduler", { type: "ACCEPT", framework_id, accept }, headers);
    const next = async () => (await stream.nextOf("UPDATE_OPERATION_STATUS")).update_operation_status.status;
    expect(await next()).toEqual({
      operation_id: { value: "r" },
      state: "OPERATION_FINISHED",
      uuid: { value: expect.any(String) as string },
      agent_id: { value: agentId },
    });
    expect(await next()).toMatchObject({
      operation_id: { value: "c" },
      state: "OPERATION_ERROR",
      message: "Resource cpus(reservations: [(DYNAMIC,dev)]):0.5 is no persistent volume",
    });
    const listed = async (): Promise<readonly Json[]> => {
      const { text } = await call(fixture.port, "/api/v1", { type: "GET_OPERATIONS" });
      return JSON.parse(text).get_operations.operations ?? [];
    };
    const [waiting] = await listed();
    expect(waiting).toMatchObject({
      framework_id,
      agent_id: { value: agentId },
      info: { type: "RESERVE", id: { value: "r" }, reserve: { resources: [{ name: "cpus" }] } },
      latest_status: { operation_id: { value: "r" }, state: "OPERATION_FINISHED" },
    });
    const reconcile_operations = {
      operations: [{ operation_id: { value: "r" } }, { operation_id: { value: "x" } }],
    };
    const reconcile = { type: "RECONCILE_OPERATIONS", framework_id, reconcile_operations };
    await call(fixture.port, "/api/v1/scheduler", reconcile, headers);
    expect(await next()).toEqual({
      operation_id: { value: "r" },
      state: "OPERATION_FINISHED",
      agent_id: { value: agentId },
    });
    expect(await next()).toEqual({
      operation_id: { value: "x" },
      state: "OPERATION_UNKNOWN",
      message: "Reconciliation: Operation is unknown and no 'agent_id' was provided",
    });
    const acknowledge_operation_status = {
      agent_id: { value: agentId },
      operation_id: { value: "r" },
      uuid: waiting?.latest_status.uuid.value,
    };
    const acknowledge = { type: "ACKNOWLEDGE_OPERATION_STATUS", framework_id, acknowledge_operation_status };
    await call(fixture.port, "/api/v1/scheduler", acknowledge, headers);
    expect(await listed()).toEqual([]);
    const run = await agent.nextOf("run");
    expect(run.task.resources?.[0]?.reservations).toEqual([{ type: "DYNAMIC", role: "dev" }]);
    stream.close();
    agent.close();
  });

  it("in a form that is no list of resources are refused", async () => {
    const { fixture, agent, agentId } = await withAgent();
    const post = (resources: string) =>
      ask(fixture.port, {
        method: "POST",
        path: "/master/reserve",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ slaveId: agentId, resources }).toString(),
      });
    expect((await post('{"a":1}')).text).toMatch(/^Error parsing 'resources' query parameter .* a list/);
    expect((await post('[{"name":"cpus"}]')).status).toBe(400);
    const mixed = cpus(0.1, { role: "dev", reservations: [DYNAMIC] });
    expect((await post(JSON.stringify([mixed]))).text).toContain("Invalid RESERVE operation on agent");
    agent.close();
  });
});

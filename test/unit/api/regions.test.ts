// Domains on the wire (RV14) and who is offered agents of other regions (AL18), over real sockets.
import { describe, expect, it } from "vitest";
import type { AgentInfo } from "../../../src/contract/types.ts";
import { ask, call, type Json, RecordStream } from "./support/client.ts";
import { AGENT_INFO, FakeAgent } from "./support/fake-agent.ts";
import { type Fixture, startApi } from "./support/fixture.ts";
import { DOMAIN } from "./support/local-master.ts";

const wire = (region: string, zone: string) => ({
  fault_domain: { region: { name: region }, zone: { name: zone } },
});
const OWN = wire(DOMAIN.region, DOMAIN.zone);
const FAR = wire("us", "us-1");

function subscribe({ port }: Fixture, capabilities: readonly string[]): Promise<RecordStream> {
  const info = {
    user: "root",
    name: "f",
    roles: ["a"],
    capabilities: ["MULTI_ROLE", ...capabilities].map((type) => ({ type })),
  };
  return RecordStream.open(port, {
    method: "POST",
    path: "/api/v1/scheduler",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ type: "SUBSCRIBE", subscribe: { framework_info: info } }),
  });
}

async function register({ port }: Fixture, info: Partial<AgentInfo>): Promise<void> {
  const agent = new FakeAgent(port);
  agent.register(undefined, { ...AGENT_INFO, ...info });
  await agent.nextOf("registered");
}

async function offered(stream: RecordStream): Promise<Json[]> {
  return (await stream.nextOf("OFFERS")).offers.offers.map(({ hostname, domain }: Json) => ({
    hostname,
    domain,
  }));
}

describe("a framework", () => {
  it("sees the master's domain and, if it is region-aware, agents of other regions with theirs", async () => {
    const fixture = await startApi();
    await register(fixture, { hostname: "far", domain: FAR });
    await register(fixture, { hostname: "near", domain: OWN });
    const unaware = await subscribe(fixture, []);
    expect((await unaware.nextOf("SUBSCRIBED")).subscribed.master_info.domain).toEqual(OWN);
    expect(await offered(unaware)).toEqual([{ hostname: "near", domain: OWN }]);
    const aware = await subscribe(fixture, ["REGION_AWARE"]);
    expect(await offered(aware)).toEqual([{ hostname: "far", domain: FAR }]);
  });
});

describe("an operator", () => {
  it("sees the domains of master and agents, in the v1 API and in the endpoints before it", async () => {
    const fixture = await startApi();
    await register(fixture, { hostname: "far", domain: FAR });
    const v1 = async (type: string) => JSON.parse((await call(fixture.port, "/api/v1", { type })).text);
    expect((await v1("GET_MASTER")).get_master.master_info.domain).toEqual(OWN);
    expect((await v1("GET_AGENTS")).get_agents.agents[0].agent_info.domain).toEqual(FAR);
    const state = JSON.parse((await ask(fixture.port, { path: "/state" })).text);
    expect([state.domain, state.leader_info.domain, state.slaves[0].domain]).toEqual([OWN, OWN, FAR]);
  });
});

it("an agent with a domain, when the master has none, is sent away and not told to end its tasks", async () => {
  const fixture = await startApi();
  fixture.master.domain = undefined;
  fixture.master.win();
  const agent = new FakeAgent(fixture.port);
  agent.register(undefined, { ...AGENT_INFO, domain: FAR });
  await agent.untilClosed();
  const reason = expect.stringContaining("the leading master has none") as string;
  expect(agent.frames.at(-1)).toEqual({ kind: "redirect", leader: null, reason });
  expect(fixture.traced.map(({ event }) => event)).toContain("agent not admitted");
});

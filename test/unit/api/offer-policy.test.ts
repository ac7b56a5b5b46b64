// What a framework asks of offers, over real sockets: SUBSCRIBE and UPDATE_FRAMEWORK with offer constraints and offer
// filters, what is refused in them and in which words, and where they are shown.
import { describe, expect, it } from "vitest";
import type { AgentInfo } from "../../../src/contract/types.ts";
import { ask, call, type Json, RecordStream } from "./support/client.ts";
import { AGENT_INFO, FakeAgent } from "./support/fake-agent.ts";
import { type Fixture, startApi } from "./support/fixture.ts";

const INFO = {
  user: "root",
  name: "picky",
  roles: ["a"],
  capabilities: [{ type: "MULTI_ROLE" }],
  failover_timeout: 100,
};
const HEADERS = { "Content-Type": "application/json", Accept: "application/json" };

function subscribe(port: number, more: object = {}, info: object = {}): Promise<RecordStream> {
  const body = { type: "SUBSCRIBE", subscribe: { framework_info: { ...INFO, ...info }, ...more } };
  return RecordStream.open(port, {
    method: "POST",
    path: "/api/v1/scheduler",
    headers: HEADERS,
    body: JSON.stringify(body),
  });
}

async function register({ port }: Fixture, info: Partial<AgentInfo>): Promise<string> {
  const agent = new FakeAgent(port);
  agent.register(undefined, { ...AGENT_INFO, ...info });
  return (await agent.nextOf("registered")).agentId;
}

function update(
  fixture: Fixture,
  stream: RecordStream,
  id: string,
  more: object,
  info: object = {},
): Promise<Json> {
  return call(
    fixture.port,
    "/api/v1/scheduler",
    {
      framework_id: { value: id },
      type: "UPDATE_FRAMEWORK",
      update_framework: { framework_info: { ...INFO, ...info, id: { value: id } }, ...more },
    },
    { "Mesos-Stream-Id": stream.streamId() },
  );
}

const constrained = (...constraints: object[]) => ({
  offer_constraints: { role_constraints: { a: { groups: [{ attribute_constraints: constraints }] } } },
});
const RACK = { attribute_name: "rack" };

async function offeredHosts(stream: RecordStream): Promise<string[]> {
  const { offers } = (await stream.nextOf("OFFERS")).offers;
  return offers.map(({ hostname }: Json) => hostname).sort();
}

describe("a framework with offer constraints", () => {
  const REGION = { fault_domain: { region: { name: "eu" }, zone: { name: "eu-1" } } };
  it.each([
    [{ selector: RACK, predicate: { text_equals: { value: "r2" } } }, ["h2"]],
    [{ selector: RACK, predicate: { text_matches: { regex: "r[12]" } } }, ["h1", "h2"]],
    [{ selector: RACK, predicate: { text_not_matches: { regex: "r2" } } }, ["h1", "h3"]],
    [{ selector: { attribute_name: "cores" }, predicate: { exists: {} } }, ["h3"]],
    [{ selector: { attribute_name: "cores" }, predicate: { text_equals: { value: "no" } } }, ["h3"]],
    [{ selector: { pseudoattribute_type: "HOSTNAME" }, predicate: { text_equals: { value: "h1" } } }, ["h1"]],
    [{ selector: { pseudoattribute_type: "REGION" }, predicate: { text_equals: { value: "eu" } } }, ["h2"]],
    [{ selector: { pseudoattribute_type: "ZONE" }, predicate: { not_exists: {} } }, ["h1", "h3"]],
  ])("%j is offered %j", async (constraint, hosts) => {
    const fixture = await startApi();
    await register(fixture, { hostname: "h1" });
    const attributes = [{ name: "rack", type: "TEXT", text: { value: "r2" } }] as const;
    await register(fixture, { hostname: "h2", attributes, domain: REGION });
    const cores = [{ name: "cores", type: "SCALAR", scalar: { value: 8 } }] as const;
    await register(fixture, { hostname: "h3", attributes: cores });
    const stream = await subscribe(fixture.port, constrained(constraint));
    expect(await offeredHosts(stream)).toEqual(hosts);
  });

  it("is shown with them, and changes them", async () => {
    const fixture = await startApi();
    await register(fixture, { hostname: "h1" });
    const given = constrained(
      { selector: { pseudoattribute_type: "HOSTNAME" }, predicate: { text_matches: { regex: "h[2-9]" } } },
      { selector: RACK, predicate: { exists: {} } },
    );
    const stream = await subscribe(fixture.port, given);
    const id = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
    const shown = async (): Promise<Json[]> => {
      const v1 = JSON.parse((await call(fixture.port, "/api/v1", { type: "GET_FRAMEWORKS" })).text);
      const legacy = JSON.parse((await ask(fixture.port, { path: "/state" })).text);
      return [v1.get_frameworks.frameworks[0].offer_constraints, legacy.frameworks[0].offer_constraints];
    };
    expect(await shown()).toEqual([given.offer_constraints, given.offer_constraints]);
    const answer = await update(fixture, stream, id, {});
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(await shown()).toEqual([{}, {}]);
    fixture.master.allocate();
    expect(await offeredHosts(stream)).toEqual(["h1"]);
  });

  it.each([
    [
      { offer_constraints: { role_constraints: { a: { groups: [{}] } } } },
      "'OfferConstraints::RoleConstraints::groups' for role acontains an empty RoleConstraints::Group",
    ],
    [
      constrained({ selector: {}, predicate: { exists: {} } }),
      "A role a has an invalid 'AttributeConstraint': Exactly one of 'AttributeConstraint::Selector::name' or " +
        "'AttributeConstraint::Selector::pseudoattribute_type' must be set",
    ],
    [
      constrained({ selector: { pseudoattribute_type: "UNKNOWN" }, predicate: { exists: {} } }),
      "A role a has an invalid 'AttributeConstraint': Unknown pseudoattribute type",
    ],
    [
      constrained({ selector: RACK, predicate: {} }),
      "A role a has an invalid 'AttributeConstraint': Unknown predicate type",
    ],
    [
      constrained({ selector: RACK, predicate: { text_matches: { regex: "[a-d" } } }),
      "A role a has an invalid 'AttributeConstraint': " +
        "Failed to construct regex from pattern '[a-d': missing ]: [a-d",
    ],
    [
      constrained({ selector: RACK, predicate: { text_not_matches: { regex: "(a+){500}" } } }),
      "A role a has an invalid 'AttributeConstraint': " +
        "Failed to construct regex from pattern '(a+){500}': pattern too large - compile failed",
    ],
    [
      constrained(
        ...Array.from({ length: 40 }, (_, n) => ({
          selector: RACK,
          predicate: { text_matches: { regex: `${n}${"a".repeat(1_000)}` } },
        })),
      ),
      "regular expressions of more than 16384 characters together",
    ],
  ])("is refused when they are not valid", async (given, problem) => {
    const fixture = await startApi();
    const message = `Offer constraints are not valid: ${problem}`;
    const refused = await subscribe(fixture.port, given);
    expect(await refused.nextOf("ERROR")).toEqual({ type: "ERROR", error: { message } });
    const stream = await subscribe(fixture.port);
    const id = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
    const answer = await update(fixture, stream, id, given);
    expect([answer.status, answer.text]).toEqual([400, `'UpdateFramework' call is not valid: ${message}`]);
  });
});

describe("a framework with offer filters", () => {
  const atLeast = (...quantities: object[]) => ({
    offer_filters: {
      a: { min_allocatable_resources: { quantities: quantities.map((each) => ({ quantities: each })) } },
    },
  });

  it("is offered what holds its least amounts", async () => {
    const fixture = await startApi();
    await register(fixture, { hostname: "small" });
    const resources = [{ name: "cpus", type: "SCALAR", scalar: { value: 8 } }] as const;
    await register(fixture, { hostname: "large", resources });
    const stream = await subscribe(fixture.port, {}, atLeast({ cpus: { value: 4 } }));
    expect(await offeredHosts(stream)).toEqual(["large"]);
  });

  it.each([
    [atLeast({}), "Resource quantities must contain at least one quantity"],
    [atLeast({ cpus: { value: -1 } }), "Invalid resource quantity for 'cpus': Negative values not supported"],
  ])("is refused when they are not valid", async (info, message) => {
    const fixture = await startApi();
    const refused = await subscribe(fixture.port, {}, info);
    expect(await refused.nextOf("ERROR")).toEqual({ type: "ERROR", error: { message } });
    const stream = await subscribe(fixture.port);
    const id = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id.value;
    const answer = await update(fixture, stream, id, {}, info);
    expect([answer.status, answer.text]).toEqual([400, `'FrameworkInfo' is not valid: ${message}`]);
  });
});

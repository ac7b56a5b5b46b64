// Offer constraints on a real cluster, over plain HTTP: a framework is offered the agents that it wants and no others,
// `tepui why` says what keeps the others from it, an update takes effect, and a new leader knows it from the log.
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, getJson, postJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { type Running, startTepui, tepui } from "../support/tepui.ts";
import { type Json, RecordStream } from "../unit/api/support/client.ts";

let cluster: TestCluster;
let second: Running | undefined;

beforeAll(async () => {
  const agentFlags = ["--attributes", "rack:r1"];
  cluster = await startTestCluster({ masters: 3, agents: 1, cpus: 2, mem: 512, agentFlags });
  await cluster.ready();
  second = startTepui([
    "agent",
    ...cluster.apis.flatMap((api) => ["--master", api]),
    ...["--port", String(cluster.port + 91)],
    ...["--work-dir", `${cluster.dataDirectory}/second`],
    ...["--runtime", "process", "--resources", "cpus:1;mem:256", "--attributes", "rack:r22;zone:z"],
  ]);
  await eventually("the second agent to be registered", async () => {
    const { api } = await cluster.leader();
    return ((await getJson(`http://${api}/state`)) as Json).slaves.length === 2;
  });
});

afterAll(async () => {
  second?.child.kill("SIGTERM");
  await second?.ended;
  await cluster.destroy();
});

const INFO = {
  user: "root",
  name: "picky",
  failover_timeout: 600,
  roles: ["a"],
  capabilities: [{ type: "MULTI_ROLE" }],
};

const inRack = (regex: string) => ({
  role_constraints: {
    a: {
      groups: [
        {
          attribute_constraints: [
            { selector: { attribute_name: "rack" }, predicate: { text_matches: { regex } } },
          ],
        },
      ],
    },
  },
});

test("offers are of agents that satisfy the constraints, before and after an update", async () => {
  const leader = await cluster.leader();
  const port = Number(leader.api.split(":").at(-1));
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const subscribe = { framework_info: INFO, offer_constraints: inRack("r2+") };
  const stream = await RecordStream.open(port, {
    method: "POST",
    path: "/api/v1/scheduler",
    headers,
    body: JSON.stringify({ type: "SUBSCRIBE", subscribe }),
  });
  const id = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id;
  expect(await racksOffered(stream)).toEqual(["r22"]);

  const { stdout } = await tepui(["why", "picky", "--master", leader.api]);
  expect(stdout).toContain(
    'fails the offer constraints of role a: attribute rack is "r1", wanted: a match of /r2+/',
  );

  const update_framework = { framework_info: { ...INFO, id }, offer_constraints: inRack("r1") };
  const answer = await fetch(`http://${leader.api}/api/v1/scheduler`, {
    method: "POST",
    headers: { ...headers, "Mesos-Stream-Id": stream.streamId() },
    body: JSON.stringify({ type: "UPDATE_FRAMEWORK", framework_id: id, update_framework }),
  });
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
  expect(await racksOffered(stream)).toEqual(["r1"]);

  await leader.end("SIGKILL");
  stream.close();
  const next = await cluster.leader();
  const frameworks = (await postJson(`http://${next.api}/api/v1`, { type: "GET_FRAMEWORKS" })) as Json;
  const [framework] = frameworks.get_frameworks.frameworks;
  expect(framework).toMatchObject({ connected: false, offer_constraints: inRack("r1") });
});

async function racksOffered(stream: RecordStream): Promise<string[]> {
  const { offers } = (await stream.nextOf("OFFERS")).offers;
  return offers.map(({ attributes }: Json) => attributes[0].text.value);
}

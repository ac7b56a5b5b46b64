// Optimistic offers on real masters: one framework hoards the only agent; with --optimistic-offers-after another is shown
// it, launches, and the hoarder gets a RESCIND and for its late ACCEPT TASK_LOST.
import { afterAll, beforeAll, expect, test } from "vitest";
import { getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { tepui } from "../support/tepui.ts";
import { type Json, RecordStream } from "../unit/api/support/client.ts";

const PATIENCE_MS = 3_000;

let cluster: TestCluster;

beforeAll(async () => {
  const masterFlags = ["--optimistic-offers-after", String(PATIENCE_MS / 1_000)];
  cluster = await startTestCluster({ masters: 3, agents: 1, cpus: 2, mem: 512, masterFlags });
  await cluster.ready();
});

afterAll(() => cluster.destroy());

const HEADERS = { "Content-Type": "application/json", Accept: "application/json" };

interface Subscribed {
  readonly api: string;
  readonly stream: RecordStream;
  readonly frameworkId: Json;
}

async function subscribe(api: string, name: string): Promise<Subscribed> {
  const framework_info = { user: "root", name, roles: [name], capabilities: [{ type: "MULTI_ROLE" }] };
  const stream = await RecordStream.open(Number(api.split(":").at(-1)), {
    method: "POST",
    path: "/api/v1/scheduler",
    headers: HEADERS,
    body: JSON.stringify({ type: "SUBSCRIBE", subscribe: { framework_info } }),
  });
  const frameworkId = (await stream.nextOf("SUBSCRIBED")).subscribed.framework_id;
  return { api, stream, frameworkId };
}

async function call({ api, stream, frameworkId }: Subscribed, body: Json): Promise<number> {
  const { status } = await fetch(`http://${api}/api/v1/scheduler`, {
    method: "POST",
    headers: { ...HEADERS, "Mesos-Stream-Id": stream.streamId() },
    body: JSON.stringify({ framework_id: frameworkId, ...body }),
  });
  return status;
}

function accept(offer: Json, taskId: string): Json {
  const scalar = (name: string, value: number) => ({ name, type: "SCALAR", scalar: { value } });
  const task = {
    name: taskId,
    task_id: { value: taskId },
    agent_id: offer.agent_id,
    resources: [scalar("cpus", 1), scalar("mem", 64)],
    command: { value: "sleep 1000" },
  };
  const operations = [{ type: "LAUNCH", launch: { task_infos: [task] } }];
  return { type: "ACCEPT", accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } } };
}

test("a framework that hoards starves nobody, and what it accepts too late is lost", async () => {
  const { api } = await cluster.leader();
  const hoarder = await subscribe(api, "hoarder");
  const [held] = (await hoarder.stream.nextOf("OFFERS")).offers.offers;
  const waiting = await subscribe(api, "waiting");

  const [early] = (await getJson(`http://${api}/tepui/v1/why?subject=waiting`)) as Json;
  expect(early.roles[0].waiting.seesAllFrom - early.roles[0].waiting.since).toBe(PATIENCE_MS);
  const [holder] = early.agents[0].holders;
  expect(holder).toMatchObject({ name: "hoarder", sharedFrom: holder.offeredSince + PATIENCE_MS });

  const [shown] = (await waiting.stream.nextOf("OFFERS")).offers.offers;
  expect(shown.agent_id).toEqual(held.agent_id);
  expect(shown.id).not.toEqual(held.id);
  expect(shown.resources.find(({ name }: Json) => name === "cpus").scalar.value).toBe(2);

  const { stdout } = await tepui(["why", "waiting", "--master", api]);
  expect(stdout).toContain("it holds an optimistic offer of");
  expect(stdout).toMatch(/"hoarder" holds offers of cpus:2; .* since .*, shown to others by now/);

  expect(await call(waiting, accept(shown, "quick"))).toBe(202);
  expect((await hoarder.stream.nextOf("RESCIND")).rescind.offer_id).toEqual(held.id);
  const { status } = (await waiting.stream.nextOf("UPDATE")).update;
  expect(status).toMatchObject({ task_id: { value: "quick" } });
  expect(["TASK_STARTING", "TASK_RUNNING"]).toContain(status.state);

  expect(await call(hoarder, accept(held, "late"))).toBe(202);
  const lost = (await hoarder.stream.nextOf("UPDATE")).update.status;
  expect(lost).toMatchObject({
    task_id: { value: "late" },
    state: "TASK_LOST",
    reason: "REASON_INVALID_OFFERS",
  });
  waiting.stream.close();
  hoarder.stream.close();
});

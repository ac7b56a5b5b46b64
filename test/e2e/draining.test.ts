// Agents that are drained and machines that go down, on a real cluster: through a killed leader and a restarted agent, with
// what the frameworks and the operator see of it.
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";
import { tepui } from "../support/tepui.ts";

interface Agents {
  readonly slaves: readonly { readonly id: string; readonly hostname: string; readonly pid: string }[];
}

let cluster: TestCluster;
let scheduler: HandScheduler;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 1, cpus: 2, mem: 1024 });
  await cluster.ready();
  scheduler = new HandScheduler(cluster, { name: "hand" });
  await scheduler.start();
});

afterAll(async () => {
  await scheduler.stop();
  await cluster.destroy();
});

async function said(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await tepui([...words, "--master", cluster.apis.join(",")]);
  expect([code, stderr], words.join(" ")).toEqual([0, ""]);
  return stdout;
}

async function agentNow(): Promise<Agents["slaves"][number]> {
  const { api } = await cluster.leader();
  const { slaves } = (await getJson(`http://${api}/state`)) as Agents;
  const [agent] = slaves;
  if (agent === undefined) throw new Error("no agent is registered");
  return agent;
}

async function post(path: string, body: unknown): Promise<Response> {
  const { api } = await cluster.leader();
  return fetch(`http://${api}${path}`, { method: "POST", body: JSON.stringify(body) });
}

test("a drain outlives the leader and the agent's process, ends every task and says why", async () => {
  const { id } = await agentNow();
  const stubborn = { kill_policy: { grace_period: { nanoseconds: 600_000_000_000n } } };
  await scheduler.launch(
    { id: "deaf", cpus: 0.1, mem: 32, command: "trap '' TERM; while true; do sleep 1; done" },
    { info: stubborn },
  );
  await scheduler.until("deaf", "TASK_RUNNING");
  expect(await said("agents", "drain", id)).toMatch(/draining for \d+ s +1/);
  expect(await said("why", "hand")).toContain("has been draining for");
  const leader = await cluster.leader();
  await leader.end("SIGKILL");
  const [agent] = cluster.agents;
  await agent?.end("SIGKILL");
  agent?.start();
  leader.start();
  await eventually("the agent to be back", async () => (await said("agents", "list")).includes("draining"));
  expect(await said("agents", "drain", id, "--max-grace", "0.5", "--wait", "60")).toMatch(/drained +0/);
  const status = await scheduler.until("deaf", "TASK_KILLED");
  expect(status.reason).toBe("REASON_AGENT_DRAINING");
  expect(await said("agents", "reactivate", id)).toMatch(/active +0/);
  await scheduler.launch({ id: "after", cpus: 0.1, mem: 32, command: "sleep 1000" });
  await scheduler.until("after", "TASK_RUNNING");
});

test("a machine that goes down takes its agent along and keeps it away until it is up", async () => {
  const { hostname, pid } = await agentNow();
  const machine = { hostname, ip: pid.replace(/^.*@/, "").replace(/:\d+$/, "") };
  const unavailability = { start: { nanoseconds: 1_795_388_295_000_000_000 } };
  const windows = [{ machine_ids: [machine], unavailability }];
  expect((await post("/maintenance/schedule", { windows })).status).toBe(200);
  const offer = await eventually("an offer that says when", () =>
    scheduler.take(({ unavailability: when }) => when !== undefined),
  );
  expect(offer.unavailability?.start.nanoseconds).toBe(1_795_388_295_000_000_000n);
  expect((await post("/machine/down", [machine])).status).toBe(200);
  const status = await scheduler.until("after", "TASK_GONE_BY_OPERATOR");
  expect(status.reason).toBe("REASON_AGENT_REMOVED_BY_OPERATOR");
  const [agent] = cluster.agents;
  await eventually("the agent to end", () => agent?.pid() === undefined);
  agent?.start();
  await eventually("the agent to end again", () => agent?.pid() === undefined);
  expect(await said("why", "hand")).toContain(`Down for maintenance, with their agents: ${hostname}`);
  expect((await post("/machine/up", [machine])).status).toBe(200);
  agent?.start();
  await scheduler.launch({ id: "again", cpus: 0.1, mem: 32, command: "sleep 1000" });
  await scheduler.until("again", "TASK_RUNNING");
});

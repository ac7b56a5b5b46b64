// Reservations on a real cluster: made and used in one ACCEPT, still there when the task has ended, and undone by an
// operator.
import { afterAll, beforeAll, expect, test } from "vitest";
import { taskInfo } from "../../src/frameworks/sdk/index.ts";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";

const RESERVED = {
  name: "cpus",
  type: "SCALAR",
  scalar: { value: 0.5 },
  reservations: [{ type: "DYNAMIC", role: "db" }],
} as const;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 1, agents: 1, cpus: 2, mem: 512 });
  await cluster.ready();
});

afterAll(() => cluster.destroy());

test("what a framework reserves runs its task, stays reserved after it, and is an operator's to take back", async () => {
  const scheduler = new HandScheduler(cluster, { name: "reserving", roles: ["db"] });
  const offers = new Promise<Parameters<HandScheduler["framework"]["accept"]>[0]>((resolve) =>
    scheduler.framework.on("offers", resolve),
  );
  await scheduler.start();
  const [offer] = await offers;
  if (offer === undefined) throw new Error("no offer");
  const task = {
    ...taskInfo("t", { id: "t", command: "true", cpus: 0.5, mem: 32 }, offer),
    resources: [RESERVED, { name: "mem", type: "SCALAR", scalar: { value: 32 } } as const],
  };
  await scheduler.framework.accept(
    [offer],
    [
      { type: "RESERVE", reserve: { resources: [RESERVED] } },
      { type: "LAUNCH", launch: { task_infos: [task] } },
    ],
    0,
  );
  await scheduler.until("t", "TASK_FINISHED");
  await scheduler.stop();
  expect(await reserved()).toMatchObject({ db: { cpus: 0.5 } });

  const call = {
    type: "UNRESERVE_RESOURCES",
    unreserve_resources: { agent_id: offer.agent_id, resources: [RESERVED] },
  };
  const answer = await fetch(`${api()}/api/v1`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(call),
  });
  expect([answer.status, await answer.text()]).toEqual([202, ""]);
  await eventually("nothing to be reserved", async () => Object.keys(await reserved()).length === 0);
  expect(scheduler.errors).toEqual([]);
});

async function reserved(): Promise<Readonly<Record<string, unknown>>> {
  const state = (await getJson(`${api()}/state`)) as {
    readonly slaves: readonly { readonly reserved_resources: Readonly<Record<string, unknown>> }[];
  };
  return state.slaves[0]?.reserved_resources ?? {};
}

function api(): string {
  const [address] = cluster.apis;
  if (address === undefined) throw new Error("no master");
  return address.startsWith("http") ? address : `http://${address}`;
}

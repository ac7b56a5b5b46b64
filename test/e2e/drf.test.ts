// The example of the DRF paper (Ghodsi et al., NSDI 2011, section 4.1) on a real cluster: 9 CPUs and 18 GB; tasks of A
// take 1 CPU and 4 GB each, those of B 3 CPUs and 1 GB. It ends with 3 tasks of A and 2 of B: two thirds each of what
// they take most of.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Framework, type Offer, type TaskRequest, taskInfo } from "../../src/frameworks/sdk/index.ts";
import { eventually, getJson, postJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { amount } from "../support/hand-scheduler.ts";

const TOTAL = { cpus: 9, mem: 18 * 1024 };
const DEMANDS = { A: { cpus: 1, mem: 4 * 1024 }, B: { cpus: 3, mem: 1024 } } as const;
/** In which further tasks would have been launched, if there were to be any: offers come every second. Milliseconds. */
const QUIET_MS = 2_500;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 1, agents: 1, ...TOTAL });
  await cluster.ready();
});

afterAll(() => cluster.destroy());

test.each([
  ["each in a role of its own", { A: "analytics", B: "web" }],
  ["both in one role", { A: "shared", B: "shared" }],
])("3 tasks of A, 2 of B: %s", async (_, roles) => {
  let begun = false;
  const a = new Greedy("A", roles.A, () => begun);
  const b = new Greedy("B", roles.B, () => begun);
  await Promise.all([a.framework.start(), b.framework.start()]);
  begun = true;

  await eventually("all five tasks to run", () => a.running.size === 3 && b.running.size === 2);
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));

  expect({ a: a.running.size, b: b.running.size }).toEqual({ a: 3, b: 2 });
  expect(a.errors.concat(b.errors)).toEqual([]);
  expect(await sharesByFramework()).toEqual({ A: 2 / 3, B: 2 / 3 });
  const used = { cpus: 3 * 1 + 2 * 3, mem: 3 * 4096 + 2 * 1024 };
  expect(await usedOfAgent()).toEqual(used);
  const ofRoles =
    roles.A === roles.B
      ? { [roles.A]: used }
      : { [roles.A]: { cpus: 3, mem: 12_288 }, [roles.B]: { cpus: 6, mem: 2_048 } };
  expect(await allocatedByRole()).toMatchObject(ofRoles);

  await Promise.all([a, b].map(({ framework }) => framework.stop({ teardown: true })));
  await eventually("the tasks to be gone", async () => (await usedOfAgent()).cpus === 0);
});

/** Launches one endless task on every offer that one fits on, and gives back the rest at once. */
class Greedy {
  readonly framework: Framework;
  readonly running = new Set<string>();
  readonly errors: Error[] = [];
  private readonly demand: { readonly cpus: number; readonly mem: number };
  private readonly name: string;
  private count = 0;

  constructor(name: "A" | "B", role: string, begun: () => boolean) {
    this.name = name;
    this.demand = DEMANDS[name];
    this.framework = new Framework({ masters: cluster.apis, name, roles: [role] });
    this.framework
      .on("offers", async (offers) => {
        for (const offer of offers) await this.use(offer, begun());
      })
      .on("update", ({ state, task_id }) => {
        if (state === "TASK_RUNNING") this.running.add(task_id.value);
        else if (state !== "TASK_STARTING" && state !== "TASK_KILLED") throw new Error(`a task is ${state}`);
      })
      .on("error", (error) => void this.errors.push(error));
  }

  private async use(offer: Offer, begun: boolean): Promise<void> {
    const { cpus, mem } = this.demand;
    if (!begun || amount(offer, "cpus") < cpus || amount(offer, "mem") < mem) {
      await this.framework.decline([offer], 0);
      return;
    }
    const request: TaskRequest = {
      id: `${this.name}-${++this.count}`,
      ...this.demand,
      command: "sleep 1000",
    };
    const launch = { task_infos: [taskInfo(request.id, request, offer)] };
    await this.framework.accept([offer], [{ type: "LAUNCH", launch }], 0);
  }
}

interface Amounts {
  readonly cpus: number;
  readonly mem: number;
}

/** Dominant shares of what /state says is used. */
async function sharesByFramework(): Promise<Record<string, number>> {
  const state = await getJson(`http://${cluster.apis[0]}/state`);
  const { frameworks } = state as { frameworks: { name: string; used_resources: Amounts }[] };
  return Object.fromEntries(
    frameworks.map(({ name, used_resources: { cpus, mem } }) => [
      name,
      Math.max(cpus / TOTAL.cpus, mem / TOTAL.mem),
    ]),
  );
}

async function usedOfAgent(): Promise<Amounts> {
  const state = await getJson(`http://${cluster.apis[0]}/state`);
  const [agent] = (state as { slaves: { used_resources: Amounts }[] }).slaves;
  return { cpus: agent?.used_resources.cpus ?? -1, mem: agent?.used_resources.mem ?? -1 };
}

async function allocatedByRole(): Promise<Record<string, Amounts>> {
  const answer = await postJson(`http://${cluster.apis[0]}/api/v1`, { type: "GET_ROLES" });
  const { roles } = (answer as { get_roles: { roles: { name: string; resources: Offer["resources"] }[] } })
    .get_roles;
  return Object.fromEntries(
    roles.map(({ name, resources = [] }) => {
      const of = (kind: string) =>
        resources
          .filter((each) => each.name === kind)
          .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0);
      return [name, { cpus: of("cpus"), mem: of("mem") }];
    }),
  );
}

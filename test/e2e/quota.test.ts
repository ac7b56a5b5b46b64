// Quotas on a real cluster: greedy frameworks of two roles never have more than the limits of their roles, also while limits
// are set and lowered and the leader is killed; and what another role is guaranteed is there when it comes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Framework, type Offer, taskInfo } from "../../src/frameworks/sdk/index.ts";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";

const TASK_CPUS = 0.5;
const CLUSTER_CPUS = 8;
const GUARANTEED_CPUS = 2;
const PATIENCE_MS = 60_000;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 2, cpus: CLUSTER_CPUS / 2, mem: 4096 });
  await cluster.ready();
});

afterAll(() => cluster.destroy());

interface Role {
  readonly name: string;
  readonly quota?: { readonly consumed?: { readonly cpus?: number } };
}

/** CPUs that the roles consumed when somebody looked, with the limits that may have been in force then. */
class Watch {
  readonly problems: string[] = [];
  looks = 0;
  /** By role. While a call that lowers a limit is on its way the higher one counts. */
  readonly limits = new Map<string, number>();
  last = new Map<string, number>();

  /** What is above a limit, because it was lowered, only falls. */
  look(consumed: ReadonlyMap<string, number>): void {
    this.looks++;
    for (const [role, limit] of this.limits) {
      const cpus = consumed.get(role) ?? 0;
      const most = Math.max(limit, this.last.get(role) ?? 0);
      if (cpus > most) this.problems.push(`${role} has ${cpus} of ${limit}, before ${this.last.get(role)}`);
    }
    this.last = new Map(consumed);
  }
}

test("a role with a limit never has more, and one with a guarantee gets it, whoever leads", async () => {
  const watch = new Watch();
  await setLimit(watch, "web", 2);
  await setLimit(watch, "batch", 1.5);
  await setGuarantee("db");
  const watching = { isOver: false };
  const watched = watchRoles(watch, watching);
  const greedy = ["web", "web", "batch", "batch", "other"].map((role, n) =>
    greedyFramework(`${role}-${n}`, role),
  );
  await Promise.all(greedy.map((framework) => framework.start()));
  await consumes(watch, "web", (cpus) => cpus === 2);
  await consumes(watch, "batch", (cpus) => cpus === 1.5);

  await setLimit(watch, "web", 1);
  await consumes(watch, "web", (cpus) => cpus <= 1);
  await killLeader();
  await setLimit(watch, "batch", 1);
  await consumes(watch, "batch", (cpus) => cpus <= 1);
  await setLimit(watch, "web", 1.5);
  await killLeader();
  await consumes(watch, "web", (cpus) => cpus > 1);

  const free = CLUSTER_CPUS - [...watch.last.values()].reduce((all, cpus) => all + cpus, 0);
  expect(free).toBeGreaterThanOrEqual(GUARANTEED_CPUS);
  const guaranteed = greedyFramework("db", "db");
  await guaranteed.start();
  await consumes(watch, "db", (cpus) => cpus >= GUARANTEED_CPUS);

  watching.isOver = true;
  await watched;
  await Promise.all([...greedy, guaranteed].map((framework) => framework.stop({ teardown: true })));
  expect(watch.problems).toEqual([]);
  expect(watch.looks).toBeGreaterThan(20);
});

/** Takes whatever it is offered for tasks of two seconds. */
function greedyFramework(name: string, role: string): Framework {
  const framework = new Framework({
    masters: cluster.apis,
    name,
    roles: [role],
    failoverTimeoutSeconds: 60,
  });
  let launched = 0;
  framework.on("offers", (offers) => {
    for (const offer of offers) {
      const count = Math.floor(cpusOf(offer) / TASK_CPUS + 0.001);
      const task_infos = Array.from({ length: count }, () => {
        const id = `${name}-t${launched++}`;
        return taskInfo(id, { id, cpus: TASK_CPUS, mem: 16, command: "sleep 2" }, offer);
      });
      // An ACCEPT that is lost with its leader costs nothing: the offers are gone with it.
      const done = framework.accept([offer], [{ type: "LAUNCH", launch: { task_infos } }], 0.1);
      done.catch(() => undefined);
    }
  });
  return framework;
}

function cpusOf({ resources = [] }: Offer): number {
  return resources.reduce((all, { name, scalar }) => all + (name === "cpus" ? (scalar?.value ?? 0) : 0), 0);
}

async function watchRoles(watch: Watch, watching: { readonly isOver: boolean }): Promise<void> {
  while (!watching.isOver) {
    await consumed(watch).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** As whoever leads says it; without a leader there is an error. */
async function consumed(watch: Watch): Promise<ReadonlyMap<string, number>> {
  const leader = await cluster.leader();
  const { roles } = (await getJson(`http://${leader.api}/roles`)) as { readonly roles: readonly Role[] };
  const cpus = new Map(roles.map(({ name, quota }) => [name, quota?.consumed?.cpus ?? 0]));
  watch.look(cpus);
  return cpus;
}

function consumes(watch: Watch, role: string, isRight: (cpus: number) => boolean): Promise<unknown> {
  return eventually(
    `what ${role} consumes to be right`,
    async () => {
      const cpus = (await consumed(watch)).get(role) ?? 0;
      return isRight(cpus) ? true : undefined;
    },
    PATIENCE_MS,
    () => JSON.stringify([...watch.last]),
  );
}

async function setLimit(watch: Watch, role: string, cpus: number): Promise<void> {
  const before = watch.limits.get(role) ?? CLUSTER_CPUS;
  watch.limits.set(role, Math.max(before, cpus));
  await updateQuota({ role, limits: { cpus: { value: cpus } } });
  watch.limits.set(role, cpus);
}

function setGuarantee(role: string): Promise<unknown> {
  return updateQuota({ role, guarantees: { cpus: { value: GUARANTEED_CPUS } } });
}

/** Again until it is answered: there may be no leader for a moment, and to set a quota twice is to set it once. */
function updateQuota(quota: object): Promise<unknown> {
  const call = { type: "UPDATE_QUOTA", update_quota: { force: true, quota_configs: [quota] } };
  return eventually("a quota to be set", async () => {
    const leader = await cluster.leader();
    const response = await fetch(`http://${leader.api}/api/v1`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(call),
      signal: AbortSignal.timeout(5_000),
    });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    return true;
  });
}

async function killLeader(): Promise<void> {
  const victim = await cluster.leader();
  await victim.end("SIGKILL");
  victim.start();
  await cluster.ready();
}

// The whole cluster is stopped and started on the same folder: everything that it knew is back, and its tasks have not
// noticed.
import { readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { Framework, runTasks, type TaskStatus } from "../../src/frameworks/sdk/index.ts";
import { present } from "../../src/kernel/assert.ts";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";
import { commonIndex, type MemberLog, readMember, rebuild } from "../support/rebuild.ts";

const MASTERS = ["m1", "m2", "m3"];
const LONG_TASKS = ["long-1", "long-2", "long-3"];
let cluster: TestCluster;

afterAll(() => cluster.destroy());

test("stop and start of all processes: frameworks, agents, tasks and history are back", async () => {
  cluster = await startTestCluster({ masters: 3, agents: 2 });
  await cluster.ready();
  await completedFramework();
  const first = new HandScheduler(cluster, {
    name: "stays",
    info: { labels: { labels: [{ key: "a", value: "b" }] } },
  });
  await first.start();
  const running = await startTasks(first);
  const before = await settledView(first);
  first.framework.stop();

  await cluster.stop({ keepTasks: true });
  const logs = await readLogs();
  const index = commonIndex(logs);
  const digests = logs.map((log) => rebuild(log, index));
  for (const bytes of digests)
    expect(Buffer.compare(bytes, present(digests[0], "there are masters"))).toBe(0);
  for (const task of running) expect(await isAlive(task)).toBe(true);

  const { dataDirectory, port } = cluster;
  cluster = await startTestCluster({ masters: 3, agents: 2, dataDirectory, port });
  await cluster.ready();
  expect(await viewOf(cluster)).toEqual(before);

  const again = new HandScheduler(cluster, {
    name: "stays",
    frameworkId: present(first.framework.id(), "it was subscribed"),
  });
  await again.start();
  expect(again.framework.id()).toBe(first.framework.id());
  await again.framework.reconcile();
  for (const status of running) {
    const told = await again.until(status.task_id.value, "TASK_RUNNING");
    expect(told.agent_id).toEqual(status.agent_id);
    expect(await isAlive(status)).toBe(true);
  }
  await again.framework.kill("long-1");
  await again.until("long-1", "TASK_KILLED");
  await again.launch({ id: "new", cpus: 0.1, mem: 32, command: "exit 0" });
  await again.until("new", "TASK_FINISHED");
  await again.stop();

  await cluster.stop({ keepTasks: false });
  const later = await readLogs();
  for (const log of later) {
    const same = Buffer.compare(rebuild(log, index), present(digests[0], "there are masters"));
    expect(same, `the state of ${log.name} as of the stop`).toBe(0);
  }
});

/** One that has come, done its work and gone. */
async function completedFramework(): Promise<void> {
  const framework = new Framework({ masters: cluster.apis, name: "gone" });
  await framework.start();
  const request = { id: "short", cpus: 0.1, mem: 32, command: "exit 0" };
  await runTasks(framework, [request]);
  await framework.stop({ teardown: true });
}

async function startTasks(scheduler: HandScheduler): Promise<TaskStatus[]> {
  const running: TaskStatus[] = [];
  for (const id of LONG_TASKS) {
    await scheduler.launch({ id, cpus: 0.5, mem: 64, command: "sleep 1000" });
    running.push(await scheduler.until(id, "TASK_RUNNING"));
  }
  for (const code of [0, 4]) {
    await scheduler.launch({ id: `ended-${code}`, cpus: 0.1, mem: 32, command: `exit ${code}` });
    await scheduler.until(`ended-${code}`, code === 0 ? "TASK_FINISHED" : "TASK_FAILED");
  }
  return running;
}

/** When all updates are acknowledged. */
async function settledView(scheduler: HandScheduler): Promise<unknown> {
  await eventually("all updates to be acknowledged", async () => {
    const [framework] = (await state(cluster)).frameworks;
    return framework?.completed_tasks.length === 2 && framework.tasks.length === LONG_TASKS.length;
  });
  expect(scheduler.errors).toEqual([]);
  return viewOf(cluster);
}

interface TaskView {
  readonly id: string;
  readonly slave_id: string;
  readonly state: string;
  readonly resources: unknown;
  readonly statuses: readonly { readonly state: string; readonly timestamp: number }[];
}

interface FrameworkView {
  readonly id: string;
  readonly name: string;
  readonly registered_time: number;
  readonly labels?: unknown;
  readonly tasks: readonly TaskView[];
  readonly completed_tasks: readonly TaskView[];
}

interface StateView {
  readonly slaves: readonly { id: string; hostname: string; resources: unknown; used_resources: unknown }[];
  readonly frameworks: readonly FrameworkView[];
  readonly completed_frameworks: readonly FrameworkView[];
}

async function state(of: TestCluster): Promise<StateView> {
  return (await getJson(`http://${(await of.leader()).api}/state`)) as StateView;
}

/** What must be the same after the restart: all but who is connected since when, and offers. */
async function viewOf(of: TestCluster): Promise<unknown> {
  const { slaves, frameworks, completed_frameworks } = await state(of);
  return {
    agents: slaves.map(({ id, hostname, resources, used_resources }) => ({
      id,
      hostname,
      resources,
      used_resources,
    })),
    frameworks: frameworks.map(frameworkView),
    completed: completed_frameworks.map(frameworkView),
  };
}

function frameworkView({ id, name, registered_time, labels, tasks, completed_tasks }: FrameworkView): object {
  return {
    id,
    name,
    registered_time,
    labels,
    tasks: tasks.map(taskView),
    completed: completed_tasks.map(taskView),
  };
}

function taskView({ id, slave_id, state: now, resources, statuses }: TaskView): object {
  return { id, slave_id, state: now, resources, statuses };
}

async function readLogs(): Promise<MemberLog[]> {
  return Promise.all(MASTERS.map((name) => readMember(cluster.dataDirectory, name)));
}

async function isAlive(status: TaskStatus): Promise<boolean> {
  const pid = present(status.container_status?.executor_pid, "the status names the process");
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat !== undefined && !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

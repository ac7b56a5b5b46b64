// A real client that nobody here wrote: the npm package mesos-framework 0.5.3, unmodified, as scheduler and executor.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, startTestCluster, type TestCluster } from "../../support/cluster.ts";
import { type App, startApp } from "./app.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 1 });
  await cluster.ready();
});
afterAll(() => cluster?.destroy());

const small = { cpus: 0.1, mem: 32, ports: 0, disk: 0 };
const sleeper = {
  instances: 2,
  priority: 1,
  command: "sleep 1000",
  resources: small,
};

function portOf(api: string): number {
  return Number(api.split(":")[1]);
}

async function runningTasks(app: App, count: number): Promise<string[]> {
  return eventually(`${count} tasks to run`, () => {
    const running = app.said.filter(({ event, state }) => event === "update" && state === "TASK_RUNNING");
    const ids = [...new Set(running.map(({ taskId }) => taskId ?? ""))];
    return ids.length >= count ? ids : undefined;
  });
}

describe("the scheduler of mesos-framework", () => {
  test("subscribes at a master that does not lead, follows the redirect, launches, kills and reconciles", async () => {
    const leader = await cluster.leader();
    const other = cluster.masters.find((master) => master !== leader);
    const app = await startApp({
      port: portOf(other?.api ?? ""),
      frameworkName: "plain",
      tasks: { sleeper },
    });
    try {
      const subscribed = await app.hears("the subscription", ({ event }) => event === "subscribed");
      expect(subscribed.port).toBe(portOf(leader.api));
      const [first = "", second = ""] = await runningTasks(app, 2);
      const mark = app.said.length;
      const agentId = app.said.find((said) => said.taskId === first)?.agentId;
      app.tell({ do: "kill", taskId: first, agentId });
      await app.hears("the kill", ({ taskId, state }) => taskId === first && state === "TASK_KILLED", mark);
      app.tell({ do: "reconcile", taskId: second, agentId });
      const answer = await app.hears(
        "the reconciliation",
        ({ reason }) => reason === "REASON_RECONCILIATION",
        mark,
      );
      expect(answer).toMatchObject({ taskId: second, state: "TASK_RUNNING" });
      app.tell({ do: "teardown" });
    } finally {
      await app.stop();
    }
  });

  test("keeps its tasks through the death of the leading master", async () => {
    const leader = await cluster.leader();
    const app = await startApp({ port: portOf(leader.api), frameworkName: "failover", tasks: { sleeper } });
    try {
      const before = await app.hears("the subscription", ({ event }) => event === "subscribed");
      const ids = await runningTasks(app, 2);
      const mark = app.said.length;
      await leader.end("SIGKILL");
      const next = await cluster.leader();
      leader.start();
      app.tell({ do: "use-master", port: portOf(next.api) });
      const after = await app.hears("the second subscription", ({ event }) => event === "subscribed", mark);
      expect(after.frameworkId).toBe(before.frameworkId);
      for (const taskId of ids) {
        app.tell({ do: "reconcile", taskId });
        const told = await app.hears(`the state of ${taskId}`, (said) => said.taskId === taskId, mark);
        expect(told.state).toBe("TASK_RUNNING");
      }
      app.tell({ do: "tasks" });
      const known = await app.hears("its tasks", ({ event }) => event === "tasks", mark);
      expect(known.launched?.map(({ taskId }) => taskId).sort()).toEqual([...ids].sort());
      app.tell({ do: "teardown" });
    } finally {
      await app.stop();
    }
  });
});

describe("the executor of mesos-framework", () => {
  test("runs as a custom executor: updates, messages both ways, kill", async () => {
    const leader = await cluster.leader();
    const command = `exec ${process.execPath} --no-deprecation ${join(import.meta.dirname, "executor-app.mjs")}`;
    const resources = [
      { name: "cpus", type: "SCALAR", scalar: { value: 0.1 } },
      { name: "mem", type: "SCALAR", scalar: { value: 128 } },
    ];
    const executor = {
      executor_id: { value: "made-of-mesos-framework" },
      command: { shell: true, value: command },
      resources,
    };
    const executorTask = { name: "custom", task_id: { value: "custom-1" }, resources, executor };
    const app = await startApp({ port: portOf(leader.api), frameworkName: "custom", executorTask });
    try {
      const [taskId = ""] = await runningTasks(app, 1);
      const running = app.said.find(({ state }) => state === "TASK_RUNNING");
      expect(running?.executorId).toBe("made-of-mesos-framework");
      app.tell({ do: "message", agentId: running?.agentId, executorId: running?.executorId, data: "hello" });
      const echo = await app.hears("the executor's message", ({ event }) => event === "message");
      expect(echo.data).toBe("HELLO");
      app.tell({ do: "kill", taskId, agentId: running?.agentId });
      await app.hears("the kill", (said) => said.taskId === taskId && said.state === "TASK_KILLED");
      app.tell({ do: "teardown" });
    } finally {
      await app.stop();
    }
  });
});

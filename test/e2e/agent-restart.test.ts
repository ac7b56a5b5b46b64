// The agent process dies and comes back: its tasks do not notice, and no status of theirs is lost or doubled.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isOver, type TaskStatus } from "../../src/frameworks/sdk/index.ts";
import { chooseRuntime, type PreparedRuntime } from "../../src/host/prepare-runtime.ts";
import { present } from "../../src/kernel/assert.ts";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";
import { readInAllRuns, sandboxFile, sandboxOf } from "../support/sandboxes.ts";

/** Runs until the test says so, then ends with the code that the test wrote. */
const UNTIL_TOLD = "touch ready; while [ ! -e go ]; do sleep 0.05; done; touch going; exit $(cat go)";

describe.each(["process", "containerd"] as const)("agent of the %s runtime, killed with SIGKILL", (kind) => {
  let directory: string;
  let runtime: PreparedRuntime;
  let cluster: TestCluster;
  let scheduler: HandScheduler;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tepui-restart-"));
    runtime = await chooseRuntime(kind, directory);
    cluster = await startTestCluster({ masters: 1, agents: 1, agentFlags: runtime.agentFlags });
    await cluster.ready();
    scheduler = new HandScheduler(cluster, { name: `restart ${kind}` });
    await scheduler.start();
  });

  afterAll(async () => {
    await scheduler.stop();
    await cluster.destroy();
    await runtime.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("tasks go on; one that ends meanwhile is reported with its exit code", async () => {
    const before = await agentIds(cluster);
    const ids = ["stays", "fails", "finishes"];
    const running = await Promise.all(ids.map(start));
    const born = await Promise.all(running.map(identity));

    await agent().end("SIGKILL");
    await tell("fails", 7);
    await tell("finishes", 0);
    for (const status of running.slice(1)) await eventually("the task to be over", () => isGone(status));
    expect(await identity(running[0])).toBe(born[0]);
    agent().start();

    expect((await scheduler.until("fails", "TASK_FAILED")).message).toBe("Command exited with status 7");
    expect((await scheduler.until("finishes", "TASK_FINISHED")).message).toBe("Command exited with status 0");
    await cluster.ready();
    expect(await agentIds(cluster)).toEqual(before);
    expect(await identity(running[0])).toBe(born[0]);
    await tell("stays", 5);
    expect((await scheduler.until("stays", "TASK_FAILED")).message).toBe("Command exited with status 5");
    for (const id of ids) expect(new Set(scheduler.states(id)).size, id).toBe(3);
    expect(scheduler.errors).toEqual([]);
  });

  test("a status that was not acknowledged comes again, the same, and then no more", async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const isEnd = (status: TaskStatus) => status.task_id.value === "held" && status.state === "TASK_FINISHED";
    scheduler.framework.on("update", (status) => (isEnd(status) ? held : undefined));
    await start("held");
    await tell("held", 0);
    await scheduler.until("held", "TASK_FINISHED");
    await agent().end("SIGKILL");
    agent().start();
    const twice = await eventually("the status to come again", () => {
      const ends = (scheduler.statuses.get("held") ?? []).filter(isEnd);
      return ends.length >= 2 && ends;
    });
    expect(twice[1]?.uuid).toEqual(twice[0]?.uuid);
    release();
    await eventually("the task to be completed", async () =>
      (await frameworkOf(cluster)).completed_tasks.some(({ id }) => id === "held"),
    );
  });

  test("killed again and again while tasks are launched: each ends once, with its own code", async () => {
    const codes = [0, 1, 2, 3, 4, 5];
    for (const code of codes) {
      const id = `again-${code}`;
      const command = `echo ran >> runs; sleep 0.3; exit ${code}`;
      await scheduler.launch({ id, cpus: 0.1, mem: 32, command, ...image() });
      await agent().end("SIGKILL");
      agent().start();
      await cluster.ready();
    }
    for (const code of codes) {
      const id = `again-${code}`;
      const end = await eventually(`the end of ${id}`, () => scheduler.statuses.get(id)?.find(isOver));
      const runs = (await readInAllRuns(cluster, id, "runs")).join("");
      // An agent that was killed before it had written the task down has never run it.
      expect(runs, end.state).toBe(end.state === "TASK_DROPPED" ? "" : "ran\n");
      if (end.state !== "TASK_DROPPED") expect(end.message).toBe(`Command exited with status ${code}`);
    }
  });

  const agent = () => present(cluster.agents[0], "the cluster has an agent");
  const image = () => (runtime.image === null ? {} : { image: runtime.image });

  async function start(id: string): Promise<TaskStatus> {
    await scheduler.launch({ id, cpus: 0.1, mem: 32, command: UNTIL_TOLD, ...image() });
    const status = await scheduler.until(id, "TASK_RUNNING");
    await sandboxFile(cluster, id, "ready");
    return status;
  }

  async function tell(id: string, code: number): Promise<void> {
    await writeFile(join(await sandboxOf(cluster, id), "go"), String(code));
    await sandboxFile(cluster, id, "going");
  }
});

interface FrameworkView {
  readonly tasks: readonly { readonly id: string; readonly state: string }[];
  readonly completed_tasks: readonly { readonly id: string; readonly state: string }[];
}

async function frameworkOf(cluster: TestCluster): Promise<FrameworkView> {
  const state = await getJson(`http://${cluster.apis[0]}/state`);
  return present((state as { frameworks: FrameworkView[] }).frameworks[0], "the framework is there");
}

async function agentIds(cluster: TestCluster): Promise<readonly string[]> {
  const state = await getJson(`http://${cluster.apis[0]}/state`);
  return (state as { slaves: { id: string }[] }).slaves.map(({ id }) => id);
}

function pidOf(status: TaskStatus | undefined): number {
  return present(status?.container_status?.executor_pid, "the status names the process");
}

/** Process id and start time: no other process has both. */
async function identity(status: TaskStatus | undefined): Promise<string> {
  const pid = pidOf(status);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
}

async function isGone(status: TaskStatus): Promise<boolean> {
  const stat = await readFile(`/proc/${pidOf(status)}/stat`, "utf8").catch(() => undefined);
  return stat === undefined || stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

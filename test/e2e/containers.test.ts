// How tasks end that cannot start, take too much or are killed: real containers of containerd, and plain processes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TaskInfo, TaskStatus } from "../../src/frameworks/sdk/index.ts";
import { chooseRuntime, type PreparedRuntime } from "../../src/host/prepare-runtime.ts";
import { startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";
import { sandboxFile } from "../support/sandboxes.ts";

describe.each(["process", "containerd"] as const)("tasks of the %s runtime", (kind) => {
  let directory: string;
  let runtime: PreparedRuntime;
  let cluster: TestCluster;
  let scheduler: HandScheduler;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tepui-containers-"));
    runtime = await chooseRuntime(kind, directory);
    cluster = await startTestCluster({ masters: 1, agents: 1, agentFlags: runtime.agentFlags });
    await cluster.ready();
    scheduler = new HandScheduler(cluster, { name: `containers ${kind}` });
    await scheduler.start();
  });

  afterAll(async () => {
    await scheduler?.stop();
    await cluster?.destroy();
    await runtime?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const image = () => (runtime.image === null ? {} : { image: runtime.image });
  const small = { cpus: 0.1, mem: 32 };

  async function failure(id: string, changes: object): Promise<TaskStatus> {
    await scheduler.launch({ id, ...small, command: "true", ...image(), ...changes });
    const status = await scheduler.until(id, "TASK_FAILED");
    expect(scheduler.states(id)).not.toContain("TASK_FINISHED");
    return status;
  }

  test("an unknown user is named", async () => {
    const status = await failure("unknown-user", { user: "nobody-of-this-name" });
    expect(status.reason).toBe("REASON_CONTAINER_LAUNCH_FAILED");
    expect(status.message).toContain("nobody-of-this-name");
    expect(scheduler.states("unknown-user")).toEqual(["TASK_FAILED"]);
  });

  test("a program that is not there is named", async () => {
    const status = await failure("no-program", { command: ["no-such-program", "x"] });
    expect(status.reason).toBe("REASON_CONTAINER_LAUNCH_FAILED");
    expect(status.message).toContain("no-such-program");
    expect(scheduler.states("no-program")).toEqual(["TASK_FAILED"]);
  });

  test("a shell command that is not there fails with the shell's exit code", async () => {
    const status = await failure("bad-command", { command: "no-such-command" });
    expect(status.message).toBe("Command exited with status 127");
  });

  test("an exit code and a signal are told", async () => {
    expect((await failure("exit-3", { command: "exit 3" })).message).toBe("Command exited with status 3");
    // The first process of a container cannot kill itself; its code 137 stands for its child's signal, as in shells.
    const killed = await failure("signal", { command: "sh -c 'kill -KILL $$'; exit $?" });
    expect(killed.message).toBe("Command terminated with signal Killed");
  });

  test("over the memory limit: TASK_FAILED with REASON_CONTAINER_LIMITATION_MEMORY", async () => {
    const status = await failure("hungry", { command: "x=aaaaaaaa; while true; do x=$x$x; done" });
    expect(status.reason).toBe("REASON_CONTAINER_LIMITATION_MEMORY");
    expect(status.message).toContain("32 MB");
    expect(status.limitation?.resources).toMatchObject([{ name: "mem", scalar: { value: 32 } }]);
    expect(scheduler.states("hungry").slice(-2)).toEqual(["TASK_RUNNING", "TASK_FAILED"]);
  });

  test("a kill lets the task end by itself within its grace", async () => {
    await run("polite", "trap 'exit 0' TERM", graceSeconds(30));
    const asked = performance.now();
    await scheduler.framework.kill("polite");
    const status = await scheduler.until("polite", "TASK_KILLED");
    expect(performance.now() - asked).toBeLessThan(20_000);
    expect(status.message).toBe("Command exited with status 0");
    expect(scheduler.states("polite").slice(-2)).toEqual(["TASK_KILLING", "TASK_KILLED"]);
  });

  test("a task that ignores SIGTERM is killed when its grace is over", async () => {
    await run("stubborn", "trap '' TERM", graceSeconds(1));
    const asked = performance.now();
    await scheduler.framework.kill("stubborn");
    const status = await scheduler.until("stubborn", "TASK_KILLED");
    expect(performance.now() - asked).toBeGreaterThanOrEqual(990);
    expect(status.message).toBe("Command terminated with signal Killed");
  });

  test("the policy of the KILL call counts for more than the task's", async () => {
    await run("hurried", "trap '' TERM", graceSeconds(3600));
    await scheduler.framework.kill("hurried", { grace_period: { nanoseconds: 100_000_000n } });
    expect((await scheduler.until("hurried", "TASK_KILLED")).message).toBe(
      "Command terminated with signal Killed",
    );
  });

  /** Returns when the trap is set. */
  async function run(id: string, trap: string, info: Partial<TaskInfo>): Promise<void> {
    const command = `${trap}; touch ready; while true; do sleep 0.05; done`;
    await scheduler.launch({ id, ...small, command, ...image() }, { info });
    await scheduler.until(id, "TASK_RUNNING");
    await sandboxFile(cluster, id, "ready");
  }

  if (kind === "containerd") {
    test("a missing image is named", async () => {
      const status = await failure("no-image", { image: "no-such-image:1" });
      expect(status.reason).toBe("REASON_CONTAINER_LAUNCH_FAILED");
      expect(status.message).toContain("no-such-image:1");
      const archive = await failure("no-archive", { image: "/no/such/image.tar" });
      expect(archive.message).toContain("/no/such/image.tar");
    });
  }
});

function graceSeconds(seconds: number): Partial<TaskInfo> {
  return { kill_policy: { grace_period: { nanoseconds: BigInt(seconds) * 1_000_000_000n } } };
}

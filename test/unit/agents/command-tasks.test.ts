// What a framework is told of a command task, from launch to end.
import { describe, expect, test } from "vitest";
import type { TaskInfo } from "../../../src/contract/types.ts";
import { FRAMEWORK, framework, Rig, runCommand, seconds } from "./rig/rig.ts";

async function started(options: ConstructorParameters<typeof Rig>[0] = {}): Promise<Rig> {
  const rig = new Rig(options);
  await rig.startAgent();
  return rig;
}

function last(rig: Rig, taskId: string) {
  return rig.master.statuses(taskId).at(-1);
}

describe("a command task's updates", () => {
  test.each([
    ["exit:0", "TASK_FINISHED", "Command exited with status 0"],
    ["exit:3", "TASK_FAILED", "Command exited with status 3"],
    ["exit:3:500", "TASK_FAILED", "Command exited with status 3"],
  ])("%s is STARTING, RUNNING, then %s", async (script, state, message) => {
    const rig = await started();
    await rig.run(runCommand("t", script));
    await rig.clock.advance(1_000);
    expect(rig.master.states("t")).toEqual(["TASK_STARTING", "TASK_RUNNING", state]);
    expect(last(rig, "t")?.message).toBe(message);
  });

  test("have the fields that Mesos' command executor sends", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "run"));
    const status = last(rig, "t");
    const [spec] = rig.machine.launched;
    expect(status).toMatchObject({
      task_id: { value: "t" },
      state: "TASK_RUNNING",
      source: "SOURCE_EXECUTOR",
      agent_id: { value: "cluster-S0" },
      executor_id: { value: "t" },
      container_status: {
        container_id: { value: spec?.id },
        network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: "10.0.0.1" }] }],
        executor_pid: 100,
      },
    });
    expect(status?.uuid).toHaveLength(16);
    expect((status?.uuid?.[6] ?? 0) >> 4).toBe(4);
    expect(status?.timestamp).toBeCloseTo(1_700_000_000, -2);
  });

  test("a task over its memory limit fails with the reason", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "oom"));
    expect(last(rig, "t")).toMatchObject({
      state: "TASK_FAILED",
      source: "SOURCE_AGENT",
      reason: "REASON_CONTAINER_LIMITATION_MEMORY",
      message: expect.stringContaining("64 MB"),
    });
  });

  test.each(["image-not-found", "unknown-user", "command-not-found", "launch-failed"])(
    "a launch that fails with %s is told in the runtime's words",
    async (code) => {
      const rig = await started();
      await rig.run(runCommand("t", `fail:${code}`));
      expect(rig.master.states("t")).toEqual(["TASK_FAILED"]);
      expect(last(rig, "t")).toMatchObject({
        source: "SOURCE_AGENT",
        reason: "REASON_CONTAINER_LAUNCH_FAILED",
        message: `Failed to launch container (${code}): scripted ${code}`,
      });
    },
  );

  test("a task is launched once, however often the master says run", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "run"));
    await rig.run(runCommand("t", "run"));
    expect(rig.machine.launched).toHaveLength(1);
  });

  test("a task that runs too long fails with the reason", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "run", { max_completion_time: seconds(5) }));
    await rig.clock.advance(6_000);
    expect(last(rig, "t")).toMatchObject({
      state: "TASK_FAILED",
      reason: "REASON_MAX_COMPLETION_TIME_REACHED",
    });
  });
});

describe("what the runtime is told", () => {
  async function launchedSpec(more: Partial<TaskInfo>, runtime: "process" | "containerd" = "process") {
    const rig = await started({ runtime });
    await rig.run(runCommand("t", "run", more));
    return rig.machine.launched[0];
  }

  test("shell and argv forms", async () => {
    expect((await launchedSpec({}))?.argv).toEqual(["/bin/sh", "-c", "run"]);
    const command = { shell: false, value: "/bin/echo", arguments: ["echo", "a", "run"] };
    expect((await launchedSpec({ command }))?.argv).toEqual(["/bin/echo", "a", "run"]);
  });

  test("environment: Mesos' variables and the command's own", async () => {
    const environment = { variables: [{ name: "FOO", value: "bar" }] };
    const spec = await launchedSpec({ command: { value: "run", environment } });
    expect(spec?.environment).toMatchObject({
      FOO: "bar",
      MESOS_TASK_ID: "t",
      MESOS_EXECUTOR_ID: "t",
      MESOS_FRAMEWORK_ID: FRAMEWORK,
      MESOS_SLAVE_ID: "cluster-S0",
      MESOS_AGENT_ENDPOINT: "10.0.0.1:5051",
      MESOS_ALLOCATION_ROLE: "dev",
      MESOS_SANDBOX: spec?.sandbox,
    });
    expect(spec?.sandbox).toBe(
      `/var/lib/agent/slaves/cluster-S0/frameworks/${FRAMEWORK}/executors/t/runs/${spec?.id}`,
    );
  });

  test("the command's user goes before the framework's", async () => {
    expect((await launchedSpec({}))?.user).toBe("root");
    expect((await launchedSpec({ command: { value: "run", user: "nobody" } }))?.user).toBe("nobody");
  });

  test("limits are the task's resources, or its limits", async () => {
    const requested = { cpuMillis: 500, cpuHard: false, memoryBytes: 64 * 1024 * 1024 };
    expect((await launchedSpec({}))?.limits).toEqual(requested);
    const limits = { cpus: { value: 2 }, mem: { value: Number.POSITIVE_INFINITY } };
    expect((await launchedSpec({ limits }))?.limits).toEqual({
      cpuMillis: 2000,
      cpuHard: true,
      memoryBytes: 0,
    });
  });

  test("an image, in either of its forms; the sandbox is then where it is mounted", async () => {
    const mesos = { type: "MESOS", mesos: { image: { type: "DOCKER", docker: { name: "a:1" } } } } as const;
    const spec = await launchedSpec({ container: mesos }, "containerd");
    expect(spec?.image).toBe("a:1");
    expect(spec?.environment.MESOS_SANDBOX).toBe("/mnt/mesos/sandbox");
    const docker = { type: "DOCKER", docker: { image: "b:2" } } as const;
    expect((await launchedSpec({ container: docker }, "containerd"))?.image).toBe("b:2");
  });
});

describe("what the agent cannot do is refused by name", () => {
  const check = { type: "COMMAND", command: { value: "true" } } as const;
  const image = { type: "DOCKER", docker: { image: "b:2" } } as const;
  const asks: readonly (readonly [string, Partial<TaskInfo>])[] = [
    ["uris", { command: { value: "run", uris: [{ value: "http://x/y" }] } }],
    ["health_check", { health_check: check }],
    ["check", { check: { type: "COMMAND", command: { command: { value: "true" } } } }],
    ["volumes", { container: { type: "MESOS", volumes: [{ mode: "RW", container_path: "/x" }] } }],
    ["network_infos", { container: { type: "MESOS", network_infos: [{ name: "net" }] } }],
    ["rlimit_info", { container: { type: "MESOS", rlimit_info: {} } }],
    ["image", { container: image }],
    ["gpus", { resources: [{ name: "gpus", type: "SCALAR", scalar: { value: 1 } }] }],
  ];

  test.each(asks)("%s", async (word, more) => {
    const rig = await started();
    await rig.run(runCommand("t", "run", more));
    expect(rig.machine.launched).toEqual([]);
    expect(rig.master.states("t")).toEqual(["TASK_ERROR"]);
    expect(last(rig, "t")).toMatchObject({
      reason: "REASON_TASK_INVALID",
      message: expect.stringContaining(word),
    });
  });
});

describe("killing", () => {
  test("SIGTERM, and SIGKILL only after the grace", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "stubborn"));
    rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "t" });
    await rig.clock.advance(10_000);
    const [term, kill] = rig.machine.signals;
    expect([term?.signal, kill?.signal]).toEqual(["SIGTERM", "SIGKILL"]);
    expect((kill?.atMs ?? 0) - (term?.atMs ?? 0)).toBe(3_000);
    expect(last(rig, "t")).toMatchObject({
      state: "TASK_KILLED",
      message: "Command terminated with signal Killed",
    });
  });

  test.each([
    ["the task's policy", { kill_policy: { grace_period: seconds(7) } }, undefined, 7_000],
    ["the call's policy goes before it", { kill_policy: { grace_period: seconds(7) } }, seconds(1), 1_000],
  ])("grace: %s", async (_name, more, call, graceMs) => {
    const rig = await started();
    await rig.run(runCommand("t", "stubborn", more));
    const killPolicy = call === undefined ? {} : { killPolicy: { grace_period: call } };
    rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "t", ...killPolicy });
    await rig.clock.advance(10_000);
    const [term, kill] = rig.machine.signals;
    expect((kill?.atMs ?? 0) - (term?.atMs ?? 0)).toBe(graceMs);
  });

  test("a second kill can shorten the grace and not lengthen it", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "stubborn", { kill_policy: { grace_period: seconds(60) } }));
    const kill = { kind: "kill", frameworkId: FRAMEWORK, taskId: "t" } as const;
    rig.master.send(kill);
    await rig.clock.advance(1_000);
    rig.master.send({ ...kill, killPolicy: { grace_period: seconds(2) } });
    rig.master.send({ ...kill, killPolicy: { grace_period: seconds(100) } });
    await rig.clock.advance(5_000);
    const [term, hard] = rig.machine.signals;
    expect(rig.machine.signals).toHaveLength(2);
    expect((hard?.atMs ?? 0) - (term?.atMs ?? 0)).toBe(2_000);
  });

  test("TASK_KILLING comes only for frameworks that know it", async () => {
    const rig = await started();
    const aware = { ...framework, capabilities: [{ type: "TASK_KILLING_STATE" }] } as const;
    await rig.run({ ...runCommand("aware", "run"), framework: aware });
    rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "aware" });
    await rig.clock.advance(100);
    expect(rig.master.states("aware").slice(2)).toEqual(["TASK_KILLING", "TASK_KILLED"]);
    const plain = await started();
    await plain.run(runCommand("plain", "run"));
    plain.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "plain" });
    await plain.clock.advance(100);
    expect(plain.master.states("plain").slice(2)).toEqual(["TASK_KILLED"]);
  });

  test("a kill during the launch: the task is never reported to run", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "slow:1000"));
    rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "t" });
    await rig.clock.advance(2_000);
    expect(rig.master.states("t")).toEqual(["TASK_KILLED"]);
    expect(last(rig, "t")?.reason).toBe("REASON_TASK_KILLED_DURING_LAUNCH");
    expect(rig.machine.running()).toEqual([]);
  });

  test("a framework that is gone: its tasks are killed and nobody is told", async () => {
    const rig = await started();
    await rig.run(runCommand("t", "run"));
    const before = rig.master.statuses("t").length;
    rig.master.send({ kind: "shutdown-framework", frameworkId: FRAMEWORK });
    await rig.clock.advance(60_000);
    expect(rig.machine.running()).toEqual([]);
    expect(rig.master.statuses("t")).toHaveLength(before);
  });
});

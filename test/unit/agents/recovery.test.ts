// An agent that is killed and started again finds its tasks, loses no status and runs nothing twice (invariant 5).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTerminal } from "../../../src/agents/records.ts";
import type { RegisterAgent, ToAgent } from "../../../src/contract/agent-protocol.ts";
import type { TaskState } from "../../../src/contract/types.ts";
import { FRAMEWORK, framework, Rig, runCommand, seconds } from "./rig/rig.ts";
import { containerId } from "./rig/scripted-runtime.ts";

async function restarted(rig: Rig, downMs = 1_000): Promise<void> {
  rig.kill();
  await rig.clock.advance(downMs);
  await rig.startAgent();
  await rig.clock.advance(100);
}

function last(rig: Rig, taskId: string) {
  return rig.master.statuses(taskId).at(-1);
}

test("a task that runs on is watched on", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("t", "exit:4:60000"));
  await restarted(rig);
  expect(rig.master.states("t")).toEqual(["TASK_STARTING", "TASK_RUNNING"]);
  await rig.clock.advance(60_000);
  expect(last(rig, "t")).toMatchObject({ state: "TASK_FAILED", message: "Command exited with status 4" });
});

test("a task that ended meanwhile has its real exit code", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("t", "exit:0:500"));
  await restarted(rig);
  expect(last(rig, "t")).toMatchObject({ state: "TASK_FINISHED", source: "SOURCE_EXECUTOR" });
});

test("a task that was killed while it was launched ends, also if its container is gone after a restart", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("t", "undying:500"));
  rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "t" });
  await rig.clock.advance(1_000);
  expect(rig.machine.signals).toMatchObject([{ signal: "SIGKILL" }]);
  rig.kill();
  rig.machine.forgetAll();
  await restarted(rig);
  expect(rig.master.states("t")).toEqual(["TASK_KILLED"]);
});

test("also for a framework without checkpointing", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run({ ...runCommand("t", "run"), framework: { ...framework, checkpoint: false } });
  await restarted(rig);
  expect(rig.machine.running()).toHaveLength(1);
});

test("a task whose container left no trace has failed", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("t", "run"));
  rig.kill();
  rig.machine.forgetAll();
  await restarted(rig);
  expect(last(rig, "t")).toMatchObject({
    state: "TASK_FAILED",
    source: "SOURCE_AGENT",
    reason: "REASON_EXECUTOR_TERMINATED",
  });
});

test.each([
  ["PARTITION_AWARE", "TASK_DROPPED"],
  ["REGION_AWARE", "TASK_LOST"],
] as const)(
  "a task that had not been started is not started now: %s is told %s",
  async (capability, state) => {
    const rig = new Rig();
    await rig.startAgent();
    const mine = { ...framework, capabilities: [{ type: capability }] };
    await rig.run({ ...runCommand("t", "slow:5000"), framework: mine });
    await restarted(rig);
    await rig.clock.advance(10_000);
    expect(rig.master.states("t")).toEqual([state]);
    expect(last(rig, "t")?.reason).toBe("REASON_AGENT_RESTARTED");
    expect(rig.machine.launched).toEqual([]);
  },
);

test("unacknowledged updates are sent again, with the same uuids and in order", async () => {
  const rig = new Rig();
  rig.master.acknowledges = false;
  await rig.startAgent();
  await rig.run(runCommand("t", "exit:0"));
  const [first] = rig.master.statuses("t");
  rig.master.acknowledges = true;
  await restarted(rig);
  expect(rig.master.statuses("t")[1]?.uuid).toEqual(first?.uuid);
  expect(rig.master.states("t")).toEqual(["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
});

test("a kill's deadline holds across the restart", async () => {
  const rig = new Rig();
  await rig.startAgent();
  await rig.run(runCommand("t", "stubborn", { kill_policy: { grace_period: seconds(30) } }));
  const startMs = rig.clock.monotonicMs();
  rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: "t" });
  await rig.clock.advance(100);
  await restarted(rig, 10_000);
  await rig.clock.advance(60_000);
  const hard = rig.machine.signals.find(({ signal }) => signal === "SIGKILL");
  expect((hard?.atMs ?? 0) - startMs).toBeGreaterThanOrEqual(30_000);
  expect((hard?.atMs ?? 0) - startMs).toBeLessThan(30_100);
  expect(last(rig, "t")?.state).toBe("TASK_KILLED");
});

test("containers that no checkpoint names are killed and removed", async () => {
  const rig = new Rig();
  const foreign = rig.machine.runtime(() => true);
  await foreign.launch({
    id: containerId("stray"),
    argv: ["run"],
    environment: {},
    sandbox: "/x",
    sandboxMount: "/x",
    limits: { cpuMillis: 0, cpuHard: false, memoryBytes: 0 },
  });
  await rig.startAgent();
  await rig.clock.advance(100);
  expect([...rig.machine.containers]).toEqual([]);
});

test("a checkpoint that cannot be written ends the agent before anything follows of it", async () => {
  const rig = new Rig();
  await rig.startAgent();
  rig.disk.broken = true;
  await rig.run(runCommand("t", "run"));
  expect(rig.machine.launched).toEqual([]);
  expect(rig.ends).toEqual([{ reason: "checkpoint failed: EIO", failed: true }]);
});

describe("a crash at any checkpoint write", () => {
  const scripts = [
    "exit:0",
    "exit:5",
    "exit:0:300",
    "run",
    "stubborn",
    "slow:200",
    "fail:launch-failed",
    "oom",
  ];
  const plan = fc.record({
    seed: fc.nat(1_000_000),
    tasks: fc.array(fc.constantFrom(...scripts), { minLength: 1, maxLength: 5 }),
    /** Disk operations between one crash and the next. */
    crashes: fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 4 }),
    kept: fc.double({ min: 0, max: 1, noNaN: true }),
    killAtMs: fc.array(fc.nat(1_500), { maxLength: 5 }),
  });

  test("every task ends once, is told to the master, and nothing runs twice", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ seed, tasks, crashes, kept, killAtMs }) => {
        const rig = new Rig({ seed });
        const names = tasks.map((_script, index) => `t${index}`);
        const cluster = new ReferenceMaster(rig, new Map(names.map((name, at) => [name, tasks[at] ?? ""])));
        const left = [...crashes];
        planCrash(rig, left, kept);
        void rig.newAgent().start();
        for (const [at, delayMs] of killAtMs.entries())
          rig.clock.after(delayMs, () => cluster.kill(names[at]));
        await rig.clock.advance(3_000);
        for (const name of names) cluster.kill(name);
        await rig.clock.advance(120_000);
        for (const name of names) cluster.expectEndedOnce(name);
        expect(cluster.vanished).toEqual([]);
        expect([...rig.machine.containers.keys()]).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  function planCrash(rig: Rig, left: number[], kept: number): void {
    const gap = left.shift();
    if (gap === undefined) return;
    const at = rig.disk.operations + gap;
    rig.disk.beforeOperation = (operation) => {
      if (operation !== at) return;
      rig.disk.beforeOperation = () => undefined;
      rig.kill();
      rig.disk.losePower(kept);
      rig.clock.after(50, () => {
        planCrash(rig, left, kept);
        void rig.newAgent().start();
      });
    };
  }

  /** Says run until it hears of a task, remembers kills, acknowledges everything. */
  class ReferenceMaster {
    readonly vanished: string[] = [];
    readonly #rig: Rig;
    readonly #scripts: ReadonlyMap<string, string>;
    readonly #states = new Map<string, TaskState>();
    readonly #kills = new Set<string>();
    readonly #terminalUuids = new Map<string, Set<string>>();

    constructor(rig: Rig, scripts: ReadonlyMap<string, string>) {
      this.#rig = rig;
      this.#scripts = scripts;
      rig.master.onRegister = (frame, reply) => this.#register(frame, reply);
      rig.master.onStatus = ({ status }) =>
        this.#note(status.task_id.value, status.state, String(status.uuid));
    }

    kill(name: string | undefined): void {
      if (name === undefined) return;
      this.#kills.add(name);
      this.#rig.master.send({ kind: "kill", frameworkId: FRAMEWORK, taskId: name });
    }

    expectEndedOnce(name: string): void {
      expect(this.#terminalUuids.get(name)?.size).toBe(1);
      const runs = this.#rig.machine.launched.filter(({ environment }) => environment.MESOS_TASK_ID === name);
      expect(runs.length).toBeLessThanOrEqual(1);
      expect(isTerminal((this.#rig.master.states(name).at(-1) ?? "TASK_STAGING") as TaskState)).toBe(true);
    }

    #register(frame: RegisterAgent, reply: (frame: ToAgent) => void): void {
      reply({ kind: "registered", agentId: "cluster-S0", silenceMsMax: 1_000_000 });
      const listed = new Set(frame.tasks.map(({ taskId }) => taskId));
      for (const [name, script] of this.#scripts) {
        const state = this.#states.get(name);
        if (state === undefined) reply(runCommand(name, script));
        else if (!isTerminal(state) && !listed.has(name)) this.vanished.push(name);
        if (this.#kills.has(name)) reply({ kind: "kill", frameworkId: FRAMEWORK, taskId: name });
      }
    }

    #note(name: string, state: TaskState, uuid: string): void {
      this.#states.set(name, state);
      if (!isTerminal(state)) return;
      this.#terminalUuids.set(name, (this.#terminalUuids.get(name) ?? new Set()).add(uuid));
    }
  }
});

// Which tasks go to an agent in one frame.
import { describe, expect, it } from "vitest";
import type { RunMessage } from "../../../src/api/agents/messages.ts";
import { RunGatherer } from "../../../src/api/agents/run-gatherer.ts";
import { RUN_TASKS_BYTES_MAX, type ToAgent } from "../../../src/contract/agent-protocol.ts";
import { encodedTaskInfo } from "../../../src/contract/encoded.ts";
import { asId, type RoleName } from "../../../src/kernel/ids.ts";
import { frameworkSpec } from "../state/cluster.ts";

const spec = frameworkSpec();

function run(id: string, more: Partial<RunMessage> = {}): RunMessage {
  const resources = [{ name: "cpus", type: "SCALAR" as const, scalar: { value: 1 } }];
  const info = { name: id, task_id: { value: id }, agent_id: { value: "S0" }, resources };
  const task = encodedTaskInfo({ ...info, command: { value: "true" } });
  return { kind: "run", frameworkId: asId("f"), framework: spec, task, role: asId<RoleName>("dev"), ...more };
}

function gathered(tasksMax: number): { readonly frames: ToAgent[]; readonly runs: RunGatherer } {
  const frames: ToAgent[] = [];
  return { frames, runs: new RunGatherer(tasksMax, (frame) => frames.push(frame)) };
}

/** `["run-tasks", 2]` or `["run", 1]`, and so on. */
function sizes(frames: readonly ToAgent[]): readonly (readonly [string, number])[] {
  return frames.map((frame) => [frame.kind, frame.kind === "run-tasks" ? frame.tasks.length : 1]);
}

describe("tasks that an agent is to run", () => {
  it("go in one frame at the end of the turn, in their order, with the framework's id and the role", async () => {
    const { frames, runs } = gathered(10);
    const [a, b] = [run("a"), run("b")];
    for (const each of [a, b]) runs.add(each);
    expect(frames).toEqual([]);
    await Promise.resolve();
    const framework = { ...spec.wire, id: { value: "f" } };
    expect(frames).toEqual([{ kind: "run-tasks", framework, role: "dev", tasks: [a.task, b.task] }]);
  });

  it("part where framework, role or what the agent takes at once end", () => {
    const { frames, runs } = gathered(2);
    for (const id of ["a", "b", "c"]) runs.add(run(id));
    runs.add(run("d", { role: asId<RoleName>("ads") }));
    runs.add(run("e", { role: asId<RoleName>("ads"), frameworkId: asId("g") }));
    runs.release();
    expect(sizes(frames)).toEqual([
      ["run-tasks", 2],
      ["run-tasks", 1],
      ["run-tasks", 1],
      ["run-tasks", 1],
    ]);
  });

  it("are no larger together than a frame may be", () => {
    const { frames, runs } = gathered(100);
    const large = run("x".repeat(255));
    const count = Math.ceil(RUN_TASKS_BYTES_MAX / String(large.task).length);
    const padded = { ...large, task: String(large.task).repeat(Math.ceil(count / 10)) as typeof large.task };
    for (let i = 0; i < 25; i++) runs.add(padded);
    runs.release();
    expect(frames.length).toBeGreaterThan(2);
    for (const frame of frames) {
      const bytes = frame.kind === "run-tasks" ? frame.tasks.join("").length : Number.NaN;
      expect(bytes).toBeLessThanOrEqual(RUN_TASKS_BYTES_MAX);
    }
  });

  it("go one by one, decoded and with the role, to an agent that does not take more", () => {
    const { frames, runs } = gathered(0);
    runs.add(run("a"));
    expect(frames).toMatchObject([
      {
        kind: "run",
        framework: { id: { value: "f" } },
        task: { name: "a", resources: [{ name: "cpus", allocation_info: { role: "dev" } }] },
      },
    ]);
  });

  it("go alone with a custom executor, after those that were before", () => {
    const { frames, runs } = gathered(10);
    runs.add(run("a"));
    runs.add(run("b", { task: { name: "b", executor: {} } }));
    expect(sizes(frames)).toEqual([
      ["run-tasks", 1],
      ["run", 1],
    ]);
  });
});

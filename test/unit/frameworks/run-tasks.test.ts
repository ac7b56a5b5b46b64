// Lists of tasks on a scripted cluster: every task has one outcome, whatever is lost on the way.
import { afterEach, expect, test } from "vitest";
import type { SchedulerCall } from "../../../src/contract/types.ts";
import { Framework, runTasks, type TaskRequest } from "../../../src/frameworks/sdk/index.ts";
import { ScriptedMaster } from "./scripted-master.ts";

let master: ScriptedMaster;
let framework: Framework;

async function begin(): Promise<void> {
  master = await new ScriptedMaster().start();
  framework = new Framework({ masters: [master.address], name: "test" });
  await framework.start();
}

afterEach(async () => {
  await framework.stop();
  await master.close();
});

function task(id: string, cpus = 1): TaskRequest {
  return { id, cpus, mem: 32, command: "true" };
}

let offers = 0;

function offer(cpus: number): void {
  const scalar = (name: string, value: number) => ({ name, type: "SCALAR", scalar: { value } });
  master.sayText(
    JSON.stringify({
      type: "OFFERS",
      offers: {
        offers: [
          {
            id: { value: `o${++offers}` },
            framework_id: { value: "f-1" },
            agent_id: { value: "a" },
            hostname: "h",
            resources: [scalar("cpus", cpus), scalar("mem", 1024)],
          },
        ],
      },
    }),
  );
}

function say(id: string, state: string): void {
  master.sayText(JSON.stringify({ type: "UPDATE", update: { status: { task_id: { value: id }, state } } }));
}

function launched(call: SchedulerCall): string[] {
  return (call.accept?.operations ?? []).flatMap((operation) =>
    (operation.launch?.task_infos ?? []).map(({ task_id }) => task_id.value),
  );
}

function accepts(): string[][] {
  return master.ofType("ACCEPT").map(launched);
}

function reconciled(): (string | undefined)[] {
  return master
    .ofType("RECONCILE")
    .flatMap((call) => (call.reconcile?.tasks ?? []).map(({ task_id }) => task_id.value));
}

test("tasks go where they fit, a small one before a large one that does not", async () => {
  await begin();
  const outcome = runTasks(framework, [task("large", 8), task("small", 1)]);
  offer(2);
  await master.until(() => accepts().length === 1);
  offer(8);
  await master.until(() => accepts().length === 2);
  expect(accepts()).toEqual([["small"], ["large"]]);
  for (const id of ["small", "large"]) say(id, "TASK_FINISHED");
  expect((await outcome).map(({ taskId, attempts }) => [taskId, attempts])).toEqual([
    ["large", 1],
    ["small", 1],
  ]);
});

test("a task that fails is tried again under a new id, as often as is allowed", async () => {
  await begin();
  const outcome = runTasks(framework, [task("t")], { attemptsMax: 2 });
  offer(1);
  await master.until(() => accepts().length === 1);
  say("t", "TASK_FAILED");
  await master.until(() => master.ofType("REVIVE").length === 2);
  offer(1);
  await master.until(() => accepts().length === 2);
  say("t.2", "TASK_FAILED");
  expect(await outcome).toMatchObject([{ taskId: "t.2", attempts: 2, status: { state: "TASK_FAILED" } }]);
});

test("a launch whose answer was lost is asked about by a new subscription, not repeated", async () => {
  await begin();
  const outcome = runTasks(framework, [task("t")]);
  master.answer = ({ type }) => (type === "ACCEPT" ? "cut" : { status: 202 });
  offer(1);
  await master.until(() => reconciled().length > 0);
  expect(master.subscribedAs).toHaveLength(2);
  expect(reconciled()[0]).toBe("t");
  say("t", "TASK_RUNNING");
  say("t", "TASK_FINISHED");
  expect(await outcome).toMatchObject([{ taskId: "t", attempts: 1 }]);
  expect(accepts()).toEqual([["t"]]);
});

test("a launch that never arrived is made again under a new id", async () => {
  await begin();
  const outcome = runTasks(framework, [task("t")]);
  master.answer = ({ type }) => (type === "ACCEPT" ? "cut" : { status: 202 });
  offer(1);
  await master.until(() => reconciled().length > 0);
  master.answer = () => ({ status: 202 });
  say("t", "TASK_UNKNOWN");
  await master.until(() => master.ofType("REVIVE").length === 2);
  offer(1);
  await master.until(() => accepts().length === 2);
  say("t.2", "TASK_FINISHED");
  expect(await outcome).toMatchObject([{ taskId: "t.2", attempts: 2 }]);
});

test("after a broken stream every task under way is asked about until there is an answer", async () => {
  await begin();
  const outcome = runTasks(framework, [task("a"), task("b")]);
  offer(2);
  await master.until(() => accepts().length === 1);
  master.cutStream();
  await master.until(() => reconciled().length >= 2);
  expect(new Set(reconciled())).toEqual(new Set(["a", "b"]));
  say("a", "TASK_FINISHED");
  await master.until(() => reconciled().length >= 3);
  expect(reconciled().slice(2)).toEqual(["b"]);
  say("b", "TASK_FINISHED");
  expect(await outcome).toHaveLength(2);
});

test("a REVIVE that was lost is said again with the next subscription", async () => {
  await begin();
  master.answer = ({ type }) => (type === "REVIVE" ? "cut" : { status: 202 });
  const outcome = runTasks(framework, [task("t")]);
  await master.until(() => master.ofType("REVIVE").length === 1);
  master.answer = () => ({ status: 202 });
  await master.until(() => master.ofType("REVIVE").length === 2);
  expect(master.subscribedAs).toHaveLength(2);
  offer(1);
  await master.until(() => accepts().length === 1);
  say("t", "TASK_FINISHED");
  expect(await outcome).toHaveLength(1);
});

test("a second word about a task that is over changes nothing", async () => {
  await begin();
  let updates = 0;
  const outcome = runTasks(framework, [task("a"), task("b")], { onUpdate: () => void updates++ });
  offer(2);
  await master.until(() => accepts().length === 1);
  for (const id of ["a", "a", "b"]) say(id, "TASK_FINISHED");
  await outcome;
  expect(updates).toBe(2);
});

test("launches that are refused again and again fail the run", async () => {
  await begin();
  master.answer = ({ type }) => (type === "ACCEPT" ? { status: 400, text: "bad task" } : { status: 202 });
  const outcome = expect(runTasks(framework, [task("t")])).rejects.toMatchObject({ message: "bad task" });
  for (let i = 1; i <= 3; i++) {
    offer(1);
    await master.until(() => accepts().length === i);
  }
  await outcome;
});

test("a callback that throws fails the run instead of losing its tasks", async () => {
  await begin();
  const run = runTasks(framework, [task("t")], {
    onLaunch: () => {
      throw new Error("no room for notes");
    },
  });
  const outcome = expect(run).rejects.toThrow("no room for notes");
  offer(1);
  await outcome;
});

test("the end of the framework ends the run", async () => {
  await begin();
  const stopped = expect(runTasks(framework, [task("t")])).rejects.toMatchObject({ code: "stopped" });
  await framework.stop();
  await stopped;
});

test("no tasks are done at once; two of one id are an error", async () => {
  await begin();
  expect(await runTasks(framework, [])).toEqual([]);
  await expect(runTasks(framework, [task("t"), task("t")])).rejects.toThrow("same id");
});

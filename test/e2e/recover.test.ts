// Two of three masters are gone for good: `tepui recover` makes a cluster of the third, which has the frameworks and
// tasks of before. The tools for logs read the very same folders.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Framework, runTasks } from "../../src/frameworks/sdk/index.ts";
import { EXIT } from "../../src/host/exit-codes.ts";
import { surveySurvivor } from "../../src/host/recover-log.ts";
import { caughtUp, eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { tepui } from "../support/tepui.ts";

let cluster: TestCluster;

afterEach(() => cluster.destroy());

interface State {
  readonly slaves: readonly { readonly active: boolean }[];
  readonly frameworks: readonly {
    readonly id: string;
    readonly active: boolean;
    readonly tasks: readonly { readonly id: string; readonly state: string }[];
    readonly completed_tasks: readonly unknown[];
  }[];
}

async function stateOf(api: string): Promise<State> {
  return (await getJson(`http://${api}/state`)) as State;
}

async function groupOf(api: string): Promise<string | null> {
  const status = (await getJson(`http://${api}/tepui/v1/status`)) as { groupId: string | null };
  return status.groupId;
}

test("a cluster is recovered from one of three masters, with its frameworks and tasks", async () => {
  cluster = await startTestCluster({ masters: 3, agents: 1, masterFlags: ["--snapshot-interval", "20"] });
  await cluster.ready();
  const framework = new Framework({ masters: cluster.apis, name: "survivor", failoverTimeoutSeconds: 600 });
  await framework.start();
  const quick = Array.from({ length: 10 }, (_, i) => ({
    id: `quick-${i}`,
    cpus: 0.1,
    mem: 32,
    command: "true",
  }));
  await runTasks(framework, quick);
  let isRunning = false;
  const long = runTasks(framework, [{ id: "long", cpus: 0.1, mem: 32, command: "sleep 600" }], {
    onUpdate: (_, { state }) => {
      isRunning ||= state === "TASK_RUNNING";
    },
  });
  long.catch(() => undefined);
  await eventually("the task to run", () => isRunning);
  await caughtUp(cluster);

  const [survivor, ...lost] = cluster.masters;
  if (survivor === undefined) throw new Error("there is no master");
  const dataDirectory = join(cluster.dataDirectory, survivor.name);
  const before = (await stateOf((await cluster.leader()).api)).frameworks[0];
  const oldGroup = await groupOf(survivor.api);
  const member = `m1=127.0.0.1:${cluster.port + 2},${survivor.api}`;
  const words = ["recover", "--data-dir", dataDirectory, "--member", member];
  const busy = await tepui([...words, "--yes"]);
  expect(busy.code, busy.stderr).toBe(EXIT.folderInUse);
  expect(busy.stderr).toContain(`process ${survivor.pid()}`);

  for (const each of lost) await each.end("SIGKILL");
  await survivor.end("SIGTERM");
  const verified = await tepui(["log", "verify", dataDirectory]);
  expect(verified.stdout + verified.stderr).toContain("all as written");
  expect(verified.code).toBe(EXIT.done);

  const asked = await tepui(words);
  expect(asked.code).toBe(EXIT.failed);
  expect(asked.stdout).toMatch(/The log ends with entry \d+ of term \d+/);
  expect(asked.stdout).toContain("1 frameworks, 1 agents and 1 tasks");
  const recovered = await tepui([...words, "--yes"]);
  expect(recovered.code, recovered.stderr).toBe(EXIT.done);
  const backups = (await readdir(dataDirectory)).filter((name) => name.startsWith("log.before-recover-"));
  expect(backups.length).toBe(1);
  const newGroup = /with the id ([0-9a-f]{32})/.exec(recovered.stdout)?.[1];
  expect(newGroup).not.toBe(oldGroup);

  survivor.start();
  const after = await eventually("the recovered cluster to have its agent and framework again", async () => {
    const state = await stateOf(survivor.api);
    const [found] = state.frameworks;
    return state.slaves[0]?.active === true && found?.active === true ? found : undefined;
  });
  expect(after.id).toBe(before?.id);
  expect(after.tasks.map(({ id, state }) => [id, state])).toEqual([["long", "TASK_RUNNING"]]);
  expect(after.completed_tasks.length).toBe(10);
  expect(await groupOf(survivor.api)).toBe(newGroup);

  // It was said that this must never happen.
  const [returned] = lost;
  returned?.start();
  const refused = "refused: the data directory of m1";
  await eventually("the lost master that came back to be told", async () =>
    (await readFile(join(cluster.dataDirectory, "logs", `${returned?.name}.log`), "utf8")).includes(refused),
  );
  expect(await groupOf(returned?.api ?? "")).toBe(oldGroup);
  await returned?.end("SIGTERM");

  await runTasks(framework, [{ id: "again", cpus: 0.1, mem: 32, command: "true" }]);
  await framework.stop({ teardown: true });

  await survivor.end("SIGTERM");
  const again = await tepui(["log", "verify", dataDirectory]);
  expect(again.code, again.stdout).toBe(EXIT.done);
});

test("a log travels as one file and is the same elsewhere", async () => {
  cluster = await startTestCluster({ masters: 1, agents: 1, masterFlags: ["--snapshot-interval", "20"] });
  await cluster.ready();
  const framework = new Framework({ masters: cluster.apis, name: "traveller" });
  await framework.start();
  await runTasks(framework, [{ id: "one", cpus: 0.1, mem: 32, command: "true" }]);
  await framework.stop({ teardown: true });
  const from = join(cluster.dataDirectory, "m1");
  const folder = await mkdtemp(join(tmpdir(), "tepui-import-"));
  try {
    const file = join(folder, "log.tepui");
    expect((await tepui(["log", "export", from, file])).code).toBe(EXIT.folderInUse);
    await cluster.masters[0]?.end("SIGTERM");
    const exported = await tepui(["log", "export", from, file]);
    expect(exported.code, exported.stderr).toBe(EXIT.done);
    const to = join(folder, "imported");
    const imported = await tepui(["log", "import", file, to]);
    expect(imported.code, imported.stderr).toBe(EXIT.done);
    const [here, there] = [
      await tepui(["log", "cat", from, "--json"]),
      await tepui(["log", "cat", to, "--json"]),
    ];
    expect(there.stdout).toBe(here.stdout);
    expect(here.stdout).toContain("TaskLaunched");
    expect((await surveySurvivor(to)).membership).toEqual((await surveySurvivor(from)).membership);
    expect((await surveySurvivor(to)).membership?.groupId).toMatch(/^[0-9a-f]{32}$/);
    const refused = await tepui(["log", "import", file, to]);
    expect(refused.code).toBe(EXIT.failed);
    expect(refused.stderr).toContain("not empty");
  } finally {
    await rm(folder, { recursive: true });
  }
});

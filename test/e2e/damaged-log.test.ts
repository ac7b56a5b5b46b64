// A bit flips in the middle of a stopped master's log: started again it heals from its peers by itself, and its log is
// whole. A cluster's only master refuses, and says what can be done.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Framework, runTasks } from "../../src/frameworks/sdk/index.ts";
import { EXIT } from "../../src/host/exit-codes.ts";
import { createNodeDisk } from "../../src/host/node-disk.ts";
import { readHardStateFile } from "../../src/log/index.ts";
import { caughtUp, eventually, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { tepui } from "../support/tepui.ts";

let cluster: TestCluster;

afterEach(() => cluster.destroy());

/** In the middle of what the only segment holds, well before its end. */
async function damage(dataDirectory: string): Promise<void> {
  const name = (await readdir(join(dataDirectory, "log"))).find((each) => each.endsWith(".log")) as string;
  const path = join(dataDirectory, "log", name);
  const bytes = await readFile(path);
  const end = bytes.findLastIndex((byte) => byte !== 0);
  const at = Math.floor(end / 2);
  bytes[at] = (bytes[at] as number) ^ 1;
  await writeFile(path, bytes);
}

async function work(): Promise<void> {
  const framework = new Framework({ masters: cluster.apis, name: "worker" });
  await framework.start();
  const tasks = Array.from({ length: 10 }, (_, i) => ({ id: `t${i}`, cpus: 0.1, mem: 32, command: "true" }));
  await runTasks(framework, tasks);
  await framework.stop({ teardown: true });
}

test("a member with peers heals", async () => {
  cluster = await startTestCluster({ masters: 3, agents: 1 });
  const leader = await cluster.ready();
  await work();
  await caughtUp(cluster);
  const victim = cluster.masters.find((master) => master !== leader) ?? leader;
  const folder = join(cluster.dataDirectory, victim.name);
  await victim.end("SIGKILL");
  await damage(folder);
  expect((await tepui(["log", "verify", folder])).code).toBe(EXIT.logDamaged);
  victim.start();
  await eventually("the member to have cut its log", async () => {
    const names = await readdir(join(folder, "log"));
    return names.some((name) => name.endsWith(".damaged"));
  });
  await work();
  await caughtUp(cluster);
  await eventually("the leader to have made it good", async () => {
    const { newest } = await readHardStateFile(createNodeDisk(folder), "log");
    return newest?.hardState.healing === false;
  });
  await victim.end("SIGTERM");
  const verified = await tepui(["log", "verify", folder]);
  expect(verified.code, verified.stdout).toBe(EXIT.done);
});

test("a single master refuses", async () => {
  cluster = await startTestCluster({ masters: 1, agents: 1 });
  const master = await cluster.ready();
  await work();
  const folder = join(cluster.dataDirectory, master.name);
  await master.end("SIGTERM");
  await damage(folder);
  const [api, raft] = [master.api, `127.0.0.1:${cluster.port + 2}`];
  const started = await tepui([
    "master",
    "--id",
    "m1",
    "--member",
    `m1=${raft},${api}`,
    "--data-dir",
    folder,
  ]);
  expect(started.code, started.stderr).toBe(EXIT.logDamaged);
  expect(started.stderr).toContain("tepui recover");
});

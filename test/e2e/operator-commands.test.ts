// `tepui roles`, `quota` and `weights` on a real cluster, asked of any of its masters.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";
import { tepui } from "../support/tepui.ts";

let cluster: TestCluster;
let follower: string;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 1, cpus: 4, mem: 1024 });
  const leader = await cluster.ready();
  follower = cluster.apis.find((api) => api !== leader.api) ?? "";
});

afterAll(() => cluster.destroy());

function say(...words: string[]) {
  return tepui([...words, "--master", follower]);
}

async function said(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await say(...words);
  expect([code, stderr], words.join(" ")).toEqual([0, ""]);
  return stdout.trim();
}

test("quotas are set, listed, refused with what to do, and removed", async () => {
  expect(await said("quota", "list")).toContain("No role has a quota");
  const listed = await said("quota", "set", "web", "--guarantee", "cpus:2", "--limit", "cpus:3;mem:512");
  expect(listed.split("\n")).toEqual([
    "ROLE  GUARANTEED  LIMIT            CONSUMED",
    "web   cpus:2      cpus:3; mem:512  -",
  ]);
  const beyond = await say("quota", "set", "db", "--guarantee", "cpus:100");
  expect(beyond).toMatchObject({ code: 1, stdout: "" });
  expect(beyond.stderr).toContain("set it all the same with --force");
  await said("quota", "set", "db", "--guarantee", "cpus:100", "--force");
  expect(JSON.parse(await said("quota", "list", "--json"))).toEqual([
    { role: "db", guarantees: { cpus: 100 }, limits: {}, consumed: {} },
    { role: "web", guarantees: { cpus: 2 }, limits: { cpus: 3, mem: 512 }, consumed: {} },
  ]);
  expect(await said("quota", "remove", "db")).toContain("has no quota any more");
  const twice = await say("quota", "remove", "db");
  expect(twice.stderr).toMatch(/Role 'db' has no quota set.*tepui quota list/);
  expect((await say("quota", "set", "web")).stderr).toContain("--guarantee or --limit");
});

test("weights are set and listed, and roles show them with what they hold", async () => {
  expect(await said("weights", "list")).toContain("Every role has weight 1");
  const listed = await said("weights", "set", "web=2", "eng/ads=0.5");
  expect(listed.split("\n").slice(1)).toEqual(["eng/ads  0.5", "web      2"]);
  expect((await say("weights", "set", "web=0")).stderr).toContain("is not of the form role=weight");
  expect((await say("weights", "set", "/=1")).stderr).toContain("Invalid role '/'");
  const scheduler = new HandScheduler(cluster, { name: "web", roles: ["web"] });
  await scheduler.start();
  await scheduler.launch({ id: "t", cpus: 1, mem: 32, command: "sleep 100" });
  const roles = JSON.parse(await said("roles", "--json")) as { name: string; allocated: unknown }[];
  expect(roles.find(({ name }) => name === "web")?.allocated).toMatchObject({ cpus: 1, mem: 32 });
  expect(await said("roles")).toMatch(/^web +2 +1 +cpus:1; mem:32/m);
  await scheduler.stop();
});

test("help shows examples, and nobody there is an error that says what to do", async () => {
  for (const words of [
    ["roles"],
    ["quota", "set"],
    ["quota", "list"],
    ["quota", "remove"],
    ["weights", "set"],
  ]) {
    expect((await tepui([...words, "--help"])).stdout, words.join(" ")).toMatch(/Examples?:\n {2}tepui /);
  }
  const nobody = await tepui(["roles", "--master", "127.0.0.1:1"]);
  expect(nobody).toMatchObject({ code: 1, stdout: "" });
  expect(nobody.stderr).toContain("give one with --master host:port");
});

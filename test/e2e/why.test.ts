// `tepui why` on a real cluster: a framework that gets no offers is told who holds them, what it refused itself, and what
// its task lacks; later the same is asked of the log, as of that moment.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Framework, type Offer, taskInfo } from "../../src/frameworks/sdk/index.ts";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { tepui } from "../support/tepui.ts";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 1, cpus: 4, mem: 1024 });
  await cluster.ready();
});

afterAll(() => cluster.destroy());

test("who hoards, who refused, what does not fit: now, and later from the log", async () => {
  const hoarded: Offer[] = [];
  const hoarder = new Framework({ masters: cluster.apis, name: "hoarder" });
  hoarder.on("offers", (offers) => void hoarded.push(...offers));
  await hoarder.start();
  await eventually("the hoarder to have an offer", () => hoarded.length > 0);
  const waiting = new Framework({ masters: cluster.apis, name: "waiting" });
  waiting.on("offers", (offers) => waiting.decline(offers, 3_600));
  await waiting.start();

  const hoarding = await ask("waiting", "--needs", "cpus:2;mem:2048");
  expect(hoarding).toMatch(/Framework "waiting" \(.*\) is connected\./);
  expect(hoarding).toContain("Role *: it competes for offers; it holds nothing there.");
  expect(hoarding).toContain("The next cycle would offer it 0 of 1 agents; cpus:2; mem:2048 fits 0 of these");
  expect(hoarding).toContain("has nothing free; too small even when empty, it lacks mem:1024");
  expect(hoarding).toMatch(/"hoarder" holds offers of cpus:4; .* since \d/);
  const index = await lastIndex();

  const [offer] = hoarded;
  if (offer === undefined) throw new Error("there was an offer");
  const request = { id: "sleeper", cpus: 1, mem: 64, command: "sleep 1000" };
  await hoarder.accept(
    [offer],
    [{ type: "LAUNCH", launch: { task_infos: [taskInfo("sleeper", request, offer)] } }],
    3_600,
  );
  await eventually("the rest to be refused by both", async () => {
    const text = await ask("waiting");
    return /the framework itself refused cpus:3; .* for role \*, for another (59|60) min/.test(text);
  });
  expect(await ask("sleeper")).toMatch(
    /Task sleeper is TASK_\w+ on .*, launched .* before: cpus:1; mem:64\./,
  );

  const leader = await cluster.leader();
  await cluster.stop({ keepTasks: false });
  const words = [
    "why",
    "waiting",
    "--data-dir",
    `${cluster.dataDirectory}/${leader.name}`,
    "--at",
    String(index),
  ];
  const past = await tepui(words);
  expect(past.stderr).toBe("");
  expect(past.stdout).toMatch(/has nothing free.* \("hoarder" holds offers of cpus:4; /);
  const report = JSON.parse((await tepui([...words, "--json"])).stdout) as {
    agents: { verdict: unknown }[];
  }[];
  expect(report[0]?.agents[0]?.verdict).toMatchObject({
    kind: "closed",
    reason: { kind: "nothing-free" },
  });
});

test("what is asked wrongly says what to do", async () => {
  const nowhere = await tepui(["why", "x", "--at", "5"]);
  expect(nowhere).toMatchObject({ code: 1 });
  expect(nowhere.stderr).toContain("give a master's data directory with --data-dir");
  const unknown = await tepui(["why", "nobody", "--master", "127.0.0.1:1"]);
  expect(unknown.stderr).toContain("give one with --master host:port");
});

async function ask(...words: string[]): Promise<string> {
  const { stdout, stderr, code } = await tepui(["why", ...words, "--master", cluster.apis.join(",")]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
}

async function lastIndex(): Promise<number> {
  const leader = await cluster.leader();
  const status = (await getJson(`http://${leader.api}/tepui/v1/status`)) as { commitIndex: number };
  return status.commitIndex;
}

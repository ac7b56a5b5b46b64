// A real master in one region with an agent in another: only a framework that is aware of regions is offered it, `tepui
// why` says so to the other, and an agent without a domain waits outside.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";
import { type Running, startTepui, tepui } from "../support/tepui.ts";

const domain = (region: string) =>
  JSON.stringify({ fault_domain: { region: { name: region }, zone: { name: `${region}-1` } } });

let cluster: TestCluster;
let stranger: Running | undefined;

beforeAll(async () => {
  cluster = await startTestCluster({
    masters: 1,
    agents: 1,
    cpus: 1,
    mem: 256,
    masterFlags: ["--domain", domain("eu"), "--require-agent-domain"],
    agentFlags: ["--domain", domain("us")],
  });
  await cluster.ready();
});

afterAll(async () => {
  stranger?.child.kill("SIGKILL");
  await stranger?.ended;
  await cluster.destroy();
});

test("an agent in another region runs tasks of frameworks that are aware of regions, and of no others", async () => {
  const unaware = new HandScheduler(cluster, { name: "unaware" });
  await unaware.start();
  const why = await tepui(["why", "unaware", "--master", cluster.apis.join(",")]);
  expect(why.stderr).toBe("");
  expect(why.stdout).toContain("is in the remote region us, and the framework is not REGION_AWARE");
  const aware = new HandScheduler(cluster, { name: "aware", regionAware: true });
  await aware.start();
  const offer = await aware.launch({ id: "far", cpus: 0.5, mem: 32, command: "true" });
  expect(JSON.stringify(offer.domain)).toBe(domain("us"));
  await aware.until("far", "TASK_FINISHED");
  await aware.stop();
  expect(unaware.errors).toEqual([]);
  const after = await tepui(["why", "unaware", "--master", cluster.apis.join(",")]);
  expect(after.stdout).toContain("not REGION_AWARE");
  await unaware.stop();
});

test("an agent without a domain is not admitted where one is required, and goes on trying", async () => {
  const words = ["agent", "--master", cluster.apis.join(","), "--port", "0", "--log-level", "debug"];
  stranger = startTepui([
    ...words,
    "--work-dir",
    join(cluster.dataDirectory, "stranger"),
    "--runtime",
    "process",
  ]);
  const closings = () => stranger?.stderr().match(/master lost/g)?.length ?? 0;
  await eventually(
    "it to be sent away twice",
    () => closings() > 1,
    undefined,
    () => stranger?.stderr() ?? "",
  );
  expect(stranger.child.exitCode).toBeNull();
  expect(stranger.stderr()).toContain("has no domain, and the masters require one");
  const state = (await getJson(`http://${cluster.apis[0]}/state`)) as {
    readonly domain: unknown;
    readonly slaves: readonly { readonly domain: unknown }[];
  };
  expect(JSON.stringify(state.domain)).toBe(domain("eu"));
  expect(state.slaves.map((slave) => JSON.stringify(slave.domain))).toEqual([domain("us")]);
});

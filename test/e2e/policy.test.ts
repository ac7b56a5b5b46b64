// A master's settings about offers are facts of its log: what `tepui why` says of a moment from the data directory is what
// the leader said then, word for word, and `tepui whatif` under the recorded settings finds no difference. Nothing here is
// as by default, so that a tool that assumed defaults would say something else.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Framework, type Offer, taskInfo } from "../../src/frameworks/sdk/index.ts";
import { eventually, getJson, startTestCluster, statusOf, type TestCluster } from "../support/cluster.ts";
import { tepui } from "../support/tepui.ts";

const HOST = "listed.example";
const RULES = [
  ...["--role-sorter", "random", "--framework-sorter", "random"],
  ...["--min-allocatable-resources", "cpus:1;mem:64", "--allocation-interval", "0.5"],
  ...["--fair-sharing-excluded-resource-names", "mem"],
];

interface Report {
  readonly at: number;
  readonly agents: readonly {
    readonly verdict: { readonly kind: string; readonly reason?: { kind: string } };
  }[];
}

let cluster: TestCluster;
let folder: string;
let hosts: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-policy-"));
  hosts = join(folder, "hosts");
  await writeFile(hosts, `${HOST}\n`);
  cluster = await startTestCluster({
    masters: 1,
    agents: 2,
    cpus: 2,
    mem: 512,
    masterFlags: [...RULES, "--whitelist", hosts],
    agentFlags: ["--hostname", HOST],
  });
  await cluster.ready();
});

afterAll(async () => {
  await cluster.destroy();
  await rm(folder, { recursive: true });
});

test("why and whatif go by the settings on record", async () => {
  const leader = await cluster.leader();
  const takes = new Framework({ masters: cluster.apis, name: "takes", roles: ["eng"] });
  const launched: string[] = [];
  takes.on("offers", (offers) => void launch(takes, offers, launched));
  const refuses = new Framework({ masters: cluster.apis, name: "refuses", roles: ["ads"] });
  refuses.on("offers", (offers) => refuses.decline(offers, 1));
  await Promise.all([takes.start(), refuses.start()]);
  await eventually("a task on each agent", () => launched.length === 2);

  const asked = [await whyWhenQuiet("takes"), await whyWhenQuiet("refuses")];
  expect(reasonsOf(asked[1])).toEqual(["below-minimum", "below-minimum"]);
  await writeFile(hosts, "elsewhere.example\n");
  const unlisted = await eventually("the list of hosts to be read again", async () => {
    const report = await whyWhenQuiet("refuses");
    return reasonsOf(report).every((reason) => reason === "not-whitelisted") ? report : undefined;
  });
  await Promise.all([takes, refuses].map((framework) => framework.stop()));
  await cluster.stop({ keepTasks: false });

  const data = `${cluster.dataDirectory}/${leader.name}`;
  for (const [name, report] of [
    ["takes", asked[0]],
    ["refuses", asked[1]],
    ["refuses", unlisted],
  ] as const) {
    const at = new Date(report?.at ?? 0).toISOString();
    const { stdout, stderr } = await tepui(["why", name, "--data-dir", data, "--at", at, "--json"]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual([report]);
  }

  const log = await tepui(["log", "cat", data]);
  expect(log.stdout).toContain(
    'PolicyChanged minimum [{"cpus":1000,"mem":64000}], fairShareExcluded ["mem"]',
  );
  expect(log.stdout).toContain('PolicyChanged whitelist ["elsewhere.example"]');
  const same = await tepui(["whatif", "--log", data, "--from", "3", ...RULES, "--json"]);
  const { baseline, other } = JSON.parse(same.stdout) as { baseline: unknown; other: unknown };
  expect(other).toEqual(baseline);
});

/** A task that leaves less of the agent than the least that is offered. */
async function launch(framework: Framework, offers: readonly Offer[], launched: string[]): Promise<void> {
  for (const offer of offers) {
    const id = `t${launched.length}`;
    launched.push(id);
    const request = { id, cpus: 1.5, mem: 64, command: "sleep 1000" };
    const task_infos = [taskInfo(id, request, offer)];
    await framework.accept([offer], [{ type: "LAUNCH", launch: { task_infos } }], 1);
  }
}

/** An answer of the leader between two entries of its log. */
function whyWhenQuiet(name: string): Promise<Report> {
  return eventually("a quiet moment", async () => {
    const leader = await cluster.leader();
    const before = await statusOf(leader);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [report] = (await getJson(`http://${leader.api}/tepui/v1/why?subject=${name}`)) as Report[];
    await new Promise((resolve) => setTimeout(resolve, 20));
    const after = await statusOf(leader);
    return before.commitIndex === after.commitIndex ? report : undefined;
  });
}

function reasonsOf(report: Report | undefined): readonly (string | undefined)[] {
  return (report?.agents ?? []).map(({ verdict }) => verdict.reason?.kind ?? verdict.kind);
}

// The group of masters changes while work goes on: a fourth joins, the leader is removed, a machine whose disk is gone is
// replaced, leadership is handed over. Nothing that frameworks see is lost, doubled or taken back.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Framework, runTasks } from "../../src/frameworks/sdk/index.ts";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { collectStatuses, goesBack, terminalStates } from "../support/task-ledger.ts";
import { type Running, startTepui, tepui } from "../support/tepui.ts";

const PORT_STEP = 10;
const RAFT_OFFSET = 2;
/** So many that whoever joins needs one. */
const SNAPSHOTS = ["--snapshot-interval", "50"];

interface View {
  readonly leader: string;
  readonly members: readonly { readonly id: string; readonly kind: string; readonly apiAddress: string }[];
}

let cluster: TestCluster;
const joined: Running[] = [];

beforeAll(async () => {
  cluster = await startTestCluster({ masters: 3, agents: 1, cpus: 8, mem: 4096, masterFlags: SNAPSHOTS });
  await cluster.ready();
});

afterAll(async () => {
  for (const { child } of joined) child.kill("SIGKILL");
  await Promise.all(joined.map(({ ended }) => ended));
  await cluster.destroy();
});

function addresses(number: number): { readonly raft: string; readonly api: string } {
  const api = cluster.port + (number - 1) * PORT_STEP;
  return { raft: `127.0.0.1:${api + RAFT_OFFSET}`, api: `127.0.0.1:${api}` };
}

/** A master that waits to be added. */
function launchJoining(number: number): void {
  const id = `m${number}`;
  const { raft, api } = addresses(number);
  const words = [
    "master",
    "--join",
    "--id",
    id,
    "--member",
    `${id}=${raft},${api}`,
    "--log-level",
    "warn",
    ...SNAPSHOTS,
  ];
  joined.push(startTepui([...words, "--data-dir", join(cluster.dataDirectory, id)]));
}

async function members(...words: string[]): Promise<View> {
  const masters = [1, 2, 3, 4, 5].map((number) => addresses(number).api).join(",");
  const ended = await tepui(["members", ...words, "--json", "--timeout", "60", "--master", masters]);
  expect(ended.stderr.replace(/^\[.*$/gm, "").trim(), ended.stdout).toBe("");
  expect(ended.code).toBe(0);
  return JSON.parse(ended.stdout) as View;
}

function kinds(view: View): Record<string, string> {
  return Object.fromEntries(view.members.map(({ id, kind }) => [id, kind]));
}

test("members come and go under load", async () => {
  const framework = new Framework({ masters: cluster.apis, name: "members", failoverTimeoutSeconds: 60 });
  const errors: Error[] = [];
  framework.on("error", (error) => void errors.push(error));
  const statuses = collectStatuses(framework);
  await framework.start();
  let over = false;
  let rounds = 0;
  const load = (async () => {
    for (; !over; rounds++) {
      const requests = Array.from({ length: 20 }, (_, i) => ({
        id: `t${rounds}-${i}`,
        cpus: 0.5,
        mem: 32,
        command: "exit 0",
      }));
      const outcomes = await runTasks(framework, requests, { attemptsMax: 3 });
      for (const { status } of outcomes) expect(status.state).toBe("TASK_FINISHED");
    }
  })();

  expect(kinds(await members("list"))).toEqual({ m1: "voter", m2: "voter", m3: "voter" });

  launchJoining(4);
  const four = addresses(4);
  expect(kinds(await members("add", "m4", four.raft, four.api))).toMatchObject({ m4: "learner" });
  const grown = await members("promote", "m4");
  expect(kinds(grown)).toEqual({ m1: "voter", m2: "voter", m3: "voter", m4: "voter" });

  const old = grown.leader;
  const without = await members("remove", old);
  expect(without.leader).not.toBe(old);
  expect(Object.keys(kinds(without))).toHaveLength(3);
  await cluster.masters.find(({ name }) => name === old)?.end("SIGTERM");

  const lost = cluster.masters.find(({ name }) => name !== old && name !== without.leader);
  if (lost === undefined) throw new Error("no master to lose");
  await lost.end("SIGKILL");
  await rm(join(cluster.dataDirectory, lost.name), { recursive: true });
  await members("remove", lost.name);
  launchJoining(5);
  const five = addresses(5);
  const replaced = await members("add", "m5", five.raft, five.api, "--promote");
  expect(kinds(replaced)).toMatchObject({ m4: "voter", m5: "voter" });
  expect(Object.keys(kinds(replaced))).toHaveLength(3);

  expect((await members("transfer", "m5")).leader).toBe("m5");
  const redirected = await fetch(`http://${four.api}/redirect`, { redirect: "manual" });
  expect(redirected.headers.get("location")).toBe(`//${five.api}`);

  const seen = rounds;
  await eventually("the load to go on under the last leader", () => rounds > seen + 1, 60_000);
  over = true;
  await load;
  await framework.stop({ teardown: true });
  expect(errors).toEqual([]);
  for (const told of statuses.values()) {
    expect(terminalStates(told)).toHaveLength(1);
    expect(goesBack(told)).toBe(false);
  }
  await eventually("all members to be at the same entry", async () => {
    const apis = replaced.members.map(({ apiAddress }) => apiAddress);
    const all = await Promise.all(apis.map((api) => getJson(`http://${api}/tepui/v1/status`)));
    return new Set(all.map((status) => (status as { appliedIndex: number }).appliedIndex)).size === 1;
  });
});

// A cluster that one master founded has grown to three; then the disk of the founder is emptied, and it is started again
// with its old flags, which name nobody else. While another member can call it, it founds nothing and is brought back.
// If nobody can, it founds another cluster: the two never become one, and an operator is told what to do.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { eventually, getJson, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { type Running, startTepui, tepui } from "../support/tepui.ts";

const PORT_STEP = 10;
const RAFT_OFFSET = 2;

interface Status {
  readonly role: string;
  readonly ready: boolean;
  readonly groupId: string | null;
  readonly appliedIndex: number;
  readonly leader: { readonly id: string } | null;
  readonly members: readonly { readonly id: string }[];
}

let cluster: TestCluster;
const joined: Map<number, Running> = new Map();

afterEach(async () => {
  for (const number of joined.keys()) await stop(number);
  await cluster.destroy();
});

function addresses(number: number): { readonly raft: string; readonly api: string } {
  const api = cluster.port + (number - 1) * PORT_STEP;
  return { raft: `127.0.0.1:${api + RAFT_OFFSET}`, api: `127.0.0.1:${api}` };
}

function launch(number: number): void {
  const { raft, api } = addresses(number);
  const words = ["master", "--join", "--id", `m${number}`, "--member", `m${number}=${raft},${api}`];
  const folder = ["--data-dir", join(cluster.dataDirectory, `m${number}`)];
  joined.set(number, startTepui([...words, ...folder]));
}

async function stop(number: number): Promise<void> {
  const running = joined.get(number);
  joined.delete(number);
  running?.child.kill("SIGTERM");
  await running?.ended;
}

function status(number: number): Promise<Status> {
  return getJson(`http://${addresses(number).api}/tepui/v1/status`) as Promise<Status>;
}

async function members(...words: string[]): Promise<{ readonly groupId: string; readonly leader: string }> {
  const masters = [1, 2, 3, 4].map((number) => addresses(number).api).join(",");
  const ended = await tepui(["members", ...words, "--json", "--timeout", "60", "--master", masters]);
  expect(ended.code, ended.stderr).toBe(0);
  return JSON.parse(ended.stdout) as { groupId: string; leader: string };
}

/** m1 alone with its old flags, and m2 and m3 that have joined it since. @returns the group's id */
async function grown(): Promise<string> {
  cluster = await startTestCluster({ masters: 1, agents: 0 });
  await cluster.ready();
  for (const number of [2, 3]) {
    launch(number);
    const { raft, api } = addresses(number);
    await members("add", `m${number}`, raft, api, "--promote");
  }
  const { groupId } = await members("list");
  expect(groupId).toMatch(/^[0-9a-f]{32}$/);
  await eventually("all to know their group", async () => {
    const all = await Promise.all([1, 2, 3].map(status));
    return all.every((each) => each.groupId === groupId);
  });
  return groupId;
}

async function emptyFounder(): Promise<void> {
  await rm(join(cluster.dataDirectory, "m1"), { recursive: true });
  cluster.masters[0]?.start();
}

function founderLog(): Promise<string> {
  return readFile(join(cluster.dataDirectory, "logs", "m1.log"), "utf8");
}

test("is brought back by the others and founds nothing", async () => {
  const groupId = await grown();
  await cluster.masters[0]?.end("SIGKILL");
  await eventually("another leader", async () => (await status(2)).ready || (await status(3)).ready);
  await emptyFounder();
  await eventually("it to be as far as the others", async () => {
    const [one, two] = [await status(1), await status(2)];
    return one.groupId === groupId && one.appliedIndex === two.appliedIndex && one.members.length === 3;
  });
  expect((await members("list")).groupId).toBe(groupId);
  expect((await founderLog()).match(/"leading"|\bleading\b/g) ?? []).toHaveLength(1);
});

test("founds another cluster when nobody can call it, and the two refuse each other for good", async () => {
  const old = await grown();
  await cluster.masters[0]?.end("SIGKILL");
  await stop(2);
  await stop(3);
  await emptyFounder();
  const other = await eventually("it to lead alone", async () => {
    const one = await status(1);
    return one.ready && one.groupId !== null ? one.groupId : undefined;
  });
  expect(other).not.toBe(old);
  launch(2);
  launch(3);
  await eventually(
    "the others to lead the old cluster",
    async () => (await status(2)).ready || (await status(3)).ready,
  );
  const advice = "stop it, empty its data directory and start it with --join under a new name";
  await eventually("m1 to be told", async () => {
    const log = await founderLog();
    return log.includes("refused: this data directory belongs to another cluster") && log.includes(advice);
  });
  await eventually("the others to be told", () => {
    const said = [2, 3].map((number) => `${joined.get(number)?.stdout()}${joined.get(number)?.stderr()}`);
    return said.every((each) => each.includes("refused: the data directory of m1") && each.includes(advice));
  });
  const [one, two, three] = [await status(1), await status(2), await status(3)];
  expect([one.groupId, two.groupId, three.groupId]).toEqual([other, old, old]);
  expect([one.leader?.id, one.members.length, two.members.length]).toEqual(["m1", 1, 3]);

  // As it was told.
  await cluster.masters[0]?.end("SIGTERM");
  await members("remove", "m1");
  await rm(join(cluster.dataDirectory, "m1"), { recursive: true });
  launch(4);
  const { raft, api } = addresses(4);
  expect((await members("add", "m4", raft, api, "--promote")).groupId).toBe(old);
  expect((await status(4)).groupId).toBe(old);
});

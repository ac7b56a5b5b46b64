// `--export-redis`: what is in the log arrives in the stream, once each and in order, also across the death of the leader
// and of Redis itself. The Redis is a real one, started here.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Framework, runTasks, type TaskRequest } from "../../src/frameworks/sdk/index.ts";
import { ensureDebianPackages } from "../../src/host/debian-packages.ts";
import { caughtUp, eventually, freePorts, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { commonIndex, decoded, readMember } from "../support/rebuild.ts";

const STREAM = "tepui:tepui:events";
let folder: string;
let redisPort: number;
let server: ChildProcess;
let cluster: TestCluster;

beforeAll(async () => {
  await ensureDebianPackages(["redis-server"]);
  folder = await mkdtemp(join(tmpdir(), "tepui-redis-"));
  redisPort = (await freePorts()) + 99;
  server = startRedis();
  const masterFlags = ["--export-redis", `redis://127.0.0.1:${redisPort}`];
  cluster = await startTestCluster({ masters: 3, agents: 1, masterFlags });
  await cluster.ready();
});

afterAll(async () => {
  await cluster.destroy();
  server.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

test("every event of the log is in the stream once, in order, through the deaths of the leader and of Redis", async () => {
  const framework = new Framework({ masters: cluster.apis, name: "exported", failoverTimeoutSeconds: 60 });
  await framework.start();
  await runTasks(framework, batch("first"));
  await exportedUpTo("TaskLaunched first-4");

  await Promise.all([runTasks(framework, batch("second")), killLeader()]);
  await exportedUpTo("TaskLaunched second-4");

  await redis((client) => client.save());
  server.kill("SIGKILL");
  await runTasks(framework, batch("third"));
  server = startRedis();
  await exportedUpTo("TaskLaunched third-4");
  await framework.stop({ teardown: true });
  await exportedUpTo("FrameworkRemoved");

  await caughtUp(cluster);
  await cluster.stop({ keepTasks: false });
  const wanted = await idsOfLog();
  const stream = await readStream();
  expect(stream.length).toBeGreaterThan(100);
  // What was decided while the cluster was being stopped may be in the log alone.
  expect(stream.map(({ id, fields }) => `${id} ${fields.get("kind")}`)).toEqual(
    wanted.slice(0, stream.length),
  );
  expect(wanted.length - stream.length).toBeLessThan(10);
  for (const { fields } of stream) {
    const event = JSON.parse(fields.get("event") ?? "") as { kind: string };
    expect(event.kind).toBe(fields.get("kind"));
    expect(fields.get("text")?.startsWith(event.kind)).toBe(true);
  }
});

/** `<entry>-<position in it> <kind>` of every event in the logs of the stopped masters. */
async function idsOfLog(): Promise<string[]> {
  const names = ["m1", "m2", "m3"];
  const logs = await Promise.all(names.map((name) => readMember(cluster.dataDirectory, name)));
  const index = commonIndex(logs);
  const entries = (logs[0]?.entries ?? []).filter((entry) => entry.index <= index);
  return entries.flatMap((entry) =>
    [...decoded([entry])].flatMap(({ events }) =>
      events.map(({ kind }, n) => `${entry.index}-${n + 1} ${kind}`),
    ),
  );
}

interface Exported {
  readonly id: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** No persistence but what SAVE writes. */
function startRedis(port = redisPort): ChildProcess {
  const flags = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const files = ["--dir", folder, "--dbfilename", `${port}.rdb`];
  return spawn("redis-server", [...flags, ...files], { stdio: "ignore" });
}

async function redis<Value>(work: (client: Redis) => Promise<Value>, port = redisPort): Promise<Value> {
  const client = new Redis(port, "127.0.0.1", { lazyConnect: true, maxRetriesPerRequest: 1 });
  client.on("error", () => undefined);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

async function readStream(port = redisPort): Promise<Exported[]> {
  const rows = await redis((client) => client.xrange(STREAM, "-", "+"), port);
  return rows.map(([id, words]) => {
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < words.length; i += 2) fields.set(words[i] ?? "", words[i + 1] ?? "");
    return { id, fields };
  });
}

async function exportedUpTo(text: string, port = redisPort): Promise<void> {
  await eventually(`"${text}" in the stream`, async () =>
    (await readStream(port)).some(({ fields }) => fields.get("text")?.startsWith(text) === true),
  );
}

function batch(name: string): TaskRequest[] {
  return [0, 1, 2, 3, 4].map((i) => ({ id: `${name}-${i}`, cpus: 0.5, mem: 32, command: "sleep 0.2" }));
}

test("what the log forgot while Redis was away is told as a gap, and the export goes on after it", async () => {
  const options = { masters: 1, agents: 1 } as const;
  const port = redisPort + 1;
  let own = startRedis(port);
  const masterFlags = ["--export-redis", `redis://127.0.0.1:${port}`, "--snapshot-interval", "100"];
  const small = await startTestCluster({ ...options, masterFlags });
  try {
    await small.ready();
    const framework = new Framework({ masters: small.apis, name: "gap", failoverTimeoutSeconds: 60 });
    await framework.start();
    await runTasks(framework, batch("before"));
    await exportedUpTo("TaskLaunched before-4", port);
    await redis((client) => client.save(), port);
    own.kill("SIGKILL");
    // Many entries: what is kept before a snapshot is half an interval.
    for (let n = 0; n < 12; n++) await runTasks(framework, batch(`away${n}`));
    own = startRedis(port);
    await eventually("the gap in the leader's log", async () => {
      const log = await readFile(join(small.dataDirectory, "logs", "m1.log"), "utf8");
      const line = log.split("\n").find((text) => text.includes("redis export has a gap"));
      if (line === undefined) return false;
      const { from, to } = JSON.parse(line) as { from: number; to: number };
      expect(to).toBeGreaterThanOrEqual(from);
      return true;
    });
    await runTasks(framework, batch("after"));
    await exportedUpTo("TaskLaunched after-4", port);
    await framework.stop({ teardown: true });
  } finally {
    await small.destroy();
    own.kill("SIGKILL");
  }
});

async function killLeader(): Promise<void> {
  const leader = await cluster.leader();
  await leader.end("SIGKILL");
  await cluster.leader();
  leader.start();
}

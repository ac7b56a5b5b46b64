// Persistent volumes on a real cluster: what one task writes the next one reads, through the death of the agent and of the
// leading master, until the volume is destroyed; on the agent's own disk, on a PATH disk and on a whole one (MOUNT).
import { execFile } from "node:child_process";
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  isOver,
  type Offer,
  type OfferOperation,
  type TaskInfo,
  type TaskStatus,
  taskInfo,
} from "../../src/frameworks/sdk/index.ts";
import { chooseRuntime, type PreparedRuntime } from "../../src/host/prepare-runtime.ts";
import { present } from "../../src/kernel/assert.ts";
import { eventually, startTestCluster, type TestCluster } from "../support/cluster.ts";
import { HandScheduler } from "../support/hand-scheduler.ts";
import { sandboxFile } from "../support/sandboxes.ts";

type Resource = NonNullable<TaskInfo["resources"]>[number];
type Source = NonNullable<NonNullable<Resource["disk"]>["source"]>;

const run = promisify(execFile);
const ROLE = "eng/db";
const VOLUME_MB = 32;
/** The agent's own disk and the PATH disk. */
const DISK_MB = 5 * VOLUME_MB;
const NOBODY = 65534;

describe.each(["process", "containerd"] as const)("volumes of an agent of the %s runtime", (kind) => {
  let directory: string;
  let runtime: PreparedRuntime;
  let cluster: TestCluster;
  let scheduler: HandScheduler;
  let sources: Readonly<Record<"own" | "path" | "whole", Source | undefined>>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tepui-volumes-"));
    // Tasks of other users are to reach what is theirs.
    await chmod(directory, 0o755);
    const whole = join(directory, "whole");
    await mkdir(whole);
    await run("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", whole]);
    sources = {
      own: undefined,
      path: { type: "PATH", path: { root: join(directory, "fast") } },
      whole: { type: "MOUNT", mount: { root: whole } },
    };
    runtime = await chooseRuntime(kind, directory);
    const dataDirectory = join(directory, "cluster");
    await mkdir(dataDirectory);
    cluster = await startTestCluster({
      masters: 3,
      agents: 1,
      dataDirectory,
      agentFlags: [...runtime.agentFlags, "--resources", JSON.stringify(agentResources())],
    });
    await cluster.ready();
    scheduler = new HandScheduler(cluster, { name: `volumes ${kind}`, roles: [ROLE] });
    await scheduler.start();
  });

  afterAll(async () => {
    await scheduler?.stop();
    await cluster?.destroy();
    await runtime?.close();
    await run("umount", [join(directory, "whole")]);
    await rm(directory, { recursive: true, force: true });
  });

  function agentResources(): readonly Resource[] {
    const disk = (source: Source | undefined): Resource => ({
      ...scalar("disk", DISK_MB),
      ...(source === undefined ? {} : { disk: { source } }),
    });
    const whole = { ...disk(sources.whole), ...scalar("disk", VOLUME_MB) };
    return [scalar("cpus", 2), scalar("mem", 512), disk(sources.own), disk(sources.path), whole];
  }

  const reserved = (source: Source | undefined): Resource => ({
    ...scalar("disk", VOLUME_MB),
    reservations: [{ type: "DYNAMIC", role: ROLE }],
    ...(source === undefined ? {} : { disk: { source } }),
  });

  function volume(id: string, source?: Source, path = id, mode: "RW" | "RO" = "RW"): Resource {
    const use = { persistence: { id }, volume: { container_path: path, mode } };
    return { ...reserved(source), disk: { ...use, ...(source === undefined ? {} : { source }) } };
  }

  function task(offer: Offer, id: string, command: string, volumes: readonly Resource[], user?: string) {
    const image = runtime.image === null ? {} : { image: runtime.image };
    const request = { id, command, cpus: 0.1, mem: 32, ...image, ...(user === undefined ? {} : { user }) };
    const info = taskInfo(id, request, offer);
    return { ...info, resources: [...(info.resources ?? []), ...volumes] };
  }

  /** In the next offer of all that the agent has, after these operations; what it wrote when it has ended well. */
  async function runTask(
    id: string,
    command: string,
    volumes: readonly Resource[],
    { before = [], user }: { readonly before?: readonly OfferOperation[]; readonly user?: string } = {},
  ): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const taskId = `${id}-${attempt}`;
      const offer = await eventually(`an offer for ${taskId}`, () => scheduler.take(isWhole));
      const launch = { task_infos: [task(offer, taskId, command, volumes, user)] };
      await scheduler.framework.accept([offer], [...before, { type: "LAUNCH", launch }], 0);
      const end = await eventually(`the end of ${taskId}`, () => ended(taskId));
      // The offer was being rescinded.
      if (end.reason === "REASON_INVALID_OFFERS") continue;
      expect(end).toMatchObject({ state: "TASK_FINISHED" });
      return readFile(await sandboxFile(cluster, taskId, "stdout"), "utf8");
    }
  }

  const ended = (id: string): TaskStatus | undefined => scheduler.statuses.get(id)?.find(isOver);

  const reserveAndCreate = (volumes: readonly Resource[]): readonly OfferOperation[] => [
    { type: "RESERVE", reserve: { resources: volumes.map(({ disk }) => reserved(disk?.source)) } },
    { type: "CREATE", create: { volumes } },
  ];

  async function destroy(volumes: readonly Resource[]): Promise<void> {
    const leader = await cluster.leader();
    const agentId = await agentIdOf(leader.api);
    const call = { type: "DESTROY_VOLUMES", destroy_volumes: { agent_id: { value: agentId }, volumes } };
    const answer = await fetch(`http://${leader.api}/api/v1`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(call),
    });
    expect([answer.status, await answer.text()]).toEqual([202, ""]);
  }

  const folderOf = (id: string, source?: Source): string => {
    if (source?.mount?.root !== undefined) return source.mount.root;
    const root = source?.path?.root ?? join(cluster.dataDirectory, "a1");
    return join(root, "volumes/roles/eng db", id);
  };

  test("keep what is written through tasks, a killed agent and a killed leader, until they are destroyed", async () => {
    const volumes = [
      volume("own", sources.own),
      volume("path", sources.path),
      volume("whole", sources.whole),
    ];
    const write = "for v in own path whole; do echo data of $v > $v/file || exit 1; done";
    await runTask("writes", write, volumes, { before: reserveAndCreate(volumes) });

    const agent = present(cluster.agents[0], "the cluster has an agent");
    await agent.end("SIGKILL");
    agent.start();
    await cluster.ready();
    expect(await runTask("reads", "cat */file", volumes)).toBe("data of own\ndata of path\ndata of whole\n");

    const leader = await cluster.leader();
    await leader.end("SIGKILL");
    leader.start();
    await cluster.ready();
    expect(await runTask("reads-again", "cat own/file", [volume("own", sources.own)])).toBe("data of own\n");

    await destroy(volumes);
    for (const id of ["own", "path"] as const) {
      await eventually(`${id} to be gone`, async () => !(await exists(folderOf(id, sources[id]))));
    }
    await eventually(
      "the disk to be empty",
      async () => (await readdir(folderOf("whole", sources.whole))).length === 0,
    );
    const again = [volume("own", sources.own)];
    const create: OfferOperation = { type: "CREATE", create: { volumes: again } };
    expect(await runTask("finds-nothing", "ls own", again, { before: [create] })).toBe("");
    await destroy(again);
    expect(scheduler.errors.map(String).filter((text) => !text.includes("connection"))).toEqual([]);
  });

  test("are for the user of the task", async () => {
    const volumes = [volume("theirs", sources.path)];
    const before = reserveAndCreate(volumes);
    await runTask("as-nobody", "echo data > theirs/file", volumes, { before, user: "nobody" });
    const folder = await stat(folderOf("theirs", sources.path));
    expect([folder.uid, (await stat(join(folderOf("theirs", sources.path), "file"))).uid]).toEqual([
      NOBODY,
      NOBODY,
    ]);
    await destroy(volumes);
  });

  test("are used under another path and, in a container, for reading only", async () => {
    const volumes = [volume("v", sources.path)];
    const before = reserveAndCreate(volumes);
    await runTask("first", "echo data > v/file", volumes, { before });
    const readOnly = [volume("v", sources.path, "deep/er", "RO")];
    const tries = "cat deep/er/file; if echo more >> deep/er/file; then echo written; else echo refused; fi";
    const outcome = kind === "process" ? "written" : "refused";
    expect(await runTask("second", tries, readOnly)).toBe(`data\n${outcome}\n`);
    await destroy(volumes);
  });

  test("that were destroyed while the agent was away go when it is back", async () => {
    const volumes = [volume("late", sources.path)];
    await runTask("before", "echo data > late/file", volumes, {
      before: reserveAndCreate(volumes),
    });
    const agent = present(cluster.agents[0], "the cluster has an agent");
    await agent.end("SIGKILL");
    await destroy(volumes);
    expect(await readFile(join(folderOf("late", sources.path), "file"), "utf8")).toBe("data\n");
    agent.start();
    await eventually("it to be gone", async () => !(await exists(folderOf("late", sources.path))));
  });
});

function scalar(name: string, value: number): Resource {
  return { name, type: "SCALAR", scalar: { value } };
}

/** All that is free: whatever the other tasks had has come back. */
function isWhole(offer: Offer): boolean {
  const parts = (offer.resources ?? []).filter(({ name }) => name === "disk");
  return parts.reduce((sum, { scalar: amount }) => sum + (amount?.value ?? 0), 0) >= 2 * DISK_MB + VOLUME_MB;
}

async function agentIdOf(api: string): Promise<string> {
  const state = (await (await fetch(`http://${api}/state`)).json()) as { slaves: { id: string }[] };
  return present(state.slaves[0], "the cluster has an agent").id;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

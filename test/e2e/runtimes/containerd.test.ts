import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createContainerdRuntime } from "../../../src/agents/runtimes/containerd/containerd-runtime.ts";
import { type ContainerdDaemon, startContainerd } from "../../../src/agents/runtimes/containerd/daemon.ts";
import { buildBusyboxArchive } from "../../../src/host/busybox-image.ts";
import { ensureDebianPackages } from "../../../src/host/debian-packages.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";
import { describeRuntime } from "./conformance.ts";
import { makeRuntime } from "./make-runtime.ts";
import { eventually, makeRoom, type Room, readOutput, realClock, startWatched } from "./support.ts";

const directory = await mkdtemp(join(tmpdir(), "tepui-ctd-"));
const image = join(directory, "busybox.tar");
const common = { directory: join(directory, "daemon"), tracer: silentTracer, clock: realClock };
let daemon: ContainerdDaemon;

beforeAll(async () => {
  await ensureDebianPackages(["containerd", "runc", "busybox-static"]);
  await buildBusyboxArchive(image);
  daemon = await startContainerd(common);
});

afterAll(async () => {
  await daemon.stop();
  await rm(directory, { recursive: true });
});

const plan = () =>
  ({ name: "containerd", directory: join(directory, "books"), address: daemon.address }) as const;

describeRuntime({
  title: "containerd runtime",
  plan,
  image: () => ({ image }),
  otherUser: { name: "nobody", uid: 65534 },
});

describe("containerd", () => {
  let room: Room;
  beforeAll(async () => {
    room = await makeRoom();
  });
  afterAll(() => room.remove());

  test("mounts the sandbox as working directory and hides the host's files", async () => {
    const watched = await startWatched(makeRuntime(plan()));
    const spec = await room.spec({ image, argv: ["/bin/sh", "-c", "pwd; ls -d /work /home /boot; echo $$"] });
    await watched.runtime.launch(spec);
    await watched.exitOf(spec.id);
    expect(await readOutput(spec, "stdout")).toBe("/mnt/mesos/sandbox\n1\n");
    await watched.runtime.remove(spec.id);
    await watched.runtime.stop();
  });

  test("mounts volumes at absolute paths too, and for reading only where that is asked for", async () => {
    const watched = await startWatched(makeRuntime(plan()));
    const source = join(room.directory, "volume");
    await mkdir(source);
    await writeFile(join(source, "file"), "data\n");
    const volume = { source, mounted: false, owned: false };
    const spec = await room.spec({
      image,
      argv: ["/bin/sh", "-c", "cat /srv/data/file; echo x >> /srv/data/file; echo y >> ro/file; cat ro/file"],
      volumes: [
        { ...volume, target: "/srv/data", readOnly: false },
        { ...volume, target: "ro", readOnly: true },
      ],
    });
    await watched.runtime.launch(spec);
    expect((await watched.exitOf(spec.id)).waitStatus).toBe(0);
    expect(await readOutput(spec, "stdout")).toBe("data\ndata\nx\n");
    expect(await readOutput(spec, "stderr")).toContain("Read-only file system");
    await watched.runtime.remove(spec.id);
    await watched.runtime.stop();
  });

  test("a missing image or archive is refused with advice, and nothing is left", async () => {
    const watched = await startWatched(makeRuntime(plan()));
    for (const [missing, advice] of [
      ["no-such-image", "docker.io/library/no-such-image:latest"],
      ["/no/such/image.tar", "/no/such/image.tar"],
    ] as const) {
      const spec = await room.spec({ image: missing, argv: ["true"] });
      await expect(watched.runtime.launch(spec)).rejects.toMatchObject({
        code: "image-not-found",
        message: expect.stringContaining(advice),
      });
      expect(await watched.runtime.list()).toEqual([]);
    }
    await watched.runtime.stop();
  });

  test("an archive that is none is refused and says why", async () => {
    const watched = await startWatched(makeRuntime(plan()));
    const spec = await room.spec({ image: "/etc/passwd", argv: ["true"] });
    await expect(watched.runtime.launch(spec)).rejects.toMatchObject({
      code: "launch-failed",
      message: expect.stringContaining("/etc/passwd"),
    });
    await watched.runtime.stop();
  });

  test("without a containerd the failure says what to do", async () => {
    const runtime = createContainerdRuntime({ ...common, address: "/no/such/containerd.sock" });
    await expect(runtime.start(() => undefined)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("apt-get install containerd"),
    });
  });

  test("a daemon that is left running in its folder is taken over", async () => {
    expect((await startContainerd(common)).pid).toBe(daemon.pid);
  });

  test("exits while containerd itself is down are reported once it is back", async () => {
    const watched = await startWatched(makeRuntime(plan()));
    const script = (code: number) => `while [ ! -e go ]; do sleep 0.05; done; exit ${code}`;
    const first = await room.spec({ image, argv: ["/bin/sh", "-c", script(3)] });
    const second = await room.spec({ image, argv: ["/bin/sh", "-c", script(4)] });
    await watched.runtime.launch(first);
    await watched.runtime.launch(second);
    await daemon.kill();
    await writeFile(join(first.sandbox, "go"), "");
    await eventually(async () => !(await isRunning(first.sandbox)));
    daemon = await startContainerd(common);
    expect((await watched.exitOf(first.id)).waitStatus).toBe(3 * 256);
    await writeFile(join(second.sandbox, "go"), "");
    expect((await watched.exitOf(second.id)).waitStatus).toBe(4 * 256);
    await watched.runtime.remove(first.id);
    await watched.runtime.remove(second.id);
    await watched.runtime.stop();
  });
});

/** Whether a container runs that has the sandbox mounted. */
async function isRunning(sandbox: string): Promise<boolean> {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const mounts = await Promise.all(
    names.map((name) => readFile(`/proc/${name}/mountinfo`, "utf8").catch(() => "")),
  );
  return mounts.some((text) => text.includes(`${sandbox} /mnt/mesos/sandbox`));
}

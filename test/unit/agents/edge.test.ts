// What touches the machine: sandboxes as folders, and what the machine is found to have.
import { lstat, mkdtemp, readdir, readlink, rm, stat } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { detectedResources, detectMachine } from "../../../src/agents/edge/detect.ts";
import { folderSandboxes } from "../../../src/agents/edge/sandboxes.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function workFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tepui-sandboxes-"));
  folders.push(folder);
  return folder;
}

test("a sandbox is made with its parents, and `latest` points to the newest", async () => {
  const work = await workFolder();
  const sandboxes = folderSandboxes(work);
  for (const run of ["run-1", "run-2", "run-2"]) {
    const path = await sandboxes.create(`slaves/S0/frameworks/F/executors/E/runs/${run}`, null);
    expect(path).toBe(join(work, `slaves/S0/frameworks/F/executors/E/runs/${run}`));
    expect((await stat(path)).isDirectory()).toBe(true);
    expect(await readlink(join(path, "../latest"))).toBe(path);
  }
  const runs = join(work, "slaves/S0/frameworks/F/executors/E/runs");
  expect((await readdir(runs)).sort()).toEqual(["latest", "run-1", "run-2"]);
});

test.runIf(process.getuid?.() === 0)("a sandbox belongs to its task's user", async () => {
  const sandboxes = folderSandboxes(await workFolder());
  const path = await sandboxes.create("a/runs/1", "nobody");
  expect((await stat(path)).uid).toBe(65534);
  const unknown = await sandboxes.create("a/runs/2", "no-such-user");
  expect((await stat(unknown)).uid).toBe(0);
});

test("a removed sandbox is gone; removing it again is no error; nothing outside is reached", async () => {
  const work = await workFolder();
  const sandboxes = folderSandboxes(work);
  const path = await sandboxes.create("a/runs/1", null);
  for (let i = 0; i < 2; i++) await sandboxes.remove("a/runs/1");
  await expect(lstat(path)).rejects.toThrow("ENOENT");
  expect(() => sandboxes.absolute("../outside")).toThrow("a sandbox lies in the work folder");
});

test("memory is offered but for the system's share; ports are Mesos' range", async () => {
  const machine = await detectMachine(await workFolder());
  const totalMb = Math.floor(totalmem() / 1024 / 1024);
  expect(machine.memMb).toBe(totalMb > 2048 ? totalMb - 1024 : Math.floor(totalMb / 2));
  expect(machine.cpus).toBeGreaterThanOrEqual(1);
  expect(machine.diskMb).toBeGreaterThan(0);
  expect(machine.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  expect(detectedResources(machine).map(({ name }) => name)).toEqual(["cpus", "mem", "disk", "ports"]);
  expect(detectedResources(machine)[3]?.ranges).toEqual({ range: [{ begin: 31_000, end: 32_000 }] });
});

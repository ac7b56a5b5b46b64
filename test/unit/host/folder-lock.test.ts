// A data folder has one writer; a lock whose holder is dead holds nobody up. Both ways of locking, with real processes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FolderInUse, lockFolder } from "../../../src/host/folder-lock.ts";

const module = new URL("../../../src/host/folder-lock.ts", import.meta.url).href;
let folder = "";
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-lock-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

/** Another process that holds the lock until it is killed. */
async function holder(program: string): Promise<ChildProcess> {
  const script =
    `const { lockFolder } = await import(${JSON.stringify(module)});` +
    `await lockFolder(${JSON.stringify(folder)}, { program: ${JSON.stringify(program)} });` +
    'console.log("held"); setInterval(() => undefined, 1000);';
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
  return child;
}

describe.each(["flock", "no-such-program"])("a folder locked by %s", (program) => {
  it("is refused to a second process, which is told who has it", async () => {
    const other = await holder(program);
    const refused = lockFolder(folder, { program });
    await expect(refused).rejects.toBeInstanceOf(FolderInUse);
    await expect(refused).rejects.toThrow(`process ${other.pid}`);
  });

  it("is free again as soon as its holder was killed", async () => {
    const other = await holder(program);
    other.kill("SIGKILL");
    await once(other, "exit");
    await (await lockFolder(folder, { program })).release();
  });

  it("is refused within one process as well, until it is released", async () => {
    const lock = await lockFolder(folder, { program });
    await expect(lockFolder(folder, { program })).rejects.toBeInstanceOf(FolderInUse);
    await lock.release();
    await (await lockFolder(folder, { program })).release();
  });
});

describe("a lock by name", () => {
  const program = "no-such-program";
  const change = async (facts: object): Promise<void> => {
    const path = join(folder, "lock.holder");
    const own = await lockFolder(folder, { program });
    const held: unknown = JSON.parse(await readFile(path, "utf8"));
    await own.release();
    await writeFile(path, JSON.stringify({ ...(held as object), ...facts }));
  };

  it("of before the machine's last start counts for nothing", async () => {
    await change({ bootId: "another" });
    await (await lockFolder(folder, { program })).release();
  });

  it("of an earlier process with the same number counts for nothing", async () => {
    await change({ startTicks: "1" });
    await (await lockFolder(folder, { program })).release();
  });

  it("of another machine is believed", async () => {
    await change({ host: "elsewhere.example" });
    await expect(lockFolder(folder, { program })).rejects.toThrow("elsewhere.example");
  });
});

// A data folder has one writer; a lock whose holder is dead holds nobody up. Both ways of locking, with real processes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FolderInUse, lockFolder, sayHowLocked } from "../../../src/host/folder-lock.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";

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

describe("a lock by name in another container, where process ids mean other processes", () => {
  const program = "no-such-program";
  const path = (): string => join(folder, "lock.holder");

  /** Another process holds it; to us it looks like one of another pid namespace. */
  async function elsewhere(facts: object = {}): Promise<ChildProcess> {
    const other = await holder(program);
    const held: unknown = JSON.parse(await readFile(path(), "utf8"));
    const seen = { ...(held as object), pid: 2 ** 22, pidNamespace: "pid:[1]", ...facts };
    await writeFile(path(), JSON.stringify(seen));
    return other;
  }

  it("is believed while its holder listens, and counts for nothing afterwards", async () => {
    // Longer than a socket's path may be.
    folder = join(folder, "long".repeat(30));
    const other = await elsewhere();
    await expect(lockFolder(folder, { program })).rejects.toBeInstanceOf(FolderInUse);
    await expect(lockFolder(folder)).rejects.toBeInstanceOf(FolderInUse);
    other.kill("SIGKILL");
    await once(other, "exit");
    await (await lockFolder(folder, { program })).release();
    expect((await readdir(folder)).filter((name) => name.endsWith(".sock"))).toEqual([]);
    folder = join(folder, "..");
  });

  it("is believed if it cannot be asked", async () => {
    await elsewhere({ socket: null });
    await expect(lockFolder(folder, { program })).rejects.toThrow("remove");
  });
});

describe("a process with the program and one without", () => {
  it.each([
    ["flock", "no-such-program"],
    ["no-such-program", "flock"],
  ])("do not both get the folder: %s, then %s", async (first, second) => {
    const other = await holder(first);
    await expect(lockFolder(folder, { program: second })).rejects.toThrow(`process ${other.pid}`);
    other.kill("SIGKILL");
    await once(other, "exit");
    await (await lockFolder(folder, { program: second })).release();
  });

  it("know how they have it, and the second kind is warned of", async () => {
    const warnings: unknown[] = [];
    const tracer = { ...silentTracer, warn: (...line: unknown[]) => void warnings.push(line) };
    for (const [program, by] of [
      ["flock", "kernel"],
      ["no-such-program", "name"],
    ] as const) {
      const lock = await lockFolder(folder, { program });
      expect(lock.by).toBe(by);
      sayHowLocked(lock, folder, tracer);
      await lock.release();
    }
    expect(warnings).toHaveLength(1);
  });
});

// A log's folder is copied whole, whatever the file systems can do.
import { type link, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { copyTree } from "../../../src/host/copy-tree.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-copy-"));
  await mkdir(join(folder, "log/archive"), { recursive: true });
  for (const name of ["1.log", "1.snap", "archive/2.zst"]) await writeFile(join(folder, "log", name), name);
});

afterEach(() => rm(folder, { recursive: true }));

async function inodes(name: string): Promise<readonly number[]> {
  return Promise.all(["log", "copy"].map(async (root) => (await stat(join(folder, root, name))).ino));
}

it("links what never changes and copies what is written to", async () => {
  await copyTree(join(folder, "log"), join(folder, "copy"));
  for (const name of ["1.snap", "archive/2.zst"]) {
    const [from, to] = await inodes(name);
    expect(to).toBe(from);
  }
  const [from, to] = await inodes("1.log");
  expect(to).not.toBe(from);
});

it("copies what cannot be linked, because it is on another device or links are not to be had", async () => {
  for (const code of ["EXDEV", "EPERM", "EMLINK"]) {
    const refuses: typeof link = () => Promise.reject(Object.assign(new Error(code), { code }));
    const to = join(folder, `copy-${code}`);
    await copyTree(join(folder, "log"), to, refuses);
    for (const name of ["1.log", "1.snap", "archive/2.zst"]) {
      expect(await readFile(join(to, name), "utf8")).toBe(name);
    }
  }
});

it("fails for any other reason", async () => {
  const refuses: typeof link = () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }));
  await expect(copyTree(join(folder, "log"), join(folder, "copy"), refuses)).rejects.toThrow("full");
});

// An exported log is there whole or not at all.
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EXIT, exitCodeOf, Interrupted } from "../../../src/host/exit-codes.ts";
import { exportLog, importLog } from "../../../src/host/log-file.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-export-"));
  await cp(join(import.meta.dirname, "../../histories/v2"), join(folder, "data"), { recursive: true });
});

afterEach(() => rm(folder, { recursive: true }));

it("a whole export comes back, and leaves nothing beside it", async () => {
  const exported = await exportLog(join(folder, "data"), join(folder, "out"));
  expect((await readdir(folder)).sort()).toEqual(["data", "out"]);
  expect(await importLog(join(folder, "out"), join(folder, "new"))).toEqual(exported);
});

it("one that is given up in the middle leaves no file", async () => {
  for (const writes of [1, 2, 3]) {
    const given = new AbortController();
    let left = writes;
    const signal = Object.assign(given.signal, {
      throwIfAborted(): void {
        left -= 1;
        if (left === 0) throw new Interrupted();
      },
    });
    const exporting = exportLog(join(folder, "data"), join(folder, "out"), signal);
    await expect(exporting).rejects.toBeInstanceOf(Interrupted);
    expect(await readdir(folder)).toEqual(["data"]);
  }
  expect(exitCodeOf(new Interrupted())).toBe(EXIT.interrupted);
});

it("one that fails leaves no file, and one that is there is never written over", async () => {
  await writeFile(join(folder, "out"), "mine");
  await expect(exportLog(join(folder, "data"), join(folder, "out"))).rejects.toThrow("is there already");
  expect((await readdir(folder)).sort()).toEqual(["data", "out"]);
});

it("an import that is given up leaves nothing", async () => {
  await exportLog(join(folder, "data"), join(folder, "out"));
  const signal = AbortSignal.abort(new Interrupted());
  await expect(importLog(join(folder, "out"), join(folder, "new"), signal)).rejects.toBeInstanceOf(
    Interrupted,
  );
  expect(await readdir(join(folder, "new"))).toEqual([]);
});

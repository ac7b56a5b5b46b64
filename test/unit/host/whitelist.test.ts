// The file of --whitelist: read at the start and again, kept when it cannot be read.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Whitelist, watchWhitelist } from "../../../src/host/whitelist.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";

let folder = "";
let file = "";
let whitelist: Whitelist | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-whitelist-"));
  file = join(folder, "hosts");
});
afterEach(async () => {
  whitelist?.stop();
  await rm(folder, { recursive: true });
});

test("hosts are lines; blanks around them and empty lines do not count", async () => {
  await writeFile(file, "h1\n  h2\t\r\n\n");
  whitelist = await watchWhitelist(pathToFileURL(file).href, silentTracer);
  expect(whitelist.hosts()).toEqual(new Set(["h1", "h2"]));
});

test("it is read again; while it cannot be read it stays as it was", async () => {
  await writeFile(file, "h1");
  const warned: string[] = [];
  const tracer = { ...silentTracer, warn: (event: string) => void warned.push(event) };
  const list = await watchWhitelist(file, tracer, 5);
  whitelist = list;
  await writeFile(file, "h2\n");
  await vi.waitFor(() => expect(list.hosts()).toEqual(new Set(["h2"])));
  await rm(file);
  await vi.waitFor(() => expect(warned).toContain("whitelist not read"));
  expect(list.hosts()).toEqual(new Set(["h2"]));
});

test("without a file all are admitted; one that is not there at the start is an error", async () => {
  expect((await watchWhitelist(null, silentTracer)).hosts()).toBeNull();
  await expect(watchWhitelist(file, silentTracer)).rejects.toThrow("ENOENT");
});

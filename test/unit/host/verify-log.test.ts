// `tepui log verify` finds what is not as it was written, and says where.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readOptions } from "../../../src/host/log-folder.ts";
import { createNodeDisk } from "../../../src/host/node-disk.ts";
import { verifyLog } from "../../../src/host/verify-log.ts";
import { asIndex, asMillis, asTerm } from "../../../src/kernel/ids.ts";
import { openLog, openSnapshot } from "../../../src/log/index.ts";
import { encodeEntry } from "../../../src/state/codec.ts";
import type { Event } from "../../../src/state/events.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tepui-verify-"));
  await cp(join(import.meta.dirname, "../../histories/v2"), folder, { recursive: true });
});

afterEach(() => rm(folder, { recursive: true }));

async function flip(name: RegExp, at: number): Promise<string> {
  const names = await readdir(join(folder, "log"), { recursive: true });
  const path = join("log", names.find((each) => name.test(each)) as string);
  const bytes = await readFile(join(folder, path));
  bytes[at] = (bytes[at] as number) ^ 4;
  await writeFile(join(folder, path), bytes);
  return path;
}

async function places(): Promise<readonly string[]> {
  return (await verifyLog(folder)).problems.map(({ place }) => place);
}

it("finds nothing in a whole log", async () => {
  expect(await places()).toEqual([]);
});

it.each([
  ["a segment", /^[0-9a-f-]+\.log$/, 30_000],
  ["an archived segment", /^archive.*\.log\.gz$/, 3_000],
  ["a snapshot", /\.snap$/, 5_000],
  ["the hard state", /^hard-state$/, 4_100],
])("finds a flipped bit in %s", async (_, name, at) => {
  const path = await flip(name, at);
  const [first] = await places();
  expect(first).toContain(path);
});

it("finds a segment that lacks its end", async () => {
  const names = await readdir(join(folder, "log", "archive"));
  const later = (await readdir(join(folder, "log"))).find((name) => name.endsWith(".log")) as string;
  expect(names.length).toBe(1);
  const bytes = await readFile(join(folder, "log", later));
  // The chain in its header is what the segment before ended with.
  bytes[40] = (bytes[40] as number) ^ 1;
  await writeFile(join(folder, "log", later), bytes);
  expect(await places()).toEqual([expect.stringContaining(later)]);
});

async function append(event: Event): Promise<void> {
  const { log, hardState } = await openLog({ disk: createNodeDisk(folder), directory: "log" });
  const index = asIndex(log.lastIndex + 1);
  const payload = encodeEntry({ time: asMillis(2_000_000_000), events: [event] });
  await log.append({ entries: [{ index, term: asTerm(hardState.term), payload }] });
  await log.close();
}

it("finds a recorded digest that is not the state's", async () => {
  await append({ kind: "DigestRecorded", index: asIndex(200), digest: "00".repeat(32) });
  expect(await places()).toEqual(["entry 200"]);
});

it("finds a snapshot whose state is not what the entries lead to", async () => {
  const { log } = await openLog({ disk: createNodeDisk(folder), directory: "log" });
  const reader = await log.readSnapshot();
  const content = await reader?.read(0, 1_000_000);
  await reader?.close();
  const point = { index: asIndex(220), term: asTerm(3) };
  await log.writeSnapshot(point, [content as Uint8Array]);
  await log.close();
  expect(await places()).toEqual(["entry 220"]);
});

it("leaves nothing in the folder for a snapshot that goes away between listing and opening", async () => {
  const { disk, ...options } = readOptions(folder);
  const snapshot = (await readdir(join(folder, "log"))).find((name) => name.endsWith(".snap")) as string;
  const list = async (directory: string): Promise<readonly string[]> => {
    const names = await disk.list(directory);
    await rm(join(folder, "log", snapshot), { force: true });
    return names;
  };
  const point = { index: asIndex(151), term: asTerm(1) };
  expect(await openSnapshot({ ...options, disk: { ...disk, list } }, point)).toBeUndefined();
  expect(await readdir(join(folder, "log"))).not.toContain(snapshot);
});

// What every Disk promises, asked of the real one and of its virtual twin.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { SimDisk } from "../../../simulations/sim-disk.ts";
import { createNodeDisk } from "../../../src/host/node-disk.ts";
import type { Disk } from "../../../src/kernel/ports.ts";
import { seededRandom } from "../../../src/kernel/random.ts";
import { VirtualClock } from "../log/virtual-clock.ts";

interface Subject {
  readonly disk: Disk;
  /** Awaits in the disk's own time. */
  readonly run: <Value>(promise: Promise<Value>) => Promise<Value>;
}

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function realDisk(): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), "tepui-disk-"));
  folders.push(folder);
  return { disk: createNodeDisk(folder), run: (promise) => promise };
}

async function virtualDisk(): Promise<Subject> {
  const clock = new VirtualClock();
  const faults = { latencyMs: { low: 0, high: 3 }, syncLatencyMs: { low: 1, high: 9 } };
  const disk = new SimDisk({ random: seededRandom("conformance"), clock, faults }).mount();
  return { disk, run: (promise) => clock.until(promise) };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : new TextDecoder().decode(content);

describe.each([
  ["real", realDisk],
  ["virtual", virtualDisk],
])("the %s disk", (_name, make) => {
  it("opens a file that is not there as an empty one", async () => {
    const { disk, run } = await make();
    const file = await run(disk.open("a"));
    expect(await run(file.size())).toBe(0);
    expect(text(await run(disk.read("a")))).toBe("");
    await run(file.close());
  });

  it("keeps what a file holds when it is opened again", async () => {
    const { disk, run } = await make();
    const first = await run(disk.open("a"));
    await run(first.write(0, bytes("kept")));
    await run(first.sync());
    await run(first.close());
    const second = await run(disk.open("a"));
    expect(text(await run(second.read(0, 10)))).toBe("kept");
    await run(second.close());
  });

  it("writes and reads at any offset, with zeros in the gap", async () => {
    const { disk, run } = await make();
    const file = await run(disk.open("a"));
    await run(file.write(3, bytes("xyz")));
    await run(file.write(4, bytes("Y")));
    expect([...(await run(file.read(0, 6)))]).toEqual([0, 0, 0, 120, 89, 122]);
    expect(text(await run(file.read(4, 100)))).toBe("Yz");
    expect((await run(file.read(100, 5))).length).toBe(0);
    await run(file.close());
  });

  it("truncates to fewer and to more bytes", async () => {
    const { disk, run } = await make();
    const file = await run(disk.open("a"));
    await run(file.write(0, bytes("abcdef")));
    await run(file.truncate(2));
    await run(file.truncate(4));
    expect([...(await run(file.read(0, 9)))]).toEqual([97, 98, 0, 0]);
    await run(file.truncate(0));
    expect(await run(file.size())).toBe(0);
    await run(file.close());
  });

  it("lists names of a folder only, and nothing of one that is not there", async () => {
    const { disk, run } = await make();
    await run(disk.makeDirectory("one/two"));
    for (const path of ["top", "one/a", "one/two/b"]) await run((await run(disk.open(path))).close());
    expect([...(await run(disk.list("")))].sort()).toEqual(["one", "top"]);
    expect([...(await run(disk.list("one")))].sort()).toEqual(["a", "two"]);
    expect(await run(disk.list("nowhere"))).toEqual([]);
  });

  it("says undefined for a file that is not there", async () => {
    const { disk, run } = await make();
    expect(await run(disk.read("none"))).toBeUndefined();
  });

  it("renames over an existing file", async () => {
    const { disk, run } = await make();
    for (const [path, content] of [
      ["new", "new content"],
      ["old", "old"],
    ] as const) {
      const file = await run(disk.open(path));
      await run(file.write(0, bytes(content)));
      await run(file.close());
    }
    await run(disk.rename("new", "old"));
    await run(disk.syncDirectory(""));
    expect(text(await run(disk.read("old")))).toBe("new content");
    expect(await run(disk.read("new"))).toBeUndefined();
  });

  it("rejects a rename of nothing and a file in no folder", async () => {
    const { disk, run } = await make();
    await expect(run(disk.rename("none", "other"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(run(disk.open("nowhere/file"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("removes a file, without complaint if there is none", async () => {
    const { disk, run } = await make();
    await run((await run(disk.open("a"))).close());
    await run(disk.remove("a"));
    await run(disk.remove("a"));
    expect(await run(disk.list(""))).toEqual([]);
  });

  it("lets an open file be read after its name is gone", async () => {
    const { disk, run } = await make();
    const file = await run(disk.open("a"));
    await run(file.write(0, bytes("still here")));
    await run(disk.remove("a"));
    expect(text(await run(file.read(0, 100)))).toBe("still here");
    await run(file.close());
  });

  it("does not keep the caller's buffer", async () => {
    const { disk, run } = await make();
    const file = await run(disk.open("a"));
    const buffer = bytes("before");
    await run(file.write(0, buffer));
    buffer.fill(0);
    expect(text(await run(file.read(0, 10)))).toBe("before");
    await run(file.close());
  });

  it("makes a folder that is already there", async () => {
    const { disk, run } = await make();
    await run(disk.makeDirectory("one/two"));
    await run(disk.makeDirectory("one/two"));
    expect(await run(disk.list("one"))).toEqual(["two"]);
  });
});

describe("the real disk", () => {
  it("cannot be led out of its folder", async () => {
    const { disk } = await realDisk();
    expect(() => disk.read("../outside")).toThrow("leads out");
  });
});

// Volumes as folders of a real file system: whatever tasks have left in one goes with it, and nothing outside of it.
import { constants } from "node:fs";
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { folderVolumes } from "../../../src/agents/edge/volumes.ts";
import type { VolumeMount } from "../../../src/agents/runtime.ts";
import { mountPoints } from "../../../src/agents/runtimes/mount-points.ts";
import { linkVolumes, prepareVolumes } from "../../../src/agents/runtimes/volumes.ts";

const PLACE = { path: "volumes/roles/eng ads/v1", mounted: false };

let work: string;
let outside: string;
let folder: string;

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "tepui-volumes-"));
  work = join(root, "work");
  outside = join(root, "outside");
  folder = join(work, PLACE.path);
  await mkdir(outside);
  await writeFile(join(outside, "file"), "outside");
});

afterEach(() => rm(join(work, ".."), { recursive: true, force: true }));

describe("a volume", () => {
  test("is made with its parents; making it again leaves what is in it", async () => {
    const volumes = folderVolumes(work);
    await volumes.make(PLACE);
    await writeFile(join(folder, "file"), "data");
    await volumes.make(PLACE);
    expect(await readFile(join(folder, "file"), "utf8")).toBe("data");
    expect(volumes.absolute(PLACE.path)).toBe(folder);
    expect(volumes.absolute("/mnt/disk/volumes/roles/r/v")).toBe("/mnt/disk/volumes/roles/r/v");
  });

  test("is not made where something else is", async () => {
    const volumes = folderVolumes(work);
    await mkdir(join(folder, ".."), { recursive: true });
    await symlink(outside, folder);
    await expect(volumes.make(PLACE)).rejects.toThrow("cannot make the persistent volume");
    await volumes.remove(PLACE);
    expect(await readdir(outside)).toEqual(["file"]);
    await writeFile(folder, "");
    await expect(volumes.make(PLACE)).rejects.toThrow("cannot make the persistent volume");
  });

  test("may lie below a link that the operator has laid", async () => {
    await symlink(outside, join(work, "..", "disk"));
    const place = { path: join(work, "..", "disk", "volumes/roles/r/v"), mounted: false };
    await folderVolumes(work).make(place);
    expect((await stat(join(outside, "volumes/roles/r/v"))).isDirectory()).toBe(true);
  });

  test("is removed with all that is in it; removing it again is no error", async () => {
    const volumes = folderVolumes(work);
    await volumes.make(PLACE);
    await mkdir(join(folder, "a/b/c"), { recursive: true });
    for (const name of ["x", "a/x", "a/b/x", "a/b/c/x"]) await writeFile(join(folder, name), "data");
    await volumes.remove(PLACE);
    await volumes.remove(PLACE);
    expect(await readdir(join(folder, ".."))).toEqual([]);
  });

  test("takes no file with it to which a link leads, wherever the link is", async () => {
    const volumes = folderVolumes(work);
    await volumes.make(PLACE);
    await mkdir(join(folder, "deep/er"), { recursive: true });
    for (const name of ["link", "deep/link", "deep/er/link"]) await symlink(outside, join(folder, name));
    await symlink(join(outside, "file"), join(folder, "deep/file"));
    await volumes.remove(PLACE);
    expect(await readFile(join(outside, "file"), "utf8")).toBe("outside");
    expect(await readdir(join(folder, ".."))).toEqual([]);
  });

  test("is removed although its tree is deeper than a path may be long", async () => {
    const volumes = folderVolumes(work);
    await volumes.make(PLACE);
    await makeDeep(folder, 60);
    await volumes.remove(PLACE);
    expect(await readdir(join(folder, ".."))).toEqual([]);
  });

  test("is removed although names in it are no texts, or those that the removal itself uses", async () => {
    const volumes = folderVolumes(work);
    await volumes.make(PLACE);
    const strange = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe, 0x80])]);
    await mkdir(strange);
    await writeFile(Buffer.concat([strange, Buffer.from([0x2f, 0xc3])]), "data");
    await writeFile(join(folder, ".tepui-removed-0"), "data");
    await mkdir(join(folder, ".tepui-removed-1/x"), { recursive: true });
    await mkdir(join(folder, "a/b/c/d"), { recursive: true });
    await volumes.remove(PLACE);
    expect(await readdir(join(folder, ".."))).toEqual([]);
  });

  test("that is a disk of its own is neither made nor emptied where no disk is mounted", async () => {
    const volumes = folderVolumes(work);
    const place = { path: outside, mounted: true };
    await expect(volumes.make(place)).rejects.toThrow("no disk is mounted there");
    await expect(volumes.remove(place)).rejects.toThrow("no disk is mounted there");
    expect(await readdir(outside)).toEqual(["file"]);
  });
});

describe("links for a task", () => {
  const mount = (target: string, more: Partial<VolumeMount> = {}): VolumeMount => ({
    source: outside,
    mounted: false,
    target,
    readOnly: false,
    owned: true,
    ...more,
  });

  test("are in the sandbox, below folders if need be", async () => {
    await mkdir(work);
    await linkVolumes(work, [mount("data"), mount("a/b/data")], undefined);
    for (const path of ["data", "a/b/data"]) expect(await readlink(join(work, path))).toBe(outside);
  });

  test("are not laid through a link, nor over something that is there", async () => {
    await mkdir(work);
    await symlink(outside, join(work, "a"));
    await writeFile(join(work, "data"), "mine");
    for (const target of ["a/data", "a/b/data", "data"]) {
      await expect(linkVolumes(work, [mount(target)], undefined)).rejects.toMatchObject({
        code: "volume-unavailable",
      });
    }
    expect(await readdir(outside)).toEqual(["file"]);
    expect(await readFile(join(work, "data"), "utf8")).toBe("mine");
  });

  test("need a volume that is there, and a disk that is mounted", async () => {
    const missing = mount("data", { source: join(outside, "no") });
    await expect(prepareVolumes([missing], undefined)).rejects.toMatchObject({ code: "volume-unavailable" });
    const unmounted = mount("data", { mounted: true });
    await expect(prepareVolumes([unmounted], undefined)).rejects.toThrow("no disk is mounted there");
    await prepareVolumes([mount("data")], undefined);
  });
});

test("mount points are read as the kernel writes them", () => {
  const text = [
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "36 22 8:17 / /mnt/a\\040disk rw - xfs /dev/sdb1 rw",
    "",
  ].join("\n");
  expect([...mountPoints(text)]).toEqual(expect.arrayContaining(["/", "/mnt/a disk"]));
});

/** Each level has a name of the greatest length, and a file. */
async function makeDeep(path: string, levels: number): Promise<void> {
  const name = "d".repeat(200);
  let above = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  for (let level = 0; level < levels; level++) {
    const here = `/proc/self/fd/${above.fd}`;
    await writeFile(`${here}/file`, "data");
    await mkdir(`${here}/${name}`);
    const next = await open(`${here}/${name}`, constants.O_RDONLY | constants.O_DIRECTORY);
    await above.close();
    above = next;
  }
  await above.close();
}

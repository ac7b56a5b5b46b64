// Cgroups on disk: creating them with limits, finding and ending what runs in them, counting out-of-memory kills,
// removing them. Paths handed around are the absolute folders, one per hierarchy.
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ContainerLimits } from "../runtime.ts";
import { findHierarchies, type Hierarchy, parseCgroupMounts } from "./cgroup-mounts.ts";
import { settingsFor } from "./cgroup-settings.ts";

/** The hierarchies of this machine that hold a controller we use; empty where there are no cgroups. */
export async function detectHierarchies(): Promise<readonly Hierarchy[]> {
  const mountinfo = await readText("/proc/self/mountinfo");
  const unified = new Map<string, string>();
  for (const { type, path } of parseCgroupMounts(mountinfo)) {
    if (type === "cgroup2") unified.set(path, await readText(join(path, "cgroup.controllers")));
  }
  return findHierarchies(mountinfo, (mount) => unified.get(mount) ?? "");
}

/**
 * Creates the folder above containers' cgroups in a hierarchy. Rejects where that is not permitted.
 * @param parent relative path, such as `tepui/1f00`
 */
export async function prepareParent(hierarchy: Hierarchy, parent: string): Promise<void> {
  let folder = hierarchy.mount;
  for (const part of parent.split("/")) {
    if (hierarchy.version === 2) await delegate(folder, hierarchy);
    folder = join(folder, part);
    await mkdir(folder, { recursive: true });
  }
  if (hierarchy.version === 2) await delegate(folder, hierarchy);
}

/** Version 2 gives a child only the controllers that its parent hands down. */
async function delegate(folder: string, hierarchy: Hierarchy): Promise<void> {
  const enabled = (await readText(join(folder, "cgroup.subtree_control"))).trim().split(" ");
  const missing = hierarchy.controllers.filter((name) => !enabled.includes(name));
  if (missing.length === 0) return;
  await writeFile(join(folder, "cgroup.subtree_control"), missing.map((name) => `+${name}`).join(" "));
}

/** Creates a cgroup with limits in each hierarchy. On failure nothing is left. @returns the folders */
export async function createCgroups(
  hierarchies: readonly Hierarchy[],
  path: string,
  limits: ContainerLimits,
): Promise<readonly string[]> {
  const folders = hierarchies.map((hierarchy) => join(hierarchy.mount, path));
  try {
    for (const hierarchy of hierarchies) await createCgroup(hierarchy, join(hierarchy.mount, path), limits);
  } catch (error) {
    await removeCgroups(folders).catch(() => undefined);
    throw error;
  }
  return folders;
}

async function createCgroup(hierarchy: Hierarchy, folder: string, limits: ContainerLimits): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const setting of settingsFor(hierarchy, limits)) {
    const written = writeFile(join(folder, setting.file), setting.value, { flag: "r+" });
    await (setting.optional ? written.catch(() => undefined) : written);
  }
}

/** Ids of the processes in the cgroups and the cgroups below them. */
export async function cgroupMembers(folders: readonly string[]): Promise<readonly number[]> {
  const members = new Set<number>();
  for (const folder of folders) {
    for (const path of await withChildren(folder)) {
      const text = await readText(join(path, "cgroup.procs"));
      for (const line of text.split("\n")) if (line !== "") members.add(Number(line));
    }
  }
  return [...members];
}

/** How many processes the kernel has killed in them for want of memory; 0 where it does not tell. */
export async function outOfMemoryKills(folders: readonly string[]): Promise<number> {
  let kills = 0;
  for (const folder of folders) {
    for (const file of ["memory.events", "memory.oom_control"]) {
      const match = /^oom_kill (\d+)$/m.exec(await readText(join(folder, file)));
      kills += match === null ? 0 : Number(match[1]);
    }
  }
  return kills;
}

/** Removes the cgroups and those below them; no error if they are gone. Rejects with EBUSY while a process is in one. */
export async function removeCgroups(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const path of (await withChildren(folder)).reverse()) await removeFolder(path);
  }
}

async function removeFolder(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** The folder and every one below it, parents first. */
async function withChildren(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  const below = await Promise.all(folders.map(withChildren));
  return [folder, ...below.flat()];
}

/** Removes the folder above containers' cgroups where it is empty; runc makes it in hierarchies that we do not use, too. */
export async function removeEmptyParents(parent: string): Promise<void> {
  for (const mount of parseCgroupMounts(await readText("/proc/self/mountinfo"))) {
    const folder = join(mount.path, parent);
    await rmdir(folder).catch(() => undefined);
    await rmdir(dirname(folder)).catch(() => undefined);
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, "latin1").catch(() => "");
}

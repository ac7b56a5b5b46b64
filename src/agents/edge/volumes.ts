// Persistent volumes as folders of the host (RV08, RV09).
import { constants } from "node:fs";
import { lstat, mkdir, open, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Volumes } from "../ports.ts";
import { isMountPoint } from "../runtimes/mount-points.ts";
import { emptyFolder, hasCode } from "./empty-folder.ts";

const FOLDER_MODE = 0o755;
/** `volumes/roles/<role>/<id>` */
const FOLDERS_OF_VOLUME = 4;

/** @param workFolder the agent's */
export function folderVolumes(workFolder: string): Volumes {
  const absolute = (path: string) => resolve(workFolder, path);
  return {
    absolute,
    make: ({ path, mounted }) => {
      const folder = absolute(path);
      const work = () => (mounted ? expectDisk(folder) : makeVolume(folder));
      return saying(`cannot make the persistent volume at ${folder}`, work);
    },
    remove: ({ path, mounted }) => {
      const folder = absolute(path);
      const work = () => (mounted ? emptyDisk(folder) : removeVolume(folder));
      return saying(`cannot remove the persistent volume at ${folder}`, work);
    },
  };
}

async function saying(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Synced also where it was there already: a crash may have come between the making of it and that. */
async function makeVolume(folder: string): Promise<void> {
  await makeParents(dirname(folder));
  await mkdir(folder, { mode: FOLDER_MODE }).catch(async (error: unknown) => {
    if (!hasCode(error, "EEXIST") || !(await lstat(folder)).isDirectory()) throw error;
  });
  let above = folder;
  for (let level = 0; level < FOLDERS_OF_VOLUME; level++) {
    above = dirname(above);
    await syncFolder(above);
  }
}

/** Among them may be links that the operator has laid. */
async function makeParents(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined) return;
  await makeParents(dirname(folder));
  await mkdir(folder, { mode: FOLDER_MODE }).catch((error: unknown) => {
    if (!hasCode(error, "EEXIST")) throw error;
  });
}

/** Without it, data would go to the file system below, and be out of sight once it is mounted again. */
async function expectDisk(folder: string): Promise<void> {
  if (!(await isMountPoint(folder))) throw new Error("no disk is mounted there");
}

async function emptyDisk(folder: string): Promise<void> {
  await expectDisk(folder);
  await emptyFolder(folder);
}

async function removeVolume(folder: string): Promise<void> {
  const found = await lstat(folder).catch((error: unknown) => {
    if (!hasCode(error, "ENOENT", "ENOTDIR")) throw error;
  });
  if (found === undefined) return;
  if (found.isDirectory()) {
    await emptyFolder(folder);
    await rmdir(folder);
  } else await unlink(folder);
  await syncFolder(dirname(folder));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

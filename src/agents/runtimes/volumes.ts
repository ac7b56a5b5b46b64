// Persistent volumes at the launch of a container: that they are there, whose they are, and links to them for plain
// processes. A sandbox and a volume may be full of what tasks have left: no link in them is followed.
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readlink, symlink, unlink } from "node:fs/promises";
import { RuntimeFailure, type VolumeMount } from "../runtime.ts";
import type { Account } from "./accounts.ts";
import { isMountPoint } from "./mount-points.ts";

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const FOLDER_MODE = 0o755;

/**
 * Gives volumes to the user of the container; root needs none of that.
 * @throws RuntimeFailure for one that is not there
 */
export async function prepareVolumes(
  volumes: readonly VolumeMount[] | undefined,
  account: Account | undefined,
): Promise<void> {
  for (const volume of volumes ?? []) {
    await withReason(volume, async () => {
      if (volume.mounted && !(await isMountPoint(volume.source))) throw new Error("no disk is mounted there");
      const folder = await open(volume.source, FOLDER_FLAGS);
      try {
        if (volume.owned && account !== undefined && account.uid !== 0)
          await folder.chown(account.uid, account.gid);
      } finally {
        await folder.close();
      }
    });
  }
}

/** @param owner of folders on the way from the sandbox to the links */
export async function linkVolumes(
  sandbox: string,
  volumes: readonly VolumeMount[] | undefined,
  owner: Account | undefined,
): Promise<void> {
  for (const volume of volumes ?? []) {
    const parts = volume.target.split("/");
    const name = parts.pop() ?? "";
    await withReason(volume, async () => {
      const folder = await openBelow(sandbox, parts, owner);
      try {
        await link(volume.source, `${pathOf(folder)}/${name}`);
      } finally {
        await folder.close();
      }
    });
  }
}

/** A link that an earlier volume has left in an executor's sandbox makes room; anything else does not. */
async function link(source: string, path: string): Promise<void> {
  try {
    await symlink(source, path);
  } catch (error) {
    const there = await readlink(path).catch(() => null);
    if (there === source) return;
    if (there === null) throw error;
    await unlink(path);
    await symlink(source, path);
  }
}

/** Makes what is missing. Each step is taken from the folder before it, which is held open. */
async function openBelow(
  root: string,
  parts: readonly string[],
  owner: Account | undefined,
): Promise<FileHandle> {
  let folder = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  for (const part of parts) {
    const above = folder;
    try {
      folder = await openOrMake(`${pathOf(above)}/${part}`, owner);
    } finally {
      await above.close();
    }
  }
  return folder;
}

async function openOrMake(path: string, owner: Account | undefined): Promise<FileHandle> {
  const isNew = await mkdir(path, { mode: FOLDER_MODE }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      return false;
    },
  );
  const folder = await open(path, FOLDER_FLAGS);
  if (isNew && owner !== undefined) await folder.chown(owner.uid, owner.gid);
  return folder;
}

function pathOf(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}`;
}

async function withReason({ source, target }: VolumeMount, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = `the persistent volume at ${source} cannot be used as ${target}: ${reason}`;
    throw new RuntimeFailure("volume-unavailable", text, { cause: error });
  }
}

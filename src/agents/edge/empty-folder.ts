// Empties a folder that somebody else has filled: links, names that change while we look, trees of any depth. Everything
// is done relative to folders that are held open, and no link is followed.
import { constants } from "node:fs";
import { type FileHandle, open, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { VOLUME_EMPTYING_ROUNDS_MAX } from "../limits.ts";

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A folder that is moved up to be emptied gets this name and a number. */
const MOVED_PREFIX = ".tepui-removed-";

/**
 * A folder in it is emptied by moving its folders up here, so that no more than two are open, however deep the tree is, and
 * no path is walked. What is left after a failure can be removed by another call. Durable when it resolves.
 */
export async function emptyFolder(path: string): Promise<void> {
  const top = await open(path, FOLDER_FLAGS);
  try {
    const emptying = { top, device: (await top.stat()).dev, moved: 0 };
    for (let round = 0; (await readdir(folderPath(top))).length > 0; round++) {
      const removed = await removeEntries(emptying, top);
      if (removed === 0 || round >= VOLUME_EMPTYING_ROUNDS_MAX)
        throw new Error("something in it cannot be removed");
    }
    await top.sync();
  } finally {
    await top.close();
  }
}

interface Emptying {
  readonly top: FileHandle;
  /** Nothing on another device is touched: it is mounted here and somebody else's. */
  readonly device: number;
  moved: number;
}

/** Names are bytes: not every one is a text. @returns how many were removed or moved */
async function removeEntries(emptying: Emptying, folder: FileHandle): Promise<number> {
  let removed = 0;
  for (const name of await readdir(folderPath(folder), { encoding: "buffer" })) {
    const path = Buffer.concat([Buffer.from(`${folderPath(folder)}/`), name]);
    if (await removeEntry(emptying, folder, path)) removed++;
  }
  return removed;
}

async function removeEntry(emptying: Emptying, folder: FileHandle, path: Buffer): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    if (!hasCode(error, "EISDIR", "EPERM")) throw error;
    return folder === emptying.top ? await removeFolder(emptying, path, error) : await moveUp(emptying, path);
  }
}

/** @param asFile why it could not be removed as a file */
async function removeFolder(emptying: Emptying, path: Buffer, asFile: unknown): Promise<boolean> {
  const folder = await open(path, FOLDER_FLAGS).catch((error: unknown) => {
    throw hasCode(error, "ENOTDIR", "ELOOP") ? asFile : error;
  });
  try {
    if ((await folder.stat()).dev !== emptying.device) throw new Error("something is mounted in it");
    await removeEntries(emptying, folder);
  } finally {
    await folder.close();
  }
  await rmdir(path);
  return true;
}

async function moveUp(emptying: Emptying, path: Buffer): Promise<boolean> {
  for (;;) {
    const to = `${folderPath(emptying.top)}/${MOVED_PREFIX}${emptying.moved++}`;
    try {
      await rename(path, to);
      return true;
    } catch (error) {
      // A name that the task has used, or one that is left of an earlier call.
      if (!hasCode(error, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw error;
    }
  }
}

/** The opened folder itself, wherever it has been moved. */
function folderPath(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}`;
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

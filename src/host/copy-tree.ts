// Copies a log's folder before something is changed in it. What is written to is copied; the rest never changes and is
// linked, where the file system can.
import { copyFile, link, mkdir, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Files that nothing writes to once they have their name. */
const CONSTANT = /\.(snap|zst|gz|damaged)$/;
/** Another device, a file system without hard links, or no more of them for this file. */
const NO_LINK: ReadonlySet<unknown> = new Set([
  "EXDEV",
  "EPERM",
  "EMLINK",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
]);

/** Durable when it resolves; `to` must not be there yet. @param linkFile another one only in tests */
export async function copyTree(from: string, to: string, linkFile: typeof link = link): Promise<void> {
  await mkdir(to);
  for (const name of await readdir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if ((await stat(source)).isDirectory()) await copyTree(source, target, linkFile);
    else if (!CONSTANT.test(name) || !(await isLinked(source, target, linkFile))) {
      await copyDurably(source, target);
    }
  }
  const folder = await open(to, "r");
  await folder.sync();
  await folder.close();
}

async function isLinked(from: string, to: string, linkFile: typeof link): Promise<boolean> {
  try {
    await linkFile(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && NO_LINK.has(error.code)) return false;
    throw error;
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const file = await open(to, "r");
  await file.sync();
  await file.close();
}

// Which processes of this machine have to do with a folder: members of a cluster name it in their words, tasks work in
// it.
import { readdir, readFile, readlink } from "node:fs/promises";

/** Process ids and words, without those of the caller and of zombies. */
export async function processesOf(folder: string): Promise<readonly string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(ids.map((id) => wordsIfOf(id, folder)));
  return found.filter((words) => words !== undefined);
}

async function wordsIfOf(id: string, folder: string): Promise<string | undefined> {
  try {
    const words = (await readFile(`/proc/${id}/cmdline`, "utf8")).replaceAll("\0", " ").trim();
    const cwd = await readlink(`/proc/${id}/cwd`);
    return words.includes(folder) || cwd.startsWith(folder) ? `${id} ${words}` : undefined;
  } catch {
    // Ended meanwhile, or the kernel's own.
    return undefined;
  }
}

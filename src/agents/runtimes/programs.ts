// Finds the program of a command as execvp(3) would, so that a command that cannot run fails before anything of it
// is started.
import { access, constants, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Account } from "./accounts.ts";

/** What execvp(3) looks through when the environment has no PATH, and the administrator's folders. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The path to execute, or undefined if there is none that the account may execute. A name with a slash is taken
 * relative to the folder; an empty PATH entry means the folder too.
 * @param account undefined: this process's own
 */
export async function findProgram(
  name: string,
  path: string | undefined,
  folder: string,
  account: Account | undefined,
): Promise<string | undefined> {
  if (name === "") return undefined;
  const candidates = name.includes("/")
    ? [resolve(folder, name)]
    : (path ?? DEFAULT_PATH).split(":").map((entry) => resolve(folder, join(entry, name)));
  for (const candidate of candidates) {
    if (await isExecutable(candidate, account)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string, account: Account | undefined): Promise<boolean> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return false;
    if (account !== undefined) return mayExecute(found, account);
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The permission bits alone; what the folders above or access control lists forbid shows when the command starts. */
export function mayExecute(
  file: { readonly mode: number; readonly uid: number; readonly gid: number },
  account: Account,
): boolean {
  if (account.uid === 0) return (file.mode & 0o111) !== 0;
  if (file.uid === account.uid) return (file.mode & 0o100) !== 0;
  if (account.groups.includes(file.gid)) return (file.mode & 0o010) !== 0;
  return (file.mode & 0o001) !== 0;
}

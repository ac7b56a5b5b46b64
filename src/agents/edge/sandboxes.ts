// Sandboxes as folders of the host: created for the task's user, with the `latest` link beside them (SB01).
import { chown, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { assert } from "../../kernel/assert.ts";
import type { Sandboxes } from "../ports.ts";
import { RuntimeFailure } from "../runtime.ts";
import { findAccount } from "../runtimes/accounts.ts";

const FOLDER_MODE = 0o755;

/** @param workFolder the agent's; made if it is not there */
export function folderSandboxes(workFolder: string): Sandboxes {
  const root = resolve(workFolder);
  const absolute = (relativePath: string): string => {
    const path = resolve(root, relativePath);
    assert(path.startsWith(`${root}/`), "a sandbox lies in the work folder", { relativePath });
    return path;
  };
  return {
    absolute,
    create: (relativePath, user) => create(absolute(relativePath), user),
    remove: (relativePath) => rm(absolute(relativePath), { recursive: true, force: true }),
  };
}

async function create(path: string, user: string | null): Promise<string> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (user !== null && process.getuid?.() === 0) await giveTo(path, user);
  await pointLatest(path);
  return path;
}

/** A user that only the image knows keeps the folder as it is: the runtime says whether such a user exists. */
async function giveTo(path: string, user: string): Promise<void> {
  const [passwd, group] = await Promise.all([textOf("/etc/passwd"), textOf("/etc/group")]);
  const account = findAccount(user, passwd, group);
  if (account !== undefined) await chown(path, account.uid, account.gid);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new RuntimeFailure("launch-failed", `cannot read ${path}`, { cause: error });
  }
}

async function pointLatest(path: string): Promise<void> {
  const draft = join(dirname(path), `.latest-${basename(path)}`);
  await rm(draft, { force: true });
  await symlink(path, draft);
  await rename(draft, join(dirname(path), "latest"));
}

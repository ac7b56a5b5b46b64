// Resolves a user by the account files of an image: reads them out of the folders that a snapshot's mounts name, so
// nothing has to be mounted for it.
import { type FileHandle, lstat, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RuntimeFailure } from "../../runtime.ts";
import { type Account, findAccount } from "../accounts.ts";
import { MAX_ACCOUNT_FILE_BYTES } from "../limits.ts";
import type { Mount } from "./methods.ts";

/** Rejects with a RuntimeFailure "unknown-user". @param user empty: root */
export async function resolveUser(user: string, image: string, mounts: readonly Mount[]): Promise<Account> {
  if (user === "" || user === "root") return { uid: 0, gid: 0, groups: [0] };
  const layers = layersOf(mounts);
  const [passwd, group] = await Promise.all([readTop(layers, "etc/passwd"), readTop(layers, "etc/group")]);
  const account = findAccount(user, passwd, group);
  if (account !== undefined) return account;
  const reason = `the image ${image} has no user "${user}" in /etc/passwd`;
  throw new RuntimeFailure("unknown-user", `${reason}; give a numeric id or a user that it has`);
}

/** Folders of a snapshot, topmost first: those of an overlay, or the one that is bound. */
export function layersOf(mounts: readonly Mount[]): readonly string[] {
  return mounts.flatMap((mount) => {
    if (mount.type !== "overlay") return [mount.source];
    const value = (name: string) =>
      mount.options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
    const upper = value("upperdir");
    return [...(upper === undefined ? [] : [upper]), ...(value("lowerdir")?.split(":") ?? [])];
  });
}

/** The file as the topmost layer has it that has it at all; a whiteout there means that it was deleted. */
async function readTop(layers: readonly string[], path: string): Promise<string> {
  for (const layer of layers) {
    const found = await lstat(join(layer, path)).catch(() => undefined);
    if (found === undefined) continue;
    // A link could lead out of the image.
    return found.isFile() && found.size <= MAX_ACCOUNT_FILE_BYTES
      ? await readFile(join(layer, path), "latin1")
      : "";
  }
  return "";
}

/** Creates an output file for appending, owned by the user. */
export async function prepareOutput(path: string, owner: Account): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "a", 0o644);
    await file.chown(owner.uid, owner.gid);
  } catch (error) {
    throw new RuntimeFailure("launch-failed", `cannot write ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    await file?.close();
  }
}

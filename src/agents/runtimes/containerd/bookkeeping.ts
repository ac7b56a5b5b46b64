// What the containerd runtime keeps on its own about a container: that a launch was begun, that it got as far as
// running, and how it ended. The rest is in containerd. One small file per container, replaced atomically.
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asId, type ContainerId } from "../../../kernel/ids.ts";

export type ContainerBook =
  | { readonly stage: "launching" }
  | { readonly stage: "running"; readonly pid: number }
  | {
      readonly stage: "ended";
      readonly pid: number;
      readonly waitStatus: number;
      readonly outOfMemory: boolean;
    };

export interface Bookkeeping {
  /** False if there is a book of that id already. */
  create(id: ContainerId): Promise<boolean>;
  write(id: ContainerId, book: ContainerBook): Promise<void>;
  read(id: ContainerId): Promise<ContainerBook | undefined>;
  remove(id: ContainerId): Promise<void>;
  list(): Promise<readonly ContainerId[]>;
}

const SUFFIX = ".json";

/** @param directory absolute path; made if it is not there */
export async function openBookkeeping(directory: string): Promise<Bookkeeping> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const pathOf = (id: ContainerId) => join(directory, `${id}${SUFFIX}`);
  return {
    create: (id) => createBook(pathOf(id)),
    write: async (id, book) => {
      await writeFile(`${pathOf(id)}.tmp`, JSON.stringify(book));
      await rename(`${pathOf(id)}.tmp`, pathOf(id));
    },
    read: (id) => readBook(pathOf(id)),
    remove: (id) => rm(pathOf(id), { force: true }),
    list: async () =>
      (await readdir(directory))
        .filter((name) => name.endsWith(SUFFIX))
        .map((name) => asId<ContainerId>(name.slice(0, -SUFFIX.length))),
  };
}

async function createBook(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function readBook(path: string): Promise<ContainerBook | undefined> {
  try {
    const text = await readFile(path, "utf8");
    return text === "" ? { stage: "launching" } : (JSON.parse(text) as ContainerBook);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

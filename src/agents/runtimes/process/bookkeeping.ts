// What the process runtime keeps about a task, in one folder per container: `launch.json` (written before anything
// runs), `run.sh` (the shim), `started` and `exit` (written by the shim). An agent that starts anew reads it back.
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerId } from "../../../kernel/ids.ts";
import { asId } from "../../../kernel/ids.ts";
import { type ProcessIdentity, parseStat } from "../proc.ts";

export interface LaunchRecord {
  readonly version: 1;
  /** Boot of the machine in which it was launched: after another one nothing of it can be running. */
  readonly bootId: string;
  readonly cgroups: readonly string[];
}

export interface StartedRecord {
  /** Leader of the task's session; becomes the command. */
  readonly command: ProcessIdentity;
  readonly shim: ProcessIdentity;
}

export interface Bookkeeping {
  folderOf(id: ContainerId): string;
  /** Makes the container's folder. False if there is one already. */
  create(id: ContainerId, record: LaunchRecord, script: string): Promise<boolean>;
  readLaunch(id: ContainerId): Promise<LaunchRecord | undefined>;
  readStarted(id: ContainerId): Promise<StartedRecord | undefined>;
  /** The code that the shim left, 0 to 255. */
  readExit(id: ContainerId): Promise<number | undefined>;
  remove(id: ContainerId): Promise<void>;
  list(): Promise<readonly ContainerId[]>;
}

const REMOVE_RETRIES = 5;
const REMOVE_RETRY_MS = 20;

/** @param directory absolute path; made if it is not there */
export async function openBookkeeping(directory: string): Promise<Bookkeeping> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const pathOf = (id: ContainerId, name: string) => join(directory, id, name);
  return {
    folderOf: (id) => join(directory, id),
    create: (id, record, script) => createFolder(join(directory, id), record, script),
    readLaunch: async (id) => parseLaunch(await readText(pathOf(id, "launch.json"))),
    readStarted: async (id) => parseStarted(await readText(pathOf(id, "started"))),
    readExit: async (id) => parseExit(await readText(pathOf(id, "exit"))),
    remove: (id) => removeFolder(join(directory, id)),
    list: async () => (await readdir(directory)).map((name) => asId<ContainerId>(name)),
  };
}

async function createFolder(folder: string, record: LaunchRecord, script: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  await writeFile(join(folder, "run.sh"), script, { mode: 0o600 });
  await writeFile(join(folder, "launch.tmp"), JSON.stringify(record), { mode: 0o600 });
  await rename(join(folder, "launch.tmp"), join(folder, "launch.json"));
  return true;
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, {
    recursive: true,
    force: true,
    maxRetries: REMOVE_RETRIES,
    retryDelay: REMOVE_RETRY_MS,
  });
}

function parseLaunch(text: string | undefined): LaunchRecord | undefined {
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as LaunchRecord;
  return record.version === 1 ? record : undefined;
}

/** Two lines of /proc/<pid>/stat: the command's and the shim's. Without its last line break it is not whole. */
export function parseStarted(text: string | undefined): StartedRecord | undefined {
  if (text === undefined || !text.endsWith("\n")) return undefined;
  const [first = "", second = ""] = text.split("\n");
  const [command, shim] = [parseStat(first), parseStat(second)];
  return command === undefined || shim === undefined
    ? undefined
    : {
        command: { pid: command.pid, startTicks: command.startTicks },
        shim: { pid: shim.pid, startTicks: shim.startTicks },
      };
}

export function parseExit(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,3}\n$/.test(text) ? Number.parseInt(text, 10) : undefined;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

// One process at a time may write to a data folder. The lock is the kernel's (flock on an open file), so it ends with
// its holder, whichever way that dies, and with the machine. Node has no call for it: util-linux' or busybox' `flock`
// takes it on our open file, and it stays ours. Without that program the file names its holder by process id, start
// time and boot id, and counts for nothing once there is no such process.
import { spawn } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

export interface FolderLock {
  release(): Promise<void>;
}

/** Another process writes to the folder. */
export class FolderInUse extends Error {
  /** @param file that names a holder, if that is all there is of the lock */
  constructor(folder: string, holder: Holder | null, file?: string) {
    const stale = file === undefined ? "" : `. If it is known to be gone for good, remove ${file}`;
    const who = holder === null ? "another process" : `process ${holder.pid} of ${holder.host}`;
    super(
      `${folder} is in use by ${who}${holder === null ? "" : `, since ${holder.since}`}. Stop that process first, or ` +
        `give this one a folder of its own; two processes must never write to the same one${stale}`,
    );
    this.name = "FolderInUse";
  }
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Clock ticks between the machine's start and the process's; null where /proc does not tell. */
  readonly startTicks: string | null;
  readonly bootId: string | null;
  readonly since: string;
}

export interface LockOptions {
  /** The program that takes the lock; another one only in tests. */
  readonly program?: string;
}

const LOCK_FILE = "lock";
const HOLDER_FILE = "lock.holder";

/** Makes the folder if it is not there. @throws FolderInUse */
export async function lockFolder(folder: string, options: LockOptions = {}): Promise<FolderLock> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, LOCK_FILE);
  // A plain descriptor: a FileHandle that nobody refers to would be closed, and the lock with it.
  const file = openSync(path, "a+");
  const taken = await flock(file, options.program ?? "flock");
  if (taken === "held") {
    closeSync(file);
    throw new FolderInUse(folder, await readHolder(path));
  }
  if (taken === "taken") {
    ftruncateSync(file);
    writeSync(file, JSON.stringify(await ownHolder()));
    return { release: async () => closeSync(file) };
  }
  closeSync(file);
  return lockByName(folder);
}

/** "unknown": there is no such program, or it could not do it. */
function flock(file: number, program: string): Promise<"taken" | "held" | "unknown"> {
  return new Promise((resolve) => {
    const child = spawn(program, ["-n", "-x", "3"], { stdio: ["ignore", "ignore", "ignore", file] });
    child.once("error", () => resolve("unknown"));
    child.once("exit", (code) => resolve(code === 0 ? "taken" : code === 1 ? "held" : "unknown"));
  });
}

async function lockByName(folder: string): Promise<FolderLock> {
  const path = join(folder, HOLDER_FILE);
  const own = JSON.stringify(await ownHolder());
  const held = await readHolder(path);
  if (held !== null) {
    if (await isAlive(held)) throw new FolderInUse(folder, held, path);
    await removeStale(folder, path, held);
  }
  try {
    await writeFile(path, own, { flag: "wx" });
  } catch {
    throw new FolderInUse(folder, await readHolder(path), path);
  }
  return { release: () => rm(path, { force: true }) };
}

/** Two that start at once may both find it stale; whoever took away the other's new one gives it back. */
async function removeStale(folder: string, path: string, stale: Holder): Promise<void> {
  const away = `${path}.${process.pid}`;
  await rename(path, away).catch(() => undefined);
  const moved = await readHolder(away);
  if (moved !== null && moved.pid !== stale.pid) {
    await rename(away, path);
    throw new FolderInUse(folder, moved);
  }
  await rm(away, { force: true });
}

async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.host !== hostname()) return true;
  if (holder.bootId !== (await bootId())) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return holder.startTicks === (await startTicks(holder.pid));
}

async function ownHolder(): Promise<Holder> {
  return {
    pid: process.pid,
    host: hostname(),
    startTicks: await startTicks(process.pid),
    bootId: await bootId(),
    since: new Date().toISOString(),
  };
}

/** Null if the file is missing or holds something else. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null || !("pid" in value) || !("host" in value)) return null;
    return value as Holder;
  } catch {
    return null;
  }
}

async function bootId(): Promise<string | null> {
  return readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => null,
  );
}

/** Field 22 of /proc/PID/stat; the name before it, in parentheses, may hold anything. */
async function startTicks(pid: number): Promise<string | null> {
  return readFile(`/proc/${pid}/stat`, "utf8").then(
    (text) => text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null,
    () => null,
  );
}

// One process at a time may write to a data folder. The lock is the kernel's (flock on an open file), so it ends with
// its holder, whichever way that dies, and with the machine. Node has no call for it: util-linux' or busybox' `flock`
// takes it on our open file, and it stays ours. Without that program a file names its holder (lock-holder.ts), and
// counts for nothing once that process is gone. Each way says what it has before it looks for the other, so that a
// container with the program and one without do not both get the folder.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tracer } from "../kernel/ports.ts";
import { type Holder, isAlive, openBeacon, ownHolder, readHolder } from "./lock-holder.ts";

export interface FolderLock {
  /** "name": there is no `flock` program, so the lock is a file that names its holder. */
  readonly by: "kernel" | "name";
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
  if (taken === "taken") return lockedByKernel(folder, file);
  closeSync(file);
  return lockByName(folder);
}

async function lockedByKernel(folder: string, file: number): Promise<FolderLock> {
  const named = join(folder, HOLDER_FILE);
  ftruncateSync(file);
  writeSync(file, JSON.stringify(await ownHolder(null)));
  const release = async (): Promise<void> => {
    ftruncateSync(file);
    closeSync(file);
  };
  const other = await readHolder(named);
  if (other !== null && (await isAlive(folder, other))) {
    await release();
    throw new FolderInUse(folder, other, named);
  }
  await removeHolder(folder, named, other);
  return { by: "kernel", release };
}

/** For the long-lived: an operator had better install the program. */
export function sayHowLocked({ by }: FolderLock, folder: string, tracer: Tracer): void {
  if (by === "kernel") return;
  const reason = `there is no flock program (util-linux or busybox): ${folder} is locked by the file ${HOLDER_FILE} in it`;
  tracer.warn("folder locked by name", { reason });
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
  const held = await readHolder(path);
  if (held !== null) {
    if (await isAlive(folder, held)) throw new FolderInUse(folder, held, path);
    await removeStale(folder, path, held);
  }
  const beacon = await openBeacon(folder, `lock.${nonce()}.sock`);
  const release = async (): Promise<void> => {
    await rm(path, { force: true });
    await beacon.close();
  };
  try {
    await writeFile(path, JSON.stringify(await ownHolder(beacon.name)), { flag: "wx" });
  } catch {
    await beacon.close();
    throw new FolderInUse(folder, await readHolder(path), path);
  }
  const byKernel = join(folder, LOCK_FILE);
  const other = await readHolder(byKernel);
  if (other !== null && (await isAlive(folder, other))) {
    await release();
    throw new FolderInUse(folder, other, byKernel);
  }
  return { by: "name", release };
}

/** Two that start at once may both find it stale; whoever took away the other's new one gives it back. */
async function removeStale(folder: string, path: string, stale: Holder): Promise<void> {
  const away = `${path}.${nonce()}`;
  await rename(path, away).catch(() => undefined);
  const moved = await readHolder(away);
  if (moved !== null && JSON.stringify(moved) !== JSON.stringify(stale)) {
    await rename(away, path);
    throw new FolderInUse(folder, moved);
  }
  await removeHolder(folder, away, stale);
}

async function removeHolder(folder: string, path: string, holder: Holder | null): Promise<void> {
  await rm(path, { force: true });
  if (holder?.socket != null) await rm(join(folder, holder.socket), { force: true });
}

function nonce(): string {
  return randomBytes(8).toString("hex");
}

// Who holds a folder, as a file says it, and whether that process is still there: for where the kernel cannot be asked.
import { closeSync, openSync } from "node:fs";
import { readFile, readlink, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";

export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Clock ticks between the machine's start and the process's; null where /proc does not tell. */
  readonly startTicks: string | null;
  readonly bootId: string | null;
  /** In another one process ids mean other processes: containers. */
  readonly pidNamespace?: string | null;
  /** Name of a socket in the folder on which the holder listens. */
  readonly socket?: string | null;
  readonly since: string;
}

export async function ownHolder(socket: string | null): Promise<Holder> {
  return {
    pid: process.pid,
    host: hostname(),
    startTicks: await startTicks(process.pid),
    bootId: await bootId(),
    pidNamespace: await pidNamespace(),
    socket,
    since: new Date().toISOString(),
  };
}

/** Null if the file is missing or holds something else. */
export async function readHolder(path: string): Promise<Holder | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null || !("pid" in value) || !("host" in value)) return null;
    return value as Holder;
  } catch {
    return null;
  }
}

/** True also for one of which nothing can be known: on another machine, or in another container without a socket. */
export async function isAlive(folder: string, holder: Holder): Promise<boolean> {
  const own = await bootId();
  const isThisKernel = own === null ? holder.host === hostname() : holder.bootId === own;
  // The same machine before its last start, or another one.
  if (!isThisKernel) return holder.host !== hostname();
  if ((holder.pidNamespace ?? null) !== (await pidNamespace()))
    return holder.socket == null || (await isListening(folder, holder.socket));
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return holder.startTicks === (await startTicks(holder.pid));
}

/** While it is open, others on this kernel can see that its process lives, from whatever container. */
export interface Beacon {
  /** Null where the file system has no sockets. */
  readonly name: string | null;
  close(): Promise<void>;
}

export function openBeacon(folder: string, name: string): Promise<Beacon> {
  const at = addressOf(folder, name);
  const server = createServer((socket) => socket.destroy());
  const close = async (): Promise<void> => {
    server.close();
    await rm(join(folder, name), { force: true });
    at.release();
  };
  return new Promise((resolve) => {
    server.once("error", () => {
      at.release();
      resolve({ name: null, close: async () => undefined });
    });
    server.listen(at.path, () => resolve({ name, close }));
    // It holds no process up that has nothing else to do.
    server.unref();
  });
}

function isListening(folder: string, name: string): Promise<boolean> {
  const at = addressOf(folder, name);
  return new Promise((resolve) => {
    const socket = connect(at.path);
    const done = (isThere: boolean): void => {
      socket.destroy();
      at.release();
      resolve(isThere);
    };
    socket.once("connect", () => done(true));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      done(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

/** A socket's path may have some hundred bytes at most, a folder's many more: by its descriptor it is always short. */
function addressOf(folder: string, name: string): { readonly path: string; release(): void } {
  if (process.platform !== "linux") return { path: join(folder, name), release: () => undefined };
  const descriptor = openSync(folder, "r");
  return { path: `/proc/self/fd/${descriptor}/${name}`, release: () => closeSync(descriptor) };
}

async function bootId(): Promise<string | null> {
  return readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => null,
  );
}

async function pidNamespace(): Promise<string | null> {
  return readlink("/proc/self/ns/pid").catch(() => null);
}

/** Field 22 of /proc/PID/stat; the name before it, in parentheses, may hold anything. */
async function startTicks(pid: number): Promise<string | null> {
  return readFile(`/proc/${pid}/stat`, "utf8").then(
    (text) => text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null,
    () => null,
  );
}

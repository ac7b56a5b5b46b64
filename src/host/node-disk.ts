// The real disk: a folder of this machine's file system, by Node's fs/promises. `sync` is fdatasync.

import { constants, write } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { assert } from "../kernel/assert.ts";
import type { Disk, DiskFile } from "../kernel/ports.ts";

/** @param root the folder; made if it is not there. Paths cannot lead out of it. */
export function createNodeDisk(root: string): Disk {
  const top = resolve(root);
  return {
    list: (directory) => orIfMissing(readdir(within(top, directory)), []),
    read: (path) => orIfMissing(readFile(within(top, path)).then(plain), undefined),
    open: async (path) => nodeFile(within(top, path), await openOrCreate(within(top, path))),
    rename: (from, to) => rename(within(top, from), within(top, to)),
    remove: (path) => rm(within(top, path), { force: true }),
    makeDirectory: (directory) => makeDurableDirectory(within(top, directory)),
    syncDirectory: (directory) => syncDirectory(within(top, directory)),
  };
}

/** For tools: opens files for reading only, and only those that are there. */
export function createReadOnlyNodeDisk(root: string): Disk {
  const top = resolve(root);
  const openFile = async (path: string): Promise<DiskFile> => nodeFile(path, await open(path, "r"));
  return { ...createNodeDisk(root), open: (path) => openFile(within(top, path)) };
}

function nodeFile(path: string, handle: FileHandle): DiskFile {
  let durable: Promise<FileHandle> | undefined;
  return {
    size: async () => (await handle.stat()).size,
    read: (offset, length) => readFully(handle, offset, length),
    write: (offset, bytes) => writeFully(handle, offset, bytes),
    async writeDurably(offset, bytes) {
      durable ??= open(path, constants.O_RDWR | constants.O_DSYNC);
      await writeAt((await durable).fd, offset, bytes);
    },
    truncate: (size) => handle.truncate(size),
    sync: () => handle.datasync(),
    async close() {
      await (await durable)?.close();
      await handle.close();
    },
  };
}

/** "a+" would append whatever the offset, "r+" would not create, "w+" would empty. */
async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (!isMissing(error)) throw error;
    return open(path, "wx+");
  }
}

async function readFully(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** A single call may write less than it was given. */
async function writeFully(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, offset + written);
    written += bytesWritten;
  }
}

/** By callbacks: the writes on which every commit waits are spared the cost of FileHandle's promises. */
function writeAt(descriptor: number, offset: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const from = (written: number): void =>
      write(descriptor, bytes, written, bytes.length - written, offset + written, (error, count) => {
        if (error !== null) reject(error);
        else if (written + count < bytes.length) from(written + count);
        else resolve();
      });
    from(0);
  });
}

async function makeDurableDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  const stop = dirname(first);
  for (let each = dirname(path); each.length >= stop.length; each = dirname(each)) {
    await syncDirectory(each);
    if (each === stop) return;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function orIfMissing<Value, Otherwise>(
  action: Promise<Value>,
  otherwise: Otherwise,
): Promise<Value | Otherwise> {
  try {
    return await action;
  } catch (error) {
    if (isMissing(error)) return otherwise;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Node's Buffer is a Uint8Array whose `slice` does not copy: hand out one without that trap. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function within(top: string, path: string): string {
  const full = join(top, path);
  const inside = relative(top, full);
  assert(inside !== ".." && !inside.startsWith(`..${sep}`), "a path leads out of the disk", { path });
  return full;
}

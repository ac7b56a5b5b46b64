// Reads files of which the device may have lost a part. What it cannot read is treated as what it would be if it had read
// back wrong: damage, which peers make good. An error that says nothing of the medium (no descriptors, no permission) is
// none of this: it is thrown on.
import type { Disk, DiskFile } from "../kernel/ports.ts";
import { unreadablePieceBytes, unreadableTriesMax } from "./limits.ts";

/** Of Linux: the device, or the file system's own checksums, say that the bytes are not what was written. */
const mediumErrors: ReadonlySet<unknown> = new Set(["EIO", "EBADMSG", "EUCLEAN", "ENODATA"]);

export interface Salvaged {
  /** The whole file, with zeros in place of what could not be read. */
  readonly bytes: Uint8Array;
  /** The first place that could not be read, again and again; undefined if there is none. */
  readonly unreadable: { readonly offset: number; readonly why: string } | undefined;
}

export function isMediumError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && mediumErrors.has(error.code);
}

/** Undefined if there is no such file. */
export async function salvage(disk: Disk, path: string): Promise<Salvaged | undefined> {
  try {
    const bytes = await disk.read(path);
    return bytes === undefined ? undefined : { bytes, unreadable: undefined };
  } catch (error) {
    if (!isMediumError(error)) throw error;
    return salvageInPieces(disk, path, error);
  }
}

async function salvageInPieces(disk: Disk, path: string, first: Error): Promise<Salvaged> {
  const opened = await attempt(async () => {
    const file = await disk.open(path);
    return { file, bytes: await file.size() };
  });
  if (opened instanceof Error)
    return { bytes: new Uint8Array(0), unreadable: { offset: 0, why: first.message } };
  try {
    return await readPieces(opened.file, opened.bytes);
  } finally {
    await opened.file.close();
  }
}

async function readPieces(file: DiskFile, size: number): Promise<Salvaged> {
  const bytes = new Uint8Array(size);
  let unreadable: Salvaged["unreadable"];
  for (let offset = 0; offset < size; offset += unreadablePieceBytes) {
    const piece = await attempt(() => file.read(offset, Math.min(unreadablePieceBytes, size - offset)));
    if (piece instanceof Error) unreadable ??= { offset, why: piece.message };
    else bytes.set(piece, offset);
  }
  return { bytes, unreadable };
}

/** The medium's error if it comes every time. */
async function attempt<Value>(action: () => Promise<Value>): Promise<Value | Error> {
  for (let tries = 1; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (!isMediumError(error)) throw error;
      if (tries >= unreadableTriesMax) return error;
    }
  }
}

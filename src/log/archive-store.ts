// What is in a log's archive: segments that were compacted away and snapshots from which they can be replayed.
import type { Disk } from "../kernel/ports.ts";
import { LogDamage } from "./errors.ts";
import { hex16 } from "./format.ts";
import type { Compressor } from "./packed.ts";
import { unpack } from "./packed.ts";

export const archiveFolder = "archive";

export interface ArchivedFile {
  readonly kind: "segment" | "snapshot";
  readonly path: string;
  /** A segment's sequence, a snapshot's index. */
  readonly order: number;
  /** A segment's first index, a snapshot's term. */
  readonly detail: number;
  /** When it came into the archive: wall time, milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** Of the compressor, or "" while it is not compressed yet. */
  readonly suffix: string;
}

/** `<order>-<detail>-<since>.log` or `.snap`, 16 hex digits each, and the compressor's suffix. */
export function archivedName(file: Omit<ArchivedFile, "path">): string {
  const end = file.kind === "segment" ? "log" : "snap";
  return `${hex16(file.order)}-${hex16(file.detail)}-${hex16(file.sinceMs)}.${end}${file.suffix}`;
}

function parseArchivedName(directory: string, name: string): ArchivedFile | undefined {
  const parts = /^([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{16})\.(log|snap)(\.[a-z]+)?$/.exec(name);
  if (parts === null || parts[5] === ".tmp") return undefined;
  const [order = 0, detail = 0, sinceMs = 0] = parts.slice(1, 4).map((text) => Number.parseInt(text, 16));
  const kind = parts[4] === "log" ? "segment" : "snapshot";
  return { kind, path: `${directory}/${name}`, order, detail, sinceMs, suffix: parts[5] ?? "" };
}

/** Oldest first. A file that is there compressed and not is told once, as compressed. */
export async function listArchive(
  disk: Disk,
  logDirectory: string,
): Promise<{ readonly files: ArchivedFile[]; readonly superfluous: string[] }> {
  const directory = `${logDirectory}/${archiveFolder}`;
  const newest = new Map<string, ArchivedFile>();
  const superfluous: string[] = [];
  for (const name of await disk.list(directory)) {
    const file = parseArchivedName(directory, name);
    if (file === undefined) {
      if (name.endsWith(".tmp")) superfluous.push(`${directory}/${name}`);
      continue;
    }
    const key = `${file.kind}-${file.order}-${file.detail}`;
    const other = newest.get(key);
    const isBetter = other === undefined || other.suffix === "";
    if (other !== undefined) superfluous.push(isBetter ? other.path : file.path);
    if (isBetter) newest.set(key, file);
  }
  const files = [...newest.values()].sort((a, b) => a.order - b.order || a.detail - b.detail);
  return { files, superfluous };
}

/** The content of an archived file, as it was in the log. Undefined if it has gone away. Rejects with LogDamage. */
export async function readArchived(
  disk: Disk,
  { path, suffix }: ArchivedFile,
  compressors: readonly Compressor[],
): Promise<Uint8Array | undefined> {
  const bytes = await disk.read(path);
  if (bytes === undefined || suffix === "") return bytes;
  const compressor = compressors.find((each) => each.suffix === suffix);
  if (compressor === undefined)
    throw new LogDamage(
      path,
      0,
      `this program cannot read ${suffix} files`,
      "Use a newer version of Node.js",
    );
  const readAt = async (offset: number, length: number): Promise<Uint8Array> =>
    bytes.subarray(offset, offset + length);
  const pieces: Uint8Array[] = [];
  for await (const piece of unpack(path, readAt, compressor)) pieces.push(piece);
  return joined(pieces);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

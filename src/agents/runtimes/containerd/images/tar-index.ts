// Where the files are in a tar archive: reads headers only, so an archive of any size costs little memory. Knows the
// ustar format with GNU long names and pax paths and sizes, which is what image tools write.
import type { FileHandle } from "node:fs/promises";
import { MAX_ARCHIVE_ENTRIES } from "../../limits.ts";

export interface TarEntry {
  /** Bytes from the start of the archive. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

const BLOCK_BYTES = 512;
const MAX_EXTENSION_BYTES = 64 * 1024;

/** Regular files by name, without a leading "./". Throws an Error that says what is wrong with the archive. */
export async function indexTar(file: FileHandle): Promise<ReadonlyMap<string, TarEntry>> {
  const entries = new Map<string, TarEntry>();
  const { size: end } = await file.stat();
  let extension: Extension = {};
  for (let at = 0; at + BLOCK_BYTES <= end; ) {
    const header = parseHeader(await readExactly(file, at, BLOCK_BYTES));
    if (header === undefined) return entries;
    const size = extension.size ?? header.size;
    const offset = at + BLOCK_BYTES;
    if (offset + size > end) throw new Error("the archive is cut short");
    at = offset + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    if (EXTENSIONS.has(header.type)) {
      extension = { ...extension, ...(await readExtension(file, header.type, offset, size)) };
      continue;
    }
    const name = (extension.path ?? header.name).replace(/^\.\//, "");
    if (FILES.has(header.type)) entries.set(name, { offset, size });
    if (entries.size > MAX_ARCHIVE_ENTRIES) throw new Error(`more than ${MAX_ARCHIVE_ENTRIES} files`);
    extension = {};
  }
  return entries;
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

interface Extension {
  readonly path?: string;
  readonly size?: number;
}

const FILES = new Set(["0", "\0"]);
/** GNU long name, pax for the next entry, pax for all. */
const EXTENSIONS = new Set(["L", "x", "g"]);

/** Undefined for the block of zeros that ends an archive. */
function parseHeader(block: Buffer): Header | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (parseOctal(block.subarray(148, 156)) !== checksum(block)) throw new Error("it is not a tar archive");
  const prefix = block.toString("latin1", 257, 262) === "ustar" ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size: parseSize(block.subarray(124, 136)),
    type: String.fromCharCode(block[156] ?? 0),
  };
}

/** Sum of the bytes with the checksum field itself taken as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 32;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}

/** Octal digits, or GNU's big-endian binary marked by the highest bit. */
function parseSize(field: Buffer): number {
  const size = (field[0] ?? 0) & 0x80 ? Number(field.readBigUInt64BE(4)) : parseOctal(field);
  if (!Number.isSafeInteger(size)) throw new Error("a file in the archive has no size");
  return size;
}

function parseOctal(field: Buffer): number {
  const digits = text(field).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : 0;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.length : end);
}

async function readExtension(
  file: FileHandle,
  type: string,
  offset: number,
  size: number,
): Promise<Extension> {
  if (size > MAX_EXTENSION_BYTES) throw new Error("a header in the archive is too long");
  const bytes = await readExactly(file, offset, size);
  if (type === "L") return { path: text(bytes) };
  return type === "x" ? parsePax(bytes) : {};
}

/** Records `<length> <key>=<value>\n`, the length counting bytes of the whole record. */
export function parsePax(bytes: Buffer): Extension {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number.parseInt(bytes.toString("latin1", at, space), 10);
    if (space < 0 || !(length > 0) || at + length > bytes.length) throw new Error("a pax header is damaged");
    const record = bytes.toString("utf8", space + 1, at + length - 1);
    if (record.startsWith("path=")) found.path = record.slice("path=".length);
    if (record.startsWith("size=")) found.size = Number.parseInt(record.slice("size=".length), 10);
    at += length;
  }
  return found;
}

export async function readExactly(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new Error("the archive is cut short");
    done += bytesRead;
  }
  return bytes;
}

// A whole log as one file (`tepui log export`), and back (`import`): segments, snapshots, archive and hard state of a
// stopped master, to be moved between machines or kept as a backup. The format is in docs/log-format.md.

import { once } from "node:events";
import { lstat, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Compressor, crc32c, LogDamage, Packer, unpack } from "../log/index.ts";
import { compressors } from "./compression.ts";
import { LOG_FOLDER } from "./log-folder.ts";

const HEADER_BYTES = 32;
const MAGIC = "TEPUIEXP";
const VERSION = 1;
const SUFFIX_AT = 12;
const SUFFIX_BYTES = 8;
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** Of a log, its archive included; nothing that leads out of the folder. */
const NAME = /^(archive\/)?[0-9a-zA-Z][0-9a-zA-Z.-]*$/;

interface Listed {
  /** Relative to the log's folder. */
  readonly path: string;
  readonly bytes: number;
}

export interface LogFileSummary {
  readonly files: number;
  /** Uncompressed. */
  readonly bytes: number;
}

/**
 * The file gets its name when all of it is durable; until then it is beside it, under a name that ends in `.partial`, and is
 * removed if something fails. The master must be stopped.
 * @param file its path, or "-" for standard output
 * @param signal gives it up
 */
export async function exportLog(
  dataDirectory: string,
  file: string,
  signal?: AbortSignal,
): Promise<LogFileSummary> {
  const folder = join(dataDirectory, LOG_FOLDER);
  const listed = await listFiles(folder);
  if (listed.length === 0) throw new Error(`${folder} holds no log`);
  const [compressor] = compressors();
  const out = await openOutput(file);
  try {
    const write = (bytes: Uint8Array): Promise<void> => {
      signal?.throwIfAborted();
      return out.write(bytes);
    };
    await write(encodeHeader(compressor));
    await packAll(new Packer(compressor, write), folder, listed);
    await out.finish();
  } catch (error) {
    await out.discard();
    throw error;
  }
  return summaryOf(listed);
}

async function packAll(packer: Packer, folder: string, listed: readonly Listed[]): Promise<void> {
  const manifest = new TextEncoder().encode(JSON.stringify({ files: listed }));
  await packer.write(lengthOf(manifest));
  await packer.write(manifest);
  for (const each of listed) await packFile(packer, join(folder, each.path), each.bytes);
  await packer.finish();
}

/**
 * @param signal gives it up
 * @throws LogDamage if the file is not whole; Error if the directory holds anything. Then nothing is left behind.
 */
export async function importLog(
  file: string,
  dataDirectory: string,
  signal?: AbortSignal,
): Promise<LogFileSummary> {
  await mkdir(dataDirectory, { recursive: true });
  const there = (await readdir(dataDirectory)).filter((name) => !name.startsWith("lock"));
  if (there.length > 0)
    throw new Error(`${dataDirectory} is not empty: a log is imported into a new directory only`);
  const partial = join(dataDirectory, `${LOG_FOLDER}.importing`);
  try {
    const summary = await unpackInto(file, partial, signal);
    await rename(partial, join(dataDirectory, LOG_FOLDER));
    await syncFolder(dataDirectory);
    return summary;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function unpackInto(
  file: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<LogFileSummary> {
  const source = await open(file, "r");
  try {
    const readAt = async (offset: number, length: number): Promise<Uint8Array> => {
      signal?.throwIfAborted();
      const { bytesRead, buffer } = await source.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    const compressor = decodeHeader(file, await readAt(0, HEADER_BYTES));
    const content = new Content(file, unpack(file, readAt, compressor, HEADER_BYTES));
    const listed = await readManifest(file, content);
    await mkdir(join(folder, "archive"), { recursive: true });
    for (const each of listed) await unpackFile(content, join(folder, each.path), each.bytes);
    await content.end();
    await syncFolder(join(folder, "archive"));
    await syncFolder(folder);
    return summaryOf(listed);
  } finally {
    await source.close();
  }
}

/** What was packed, as one run of bytes. */
class Content {
  readonly #file: string;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(file: string, pieces: AsyncIterable<Uint8Array>) {
    this.#file = file;
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next bytes in parts, `length` in all. Rejects with LogDamage if there are fewer. */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more()))
        throw new LogDamage(this.#file, 0, "it holds less than its list of files says");
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async whole(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    for await (const part of this.take(length)) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  async end(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#more()))
      throw new LogDamage(this.#file, 0, "it holds more than its list of files says");
  }

  async #more(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done !== true) this.#rest = next.value;
    return next.done !== true;
  }
}

async function readManifest(file: string, content: Content): Promise<readonly Listed[]> {
  const head = await content.whole(4);
  const length = new DataView(head.buffer).getUint32(0, true);
  if (length > MANIFEST_BYTES_MAX) throw new LogDamage(file, 0, "its list of files is too long");
  const value: unknown = JSON.parse(new TextDecoder().decode(await content.whole(length)));
  const files: unknown = typeof value === "object" && value !== null && "files" in value ? value.files : null;
  if (!Array.isArray(files) || !files.every(isListed))
    throw new LogDamage(file, 0, "its list of files is not well formed");
  return files;
}

function isListed(value: unknown): value is Listed {
  if (typeof value !== "object" || value === null || !("path" in value) || !("bytes" in value)) return false;
  const { path, bytes } = value;
  return typeof path === "string" && NAME.test(path) && Number.isSafeInteger(bytes) && Number(bytes) >= 0;
}

/** Without what is unfinished, damaged or a lock. */
async function listFiles(folder: string): Promise<Listed[]> {
  const listed: Listed[] = [];
  const archived = await readdir(join(folder, "archive")).catch(() => []);
  for (const path of [...(await readdir(folder)), ...archived.map((name) => `archive/${name}`)]) {
    const found = await stat(join(folder, path));
    if (!found.isFile() || !NAME.test(path) || /\.(tmp|damaged)$/.test(path)) continue;
    listed.push({ path, bytes: found.size });
  }
  return listed.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function packFile(packer: Packer, path: string, bytes: number): Promise<void> {
  const file = await open(path, "r");
  try {
    for (let at = 0; at < bytes; ) {
      const length = Math.min(READ_BYTES, bytes - at);
      const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, at);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
      await packer.write(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function unpackFile(content: Content, path: string, bytes: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "wx");
  try {
    for await (const part of content.take(bytes)) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

function encodeHeader(compressor: Compressor): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, VERSION, true);
  bytes.set(new TextEncoder().encode(compressor.suffix), SUFFIX_AT);
  view.setUint32(HEADER_BYTES - 4, crc32c(bytes, 0, HEADER_BYTES - 4), true);
  return bytes;
}

function decodeHeader(file: string, bytes: Uint8Array): Compressor {
  const text = new TextDecoder();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || text.decode(bytes.subarray(0, 8)) !== MAGIC)
    throw new LogDamage(file, 0, "it is no exported log");
  if (view.getUint32(HEADER_BYTES - 4, true) !== crc32c(bytes, 0, HEADER_BYTES - 4))
    throw new LogDamage(file, 0, "the checksum of its header does not match");
  if (view.getUint32(8, true) !== VERSION)
    throw new Error(`${file} has version ${view.getUint32(8, true)}, this program reads ${VERSION}`);
  const suffix = text.decode(bytes.subarray(SUFFIX_AT, SUFFIX_AT + SUFFIX_BYTES)).replace(/\0+$/, "");
  const compressor = compressors().find((each) => each.suffix === suffix);
  if (compressor === undefined) throw new Error(`this Node.js cannot read ${suffix}; use 22.15 or newer`);
  return compressor;
}

function lengthOf(bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, bytes.length, true);
  return head;
}

interface Output {
  write(bytes: Uint8Array): Promise<void>;
  /** A file has its name and is durable then. */
  finish(): Promise<void>;
  /** Instead of `finish`: nothing is left of a file. */
  discard(): Promise<void>;
}

async function openOutput(file: string): Promise<Output> {
  const nothing = async (): Promise<void> => undefined;
  if (file === "-") return { write: writeToStdout, finish: nothing, discard: nothing };
  if (await exists(file)) throw new Error(`${file} is there already`);
  const partial = `${file}.${process.pid}.partial`;
  const handle = await open(partial, "w");
  return {
    write: (bytes) => handle.writeFile(bytes),
    async finish() {
      await handle.sync();
      await handle.close();
      if (await exists(file)) throw new Error(`${file} has come to be there meanwhile`);
      await rename(partial, file);
      await syncFolder(dirname(file));
    },
    async discard() {
      await handle.close().catch(() => undefined);
      await rm(partial, { force: true });
    },
  };
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function writeToStdout(bytes: Uint8Array): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
}

function summaryOf(listed: readonly Listed[]): LogFileSummary {
  return { files: listed.length, bytes: listed.reduce((sum, { bytes }) => sum + bytes, 0) };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync();
  await folder.close();
}

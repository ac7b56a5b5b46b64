// The file of `--whitelist` (AL19): the hosts whose agents are offered, a name a line, read again every few seconds.
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Tracer } from "../kernel/ports.ts";
import { WHITELIST_BYTES_MAX, WHITELIST_HOSTS_MAX } from "../state/limits.ts";

export const WHITELIST_READ_INTERVAL_MS = 5_000;

export interface Whitelist {
  /** As it was last read, the same object until then; null if there is no file to read, which admits all. */
  readonly hosts: () => ReadonlySet<string> | null;
  readonly stop: () => void;
}

/**
 * A file that cannot be read any more leaves the list as it was. An empty one admits nobody.
 * @param path also as a file:// URL; null for no list
 * @throws Error if the file cannot be read now
 */
export async function watchWhitelist(
  path: string | null,
  tracer: Tracer,
  intervalMs: number = WHITELIST_READ_INTERVAL_MS,
): Promise<Whitelist> {
  if (path === null) return { hosts: () => null, stop: () => undefined };
  let hosts = await readHosts(path);
  async function readAgain(file: string): Promise<void> {
    try {
      hosts = await readHosts(file);
    } catch (error) {
      tracer.warn("whitelist not read", { path: file, error: String(error) });
    }
  }
  const timer = setInterval(() => void readAgain(path), intervalMs);
  timer.unref();
  return { hosts: () => hosts, stop: () => clearInterval(timer) };
}

/** @param path also as a file:// URL. @throws Error if it cannot be read, or names too many hosts */
export async function readHosts(path: string): Promise<ReadonlySet<string>> {
  const file = path.startsWith("file://") ? fileURLToPath(path) : path;
  const { size } = await stat(file);
  if (size > WHITELIST_BYTES_MAX) throw new Error(`${file} has more than ${WHITELIST_BYTES_MAX} bytes`);
  const lines = (await readFile(file, "utf8")).split("\n");
  const hosts = new Set(lines.map((line) => line.trim()).filter((line) => line !== ""));
  if (hosts.size > WHITELIST_HOSTS_MAX)
    throw new Error(`${file} names more than ${WHITELIST_HOSTS_MAX} hosts`);
  return hosts;
}

// Files that are damaged are kept for a while under another name, so that an operator can look at them. Nothing reads
// them again.
import type { Disk } from "../kernel/ports.ts";
import { salvage } from "./salvage.ts";

const suffix = ".damaged";

/** Names for files that are put aside, and the bound on how many are kept. Belongs to one opening of a log. */
export class PutAside {
  readonly names: string[] = [];
  readonly #disk: Disk;
  readonly #directory: string;
  #number: number;

  private constructor(disk: Disk, directory: string, number: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#number = number;
  }

  static async begin(disk: Disk, directory: string): Promise<PutAside> {
    const numbers = (await disk.list(directory)).map(numberOf);
    return new PutAside(disk, directory, Math.max(0, ...numbers));
  }

  /** Durable only after the folder is synced. */
  async file(path: string): Promise<void> {
    await this.#disk.rename(path, this.#name(path));
  }

  /** A durable copy; the file itself stays. */
  async copy(path: string): Promise<void> {
    const found = await salvage(this.#disk, path);
    const copy = await this.#disk.open(this.#name(path));
    await copy.write(0, found?.bytes ?? new Uint8Array(0));
    await copy.sync();
    await copy.close();
    await this.#disk.syncDirectory(this.#directory);
  }

  /** Syncs the folder, and removes the oldest of what was put aside beyond `kept`. */
  async end(kept: number): Promise<void> {
    await this.#disk.syncDirectory(this.#directory);
    const all = (await this.#disk.list(this.#directory)).filter((name) => numberOf(name) > 0);
    all.sort((a, b) => numberOf(b) - numberOf(a));
    for (const name of all.slice(kept)) await this.#disk.remove(`${this.#directory}/${name}`);
  }

  #name(path: string): string {
    this.#number += 1;
    const name = `${path}.${this.#number}${suffix}`;
    this.names.push(name);
    return name;
  }
}

/** `<name>.<number>.damaged`; 0 for any other name. */
function numberOf(name: string): number {
  const parts = /\.(\d{1,9})\.damaged$/.exec(name);
  return parts === null ? 0 : Number(parts[1]);
}

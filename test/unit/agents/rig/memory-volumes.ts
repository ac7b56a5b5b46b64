// Volumes in memory: durable at once, and with what tasks have written in them.
import type { Volumes } from "../../../../src/agents/ports.ts";
import type { MemoryDisk } from "./memory-disk.ts";

export class MemoryVolumes {
  /** Files by directory. */
  readonly folders = new Map<string, string[]>();
  /** What was done, in order. */
  readonly done: string[] = [];
  /** Operations reject with these words. */
  fault: string | null = null;
  /** Operations wait for it. */
  isFree: Promise<void> = Promise.resolve();
  readonly #disk: MemoryDisk;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  /** A crash of the machine may come before or after what each of these does, and before it is known. */
  mount(isAlive: () => boolean): Volumes {
    const operate = (work: () => void): Promise<void> =>
      this.fault === null
        ? this.isFree.then(() => this.#disk.operate(isAlive, work))
        : Promise.reject(new Error(this.fault));
    return {
      absolute: (path) => (path.startsWith("/") ? path : `/var/lib/agent/${path}`),
      make: ({ path }) =>
        operate(() => {
          this.done.push(`make ${path}`);
          if (!this.folders.has(path)) this.folders.set(path, []);
        }),
      remove: ({ path, mounted }) =>
        operate(() => {
          this.done.push(`remove ${path}`);
          if (mounted) this.folders.set(path, []);
          else this.folders.delete(path);
        }),
    };
  }

  write(path: string, file: string): void {
    const files = this.folders.get(path);
    if (files === undefined) throw new Error(`no volume at ${path}`);
    files.push(file);
  }
}

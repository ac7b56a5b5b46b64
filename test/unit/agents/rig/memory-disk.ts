// A disk in memory that forgets what was not synced when the power goes, and lets the power go at a chosen operation.
import type { Disk, DiskFile } from "../../../../src/kernel/ports.ts";

interface Stored {
  bytes: Uint8Array;
  durable: Uint8Array;
}

export class MemoryDisk {
  #names = new Map<string, Stored>();
  #durableNames = new Map<string, Stored>();
  operations = 0;
  /** Called before every operation with its number, from 1. */
  beforeOperation: (operation: number) => void = () => undefined;
  /** Every write fails from now on. */
  broken = false;
  /** Operations wait for it. */
  isFree: Promise<void> = Promise.resolve();

  /** Loses what is not durable, but for `kept` (0 to 1) of what was appended to each file. */
  losePower(kept: number): void {
    this.#names = new Map(this.#durableNames);
    for (const file of this.#names.values()) {
      const extra = Math.max(0, file.bytes.length - file.durable.length);
      file.bytes = file.bytes.slice(0, file.durable.length + Math.floor(extra * kept));
      file.bytes.set(file.durable.subarray(0, file.bytes.length));
    }
  }

  bytesOf(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.bytes;
  }

  paths(): readonly string[] {
    return [...this.#names.keys()];
  }

  /** The disk as one start of a process sees it. @param isAlive false: its operations never come back */
  mount(isAlive: () => boolean): Disk {
    const run = <Value>(work: () => Value): Promise<Value> => this.#run(isAlive, work);
    return {
      list: (directory) => run(() => this.#namesIn(directory)),
      read: (path) => run(() => this.#names.get(path)?.bytes.slice()),
      open: (path) => run(() => this.#open(path, run)),
      rename: (from, to) => run(() => this.#rename(from, to)),
      remove: (path) => run(() => void this.#names.delete(path)),
      makeDirectory: () => run(() => undefined),
      syncDirectory: () => run(() => this.#makeNamesDurable()),
    };
  }

  /** Something else than a file of this disk: it counts as two operations, before and after it is done. */
  async operate<Value>(isAlive: () => boolean, work: () => Value): Promise<Value> {
    const value = await this.#run(isAlive, work);
    await this.#run(isAlive, () => undefined);
    return value;
  }

  #run<Value>(isAlive: () => boolean, work: () => Value): Promise<Value> {
    if (isAlive()) this.beforeOperation(++this.operations);
    if (!isAlive()) return new Promise(() => undefined);
    if (this.broken) return Promise.reject(new Error("EIO"));
    return this.isFree.then(work);
  }

  #makeNamesDurable(): void {
    this.#durableNames = new Map(this.#names);
  }

  #namesIn(directory: string): readonly string[] {
    const prefix = `${directory}/`;
    return this.paths()
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
  }

  #rename(from: string, to: string): void {
    const file = this.#names.get(from);
    if (file === undefined) throw new Error(`ENOENT ${from}`);
    this.#names.delete(from);
    this.#names.set(to, file);
  }

  #open(path: string, run: <Value>(work: () => Value) => Promise<Value>): DiskFile {
    const file = this.#names.get(path) ?? { bytes: new Uint8Array(0), durable: new Uint8Array(0) };
    this.#names.set(path, file);
    return {
      size: () => run(() => file.bytes.length),
      read: (offset, length) => run(() => file.bytes.slice(offset, offset + length)),
      write: (offset, bytes) => run(() => write(file, offset, bytes)),
      truncate: (size) => run(() => truncate(file, size)),
      sync: () => run(() => makeDurable(file)),
      close: () => run(() => undefined),
    };
  }
}

function write(file: Stored, offset: number, bytes: Uint8Array): void {
  const grown = new Uint8Array(Math.max(file.bytes.length, offset + bytes.length));
  grown.set(file.bytes);
  grown.set(bytes, offset);
  file.bytes = grown;
}

function truncate(file: Stored, size: number): void {
  file.bytes = file.bytes.slice(0, size);
}

function makeDurable(file: Stored): void {
  file.durable = file.bytes.slice();
}

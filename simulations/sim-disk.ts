// A virtual disk for deterministic simulation: the twin of the real one in src/host, with latencies, errors and losses
// of power decided by a seed. It outlives the processes that use it: each start of a process mounts it anew.
import type { Clock, Disk, DiskFile, Random } from "../src/kernel/ports.ts";
import { below, between, chance, pick } from "../src/kernel/random.ts";
import type { DiskOperation, Run, Step } from "./sim-disk-file.ts";
import { openSimFile } from "./sim-disk-file.ts";
import { SimFile, simSectorBytes } from "./sim-file.ts";

export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface DiskFaults {
  /** Of every operation but syncs, whole milliseconds. */
  readonly latencyMs: Range;
  readonly syncLatencyMs: Range;
  /** 0 to 1, for each read, write and sync. */
  readonly readErrorProbability: number;
  readonly writeErrorProbability: number;
  readonly syncErrorProbability: number;
  /** A write that would need more fails with ENOSPC, having written a part. */
  readonly capacityBytes: number;
}

export interface SimDiskOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly faults?: Partial<DiskFaults>;
}

const noFaults: DiskFaults = {
  latencyMs: { low: 0, high: 0 },
  syncLatencyMs: { low: 0, high: 0 },
  readErrorProbability: 0,
  writeErrorProbability: 0,
  syncErrorProbability: 0,
  capacityBytes: Number.POSITIVE_INFINITY,
};

/** Something that happens in the middle of a process's work with its disk: the place where crashes hurt. */
export interface Interruption {
  /** Operations from now on until it happens. */
  operations: number;
  /** Before the operation has any effect; when it has taken effect and is not completed; or after its completion. */
  readonly moment: "before" | "within" | "after";
  /** After completion the process goes on for so many turns of its promises. */
  readonly turns: number;
  readonly action: () => void;
}

/** Why operations do not complete: the disk hangs, or the process is stopped and would not notice. */
type StallCause = "hang" | "pause";

/** A change of a folder that is not durable yet. */
interface NameChange {
  readonly id: number;
  readonly directory: string;
  apply(names: Map<string, SimFile>): void;
}

export class SimDisk {
  /** For tests: syncs succeed and make nothing durable. */
  liesAboutSyncs = false;
  readonly #random: Random;
  readonly #clock: Clock;
  #faults: DiskFaults;
  #names = new Map<string, SimFile>();
  #durableNames = new Map<string, SimFile>();
  #directories = new Set<string>([""]);
  #nameChanges: NameChange[] = [];
  #changes = 0;
  #incarnation = 0;
  #planned: { readonly operation: DiskOperation; readonly path: string; readonly code: string }[] = [];
  readonly #stalledBy = new Set<StallCause>();
  #stalled: (() => void)[] = [];
  #interruption: Interruption | null = null;
  /** Its operation has begun. */
  #happening: Interruption | null = null;

  constructor(options: SimDiskOptions) {
    this.#random = options.random;
    this.#clock = options.clock;
    this.#faults = { ...noFaults, ...options.faults };
  }

  /** The disk as a newly started process sees it. Its operations never resolve after a later crash or kill. */
  mount(): Disk {
    const incarnation = this.#incarnation;
    const run = <Value>(step: Step<Value>): Promise<Value> => this.#run(incarnation, step);
    return {
      list: (directory) =>
        run({ operation: "list", path: directory, complete: () => this.#list(normal(directory)) }),
      read: (path) => run({ operation: "read", path, complete: () => this.bytesOf(path) }),
      open: (path) => this.#open(run, normal(path)),
      rename: (from, to) =>
        run({
          operation: "rename",
          path: to,
          refuse: () => (this.#names.has(normal(from)) ? undefined : "ENOENT"),
          begin: () => this.#rename(normal(from), normal(to)),
          complete: () => undefined,
        }),
      remove: (path) =>
        run({
          operation: "remove",
          path,
          begin: () => this.#remove(normal(path)),
          complete: () => undefined,
        }),
      makeDirectory: (directory) =>
        run({
          operation: "makeDirectory",
          path: directory,
          complete: () => this.#makeDirectory(normal(directory)),
        }),
      syncDirectory: (directory) => this.#syncDirectory(run, normal(directory)),
    };
  }

  /** Loss of power: the process is gone, and of what was not synced the seed decides what is left. */
  crash(): void {
    this.#incarnation += 1;
    this.#forgetStalled();
    for (const change of this.#nameChanges) if (chance(this.#random, 1 / 2)) change.apply(this.#durableNames);
    this.#nameChanges = [];
    this.#names = new Map(this.#durableNames);
    for (const file of new Set(this.#names.values())) file.crash(this.#random);
  }

  /** The process is gone, the machine runs on: what was written is there, but not more durable than before. */
  kill(): void {
    this.#incarnation += 1;
    this.#forgetStalled();
  }

  setFaults(faults: Partial<DiskFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /**
   * Once, at an operation yet to come. It takes the place of an older one that has not happened yet, also of one that
   * waits for the completion of an operation that hangs; null only takes that back.
   */
  interrupt(interruption: Interruption | null): void {
    this.#interruption = interruption;
    this.#happening = null;
  }

  /** All is gone, as on a disk that is new. For a machine that is off. */
  wipe(): void {
    this.#incarnation += 1;
    this.#forgetStalled();
    this.#names = new Map();
    this.#durableNames = new Map();
    this.#nameChanges = [];
    this.#directories = new Set([""]);
  }

  /** Decay of one sector of one file that has content. @returns where, or null if there is nothing that could decay */
  rot(): string | null {
    const files = this.paths().filter((path) => (this.#names.get(path)?.size ?? 0) > 0);
    if (files.length === 0) return null;
    const path = pick(this.#random, files);
    const size = this.#names.get(path)?.size ?? 0;
    const sector = below(this.#random, Math.ceil(size / simSectorBytes));
    for (let i = between(this.#random, 1, 8); i > 0; i--) {
      const offset = sector * simSectorBytes + below(this.#random, simSectorBytes);
      this.corrupt(path, offset, between(this.#random, 1, 255));
    }
    return `${path} sector ${sector}`;
  }

  /** The next such operation on a path that contains this text fails. @param code such as "EIO" */
  failNext(operation: DiskOperation, path = "", code = "EIO"): void {
    this.#planned.push({ operation, path, code });
  }

  /** Takes back what `failNext` planned and what has not happened yet. */
  failNoMore(): void {
    this.#planned = [];
  }

  /** From now on operations take effect but do not complete. A new process begins without any such cause. */
  stall(cause: StallCause = "hang"): void {
    this.#stalledBy.add(cause);
  }

  /** Without another cause, all that waited completes, in its order, as soon as time goes on. */
  resume(cause: StallCause = "hang"): void {
    this.#stalledBy.delete(cause);
    if (this.#stalledBy.size > 0) return;
    const waiting = this.#stalled;
    this.#stalled = [];
    for (const complete of waiting) this.#clock.after(0, complete);
  }

  /** Decay of stored bytes: flips the bits of `mask` in one byte. */
  corrupt(path: string, offset: number, mask: number): void {
    this.#names.get(normal(path))?.flip(offset, mask);
  }

  /** What a read would see. */
  bytesOf(path: string): Uint8Array | undefined {
    const file = this.#names.get(normal(path));
    return file?.read(0, file.size);
  }

  /** The disk as a checker reads it: at once, without faults. What it writes goes nowhere. */
  asItIs(): Disk {
    const nothing = async (): Promise<void> => undefined;
    const bytesAt = (path: string): Uint8Array => this.bytesOf(path) ?? new Uint8Array(0);
    return {
      list: async (directory) => this.#list(normal(directory)),
      read: async (path) => this.bytesOf(path),
      open: async (path) => ({
        size: async () => bytesAt(path).length,
        read: async (offset, length) => bytesAt(path).subarray(offset, offset + length),
        write: nothing,
        truncate: nothing,
        sync: nothing,
        close: nothing,
      }),
      rename: nothing,
      remove: nothing,
      makeDirectory: nothing,
      syncDirectory: nothing,
    };
  }

  usedBytes(): number {
    let used = 0;
    for (const each of this.#names.values()) used += each.size;
    return used;
  }

  /** All files, in the order of their paths. */
  paths(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  #run<Value>(incarnation: number, step: Step<Value>): Promise<Value> {
    const interruption = this.#due();
    if (interruption?.moment === "before") this.#happen(interruption);
    if (incarnation !== this.#incarnation) return new Promise(() => undefined);
    const failure = this.#begin(step);
    if (interruption?.moment === "within") this.#clock.after(0, () => this.#happen(interruption));
    return new Promise((resolve, reject) => {
      const complete = (): void => {
        if (incarnation !== this.#incarnation) return;
        if (failure !== undefined) reject(failure);
        else settle(step.complete, resolve, reject);
        if (interruption?.moment === "after")
          void afterTurns(interruption.turns, () => this.#happen(interruption));
      };
      const wait = (): void => {
        if (this.#stalledBy.size === 0 || incarnation !== this.#incarnation) complete();
        else this.#stalled.push(complete);
      };
      this.#clock.after(this.#latency(step.operation), wait);
    });
  }

  #forgetStalled(): void {
    this.#stalledBy.clear();
    this.#stalled = [];
  }

  #due(): Interruption | null {
    const interruption = this.#interruption;
    if (interruption === null || interruption.operations-- > 0) return null;
    this.#interruption = null;
    this.#happening = interruption;
    return interruption;
  }

  #happen(interruption: Interruption): void {
    if (this.#happening !== interruption) return;
    this.#happening = null;
    interruption.action();
  }

  /** Lets the step take effect; returns its failure, if it has one. */
  #begin<Value>(step: Step<Value>): Error | undefined {
    const code = step.refuse?.();
    const failure =
      code === undefined
        ? this.#failureOf(step.operation, step.path)
        : diskError(code, step.operation, step.path);
    if (failure === undefined) step.begin?.();
    else step.fail?.();
    return failure;
  }

  #latency(operation: DiskOperation): number {
    const isSync = operation === "sync" || operation === "syncDirectory";
    const { low, high } = isSync ? this.#faults.syncLatencyMs : this.#faults.latencyMs;
    return between(this.#random, low, high);
  }

  #failureOf(operation: DiskOperation, path: string): Error | undefined {
    const code = this.#planned.length > 0 ? this.#plannedFailure(operation, path) : undefined;
    if (code !== undefined) return diskError(code, operation, path);
    const probability = this.#errorProbability(operation);
    return probability > 0 && chance(this.#random, probability)
      ? diskError("EIO", operation, path)
      : undefined;
  }

  #plannedFailure(operation: DiskOperation, path: string): string | undefined {
    const at = this.#planned.findIndex((plan) => plan.operation === operation && path.includes(plan.path));
    return at === -1 ? undefined : this.#planned.splice(at, 1)[0]?.code;
  }

  #errorProbability(operation: DiskOperation): number {
    if (operation === "read") return this.#faults.readErrorProbability;
    if (operation === "write") return this.#faults.writeErrorProbability;
    return operation === "sync" ? this.#faults.syncErrorProbability : 0;
  }

  #list(directory: string): readonly string[] {
    const prefix = directory === "" ? "" : `${directory}/`;
    const names = new Set<string>();
    for (const path of [...this.#names.keys(), ...this.#directories]) {
      if (path.startsWith(prefix) && path !== directory)
        names.add(path.slice(prefix.length).split("/")[0] as string);
    }
    return [...names];
  }

  async #open(run: Run, path: string): Promise<DiskFile> {
    const file = await run({ operation: "open", path, complete: () => this.#find(path) });
    const hasRoom = (size: number): boolean => this.#hasRoom(file, size);
    const isHonest = (): boolean => !this.liesAboutSyncs;
    return openSimFile({ run, random: this.#random, path, file, isHonest, hasRoom });
  }

  /** The file with this name, made if there is none. */
  #find(path: string): SimFile {
    const found = this.#names.get(path);
    if (found !== undefined) return found;
    if (!this.#directories.has(parentOf(path))) throw diskError("ENOENT", "open", path);
    const file = new SimFile();
    this.#changeNames(parentOf(path), (names) => names.set(path, file));
    return file;
  }

  #rename(from: string, to: string): void {
    const file = this.#names.get(from);
    if (file === undefined) return;
    this.#changeNames(parentOf(to), (names) => {
      names.delete(from);
      names.set(to, file);
    });
  }

  #remove(path: string): void {
    if (this.#names.has(path)) this.#changeNames(parentOf(path), (names) => names.delete(path));
  }

  #changeNames(directory: string, apply: (names: Map<string, SimFile>) => void): void {
    apply(this.#names);
    this.#nameChanges.push({ id: ++this.#changes, directory, apply });
  }

  #makeDirectory(directory: string): void {
    for (let each = directory; each !== ""; each = parentOf(each)) this.#directories.add(each);
  }

  #syncDirectory(run: Run, directory: string): Promise<void> {
    const mark = this.#changes;
    const isCovered = (change: NameChange): boolean => change.directory === directory && change.id <= mark;
    return run({
      operation: "syncDirectory",
      path: directory,
      complete: () => {
        for (const change of this.#nameChanges) if (isCovered(change)) change.apply(this.#durableNames);
        this.#nameChanges = this.#nameChanges.filter((change) => !isCovered(change));
      },
    });
  }

  #hasRoom(file: SimFile, end: number): boolean {
    if (this.#faults.capacityBytes === Number.POSITIVE_INFINITY) return true;
    return this.usedBytes() + Math.max(0, end - file.size) <= this.#faults.capacityBytes;
  }
}

async function afterTurns(turns: number, action: () => void): Promise<void> {
  for (let i = 0; i < turns; i++) await null;
  action();
}

function settle<Value>(
  complete: () => Value,
  resolve: (value: Value) => void,
  reject: (reason: unknown) => void,
): void {
  try {
    resolve(complete());
  } catch (error) {
    reject(error);
  }
}

/** As Node reports it: a text and the system's name of the error in `code`. */
function diskError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code });
}

/** The root is "" or ".". */
function normal(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

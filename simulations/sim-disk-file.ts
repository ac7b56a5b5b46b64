// A file of the virtual disk, opened by one process.

import type { DiskFile, Random } from "../src/kernel/ports.ts";
import { below } from "../src/kernel/random.ts";
import type { SimFile } from "./sim-file.ts";
import { simSectorBytes } from "./sim-file.ts";

export type DiskOperation =
  | "list"
  | "read"
  | "open"
  | "rename"
  | "remove"
  | "makeDirectory"
  | "syncDirectory"
  | "size"
  | "write"
  | "truncate"
  | "sync"
  | "close";

/** An operation of a process: what happens when it begins, and what only when it completes. */
export interface Step<Value> {
  readonly operation: DiskOperation;
  readonly path: string;
  /** The code of the error with which it must fail, if any. */
  readonly refuse?: () => string | undefined;
  readonly begin?: () => void;
  /** Runs in place of `begin` if it fails. */
  readonly fail?: () => void;
  readonly complete: () => Value;
}

/** Performs steps in the name of one process. */
export type Run = <Value>(step: Step<Value>) => Promise<Value>;

export interface OpenedSimFile {
  readonly run: Run;
  readonly random: Random;
  readonly path: string;
  readonly file: SimFile;
  /** False for a disk that says of a sync that it is done and does nothing. */
  readonly isHonest: () => boolean;
  /** True if the disk can hold this file grown to that size. */
  readonly hasRoom: (size: number) => boolean;
}

export function openSimFile({ run, random, path, file, isHonest, hasRoom }: OpenedSimFile): DiskFile {
  const nothing = (): void => undefined;
  return {
    size: () => run({ operation: "size", path, complete: () => file.size }),
    read: (offset, length) => run({ operation: "read", path, complete: () => file.read(offset, length) }),
    write: (offset, bytes) =>
      run({
        operation: "write",
        path,
        refuse: () => (hasRoom(offset + bytes.length) ? undefined : "ENOSPC"),
        begin: () => file.write(offset, bytes),
        fail: () => writeSome(file, random, offset, bytes),
        complete: nothing,
      }),
    truncate: (size) =>
      run({ operation: "truncate", path, begin: () => file.truncate(size), complete: nothing }),
    sync: () => {
      const mark = file.mark();
      return run({
        operation: "sync",
        path,
        fail: () => file.syncFailed(mark),
        complete: () => {
          if (isHonest()) file.synced(mark);
        },
      });
    },
    close: () => run({ operation: "close", path, complete: nothing }),
  };
}

/** A failed write has written some of its first sectors. */
function writeSome(file: SimFile, random: Random, offset: number, bytes: Uint8Array): void {
  const length = simSectorBytes * below(random, Math.ceil(bytes.length / simSectorBytes));
  if (length > 0) file.write(offset, bytes.subarray(0, length));
}

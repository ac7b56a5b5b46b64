// With which code a process ends, one for each reason, so that an operator's supervisor can tell them apart.
import { InvariantError } from "../kernel/assert.ts";
import { LogDamage, LogFailure } from "../log/index.ts";
import { FolderInUse } from "./folder-lock.ts";

export { shellCodeOf } from "../agents/wait-status.ts";

export const EXIT = {
  done: 0,
  /** Something that this command reports as failed. */
  failed: 1,
  usage: 2,
  /** The log's folder is damaged in a way that must not be repaired by guessing. */
  logDamaged: 70,
  /** A write or sync failed: what is on the disk is no longer known. */
  diskFailed: 71,
  /** This member's state differs from the leader's. */
  diverged: 72,
  /** An assertion failed. */
  bug: 73,
  /** Another process writes to the data folder. */
  folderInUse: 74,
  /** Stopped by Ctrl-C, as shells report it. */
  interrupted: 130,
} as const;

/** Somebody pressed Ctrl-C, or a supervisor ended the command. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted; nothing half done is left");
    this.name = "Interrupted";
  }
}

/** For what a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof LogDamage) return EXIT.logDamaged;
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof FolderInUse) return EXIT.folderInUse;
  if (error instanceof LogFailure) return EXIT.diskFailed;
  return error instanceof InvariantError ? EXIT.bug : EXIT.failed;
}

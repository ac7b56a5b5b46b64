// The two ways in which the log gives up. Neither is for retrying: damage needs the operator (or a peer's copy), a
// failure needs the process to end, because after a failed sync nobody knows what the disk holds.

/** Durable bytes are not what was written. Opening refuses rather than guess (design, invariant 1). */
export class LogDamage extends Error {
  readonly file: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly why: string;
  /** What the operator can do about it. */
  readonly advice: string;

  constructor(file: string, offset: number, why: string, advice: string = restoreAdvice) {
    super(`${file} is damaged at byte ${offset}: ${why}. ${advice}`);
    this.name = "LogDamage";
    this.file = file;
    this.offset = offset;
    this.why = why;
    this.advice = advice;
  }
}

/** Not damaged but written by a newer version of the program; never repaired. */
export class LogTooNew extends LogDamage {
  constructor(file: string, version: number) {
    super(
      file,
      8,
      `it has format version ${version}`,
      "Start the newer version of the program that wrote it",
    );
    this.name = "LogTooNew";
  }
}

/** A write, sync, rename or removal failed. The log accepts nothing more; the process must end and open it again. */
export class LogFailure extends Error {
  readonly operation: string;

  constructor(operation: string, cause: unknown) {
    super(`log ${operation} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "LogFailure";
    this.operation = operation;
  }
}

/** For damage after which it is not known what this member has voted. */
export const replaceAdvice =
  "What this member has voted is not known any more: it must not come back under its name. Remove it from the cluster " +
  "and let a new member with another name and an empty data directory join";

const restoreAdvice =
  "Nothing was changed. A member with peers goes back to what comes before the damage and lets them make it good; a " +
  "cluster's only voter cannot: restore its folder from a backup, or accept what is lost with tepui recover";

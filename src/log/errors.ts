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

/** A write, sync, rename or removal failed. The log accepts nothing more; the process must end and open it again. */
export class LogFailure extends Error {
  readonly operation: string;

  constructor(operation: string, cause: unknown) {
    super(`log ${operation} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "LogFailure";
    this.operation = operation;
  }
}

const restoreAdvice =
  "Nothing was changed. Move this member's log folder away and start it with an empty one as a new member: it will " +
  "fetch the log from its peers; or restore the folder from a backup taken of this member";

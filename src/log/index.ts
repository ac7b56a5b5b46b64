// The durable log: what other rooms may use of it. Format: docs/log-format.md.

export { crc32c } from "./crc32c.ts";
export { LogDamage, LogFailure } from "./errors.ts";
export type { LogLimits } from "./limits.ts";
export { defaultLogLimits } from "./limits.ts";
export type { AppendRequest } from "./log.ts";
export { Log } from "./log.ts";
export type { OpenedLog, OpenOptions } from "./open.ts";
export { openLog } from "./open.ts";
export type { LogRecord, ReadOptions } from "./read-log.ts";
export { readLog } from "./read-log.ts";
export { SnapshotReader } from "./snapshot-reader.ts";
export type { SnapshotSink } from "./snapshots.ts";
export type { HardState, LogEntry, LogPoint, Repair, SnapshotMeta } from "./types.ts";

// The durable log: what other rooms may use of it. Format: docs/log-format.md.
export type { ArchiveOptions } from "./archive.ts";
export type { ArchiveHealth } from "./archive-health.ts";
export { crc32c } from "./crc32c.ts";
export { LogDamage, LogFailure } from "./errors.ts";
export { readHardStateFile } from "./hard-state-file.ts";
export type { LogLimits } from "./limits.ts";
export type { Log } from "./log.ts";
export { type DamagedLog, type OpenedLog, openLog, type RepairChoice } from "./open.ts";
export { type Compressor, Packer, unpack } from "./packed.ts";
export { type LogRecord, openSnapshot, type ReadOptions, readLog } from "./read-log.ts";
export { SnapshotReader } from "./snapshot-reader.ts";
export type { HardState, LogEntry, LogPoint, SnapshotMeta } from "./types.ts";

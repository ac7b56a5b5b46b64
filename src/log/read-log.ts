// Reads a log without opening it: for tools, also while a master writes to it. Changes nothing on the disk.
import type { Disk } from "../kernel/ports.ts";
import { LogDamage, LogTooNew } from "./errors.ts";
import type { SegmentHeader } from "./format.ts";
import { decodeSegmentHeader, isZero, sectorBytes } from "./format.ts";
import type { Segment } from "./recovery.ts";
import { listSegments } from "./recovery.ts";
import type { ScanEnd } from "./segment-scan.ts";
import { scanSegment } from "./segment-scan.ts";
import { listSnapshots, snapshotPath } from "./snapshot-store.ts";
import { laterBatch } from "./tail.ts";
import type { HardState, LogEntry, LogPoint } from "./types.ts";

/** One thing found, in the order of writing. An entry may be replaced by a later one with the same or a lower index. */
export type LogRecord =
  /** All snapshots come first, oldest first; their content is not checked. */
  | { readonly kind: "snapshot"; readonly file: string; readonly point: LogPoint }
  | {
      readonly kind: "segment";
      readonly file: string;
      readonly header: SegmentHeader;
      readonly bytes: number;
    }
  | { readonly kind: "entry"; readonly entry: LogEntry }
  | { readonly kind: "hardState"; readonly hardState: HardState }
  /** All entries before were dropped; the log goes on after this point. */
  | { readonly kind: "reset"; readonly point: LogPoint }
  /** Always the last one. */
  | { readonly kind: "damage"; readonly file: string; readonly offset: number; readonly why: string };

export interface ReadOptions {
  readonly disk: Disk;
  readonly directory: string;
}

/**
 * Everything that is in a log's folder. An unfinished tail ends it quietly; so does a segment that is removed while it
 * is read. Rejects with LogDamage if a segment is missing between others.
 */
export async function* readLog({ disk, directory }: ReadOptions): AsyncGenerator<LogRecord, void, undefined> {
  for (const point of (await listSnapshots(disk, directory)).reverse())
    yield { kind: "snapshot", file: snapshotPath(directory, point), point };
  const segments = await listTwice(disk, directory);
  for (const [at, { path, sequence }] of segments.entries()) {
    const bytes = await disk.read(path);
    if (bytes === undefined) continue;
    const read = readSegment(path, sequence, bytes, at === segments.length - 1);
    yield* read.records;
    if (!read.goOn) return;
  }
}

/** A listing that overlaps with the removal of old segments may show a gap that is none. */
async function listTwice(disk: Disk, directory: string): Promise<readonly Segment[]> {
  try {
    return await listSegments(disk, directory);
  } catch (error) {
    if (error instanceof LogDamage) return listSegments(disk, directory);
    throw error;
  }
}

interface ReadSegment {
  readonly records: readonly LogRecord[];
  readonly goOn: boolean;
}

function readSegment(file: string, sequence: number, bytes: Uint8Array, isNewest: boolean): ReadSegment {
  if (bytes.length < sectorBytes || isZero(bytes, 0, sectorBytes))
    return isNewest ? { records: [], goOn: false } : damage([], file, 0, "it has no header");
  const decoded = decodeSegmentHeader(bytes);
  if (decoded.kind === "newer") throw new LogTooNew(file, decoded.version);
  if (decoded.kind === "bad") return damage([], file, 0, decoded.why);
  const records: LogRecord[] = [{ kind: "segment", file, header: decoded.header, bytes: bytes.length }];
  const end = scanSegment(bytes, sequence, decoded.header.chain, {
    entry: (entry) => records.push({ kind: "entry", entry }),
    hardState: (hardState) => records.push({ kind: "hardState", hardState }),
    reset: (point) => records.push({ kind: "reset", point }),
  });
  const why = end.stop?.why;
  if (why === undefined || mayBeUnfinished(bytes, sequence, end, isNewest)) return { records, goOn: true };
  return damage(records, file, end.offset, why);
}

/** A reader may see any part of a write that is under way, so only a later batch proves damage in the newest one. */
function mayBeUnfinished(bytes: Uint8Array, sequence: number, end: ScanEnd, isNewest: boolean): boolean {
  if (!isNewest) return isZero(bytes, end.offset, bytes.length);
  return laterBatch(bytes, sequence, end.offset + sectorBytes) === undefined;
}

function damage(records: readonly LogRecord[], file: string, offset: number, why: string): ReadSegment {
  return { records: [...records, { kind: "damage", file, offset, why }], goOn: false };
}

// Reads a log without opening it: for tools, also while a master writes to it. Changes nothing on the disk.
import { asIndex, asTerm } from "../kernel/ids.ts";
import type { Disk, DiskFile } from "../kernel/ports.ts";
import type { ArchivedFile } from "./archive-store.ts";
import { listArchive, readArchived } from "./archive-store.ts";
import { LogDamage, LogTooNew } from "./errors.ts";
import type { SegmentHeader } from "./format.ts";
import { decodeSegmentHeader, isZero, sectorBytes } from "./format.ts";
import type { Compressor } from "./packed.ts";
import type { Segment } from "./recovery.ts";
import { listSegments } from "./recovery.ts";
import { type Salvaged, salvage } from "./salvage.ts";
import type { ScanEnd } from "./segment-scan.ts";
import { scanSegment } from "./segment-scan.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import { listSnapshots, snapshotPath } from "./snapshot-store.ts";
import { laterBatch } from "./tail.ts";
import type { HardState, LogEntry, LogPoint } from "./types.ts";

/** One thing found, in the order of writing. An entry may be replaced by a later one with the same or a lower index. */
export type LogRecord =
  /** All snapshots come first, oldest first; their content is not checked. */
  | {
      readonly kind: "snapshot";
      readonly file: string;
      readonly point: LogPoint;
      readonly isArchived: boolean;
    }
  | {
      readonly kind: "segment";
      readonly file: string;
      readonly header: SegmentHeader;
      /** Uncompressed. */
      readonly bytes: number;
      readonly isArchived: boolean;
    }
  | { readonly kind: "entry"; readonly entry: LogEntry }
  | { readonly kind: "hardState"; readonly hardState: HardState }
  /** All entries before were dropped; the log goes on after this point. */
  | { readonly kind: "reset"; readonly point: LogPoint }
  /** In the archive: that segment ends here, and the next one follows. In the log itself: always the last one. */
  | { readonly kind: "damage"; readonly file: string; readonly offset: number; readonly why: string };

export interface ReadOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** Those of the archive's files; without any the archive is passed over. */
  readonly compressors?: readonly Compressor[];
}

/**
 * Everything that is in a log's folder and its archive. An unfinished tail ends it quietly; so does a segment that is
 * removed while it is read. Rejects with LogDamage if a segment is missing between others.
 */
export async function* readLog(options: ReadOptions): AsyncGenerator<LogRecord, void, undefined> {
  const { disk, directory, compressors = [] } = options;
  const archived = compressors.length === 0 ? [] : (await listArchive(disk, directory)).files;
  for (const each of archived) if (each.kind === "snapshot") yield archivedSnapshot(each);
  for (const point of (await listSnapshots(disk, directory)).reverse())
    yield { kind: "snapshot", file: snapshotPath(directory, point), point, isArchived: false };
  const segments = await listTwice(disk, directory);
  const first = segments[0]?.sequence ?? Number.POSITIVE_INFINITY;
  const continuity = new Continuity();
  // What was moved between the two listings would be missing: it is looked for again.
  const known = compressors.length === 0 ? [] : (await listArchive(disk, directory)).files;
  for (const each of known)
    if (each.kind === "segment" && each.order < first) yield* readArchivedSegment(options, each, continuity);
  yield* readSegments(disk, segments, continuity);
}

/**
 * A snapshot that `readLog` told of, opened; undefined if it has gone away. The caller closes it. Rejects with
 * LogDamage.
 */
export async function openSnapshot(
  { disk, directory, compressors = [] }: ReadOptions,
  { index, term }: LogPoint,
): Promise<SnapshotReader | undefined> {
  const isListed = async (): Promise<boolean> =>
    (await listSnapshots(disk, directory)).some((each) => each.index === index && each.term === term);
  if (await isListed()) {
    try {
      return await SnapshotReader.open(disk, snapshotPath(directory, { index, term }));
    } catch (error) {
      // Removed or archived since it was listed.
      if (await isListed()) throw error;
    }
  }
  const archived = (await listArchive(disk, directory)).files.find(
    (each) => each.kind === "snapshot" && each.order === index && each.detail === term,
  );
  const bytes = archived === undefined ? undefined : await readArchived(disk, archived, compressors);
  if (archived === undefined || bytes === undefined) return undefined;
  return SnapshotReader.over(archived.path, inMemory(bytes));
}

function archivedSnapshot({ path, order, detail }: ArchivedFile): LogRecord {
  const point = { index: asIndex(order), term: asTerm(detail) };
  return { kind: "snapshot", file: path, point, isArchived: true };
}

async function* readArchivedSegment(
  { disk, directory, compressors = [] }: ReadOptions,
  file: ArchivedFile,
  continuity: Continuity,
): AsyncGenerator<LogRecord> {
  try {
    const bytes = await readMoving(disk, directory, file, compressors);
    if (bytes === undefined) return;
    const read = readSegment(file.path, file.order, bytes, { isNewest: false, isArchived: true });
    yield* continuity.check(file.path, file.order, read);
    yield* read.records;
  } catch (error) {
    if (!(error instanceof LogDamage) || error instanceof LogTooNew) throw error;
    yield { kind: "damage", file: error.file, offset: error.offset, why: error.why };
  }
}

/** The archive may have compressed the file since it was listed: then it has another name. */
async function readMoving(
  disk: Disk,
  directory: string,
  file: ArchivedFile,
  compressors: readonly Compressor[],
): Promise<Uint8Array | undefined> {
  const bytes = await readArchived(disk, file, compressors);
  if (bytes !== undefined || file.suffix !== "") return bytes;
  const { files } = await listArchive(disk, directory);
  const again = files.find((each) => each.kind === file.kind && each.order === file.order);
  return again === undefined ? undefined : readArchived(disk, again, compressors);
}

async function* readSegments(
  disk: Disk,
  segments: readonly Segment[],
  continuity: Continuity,
): AsyncGenerator<LogRecord> {
  for (const [at, { path, sequence }] of segments.entries()) {
    const salvaged = await salvage(disk, path);
    if (salvaged === undefined) continue;
    const isNewest = at === segments.length - 1;
    const read = readSalvaged(path, sequence, salvaged, isNewest);
    const broken = continuity.check(path, sequence, read);
    // Before the segment's own records: they do not follow those before.
    yield* broken;
    if (broken.length > 0) return;
    yield* read.records;
    if (!read.goOn) return;
  }
}

/** Ends with damage where the device cannot read on. */
function readSalvaged(
  path: string,
  sequence: number,
  { bytes, unreadable }: Salvaged,
  isNewest: boolean,
): ReadSegment {
  if (unreadable === undefined) return readSegment(path, sequence, bytes, { isNewest, isArchived: false });
  const { offset, why } = unreadable;
  const prefix = bytes.subarray(0, offset);
  const { records } = readSegment(path, sequence, prefix, { isNewest: true, isArchived: false });
  return damage(
    records.filter(({ kind }) => kind !== "damage"),
    path,
    offset,
    `it cannot be read: ${why}`,
  );
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
  /** Checksum of the last record; undefined if the segment is not whole. */
  readonly chain: number | undefined;
}

/** Each segment's header says where the one before ended. */
class Continuity {
  #sequence = 0;
  #chain: number | undefined;
  #last = 0;

  /** Nothing if the segment follows the one before, or if that is not known. */
  check(file: string, sequence: number, { records, chain }: ReadSegment): readonly LogRecord[] {
    const [head] = records;
    if (head?.kind !== "segment") return [];
    const { header } = head;
    const isNext = sequence === this.#sequence + 1 && this.#chain !== undefined;
    const follows = header.chain === this.#chain && header.firstIndex === this.#last + 1;
    this.#sequence = sequence;
    this.#chain = chain;
    this.#last = header.firstIndex - 1;
    for (const record of records) {
      if (record.kind === "entry") this.#last = record.entry.index;
      if (record.kind === "reset") this.#last = record.point.index;
    }
    if (!isNext || follows) return [];
    const why = "the segment before it lacks records that were durable";
    return [{ kind: "damage", file, offset: 40, why }];
  }
}

function readSegment(
  file: string,
  sequence: number,
  bytes: Uint8Array,
  { isNewest, isArchived }: { readonly isNewest: boolean; readonly isArchived: boolean },
): ReadSegment {
  if (bytes.length < sectorBytes || isZero(bytes, 0, sectorBytes))
    return isNewest
      ? { records: [], goOn: false, chain: undefined }
      : damage([], file, 0, "it has no header");
  const decoded = decodeSegmentHeader(bytes);
  if (decoded.kind === "newer") throw new LogTooNew(file, decoded.version);
  if (decoded.kind === "bad") return damage([], file, 0, decoded.why);
  const { header } = decoded;
  const records: LogRecord[] = [{ kind: "segment", file, header, bytes: bytes.length, isArchived }];
  const end = scanSegment(bytes, sequence, decoded.header.chain, {
    entry: (entry) => records.push({ kind: "entry", entry }),
    hardState: (hardState) => records.push({ kind: "hardState", hardState }),
    reset: (point) => records.push({ kind: "reset", point }),
  });
  const why = end.stop?.why;
  if (why === undefined || mayBeUnfinished(bytes, sequence, end, isNewest))
    return { records, goOn: true, chain: end.chain };
  return damage(records, file, end.offset, why);
}

/** A reader may see any part of a write that is under way, so only a later batch proves damage in the newest one. */
function mayBeUnfinished(bytes: Uint8Array, sequence: number, end: ScanEnd, isNewest: boolean): boolean {
  if (!isNewest) return isZero(bytes, end.offset, bytes.length);
  return laterBatch(bytes, sequence, end.offset + sectorBytes) === undefined;
}

function damage(records: readonly LogRecord[], file: string, offset: number, why: string): ReadSegment {
  return { records: [...records, { kind: "damage", file, offset, why }], goOn: false, chain: undefined };
}

/** A file of bytes that are all there; nothing writes to it. */
function inMemory(bytes: Uint8Array): DiskFile {
  const nothing = async (): Promise<void> => undefined;
  return {
    size: async () => bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
    write: nothing,
    truncate: nothing,
    sync: nothing,
    close: nothing,
  };
}

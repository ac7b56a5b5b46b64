// Opens a log: looks at everything first, refuses what is damaged without having changed anything, then repairs the
// tail and makes sure that what is handed out is durable.
import { assert, InvariantError } from "../kernel/assert.ts";
import type { Disk, DiskFile, Tracer } from "../kernel/ports.ts";
import { silentTracer } from "../kernel/ports.ts";
import { smallRecordBytesMax } from "./batch.ts";
import { LogDamage, LogFailure } from "./errors.ts";
import { batchHeaderBytes, sectorBytes } from "./format.ts";
import type { LogLimits } from "./limits.ts";
import { defaultLogLimits } from "./limits.ts";
import { Log } from "./log.ts";
import type { Recovered } from "./recovery.ts";
import { recoverSegments } from "./recovery.ts";
import { SegmentWriter } from "./segment-writer.ts";
import type { FoundSnapshots } from "./snapshot-store.ts";
import { findSnapshot, removeTemporaries } from "./snapshot-store.ts";
import { Snapshots } from "./snapshots.ts";
import type { HardState, LogEntry, LogPoint, Repair, SnapshotMeta } from "./types.ts";

export interface OpenOptions {
  readonly disk: Disk;
  /** The log's own folder; made if it is not there. */
  readonly directory: string;
  readonly limits?: Partial<LogLimits>;
  readonly tracer?: Tracer;
}

export interface OpenedLog {
  readonly log: Log;
  /** Term 0 and no vote in a new log. */
  readonly hardState: HardState;
  /** The newest good snapshot. */
  readonly snapshot: SnapshotMeta | undefined;
  /**
   * All entries that are still there, contiguous: from the one after the snapshot at the latest, often from earlier.
   * Their payloads are views of whole segments read into memory.
   */
  readonly entries: readonly LogEntry[];
  readonly repaired: readonly Repair[];
}

/** Rejects with LogDamage, having changed nothing, or with LogFailure. One process may have a log open at a time. */
export async function openLog(options: OpenOptions): Promise<OpenedLog> {
  try {
    return await open(options);
  } catch (error) {
    if (error instanceof LogDamage || error instanceof LogFailure || error instanceof InvariantError)
      throw error;
    throw new LogFailure("opening", error);
  }
}

async function open(options: OpenOptions): Promise<OpenedLog> {
  const { disk, directory, tracer = silentTracer } = options;
  const limits = checkedLimits(options.limits ?? {});
  await disk.makeDirectory(directory);
  const found = await findSnapshot(disk, directory);
  const recovered = await recoverSegments(disk, directory);
  checkComplete(directory, found, recovered);
  const repaired = [...recovered.repaired, ...skipped(found)];
  const dropped = conflicting(found.newest, recovered);
  if (dropped !== undefined) repaired.push({ kind: "entriesDropped", snapshot: dropped });
  const file = await repair(disk, directory, recovered);
  const { segments, position } = recovered;
  const writer = new SegmentWriter({ disk, directory, limits, tracer }, { ...recovered, file });
  // Proves to the next start that all before it was durable.
  await (dropped === undefined ? writer.append([], undefined) : writer.reset(dropped));
  for (const { kind, ...facts } of repaired) {
    if (kind === "zerosCut") tracer.debug(`log.${kind}`, facts);
    else tracer.warn(`log.${kind}`, facts);
  }
  const place = { disk, directory, limits, fail: (failure: LogFailure) => writer.fail(failure) };
  const snapshots = new Snapshots(place, found.newest);
  const log = new Log({ disk, directory, limits, tracer, segments, position, writer, snapshots });
  const entries = dropped === undefined ? recovered.entries : [];
  return { log, hardState: recovered.hardState, snapshot: found.newest, entries, repaired };
}

/** Every entry after the snapshot must be there, and no damaged snapshot may have been the only place of a state. */
function checkComplete(directory: string, found: FoundSnapshots, recovered: Recovered): void {
  const { position, segments } = recovered;
  const covered = found.newest?.index ?? 0;
  if (segments.length === 0 && (found.newest !== undefined || found.damaged.length > 0))
    throw new LogDamage(directory, 0, "there are snapshots but no segments, so the last vote is not known");
  for (const damage of found.damaged) {
    const needed = position.termAt(damage.index) !== damage.term || position.base > covered;
    if (needed) throw damage.error;
  }
  if (position.base > covered) {
    const file = segments[0]?.path ?? directory;
    throw new LogDamage(
      file,
      0,
      `entries ${covered + 1} to ${position.base} are missing and no snapshot has them`,
    );
  }
}

/** The snapshot, if the entries do not lead up to it: it was installed, but the process ended before resetTo. */
function conflicting(snapshot: SnapshotMeta | undefined, recovered: Recovered): LogPoint | undefined {
  const { position } = recovered;
  if (snapshot === undefined) return undefined;
  const { index, term } = snapshot;
  const known = position.termAt(index);
  if (known === term || (index === position.base && known === undefined)) return undefined;
  return { index, term };
}

function skipped(found: FoundSnapshots): Repair[] {
  return found.damaged.map(({ error }) => ({ kind: "snapshotSkipped", file: error.file, why: error.why }));
}

/**
 * Cuts the tail, removes leftovers and opens the newest segment. Its last batch is written again: if its sync had
 * failed, reads would still find it in the operating system's cache, and a later sync would succeed without writing it.
 */
async function repair(disk: Disk, directory: string, recovered: Recovered): Promise<DiskFile | undefined> {
  await removeTemporaries(disk, directory);
  if (recovered.unborn !== undefined) await disk.remove(recovered.unborn);
  await disk.syncDirectory(directory);
  const newest = recovered.segments.at(-1);
  if (newest === undefined) return undefined;
  const file = await disk.open(newest.path);
  if (recovered.fileBytes > recovered.end) {
    await file.truncate(recovered.end);
    await file.sync();
  }
  await file.write(recovered.lastWrite.offset, recovered.lastWrite.bytes);
  await file.sync();
  return file;
}

function checkedLimits(given: Partial<LogLimits>): LogLimits {
  const limits = { ...defaultLogLimits, ...given };
  const overhead = batchHeaderBytes + smallRecordBytesMax;
  assert(limits.entryBytesMax + overhead <= limits.batchBytesMax, "a batch must hold any entry", {
    ...limits,
  });
  assert(limits.batchBytesMax + 2 * sectorBytes <= limits.segmentBytesMax, "a segment must hold any batch", {
    ...limits,
  });
  assert(limits.segmentBytesMax < 2 ** 32, "offsets in a segment have 32 bits", { ...limits });
  assert(limits.snapshotsKept >= 1 && limits.snapshotBlockBytes >= 1, "limits of snapshots", { ...limits });
  return limits;
}

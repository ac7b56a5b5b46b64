// Opens a log: looks at everything first, refuses what is damaged without having changed anything, then repairs the
// tail and makes sure that what is handed out is durable.
import { assert, InvariantError } from "../kernel/assert.ts";
import type { Disk, DiskFile, Tracer } from "../kernel/ports.ts";
import { silentTracer } from "../kernel/ports.ts";
import type { ArchiveOptions } from "./archive.ts";
import { Archive } from "./archive.ts";
import type { FoundLog } from "./assess.ts";
import { findDamage, isOutOfReach, newestHardState, withoutEntries } from "./assess.ts";
import { smallRecordBytesMax } from "./batch.ts";
import { LogDamage, LogFailure } from "./errors.ts";
import { batchHeaderBytes, sectorBytes } from "./format.ts";
import { readGroupFile } from "./group-file.ts";
import { HardStateFile, noEnd, readHardStateFile } from "./hard-state-file.ts";
import type { LogLimits } from "./limits.ts";
import { defaultLogLimits } from "./limits.ts";
import { Log } from "./log.ts";
import { PutAside } from "./put-aside.ts";
import type { Recovered } from "./recovery.ts";
import { recoverSegments } from "./recovery.ts";
import type { WriterPlace } from "./segment-writer.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import type { FoundSnapshots } from "./snapshot-store.ts";
import { findSnapshot, removeTemporaries, snapshotPath } from "./snapshot-store.ts";
import { Snapshots } from "./snapshots.ts";
import type { HardState, LogEntry, LogPoint, Repair, SnapshotMeta } from "./types.ts";

export interface OpenOptions {
  readonly disk: Disk;
  /** The log's own folder; made if it is not there. */
  readonly directory: string;
  readonly limits?: Partial<LogLimits>;
  readonly tracer?: Tracer;
  /** Keeps what compaction removes; without it that is deleted. */
  readonly archive?: ArchiveOptions;
  /** What to do if something durable is damaged or missing; "refuse" unless given. */
  readonly repair?: RepairChoice | ((damaged: DamagedLog) => Promise<RepairChoice>);
}

/**
 * "cut": go back to what comes before the damage, put the rest aside and mark the member as healing, for whoever has
 * peers to make it good. "refuse": reject with LogDamage. "salvage": as "cut", also where the vote is lost; only for a
 * member whose cluster is begun anew, in which nobody remembers any vote.
 */
export type RepairChoice = "refuse" | "cut" | "salvage";

/** What can be read before anything is changed. */
export interface DamagedLog {
  readonly damage: LogDamage;
  /** Before the damage. */
  readonly entries: readonly LogEntry[];
  /** The newest good snapshot, opened; the caller closes it. */
  readSnapshot(): Promise<SnapshotReader | undefined>;
}

export interface OpenedLog {
  readonly log: Log;
  /** Term 0 and no vote in a new log. `healing` if what was acknowledged may be lost, now or at an earlier start. */
  readonly hardState: HardState;
  /** The newest good snapshot. */
  readonly snapshot: SnapshotMeta | undefined;
  /**
   * All entries that are still there, contiguous: from the one after the snapshot at the latest, often from earlier.
   * Their payloads are views of whole segments read into memory.
   */
  readonly entries: readonly LogEntry[];
  readonly repaired: readonly Repair[];
  /** What `Log.writeGroup` wrote last; undefined if nothing was, or it cannot be read. */
  readonly group: string | undefined;
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
  const found = await look(disk, directory);
  const damage = findDamage(found);
  const choice = damage === undefined ? "refuse" : await chosen(options, found, damage);
  const known = newestHardState(found, damage, choice === "salvage");
  const hardState = damage === undefined ? known : { ...known, healing: true };
  const hardStateFile = await HardStateFile.open(disk, directory, found.slots, hardState);
  // Before anything is cut: from here on nobody takes what is left for all that there was.
  if (damage !== undefined) await hardStateFile.writeBoth(hardState, noEnd);
  const mended = await mend(disk, found, damage, limits.damagedFilesKept);
  const place = { disk, directory, limits, tracer };
  const archive = options.archive === undefined ? undefined : await Archive.open(place, options.archive);
  return start(place, found, mended, { hardState, file: hardStateFile }, archive);
}

/** Everything in the folder, and whether it is whole. */
async function look(disk: Disk, directory: string): Promise<FoundLog> {
  const slots = await readHardStateFile(disk, directory);
  const snapshots = await findSnapshot(disk, directory);
  const group = await readGroupFile(disk, directory);
  return { directory, snapshots, recovered: await recoverSegments(disk, directory), slots, group };
}

/** Rejects with the damage unless it is to be cut away. */
async function chosen(options: OpenOptions, found: FoundLog, damage: LogDamage): Promise<RepairChoice> {
  const { disk, directory, repair = "refuse" } = options;
  const { newest } = found.snapshots;
  const path = newest === undefined ? undefined : snapshotPath(directory, newest);
  const readSnapshot = async (): Promise<SnapshotReader | undefined> =>
    path === undefined ? undefined : SnapshotReader.open(disk, path);
  const { entries } = found.recovered;
  const choice = typeof repair === "string" ? repair : await repair({ damage, entries, readSnapshot });
  if (choice === "refuse") throw damage;
  return choice;
}

interface Mended {
  readonly recovered: Recovered;
  /** The newest segment, to be gone on with. */
  readonly file: DiskFile | undefined;
  readonly repaired: readonly Repair[];
}

/** Puts aside what is damaged, cuts the tail, removes leftovers. */
async function mend(
  disk: Disk,
  found: FoundLog,
  damage: LogDamage | undefined,
  kept: number,
): Promise<Mended> {
  const { directory, snapshots } = found;
  const aside = await PutAside.begin(disk, directory);
  const isUseless = damage !== undefined && isOutOfReach(found);
  const recovered = isUseless ? withoutEntries(found.recovered) : found.recovered;
  const { segments, damage: segmentDamage } = found.recovered;
  const useless = [...(isUseless ? segments : []), ...(segmentDamage?.useless ?? [])];
  for (const { path } of useless.reverse()) await aside.file(path);
  for (const { error } of snapshots.damaged) await aside.file(error.file);
  const last = recovered.segments.at(-1);
  if (segmentDamage?.isWithinLast === true && last !== undefined) await aside.copy(last.path);
  await aside.end(kept);
  const repaired = [...(isUseless ? [] : recovered.repaired), ...skipped(snapshots)];
  if (damage !== undefined) {
    const { file, offset, why } = damage;
    repaired.unshift({ kind: "damageCut", file, offset, why, putAside: aside.names });
  }
  return { recovered, repaired, file: await cutTail(disk, directory, recovered) };
}

async function start(
  place: WriterPlace,
  found: FoundLog,
  { recovered, file, repaired }: Mended,
  { hardState, file: hardStateFile }: { readonly hardState: HardState; readonly file: HardStateFile },
  archive: Archive | undefined,
): Promise<OpenedLog> {
  const { disk, directory, limits, tracer } = place;
  const { newest } = found.snapshots;
  const { segments, position, end } = recovered;
  const sequence = segments.at(-1)?.sequence;
  await hardStateFile.writeBoth(hardState, sequence === undefined ? noEnd : { sequence, offset: end });
  if (recovered.isOldFormat) await file?.close();
  const current = recovered.isOldFormat ? undefined : file;
  const writer = new SegmentWriter(place, { ...recovered, hardState, hardStateFile, file: current });
  const dropped = conflicting(newest, recovered);
  // Proves to the next start that all before it was durable.
  const isSame = isSameHardState(hardState, recovered.hardState);
  const begun = writer.append([], isSame ? undefined : hardState);
  await (dropped === undefined ? begun : Promise.all([begun, writer.reset(dropped)]));
  const all: Repair[] = [...repaired];
  if (dropped !== undefined) all.push({ kind: "entriesDropped", snapshot: dropped });
  trace(tracer, all);
  const fail = (failure: LogFailure): LogFailure => writer.fail(failure);
  const remove =
    archive === undefined ? undefined : (point: LogPoint) => archive.takeSnapshot(point, segments);
  const snapshots = new Snapshots({ disk, directory, limits, fail, remove }, newest);
  const log = new Log({ disk, directory, limits, tracer, segments, position, writer, snapshots, archive });
  const entries = dropped === undefined ? recovered.entries : [];
  return { log, hardState, snapshot: newest, entries, repaired: all, group: found.group };
}

function trace(tracer: Tracer, repaired: readonly Repair[]): void {
  for (const { kind, ...facts } of repaired) {
    if (kind === "zerosCut") tracer.debug(`log.${kind}`, facts);
    else if (kind === "damageCut") tracer.error(`log.${kind}`, facts);
    else tracer.warn(`log.${kind}`, facts);
  }
}

function isSameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.votedFor === b.votedFor && a.healing === b.healing;
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
async function cutTail(disk: Disk, directory: string, recovered: Recovered): Promise<DiskFile | undefined> {
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

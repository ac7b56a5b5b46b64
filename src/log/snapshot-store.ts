// The snapshots of a folder: which are there, which is the newest good one, how many are kept.
import type { Disk } from "../kernel/ports.ts";
import { LogDamage, LogTooNew } from "./errors.ts";
import { isMediumError } from "./salvage.ts";
import { parseSnapshotName, snapshotName, snapshotSuffix, temporarySuffix } from "./snapshot-format.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import type { LogPoint, SnapshotMeta } from "./types.ts";

export interface FoundSnapshots {
  /** The newest whose every byte is as it was written. */
  readonly newest: SnapshotMeta | undefined;
  /** Newer than that one, but damaged. */
  readonly damaged: readonly DamagedSnapshot[];
}

export interface DamagedSnapshot extends LogPoint {
  readonly error: LogDamage;
}

/** The points of the snapshots in a folder, newest first, unchecked. */
export async function listSnapshots(disk: Disk, directory: string): Promise<LogPoint[]> {
  const points: LogPoint[] = [];
  for (const name of await disk.list(directory)) {
    const point = parseSnapshotName(name);
    if (point !== undefined) points.push(point);
  }
  return points.sort((a, b) => b.index - a.index || b.term - a.term);
}

/** Reads snapshots from the newest on until one is good. */
export async function findSnapshot(disk: Disk, directory: string): Promise<FoundSnapshots> {
  const damaged: DamagedSnapshot[] = [];
  for (const point of await listSnapshots(disk, directory)) {
    const checked = await checkSnapshot(disk, directory, point);
    if (!(checked instanceof LogDamage)) return { newest: checked, damaged };
    damaged.push({ ...point, error: checked });
  }
  return { newest: undefined, damaged };
}

export function snapshotPath(directory: string, point: LogPoint): string {
  return `${directory}/${snapshotName(point)}`;
}

/** Removes all but the newest `kept` snapshots, oldest first, each in the given way. */
export async function pruneSnapshots(
  disk: Disk,
  directory: string,
  kept: number,
  remove: (point: LogPoint) => Promise<void> = (point) => disk.remove(snapshotPath(directory, point)),
): Promise<void> {
  const old = (await listSnapshots(disk, directory)).slice(kept).reverse();
  for (const point of old) await remove(point);
  if (old.length > 0) await disk.syncDirectory(directory);
}

/** Removes what an interrupted snapshot left behind. */
export async function removeTemporaries(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (name.endsWith(temporarySuffix) && name.includes(snapshotSuffix))
      await disk.remove(`${directory}/${name}`);
  }
}

async function checkSnapshot(
  disk: Disk,
  directory: string,
  point: LogPoint,
): Promise<SnapshotMeta | LogDamage> {
  const path = snapshotPath(directory, point);
  try {
    const reader = await SnapshotReader.open(disk, path);
    try {
      await reader.verify();
    } finally {
      await reader.close();
    }
    if (reader.meta.index === point.index && reader.meta.term === point.term) return reader.meta;
    return new LogDamage(path, 16, "its header does not agree with its name");
  } catch (error) {
    if (error instanceof LogDamage && !(error instanceof LogTooNew)) return error;
    if (isMediumError(error)) return new LogDamage(path, 0, `it cannot be read: ${error.message}`);
    throw error;
  }
}

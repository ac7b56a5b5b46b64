// Keeps what compaction would delete: files are moved into the archive's folder at once, and compressed there one piece
// after the other while the log goes on. The oldest go first when there is too much or they are too old. A fault of the
// archive costs history, never the log.
import type { Clock, Disk, Tracer } from "../kernel/ports.ts";
import type { ArchivedFile } from "./archive-store.ts";
import { archivedName, archiveFolder, listArchive } from "./archive-store.ts";
import { packedPieceBytes } from "./limits.ts";
import type { Compressor } from "./packed.ts";
import { Packer } from "./packed.ts";
import type { Segment } from "./recovery.ts";
import { snapshotName } from "./snapshot-format.ts";
import type { LogPoint } from "./types.ts";

export interface ArchiveOptions {
  /** Of all files together, as they lie on the disk. */
  readonly bytesMax: number;
  /** How long a file is kept after it came into the archive. Milliseconds. */
  readonly ageMsMax: number;
  readonly compressor: Compressor;
  readonly clock: Clock;
}

interface Kept {
  readonly file: ArchivedFile;
  readonly bytes: number;
}

export interface ArchivePlace {
  readonly disk: Disk;
  /** The log's own folder. */
  readonly directory: string;
  readonly tracer: Tracer;
}

export class Archive {
  readonly #place: ArchivePlace;
  readonly #options: ArchiveOptions;
  #files: Kept[] = [];
  #work: Promise<void> = Promise.resolve();
  #isStopped = false;
  #isBroken = false;

  private constructor(place: ArchivePlace, options: ArchiveOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** Goes on with what an earlier process left. Rejects if the disk does. */
  static async open(place: ArchivePlace, options: ArchiveOptions): Promise<Archive> {
    const archive = new Archive(place, options);
    await place.disk.makeDirectory(archive.#folder);
    const { files, superfluous } = await listArchive(place.disk, place.directory);
    for (const path of superfluous) await place.disk.remove(path);
    for (const file of files) {
      const bytes = await sizeOf(place.disk, file.path);
      archive.#files.push({ file, bytes });
    }
    for (const file of files) if (file.suffix === "") archive.#queue(file);
    archive.#enqueue(() => archive.#trim());
    return archive;
  }

  /** Takes a segment out of the log's folder; that is durable when it resolves. */
  takeSegment(segment: Segment): Promise<void> {
    return this.#take(segment.path, "segment", segment.sequence, segment.firstIndex);
  }

  /**
   * Takes a snapshot, if a segment was begun since the last one that was kept: one for each segment is enough to replay
   * from anywhere, and bounds what they need. Otherwise deletes it.
   */
  async takeSnapshot(point: LogPoint, segments: readonly Segment[]): Promise<void> {
    const { disk, directory } = this.#place;
    const path = `${directory}/${snapshotName(point)}`;
    const snapshots = this.#files.filter(({ file }) => file.kind === "snapshot");
    const newest = Math.max(0, ...snapshots.map(({ file }) => file.order));
    const archived = this.#files.filter(({ file }) => file.kind === "segment").map(({ file }) => file.detail);
    const begun = [...archived, ...segments.map(({ firstIndex }) => firstIndex)];
    if (begun.some((index) => index > newest && index <= point.index))
      await this.#take(path, "snapshot", point.index, point.term);
    else await disk.remove(path);
  }

  /** Stops after the piece at hand; the next start goes on. */
  async close(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  /** Resolves when everything taken so far is compressed and the bounds are kept. */
  settled(): Promise<void> {
    return this.#work;
  }

  get #folder(): string {
    return `${this.#place.directory}/${archiveFolder}`;
  }

  async #take(path: string, kind: ArchivedFile["kind"], order: number, detail: number): Promise<void> {
    const { disk, directory } = this.#place;
    const sinceMs = Math.max(0, this.#options.clock.wallMs());
    const facts = { kind, order, detail, sinceMs, suffix: "" };
    const file: ArchivedFile = { ...facts, path: `${this.#folder}/${archivedName(facts)}` };
    const bytes = await this.#move(path, file.path);
    if (bytes === undefined) await disk.remove(path);
    await disk.syncDirectory(directory);
    if (bytes === undefined) return;
    this.#files.push({ file, bytes });
    this.#queue(file);
  }

  /** @returns its bytes; undefined if the archive does not take it: then it is to be deleted */
  async #move(from: string, to: string): Promise<number | undefined> {
    const { disk } = this.#place;
    if (this.#isBroken || this.#options.bytesMax === 0) return undefined;
    try {
      await disk.rename(from, to);
      await disk.syncDirectory(this.#folder);
      return await sizeOf(disk, to);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #queue(file: ArchivedFile): void {
    this.#enqueue(async () => {
      await this.#compress(file);
      await this.#trim();
    });
  }

  #enqueue(action: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#isStopped || this.#isBroken) return;
      try {
        await action();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #fail(error: unknown): void {
    this.#isBroken = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#place.tracer.warn("log.archiveFailed", {
      why,
      consequence: "no more is archived until a start",
    });
  }

  async #compress(file: ArchivedFile): Promise<void> {
    const { disk, tracer } = this.#place;
    const at = this.#files.findIndex((kept) => kept.file === file);
    if (at === -1) return;
    const path = `${file.path}${this.#options.compressor.suffix}`;
    const bytes = await this.#packOrRemove(file.path, `${path}.tmp`);
    if (bytes === undefined) return;
    await disk.rename(`${path}.tmp`, path);
    await disk.syncDirectory(this.#folder);
    await disk.remove(file.path);
    const { suffix } = this.#options.compressor;
    this.#files = this.#files.map((kept) =>
      kept.file === file ? { file: { ...file, path, suffix }, bytes } : kept,
    );
    tracer.debug("log.archived", { path, bytes });
  }

  /** The disk may be full: what could not be finished must not go on taking the log's space. */
  async #packOrRemove(from: string, to: string): Promise<number | undefined> {
    try {
      return await this.#pack(from, to);
    } catch (error) {
      await this.#place.disk.remove(to).catch(() => undefined);
      throw error;
    }
  }

  /** @returns the bytes written; undefined if the log was closed meanwhile, then nothing is left of it */
  async #pack(from: string, to: string): Promise<number | undefined> {
    const { disk } = this.#place;
    const source = await disk.open(from);
    const target = await disk.open(to);
    try {
      await target.truncate(0);
      let end = 0;
      const packer = new Packer(this.#options.compressor, async (bytes) => {
        await target.write(end, bytes);
        end += bytes.length;
      });
      const size = await source.size();
      for (let at = 0; at < size && !this.#isStopped; at += packedPieceBytes)
        await packer.write(await source.read(at, packedPieceBytes));
      if (this.#isStopped) {
        await disk.remove(to);
        return undefined;
      }
      await packer.finish();
      await target.sync();
      return end;
    } finally {
      await source.close();
      await target.close();
    }
  }

  /** Removes the oldest until the bounds are kept; snapshots that no segment follows any more go with it. */
  async #trim(): Promise<void> {
    while (this.#isTooMuch()) {
      const oldest = this.#oldest();
      if (oldest === undefined) return;
      await this.#drop(oldest);
      const next = this.#files.find(({ file }) => file.kind === "segment");
      const reach = next === undefined ? 0 : next.file.detail - 1;
      for (const each of this.#files.filter(({ file }) => file.kind === "snapshot" && file.order < reach))
        await this.#drop(each);
    }
  }

  async #drop(kept: Kept): Promise<void> {
    await this.#place.disk.remove(kept.file.path);
    this.#files = this.#files.filter((each) => each !== kept);
  }

  /** The first segment; without any, the first snapshot. */
  #oldest(): Kept | undefined {
    return this.#files.find(({ file }) => file.kind === "segment") ?? this.#files[0];
  }

  #isTooMuch(): boolean {
    const bytes = this.#files.reduce((sum, kept) => sum + kept.bytes, 0);
    const sinceMs = this.#oldest()?.file.sinceMs ?? Number.POSITIVE_INFINITY;
    return bytes > this.#options.bytesMax || this.#options.clock.wallMs() - sinceMs > this.#options.ageMsMax;
  }
}

/** Of a file that is there. Bytes. */
async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path);
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

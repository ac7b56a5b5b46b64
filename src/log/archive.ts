// Keeps what compaction would delete: files are moved into the archive's folder at once, and compressed there one piece
// after the other while the log goes on. The oldest go first when there is too much or they are too old. A fault of the
// archive costs history, never the log, and it is tried again (archive-health.ts).
import type { Clock, Disk, Tracer } from "../kernel/ports.ts";
import { type ArchiveHealth, HealthOfArchive, isNoSpaceError } from "./archive-health.ts";
import { packFile, sizeOf, withFile } from "./archive-packing.ts";
import type { ArchivedFile } from "./archive-store.ts";
import { archivedName, archiveFolder, listArchive } from "./archive-store.ts";
import type { Compressor } from "./packed.ts";
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

/** Written to see whether the folder can be written to again. */
const probeBytes = 4096;

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
  readonly #health: HealthOfArchive;
  #files: Kept[] = [];
  /** What an earlier process left is known. */
  #isListed = false;
  #work: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(place: ArchivePlace, options: ArchiveOptions) {
    this.#place = place;
    this.#options = options;
    this.#health = new HealthOfArchive(options.clock, place.tracer, () => this.#wake());
  }

  /** Goes on with what an earlier process left. */
  static async open(place: ArchivePlace, options: ArchiveOptions): Promise<Archive> {
    const archive = new Archive(place, options);
    try {
      await archive.#list();
    } catch (error) {
      archive.#health.failed(error);
    }
    archive.#wake();
    return archive;
  }

  get health(): ArchiveHealth {
    return this.#health.health;
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
    this.#health.stop();
    await this.#work;
  }

  /** Resolves when everything taken so far is compressed and the bounds are kept, or could not be. */
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
    this.#add({ file, bytes });
    this.#wake();
  }

  /** @returns its bytes; undefined if the archive does not take it: then it is to be deleted */
  async #move(from: string, to: string): Promise<number | undefined> {
    const { disk } = this.#place;
    if (!this.#mayTake()) return undefined;
    try {
      await disk.rename(from, to);
      await disk.syncDirectory(this.#folder);
      return await sizeOf(disk, to);
    } catch (error) {
      this.#health.failed(error);
      return undefined;
    }
  }

  /** While it fails it may be unable to make room again. */
  #mayTake(): boolean {
    if (!this.#isListed || this.#options.bytesMax === 0 || this.#health.lacksSpace) return false;
    return !this.#health.isFailing || !this.#isTooMuch();
  }

  #add(kept: Kept): void {
    if (!this.#files.some(({ file }) => file.path === kept.file.path)) this.#files.push(kept);
  }

  #wake(): void {
    this.#work = this.#work.then(() => this.#pass());
  }

  /** All that is to be done now. */
  async #pass(): Promise<void> {
    if (this.#isStopped) return;
    try {
      const { isFailing, mayTry } = this.#health;
      // What cannot be compressed keeps within the bounds all the same.
      if (isFailing) await this.#trim();
      if (!mayTry) return;
      if (isFailing) await this.#probe();
      await this.#compressAll();
      await this.#trim();
      if (!this.#isStopped) this.#health.works();
    } catch (error) {
      this.#health.failed(error);
    }
  }

  /** Whether the folder is there and can be written to, and what is in it now. */
  async #probe(): Promise<void> {
    const { disk } = this.#place;
    await this.#list();
    const path = `${this.#folder}/probe.tmp`;
    try {
      await withFile(disk, path, async (file) => {
        await file.write(0, new Uint8Array(probeBytes));
        await file.sync();
      });
    } finally {
      await disk.remove(path);
    }
  }

  /** What is taken meanwhile stays. */
  async #list(): Promise<void> {
    const { disk, directory } = this.#place;
    const before = new Set(this.#files);
    await disk.makeDirectory(this.#folder);
    const { files, superfluous } = await listArchive(disk, directory);
    for (const path of superfluous) await disk.remove(path);
    const found: Kept[] = [];
    for (const file of files) found.push({ file, bytes: await sizeOf(disk, file.path) });
    const taken = this.#files.filter((kept) => !before.has(kept));
    this.#files = found;
    for (const kept of taken) this.#add(kept);
    this.#isListed = true;
  }

  /** One that cannot be compressed does not hold up the others, unless there is no space for any. */
  async #compressAll(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (const { file } of this.#files.filter((kept) => kept.file.suffix === "")) {
      if (this.#isStopped) return;
      try {
        await this.#compress(file);
      } catch (error) {
        if (isNoSpaceError(error)) throw error;
        failure = { error };
      }
      await this.#trim();
    }
    if (failure !== undefined) throw failure.error;
  }

  async #compress(file: ArchivedFile): Promise<void> {
    const { disk, tracer } = this.#place;
    const at = this.#files.findIndex((kept) => kept.file === file);
    if (at === -1) return;
    const { compressor } = this.#options;
    const path = `${file.path}${compressor.suffix}`;
    const isStopped = (): boolean => this.#isStopped;
    const bytes = await packFile({ disk, from: file.path, to: `${path}.tmp`, compressor, isStopped });
    if (bytes === undefined) return;
    await disk.rename(`${path}.tmp`, path);
    await disk.syncDirectory(this.#folder);
    await disk.remove(file.path);
    const { suffix } = compressor;
    this.#files = this.#files.map((kept) =>
      kept.file === file ? { file: { ...file, path, suffix }, bytes } : kept,
    );
    tracer.debug("log.archived", { path, bytes });
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

// Group commit: whoever appends while a write and its sync are under way shares the next one. One batch is one write
// and one sync, in the order of the appends. After the first failure nothing more is written.
import { assert } from "../kernel/assert.ts";
import { asIndex } from "../kernel/ids.ts";
import type { Disk, DiskFile, Tracer } from "../kernel/ports.ts";
import { Batch, entryRecordBytes, smallRecordBytesMax } from "./batch.ts";
import { LogFailure } from "./errors.ts";
import { sectorEnd, segmentName } from "./format.ts";
import type { DurableEnd, HardStateFile } from "./hard-state-file.ts";
import { noEnd } from "./hard-state-file.ts";
import type { LogLimits } from "./limits.ts";
import type { Position } from "./position.ts";
import type { Segment } from "./recovery.ts";
import type { HardState, LogEntry, LogPoint } from "./types.ts";

/** Where to go on writing. */
export interface WriterStart {
  /** Oldest first; the last one is written to if there is one. Shared with whoever removes old ones. */
  readonly segments: Segment[];
  /** The newest segment, opened, and where its last batch ends. */
  readonly file: DiskFile | undefined;
  readonly end: number;
  readonly chain: number;
  readonly hardState: HardState;
  readonly position: Position;
  /** The next segment has one more. */
  readonly lastSequence: number;
  readonly hardStateFile: HardStateFile;
}

export interface WriterPlace {
  readonly disk: Disk;
  readonly directory: string;
  readonly limits: LogLimits;
  readonly tracer: Tracer;
}

const idleBatchesKept = 2;

export class SegmentWriter {
  readonly #place: WriterPlace;
  readonly #segments: Segment[];
  readonly #position: Position;
  #file: DiskFile | undefined;
  #end: number;
  #allocated: number;
  #chain: number;
  #hardState: HardState;
  #lastSequence: number;
  readonly #hardStateFile: HardStateFile;
  #queue: Batch[] = [];
  #idle: Batch[] = [];
  #open: Batch | undefined;
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #failure: LogFailure | undefined;

  constructor(place: WriterPlace, start: WriterStart) {
    this.#place = place;
    this.#segments = start.segments;
    this.#position = start.position;
    this.#file = start.file;
    this.#end = start.end;
    this.#allocated = start.end;
    this.#chain = start.chain;
    this.#hardState = start.hardState;
    this.#lastSequence = start.lastSequence;
    this.#hardStateFile = start.hardStateFile;
  }

  /** Bytes appended but not yet durable. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get failure(): LogFailure | undefined {
    return this.#failure;
  }

  /** No further append succeeds. */
  fail(failure: LogFailure): LogFailure {
    this.#failure ??= failure;
    return this.#failure;
  }

  /** The hard state first: an entry must not be durable in a term that is not. */
  append(entries: readonly LogEntry[], hardState: HardState | undefined): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    let batch = this.#batchWithRoom(0);
    if (hardState !== undefined) {
      batch = this.#batchWithRoom(smallRecordBytesMax);
      this.#record(batch, () => batch.addHardState(hardState));
      this.#hardState = hardState;
    }
    for (const entry of entries) batch = this.#appendEntry(entry);
    return this.#flush(batch);
  }

  reset(point: LogPoint): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const batch = this.#batchWithRoom(smallRecordBytesMax);
    this.#record(batch, () => batch.addReset(point));
    this.#position.reset(point);
    return this.#flush(batch);
  }

  /** Waits for all that was appended; then closes the file and takes nothing more. */
  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    const isClean = this.#failure === undefined;
    this.fail(new LogFailure("use", "it is closed"));
    const file = this.#file;
    this.#file = undefined;
    try {
      if (isClean) await this.#hardStateFile.advance(this.#durableEnd());
      await this.#hardStateFile.close();
      await file?.close();
    } catch (error) {
      throw new LogFailure("close", error);
    }
  }

  #appendEntry(entry: LogEntry): Batch {
    const bytes = entryRecordBytes(entry);
    const batch = this.#batchWithRoom(bytes);
    this.#position.append(entry.index, entry.term);
    batch.addEntry(entry);
    this.#chain = batch.chain;
    this.#pendingBytes += bytes;
    return batch;
  }

  #record(batch: Batch, add: () => void): void {
    const before = batch.bytes;
    add();
    this.#chain = batch.chain;
    this.#pendingBytes += batch.bytes - before;
  }

  /** The batch that gathers, or a new one if the record does not fit into it. */
  #batchWithRoom(bytes: number): Batch {
    const { batchBytesMax, pendingBytesMax } = this.#place.limits;
    assert(this.#pendingBytes + bytes <= pendingBytesMax, "too much appended that is not yet durable", {
      pendingBytes: this.#pendingBytes,
    });
    if (this.#open !== undefined && this.#open.bytes + bytes <= batchBytesMax) return this.#open;
    const batch = this.#idle.pop() ?? new Batch();
    batch.begin({
      firstIndex: asIndex(this.#position.last + 1),
      previousTerm: this.#position.lastTerm,
      chain: this.#chain,
      hardState: this.#hardState,
    });
    this.#queue.push(batch);
    this.#open = batch;
    return batch;
  }

  /** Starts writing one microtask later, so that the appends of one turn go together. */
  #flush(batch: Batch): Promise<void> {
    const settled = batch.settled.promise;
    this.#running ??= Promise.resolve().then(() => this.#run());
    return settled;
  }

  async #run(): Promise<void> {
    try {
      for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
        if (batch === this.#open) this.#open = undefined;
        await this.#commit(batch);
      }
    } catch (error) {
      this.#failAll(error);
    }
    this.#running = undefined;
  }

  async #commit(batch: Batch): Promise<void> {
    const { settled, recordBytes } = batch;
    try {
      await this.#write(batch);
      if (this.#failure !== undefined) throw this.#failure;
    } catch (error) {
      settled.reject(this.fail(error instanceof LogFailure ? error : new LogFailure("write", error)));
      throw error;
    }
    this.#pendingBytes -= recordBytes;
    assert(this.#pendingBytes >= 0, "more became durable than was appended");
    if (this.#idle.length < idleBatchesKept) this.#idle.push(batch);
    settled.resolve();
  }

  #failAll(error: unknown): void {
    const failure = this.fail(error instanceof LogFailure ? error : new LogFailure("write", error));
    this.#place.tracer.error("log.failed", { operation: failure.operation, why: failure.message });
    for (const batch of this.#queue) batch.settled.reject(failure);
    this.#queue = [];
    this.#open = undefined;
  }

  async #write(batch: Batch): Promise<void> {
    const { segmentBytesMax } = this.#place.limits;
    if (batch.hardState !== undefined) await this.#hardStateFile.write(batch.hardState, this.#durableEnd());
    if (this.#file === undefined || this.#end + sectorEnd(batch.bytes) > segmentBytesMax)
      await this.#beginSegment(batch);
    else await this.#writeTo(this.#file, batch);
    const segment = this.#segments.at(-1);
    assert(segment !== undefined, "a batch was written to no segment");
    if (batch.hasReset) for (const each of this.#segments) each.maxIndex = 0;
    segment.maxIndex = Math.max(segment.maxIndex, batch.maxIndex);
  }

  async #writeTo(file: DiskFile, batch: Batch): Promise<void> {
    const sequence = this.#segments.at(-1)?.sequence ?? 0;
    const bytes = batch.seal(sequence, this.#end);
    if (file.writeDurably !== undefined && this.#end + bytes.length <= this.#allocated) {
      await file.writeDurably(this.#end, bytes);
      this.#end += bytes.length;
      return;
    }
    await file.write(this.#end, bytes);
    this.#end += bytes.length;
    await this.#allocate(file);
    await file.sync();
  }

  async #beginSegment(batch: Batch): Promise<void> {
    const sequence = this.#lastSequence + 1;
    const path = `${this.#place.directory}/${segmentName(sequence, batch.start.firstIndex)}`;
    await this.#file?.close();
    const file = await this.#place.disk.open(path);
    this.#file = file;
    const bytes = batch.sealAsSegment(sequence);
    await file.write(0, bytes);
    this.#end = bytes.length;
    this.#allocated = bytes.length;
    await this.#allocate(file);
    await file.sync();
    await this.#place.disk.syncDirectory(this.#place.directory);
    this.#segments.push({ path, sequence, firstIndex: batch.start.firstIndex, maxIndex: 0 });
    this.#lastSequence = sequence;
    await this.#hardStateFile.advance(this.#durableEnd());
    this.#place.tracer.debug("log.segmentBegun", { path });
  }

  #durableEnd(): DurableEnd {
    const newest = this.#segments.at(-1);
    return newest === undefined ? noEnd : { sequence: newest.sequence, offset: this.#end };
  }

  /** Writes zeros ahead of the end, so that the syncs that follow need not make a new file size durable. */
  async #allocate(file: DiskFile): Promise<void> {
    const { preallocateBytes, segmentBytesMax } = this.#place.limits;
    if (this.#end <= this.#allocated || preallocateBytes === 0) return;
    const until = Math.min(this.#end + preallocateBytes, segmentBytesMax);
    if (until > this.#end) await file.write(this.#end, new Uint8Array(until - this.#end));
    this.#allocated = until;
  }
}

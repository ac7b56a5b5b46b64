// Rebuilds the log from the segments of a folder, without changing anything: what has to be cut is said in the result,
// damage and what could be read before it as well.

import type { LogIndex } from "../kernel/ids.ts";
import { asIndex, asTerm } from "../kernel/ids.ts";
import type { Disk } from "../kernel/ports.ts";
import { LogDamage, LogTooNew } from "./errors.ts";
import type { SegmentHeader } from "./format.ts";
import { decodeSegmentHeader, formatVersion, isZero, parseSegmentName, sectorBytes } from "./format.ts";
import { Position } from "./position.ts";
import { salvage } from "./salvage.ts";
import type { RecordVisitor, ScanEnd } from "./segment-scan.ts";
import { scanSegment } from "./segment-scan.ts";
import { judgeTail, laterBatch } from "./tail.ts";
import type { HardState, LogEntry, LogPoint, Repair } from "./types.ts";

/** A segment on the disk. */
export interface Segment {
  readonly path: string;
  readonly sequence: number;
  /** One more than the last index when it was begun, from its name. */
  readonly firstIndex: number;
  /** The greatest index of an entry in it that a later reset has not made void; 0 if there is none. */
  maxIndex: number;
}

export interface Recovered {
  readonly segments: Segment[];
  /** The next segment has one more. */
  readonly lastSequence: number;
  /** Bytes of the newest segment that hold whole batches. */
  readonly end: number;
  /** Bytes of the newest segment's file. */
  readonly fileBytes: number;
  /** The last write to the newest segment: the only one that may not be durable. */
  readonly lastWrite: { readonly offset: number; readonly bytes: Uint8Array };
  readonly chain: number;
  readonly hardState: HardState;
  /** False if damage may have taken the newest record of it. */
  readonly isHardStateKnown: boolean;
  /** The newest segment has an older format: nothing more is written to it. */
  readonly isOldFormat: boolean;
  readonly position: Position;
  readonly entries: LogEntry[];
  /** The newest segment, if it was never begun durably: to be removed. */
  readonly unborn: string | undefined;
  readonly repaired: Repair[];
  /** All above is what comes before this. */
  readonly damage: SegmentDamage | undefined;
}

/** Anything but an unfinished tail of the newest segment. */
export interface SegmentDamage {
  readonly error: LogDamage;
  /** `segments` ends with the one that is damaged, and whole batches precede the place. */
  readonly isWithinLast: boolean;
  /** Segments of which nothing counts. */
  readonly useless: readonly Segment[];
}

export const noHardState: HardState = { term: asTerm(0), votedFor: null, healing: false };

export async function recoverSegments(disk: Disk, directory: string): Promise<Recovered> {
  const segments = await sortedSegments(disk, directory);
  const recovery = new Recovery(segments.at(-1)?.sequence ?? 0);
  for (const [at, segment] of segments.entries()) {
    const isNewest = at === segments.length - 1;
    const error = gapBefore(segments, at) ?? (await takeFrom(disk, segment, isNewest, recovery));
    if (error === undefined) continue;
    const newest = segments.at(-1);
    const tail = isNewest || newest === undefined ? undefined : await salvage(disk, newest.path);
    recovery.damaged(
      error,
      segments.slice(at),
      newest,
      tail?.unreadable === undefined ? tail?.bytes : undefined,
    );
    break;
  }
  return recovery.result();
}

/** What the device cannot read any more was durable for all we know: it is damage, and never an unfinished tail. */
async function takeFrom(
  disk: Disk,
  segment: Segment,
  isNewest: boolean,
  recovery: Recovery,
): Promise<LogDamage | undefined> {
  const read = await salvage(disk, segment.path);
  if (read === undefined) throw new LogDamage(segment.path, 0, "the segment went away while it was read");
  const { bytes, unreadable } = read;
  if (unreadable === undefined) return recovery.take(segment, bytes, isNewest);
  recovery.take(segment, bytes.subarray(0, unreadable.offset), false, bytes.length);
  return new LogDamage(segment.path, unreadable.offset, `it cannot be read: ${unreadable.why}`);
}

/** The segments of a folder in the order of writing. Rejects with LogDamage if one is missing between others. */
export async function listSegments(disk: Disk, directory: string): Promise<Segment[]> {
  const segments = await sortedSegments(disk, directory);
  for (const at of segments.keys()) {
    const gap = gapBefore(segments, at);
    if (gap !== undefined) throw gap;
  }
  return segments;
}

async function sortedSegments(disk: Disk, directory: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of await disk.list(directory)) {
    const parsed = parseSegmentName(name);
    if (parsed !== undefined) segments.push({ path: `${directory}/${name}`, ...parsed, maxIndex: 0 });
  }
  return segments.sort((a, b) => a.sequence - b.sequence);
}

function gapBefore(segments: readonly Segment[], at: number): LogDamage | undefined {
  const [before, segment] = [segments[at - 1], segments[at]];
  if (before === undefined || segment === undefined || segment.sequence === before.sequence + 1)
    return undefined;
  const why = `the segment before it is missing; the last one is ${before.path}`;
  return new LogDamage(segment.path, 0, why);
}

/** Takes segments one after the other. */
class Recovery implements RecordVisitor {
  readonly #segments: Segment[] = [];
  readonly #repaired: Repair[] = [];
  #position: Position | undefined;
  #hardState = noHardState;
  #entries: LogEntry[] = [];
  #chain = 0;
  #end = 0;
  #fileBytes = 0;
  #lastWrite: Recovered["lastWrite"] = { offset: 0, bytes: new Uint8Array(0) };
  #unborn: string | undefined;
  #damage: SegmentDamage | undefined;
  #isHardStateKnown = true;
  #version: number = formatVersion;
  #path = "";
  #maxIndex = 0;
  #lastSequence: number;

  constructor(lastSequence: number) {
    this.#lastSequence = lastSequence;
  }

  /**
   * @param fileBytes of the file, if not all of it is given
   * @returns the damage, if there is any; then what comes before it was taken
   */
  take(
    segment: Segment,
    bytes: Uint8Array,
    isNewest: boolean,
    fileBytes = bytes.length,
  ): LogDamage | undefined {
    this.#path = segment.path;
    const header = this.#header(segment, bytes, isNewest);
    if (header instanceof LogDamage || header === undefined) return header;
    this.#maxIndex = 0;
    const end = scanSegment(bytes, segment.sequence, header.chain, this);
    segment.maxIndex = this.#maxIndex;
    this.#segments.push(segment);
    this.#chain = end.chain;
    this.#end = end.offset;
    this.#version = header.version;
    this.#fileBytes = fileBytes;
    this.#lastWrite = { offset: end.lastBatch, bytes: bytes.subarray(end.lastBatch, end.offset) };
    return end.stop === undefined ? undefined : this.#stopped(segment, bytes, end, isNewest);
  }

  /** @param tail the bytes of the newest segment, unless it is the damaged one */
  damaged(
    error: LogDamage,
    from: readonly Segment[],
    newest: Segment | undefined,
    tail: Uint8Array | undefined,
  ): void {
    const isWithinLast = this.#segments.at(-1) === from[0];
    this.#damage = { error, isWithinLast, useless: isWithinLast ? from.slice(1) : from };
    const known = newest === undefined || tail === undefined ? undefined : hardStateOf(newest, tail);
    if (known !== undefined) this.#hardState = known;
    this.#isHardStateKnown = known !== undefined;
  }

  result(): Recovered {
    return {
      segments: this.#segments,
      lastSequence: this.#segments.at(-1)?.sequence ?? this.#lastSequence,
      end: this.#end,
      fileBytes: this.#fileBytes,
      lastWrite: this.#lastWrite,
      chain: this.#chain,
      hardState: this.#hardState,
      isHardStateKnown: this.#isHardStateKnown,
      isOldFormat: this.#version < formatVersion,
      position: this.#position ?? new Position({ index: asIndex(0), term: asTerm(0) }),
      entries: this.#entries,
      unborn: this.#unborn,
      repaired: this.#repaired,
      damage: this.#damage,
    };
  }

  entry(entry: LogEntry): void {
    const position = this.#begun();
    if (entry.index > position.last + 1)
      throw new LogDamage(this.#path, 0, `entry ${entry.index} follows entry ${position.last}`);
    position.append(entry.index, entry.term);
    const keep = Math.max(0, entry.index - firstOf(this.#entries, entry.index));
    this.#entries.length = Math.min(keep, this.#entries.length);
    this.#entries.push(entry);
    this.#maxIndex = Math.max(this.#maxIndex, entry.index);
  }

  hardState(state: HardState): void {
    this.#hardState = state;
  }

  reset(point: LogPoint): void {
    this.#begun().reset(point);
    this.#entries = [];
    for (const segment of this.#segments) segment.maxIndex = 0;
    this.#maxIndex = 0;
  }

  /** The checked header, or undefined if the segment was never begun durably. */
  #header(segment: Segment, bytes: Uint8Array, isNewest: boolean): SegmentHeader | LogDamage | undefined {
    if (isNewest && wasNeverBegun(bytes, segment.sequence)) return this.#drop(segment);
    if (bytes.length < sectorBytes)
      return new LogDamage(segment.path, bytes.length, "it ends within its header");
    const decoded = decodeSegmentHeader(bytes);
    if (decoded.kind === "newer") throw new LogTooNew(segment.path, decoded.version);
    if (decoded.kind === "bad") return new LogDamage(segment.path, 0, decoded.why);
    return this.#connect(segment, decoded.header);
  }

  #drop(segment: Segment): LogDamage | undefined {
    if (this.#segments.length === 0 && segment.sequence > 1)
      return new LogDamage(segment.path, 0, "it is empty and the segment before it is missing");
    this.#unborn = segment.path;
    this.#lastSequence = segment.sequence - 1;
    this.#repaired.push({
      kind: "segmentRemoved",
      file: segment.path,
      why: "its header was never written whole",
    });
    return undefined;
  }

  /** The header must say where the segment before ended; the first one says where the log begins. */
  #connect(segment: Segment, header: SegmentHeader): SegmentHeader | LogDamage {
    if (header.sequence !== segment.sequence)
      return new LogDamage(segment.path, 16, `it says that it is segment ${header.sequence}`);
    if (this.#position === undefined) {
      this.#position = new Position({ index: asIndex(header.firstIndex - 1), term: header.previousTerm });
      this.#hardState = header.hardState;
      return header;
    }
    if (header.chain !== this.#chain || header.firstIndex !== this.#position.last + 1)
      return new LogDamage(segment.path, 40, "the segment before it lacks records that were durable");
    return header;
  }

  #stopped(segment: Segment, bytes: Uint8Array, end: ScanEnd, isNewest: boolean): LogDamage | undefined {
    const why = end.stop?.why ?? "";
    if (!isNewest) {
      if (isZero(bytes, end.offset, bytes.length)) return undefined;
      return new LogDamage(segment.path, end.offset, `${why}, and a later segment follows`);
    }
    const verdict = judgeTail(bytes, segment.sequence, end);
    if (verdict.kind === "damage") return new LogDamage(segment.path, end.offset, verdict.why);
    const place = { file: segment.path, offset: end.offset, bytes: bytes.length - end.offset };
    this.#repaired.push(
      verdict.kind === "zeros"
        ? { kind: "zerosCut", ...place }
        : { kind: "tailCut", ...place, why: verdict.why },
    );
    return undefined;
  }

  #begun(): Position {
    if (this.#position === undefined) throw new LogDamage(this.#path, 0, "records before a header");
    return this.#position;
  }
}

/**
 * A segment's header and first batch are one write. While its header's sector is zero or cut short and no second batch
 * proves that the write was synced, nothing in the segment was acknowledged.
 */
function wasNeverBegun(bytes: Uint8Array, sequence: number): boolean {
  if (bytes.length < sectorBytes) return true;
  if (!isZero(bytes, 0, sectorBytes)) return false;
  return laterBatch(bytes, sequence, 2 * sectorBytes) === undefined;
}

/** The newest hard state, from the newest segment alone; undefined if that is damaged as well. */
function hardStateOf(newest: Segment, bytes: Uint8Array): HardState | undefined {
  const alone = new Recovery(newest.sequence);
  if (alone.take(newest, bytes, true) !== undefined) return undefined;
  const { unborn, hardState } = alone.result();
  return unborn === undefined ? hardState : undefined;
}

function firstOf(entries: readonly LogEntry[], otherwise: LogIndex): number {
  return entries[0]?.index ?? otherwise;
}

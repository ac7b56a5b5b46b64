// Rebuilds the log from the segments of a folder, without changing anything: what has to be cut is said in the result.

import type { LogIndex } from "../kernel/ids.ts";
import { asIndex, asTerm } from "../kernel/ids.ts";
import type { Disk } from "../kernel/ports.ts";
import { LogDamage } from "./errors.ts";
import type { SegmentHeader } from "./format.ts";
import { decodeSegmentHeader, isZero, parseSegmentName, sectorBytes } from "./format.ts";
import { Position } from "./position.ts";
import type { RecordVisitor, ScanEnd } from "./segment-scan.ts";
import { scanSegment } from "./segment-scan.ts";
import { judgeTail, laterBatch } from "./tail.ts";
import type { HardState, LogEntry, LogPoint, Repair } from "./types.ts";

/** A segment on the disk. */
export interface Segment {
  readonly path: string;
  readonly sequence: number;
  /** The greatest index of an entry in it that a later reset has not made void; 0 if there is none. */
  maxIndex: number;
}

export interface Recovered {
  readonly segments: Segment[];
  /** Bytes of the newest segment that hold whole batches. */
  readonly end: number;
  /** Bytes of the newest segment's file. */
  readonly fileBytes: number;
  /** The last write to the newest segment: the only one that may not be durable. */
  readonly lastWrite: { readonly offset: number; readonly bytes: Uint8Array };
  readonly chain: number;
  readonly hardState: HardState;
  readonly position: Position;
  readonly entries: LogEntry[];
  /** The newest segment, if it was never begun durably: to be removed. */
  readonly unborn: string | undefined;
  readonly repaired: Repair[];
}

export const noHardState: HardState = { term: asTerm(0), votedFor: null };

/** Rejects with LogDamage if anything but the tail of the newest segment is not whole. */
export async function recoverSegments(disk: Disk, directory: string): Promise<Recovered> {
  const segments = await listSegments(disk, directory);
  const recovery = new Recovery();
  for (const [at, segment] of segments.entries()) {
    const bytes = await disk.read(segment.path);
    if (bytes === undefined) throw new LogDamage(segment.path, 0, "the segment went away while it was read");
    recovery.take(segment, bytes, at === segments.length - 1);
  }
  return recovery.result();
}

/** The segments of a folder in the order of writing. Rejects with LogDamage if one is missing between others. */
export async function listSegments(disk: Disk, directory: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of await disk.list(directory)) {
    const parsed = parseSegmentName(name);
    if (parsed === undefined) continue;
    segments.push({ path: `${directory}/${name}`, sequence: parsed.sequence, maxIndex: 0 });
  }
  segments.sort((a, b) => a.sequence - b.sequence);
  for (const [at, segment] of segments.entries()) {
    const before = segments[at - 1];
    if (before !== undefined && segment.sequence !== before.sequence + 1)
      throw new LogDamage(
        segment.path,
        0,
        `the segment before it is missing; the last one is ${before.path}`,
      );
  }
  return segments;
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
  #path = "";
  #maxIndex = 0;

  take(segment: Segment, bytes: Uint8Array, isNewest: boolean): void {
    this.#path = segment.path;
    const header = this.#header(segment, bytes, isNewest);
    if (header === undefined) return;
    this.#maxIndex = 0;
    const end = scanSegment(bytes, segment.sequence, header.chain, this);
    if (end.stop !== undefined) this.#stopped(segment, bytes, end, isNewest);
    segment.maxIndex = this.#maxIndex;
    this.#segments.push(segment);
    this.#chain = end.chain;
    this.#end = end.offset;
    this.#fileBytes = bytes.length;
    this.#lastWrite = { offset: end.lastBatch, bytes: bytes.subarray(end.lastBatch, end.offset) };
  }

  result(): Recovered {
    return {
      segments: this.#segments,
      end: this.#end,
      fileBytes: this.#fileBytes,
      lastWrite: this.#lastWrite,
      chain: this.#chain,
      hardState: this.#hardState,
      position: this.#position ?? new Position({ index: asIndex(0), term: asTerm(0) }),
      entries: this.#entries,
      unborn: this.#unborn,
      repaired: this.#repaired,
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
  #header(segment: Segment, bytes: Uint8Array, isNewest: boolean): SegmentHeader | undefined {
    if (isNewest && wasNeverBegun(bytes, segment.sequence)) return this.#drop(segment);
    if (bytes.length < sectorBytes)
      throw new LogDamage(segment.path, bytes.length, "it ends within its header");
    const decoded = decodeSegmentHeader(bytes);
    if (decoded.kind === "bad") throw new LogDamage(segment.path, 0, decoded.why);
    this.#connect(segment, decoded.header);
    return decoded.header;
  }

  #drop(segment: Segment): undefined {
    if (this.#segments.length === 0 && segment.sequence > 1)
      throw new LogDamage(segment.path, 0, "it is empty and the segment before it is missing");
    this.#unborn = segment.path;
    this.#repaired.push({
      kind: "segmentRemoved",
      file: segment.path,
      why: "its header was never written whole",
    });
    return undefined;
  }

  /** The header must say where the segment before ended; the first one says where the log begins. */
  #connect(segment: Segment, header: SegmentHeader): void {
    if (header.sequence !== segment.sequence)
      throw new LogDamage(segment.path, 16, `it says that it is segment ${header.sequence}`);
    if (this.#position === undefined) {
      this.#position = new Position({ index: asIndex(header.firstIndex - 1), term: header.previousTerm });
      this.#hardState = header.hardState;
      return;
    }
    if (header.chain !== this.#chain || header.firstIndex !== this.#position.last + 1)
      throw new LogDamage(segment.path, 40, "the segment before it lacks records that were durable");
  }

  #stopped(segment: Segment, bytes: Uint8Array, end: ScanEnd, isNewest: boolean): void {
    const why = end.stop?.why ?? "";
    if (!isNewest) {
      if (isZero(bytes, end.offset, bytes.length)) return;
      throw new LogDamage(segment.path, end.offset, `${why}, and a later segment follows`);
    }
    const verdict = judgeTail(bytes, segment.sequence, end);
    if (verdict.kind === "damage") throw new LogDamage(segment.path, end.offset, verdict.why);
    const place = { file: segment.path, offset: end.offset, bytes: bytes.length - end.offset };
    this.#repaired.push(
      verdict.kind === "zeros"
        ? { kind: "zerosCut", ...place }
        : { kind: "tailCut", ...place, why: verdict.why },
    );
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

function firstOf(entries: readonly LogEntry[], otherwise: LogIndex): number {
  return entries[0]?.index ?? otherwise;
}

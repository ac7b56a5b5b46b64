// A batch under construction: records laid out in one buffer exactly as they will lie in the file, so that a batch is
// one write. Room for a segment's header is left in front, in case the batch is to begin a segment.
import { assert } from "../kernel/assert.ts";
import type { LogIndex, Term } from "../kernel/ids.ts";
import { crc32c } from "./crc32c.ts";
import {
  batchHeaderBytes,
  countZeroSectors,
  encodeBatchHeader,
  encodeHardStateRecord,
  encodeSegmentHeader,
  entryPrefixBytes,
  hardStateBytesMax,
  recordHeaderBytes,
  recordKinds,
  sectorBytes,
  sectorEnd,
  setUint53,
  viewOf,
} from "./format.ts";
import type { HardState, LogEntry, LogPoint } from "./types.ts";

/** Where the log stood when the batch was begun: what a segment's header says if the batch begins one. */
export interface BatchStart {
  readonly firstIndex: LogIndex;
  readonly previousTerm: Term;
  readonly chain: number;
  readonly hardState: HardState;
}

const firstBufferBytes = 64 * 1024;

/** Bytes that a record takes in a batch. */
export function entryRecordBytes(entry: LogEntry): number {
  return recordHeaderBytes + entryPrefixBytes + entry.payload.length;
}

export const smallRecordBytesMax = recordHeaderBytes + hardStateBytesMax;

/** Owns its buffer, which is used again for later batches. */
export class Batch {
  #bytes = new Uint8Array(firstBufferBytes);
  #view = viewOf(this.#bytes);
  #end = 0;
  #chain = 0;
  #start: BatchStart | undefined;
  #settled: Settled = settledPromise();
  /** The greatest index among the entries since the last reset in the batch; 0 if there are none. */
  maxIndex = 0;
  /** True if the batch holds a reset: no earlier segment holds anything that still counts. */
  hasReset = false;
  /** The newest hard state among its records, if there is one. */
  hardState: HardState | undefined;

  /** Empties the batch for use from this start. */
  begin(start: BatchStart): void {
    this.#start = start;
    this.#chain = start.chain;
    this.#end = sectorBytes + batchHeaderBytes;
    this.#settled = settledPromise();
    this.maxIndex = 0;
    this.hasReset = false;
    this.hardState = undefined;
  }

  /** Header and records, without padding. */
  get bytes(): number {
    return this.#end - sectorBytes;
  }

  /** The records alone. */
  get recordBytes(): number {
    return this.bytes - batchHeaderBytes;
  }

  /** Checksum of the last record. */
  get chain(): number {
    return this.#chain;
  }

  /** Settles when the batch is durable or has failed. Shared by all whose records are in it. */
  get settled(): Settled {
    return this.#settled;
  }

  get start(): BatchStart {
    assert(this.#start !== undefined, "a batch was not begun");
    return this.#start;
  }

  addEntry(entry: LogEntry): void {
    const body = entryPrefixBytes + entry.payload.length;
    const at = this.#beginRecord(recordKinds.entry, body);
    setUint53(this.#view, at, entry.index);
    setUint53(this.#view, at + 8, entry.term);
    this.#bytes.set(entry.payload, at + entryPrefixBytes);
    this.#endRecord(body);
    this.maxIndex = Math.max(this.maxIndex, entry.index);
  }

  addHardState(state: HardState): void {
    this.#reserve(smallRecordBytesMax);
    const at = this.#end + recordHeaderBytes;
    const body = encodeHardStateRecord(this.#view, at, state);
    this.#beginRecord(recordKinds.hardState, body);
    this.#endRecord(body);
    this.hardState = state;
  }

  addReset(point: LogPoint): void {
    const at = this.#beginRecord(recordKinds.reset, 16);
    setUint53(this.#view, at, point.index);
    setUint53(this.#view, at + 8, point.term);
    this.#endRecord(16);
    this.maxIndex = 0;
    this.hasReset = true;
  }

  /** The bytes to write if the batch goes to this offset of an existing segment. */
  seal(sequence: number, offset: number): Uint8Array {
    const padded = this.#pad();
    const zeroSectors = countZeroSectors(this.#bytes, sectorBytes + sectorBytes, padded);
    const header = { bytes: this.bytes, sequence, offset, chain: this.start.chain, zeroSectors };
    encodeBatchHeader(this.#bytes, this.#view, sectorBytes, header);
    return this.#bytes.subarray(sectorBytes, padded);
  }

  /** The bytes to write if the batch begins this segment: the segment's header, then the batch. */
  sealAsSegment(sequence: number): Uint8Array {
    const padded = this.seal(sequence, sectorBytes).length + sectorBytes;
    encodeSegmentHeader(this.#view, { sequence, ...this.start });
    return this.#bytes.subarray(0, padded);
  }

  /** Zeros up to the next sector; returns where that is in the buffer. */
  #pad(): number {
    const padded = sectorEnd(this.#end);
    this.#reserve(padded - this.#end);
    this.#bytes.fill(0, this.#end, padded);
    return padded;
  }

  /** Writes length and kind; returns where the body goes. */
  #beginRecord(kind: number, bodyBytes: number): number {
    this.#reserve(recordHeaderBytes + bodyBytes);
    this.#view.setUint32(this.#end + 4, bodyBytes, true);
    this.#view.setUint32(this.#end + 8, kind, true);
    return this.#end + recordHeaderBytes;
  }

  /** Chains the checksum: it covers all but itself and is seeded with the record before. */
  #endRecord(bodyBytes: number): void {
    const end = this.#end + recordHeaderBytes + bodyBytes;
    this.#chain = crc32c(this.#bytes, this.#end + 4, end, this.#chain);
    this.#view.setUint32(this.#end, this.#chain, true);
    this.#end = end;
  }

  #reserve(bytes: number): void {
    const wanted = this.#end + bytes;
    if (wanted <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, sectorEnd(wanted)));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

export interface Settled {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

function settledPromise(): Settled {
  let resolve: () => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<void>((whenDone, whenFailed) => {
    resolve = whenDone;
    reject = whenFailed;
  });
  // An append that spans batches waits for the last one alone; all of them fail together.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

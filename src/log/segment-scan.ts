// Reads a segment's bytes batch by batch, hands verified records to a visitor and says where and why it stopped.
// A batch counts whole or not at all.
import { asIndex, asTerm } from "../kernel/ids.ts";
import { crc32c } from "./crc32c.ts";
import type { BatchHeader } from "./format.ts";
import {
  batchHeaderBytes,
  decodeBatchHeader,
  decodeHardStateRecord,
  entryPrefixBytes,
  getUint53,
  isZero,
  recordHeaderBytes,
  recordKinds,
  sectorBytes,
  sectorEnd,
  viewOf,
} from "./format.ts";
import type { HardState, LogEntry, LogPoint } from "./types.ts";

export interface RecordVisitor {
  /** The payload is a view of the segment's bytes. */
  entry(entry: LogEntry): void;
  hardState(state: HardState): void;
  reset(point: LogPoint): void;
}

export interface ScanEnd {
  /** Where the last whole batch begins; 0 if there is none or it was written together with the header. */
  readonly lastBatch: number;
  /** Just after the last whole batch, with its padding. */
  readonly offset: number;
  readonly chain: number;
  /** Why no further batch was found; undefined if the bytes end there. */
  readonly stop: ScanStop | undefined;
}

export interface ScanStop {
  readonly why: string;
  /** The header of the batch that is not whole, if the header itself is. */
  readonly header: BatchHeader | undefined;
}

/** @param chain the checksum of the last record before this segment, as its header says */
export function scanSegment(
  bytes: Uint8Array,
  sequence: number,
  chain: number,
  visitor: RecordVisitor,
): ScanEnd {
  const view = viewOf(bytes);
  let offset = sectorBytes;
  let lastBatch = 0;
  while (offset < bytes.length) {
    const batch = checkBatch(bytes, view, { sequence, offset, chain });
    if (batch.kind === "stop") return { lastBatch, offset, chain, stop: batch };
    visitRecords(bytes, view, offset, offset + batch.header.bytes, visitor);
    chain = batch.chain;
    lastBatch = offset === sectorBytes ? 0 : offset;
    offset = sectorEnd(offset + batch.header.bytes);
  }
  return { lastBatch, offset, chain, stop: undefined };
}

type CheckedBatch =
  | { readonly kind: "batch"; readonly header: BatchHeader; readonly chain: number }
  | { readonly kind: "stop"; readonly why: string; readonly header: BatchHeader | undefined };

interface Place {
  readonly sequence: number;
  readonly offset: number;
  readonly chain: number;
}

function checkBatch(bytes: Uint8Array, view: DataView, place: Place): CheckedBatch {
  const header = decodeBatchHeader(bytes, view, place.offset);
  if (header === undefined) return { kind: "stop", why: "no batch header", header };
  if (header.sequence !== place.sequence || header.offset !== place.offset || header.chain !== place.chain)
    return { kind: "stop", why: "the batch does not follow the one before", header };
  const end = place.offset + header.bytes;
  if (header.bytes < batchHeaderBytes || end > bytes.length)
    return { kind: "stop", why: "the file ends within a batch", header };
  const chain = checkRecords(bytes, view, place.offset + batchHeaderBytes, end, place.chain);
  if (chain === undefined) return { kind: "stop", why: "the checksum of a record does not match", header };
  if (!isZero(bytes, end, Math.min(sectorEnd(end), bytes.length)))
    return { kind: "stop", why: "the padding after a batch is not zero", header };
  return { kind: "batch", header, chain };
}

/** The checksum of the last record, or undefined if the records are not whole. */
function checkRecords(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  chain: number,
): number | undefined {
  let at = start;
  while (at < end) {
    if (at + recordHeaderBytes > end) return undefined;
    const next = at + recordHeaderBytes + view.getUint32(at + 4, true);
    if (next > end) return undefined;
    chain = crc32c(bytes, at + 4, next, chain);
    if (chain !== view.getUint32(at, true)) return undefined;
    at = next;
  }
  return chain;
}

function visitRecords(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
  visitor: RecordVisitor,
): void {
  let at = offset + batchHeaderBytes;
  while (at < end) {
    const bodyBytes = view.getUint32(at + 4, true);
    visitRecord(bytes, view, at, bodyBytes, visitor);
    at += recordHeaderBytes + bodyBytes;
  }
}

function visitRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  bodyBytes: number,
  visitor: RecordVisitor,
): void {
  const body = at + recordHeaderBytes;
  const kind = view.getUint32(at + 8, true);
  if (kind === recordKinds.hardState) {
    visitor.hardState(decodeHardStateRecord(view, body, bodyBytes));
    return;
  }
  const index = asIndex(getUint53(view, body));
  const term = asTerm(getUint53(view, body + 8));
  if (kind === recordKinds.reset) visitor.reset({ index, term });
  if (kind === recordKinds.entry) {
    const payload = bytes.subarray(body + entryPrefixBytes, body + bodyBytes);
    visitor.entry({ index, term, payload });
  }
}

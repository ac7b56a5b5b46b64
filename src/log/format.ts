// The names, numbers and headers of the segment format (docs/log-format.md). Little-endian throughout. Encodes and
// decodes; what a damaged file means is judged in tail.ts.
import { assert } from "../kernel/assert.ts";
import type { LogIndex, Term } from "../kernel/ids.ts";
import { asId, asIndex, asTerm } from "../kernel/ids.ts";
import { crc32c } from "./crc32c.ts";
import { memberIdUnitsMax } from "./limits.ts";
import type { HardState } from "./types.ts";

/** Written. Version 1 had no flags beside the hard state; it is read for ever. */
export const formatVersion = 2;
const oldestVersion = 1;
/** The unit in which a disk may keep or lose an unsynced write. Batches begin at a multiple of it. */
export const sectorBytes = 512;
export const batchHeaderBytes = 32;
export const recordHeaderBytes = 12;
/** Index and term before an entry's payload. */
export const entryPrefixBytes = 16;
export const recordKinds = { entry: 1, hardState: 2, reset: 3 } as const;
export const hardStateBytesMax = 12 + 2 * memberIdUnitsMax + 4;

const segmentMagicLow = 0x55504554;
const segmentMagicHigh = 0x474f4c49;
const batchMagic = 0x31427054;
const noVote = 0xffff_ffff;
const healingFlag = 1;
const headerFlagsAt = sectorBytes - 8;
const two32 = 0x1_0000_0000;

export interface SegmentHeader {
  /** Of the format. */
  readonly version: number;
  /** 1 for the first segment ever, then one more for each. */
  readonly sequence: number;
  /** One more than the last index when the segment was begun. */
  readonly firstIndex: LogIndex;
  /** The term of the entry before firstIndex; 0 if there is none. */
  readonly previousTerm: Term;
  /** Checksum of the last record before this segment; 0 for the first segment ever. */
  readonly chain: number;
  /** The hard state when the segment was begun. */
  readonly hardState: HardState;
}

export interface BatchHeader {
  /** Header and records, without the padding to the next sector. */
  readonly bytes: number;
  readonly sequence: number;
  /** Where in its file the batch begins. */
  readonly offset: number;
  /** Checksum of the last record before this batch. */
  readonly chain: number;
  /** How many sectors of the batch, as written, hold only zeros. */
  readonly zeroSectors: number;
}

/** `<sequence, 16 hex digits>-<first index, 16 hex digits>.log`: names sort in the order of writing. */
export function segmentName(sequence: number, firstIndex: number): string {
  return `${hex16(sequence)}-${hex16(firstIndex)}.log`;
}

/** The sequence and first index in a segment's name, or undefined if it is no such name. */
export function parseSegmentName(name: string): { sequence: number; firstIndex: number } | undefined {
  const parts = /^([0-9a-f]{16})-([0-9a-f]{16})\.log$/.exec(name);
  if (parts === null) return undefined;
  return {
    sequence: Number.parseInt(parts[1] as string, 16),
    firstIndex: Number.parseInt(parts[2] as string, 16),
  };
}

export function hex16(value: number): string {
  return value.toString(16).padStart(16, "0");
}

/** The next multiple of the sector size at or after the offset. */
export function sectorEnd(offset: number): number {
  return Math.ceil(offset / sectorBytes) * sectorBytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes a whole number in [0, 2^53) as 64 bits. */
export function setUint53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % two32, true);
  view.setUint32(offset + 4, Math.floor(value / two32), true);
}

export function getUint53(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * two32;
}

/** Writes the header into the first sector of `view`. */
export function encodeSegmentHeader(view: DataView, header: Omit<SegmentHeader, "version">): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, sectorBytes).fill(0);
  view.setUint32(0, segmentMagicLow, true);
  view.setUint32(4, segmentMagicHigh, true);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, sectorBytes, true);
  setUint53(view, 16, header.sequence);
  setUint53(view, 24, header.firstIndex);
  setUint53(view, 32, header.previousTerm);
  view.setUint32(40, header.chain, true);
  encodeHardState(view, 44, header.hardState);
  view.setUint32(headerFlagsAt, hardStateFlags(header.hardState), true);
  view.setUint32(sectorBytes - 4, crc32c(bytes, 0, sectorBytes - 4), true);
}

export type DecodedSegmentHeader =
  | { readonly kind: "header"; readonly header: SegmentHeader }
  | { readonly kind: "newer"; readonly version: number }
  | { readonly kind: "bad"; readonly why: string };

/** @param bytes a segment of at least one sector */
export function decodeSegmentHeader(bytes: Uint8Array): DecodedSegmentHeader {
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== segmentMagicLow || view.getUint32(4, true) !== segmentMagicHigh)
    return { kind: "bad", why: "it does not begin as a log segment does" };
  if (crc32c(bytes, 0, sectorBytes - 4) !== view.getUint32(sectorBytes - 4, true))
    return { kind: "bad", why: "the checksum of the segment's header does not match" };
  const version = view.getUint32(8, true);
  if (version > formatVersion) return { kind: "newer", version };
  if (version < oldestVersion) return { kind: "bad", why: `there is no format version ${version}` };
  const header: SegmentHeader = {
    version,
    sequence: getUint53(view, 16),
    firstIndex: asIndex(getUint53(view, 24)),
    previousTerm: asTerm(getUint53(view, 32)),
    chain: view.getUint32(40, true),
    hardState: decodeHardState(view, 44, view.getUint32(headerFlagsAt, true)),
  };
  return { kind: "header", header };
}

export function encodeBatchHeader(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  header: BatchHeader,
): void {
  view.setUint32(offset, batchMagic, true);
  view.setUint32(offset + 4, header.bytes, true);
  setUint53(view, offset + 8, header.sequence);
  view.setUint32(offset + 16, header.offset, true);
  view.setUint32(offset + 20, header.chain, true);
  view.setUint32(offset + 24, header.zeroSectors, true);
  view.setUint32(offset + 28, crc32c(bytes, offset, offset + 28), true);
}

/** The batch header at an offset of a segment, or undefined if there is none that is whole. */
export function decodeBatchHeader(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
): BatchHeader | undefined {
  if (offset + batchHeaderBytes > bytes.length || view.getUint32(offset, true) !== batchMagic)
    return undefined;
  if (view.getUint32(offset + 28, true) !== crc32c(bytes, offset, offset + 28)) return undefined;
  return {
    bytes: view.getUint32(offset + 4, true),
    sequence: getUint53(view, offset + 8),
    offset: view.getUint32(offset + 16, true),
    chain: view.getUint32(offset + 20, true),
    zeroSectors: view.getUint32(offset + 24, true),
  };
}

/** Term, length of the vote in UTF-16 code units (all ones for no vote), the units. Returns the bytes written. */
export function encodeHardState(view: DataView, offset: number, state: HardState): number {
  const vote = state.votedFor ?? "";
  assert(vote.length <= memberIdUnitsMax, "a member's id is too long", { units: vote.length });
  setUint53(view, offset, state.term);
  view.setUint32(offset + 8, state.votedFor === null ? noVote : vote.length, true);
  for (let unit = 0; unit < vote.length; unit++) {
    view.setUint16(offset + 12 + 2 * unit, vote.charCodeAt(unit), true);
  }
  return 12 + 2 * vote.length;
}

/** What of a hard state is no number or name, as bits. */
export function hardStateFlags(state: HardState): number {
  return state.healing ? healingFlag : 0;
}

/** Hard state, then its flags. Returns the bytes written. */
export function encodeHardStateRecord(view: DataView, offset: number, state: HardState): number {
  const bytes = encodeHardState(view, offset, state);
  view.setUint32(offset + bytes, hardStateFlags(state), true);
  return bytes + 4;
}

/** Only for bytes whose checksum was found right. Records of version 1 end before the flags. */
export function decodeHardStateRecord(view: DataView, offset: number, bytes: number): HardState {
  const units = view.getUint32(offset + 8, true);
  const end = 12 + (units === noVote ? 0 : 2 * units);
  return decodeHardState(view, offset, bytes >= end + 4 ? view.getUint32(offset + end, true) : 0);
}

/** Only for bytes whose checksum was found right. */
export function decodeHardState(view: DataView, offset: number, flags: number): HardState {
  const term = asTerm(getUint53(view, offset));
  const healing = (flags & healingFlag) !== 0;
  const units = view.getUint32(offset + 8, true);
  if (units === noVote) return { term, votedFor: null, healing };
  assert(units <= memberIdUnitsMax, "a checked hard state is not well formed", { units });
  let vote = "";
  for (let unit = 0; unit < units; unit++) {
    vote += String.fromCharCode(view.getUint16(offset + 12 + 2 * unit, true));
  }
  return { term, votedFor: asId(vote), healing };
}

/** True if bytes[start, end) are all zero. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** How many of the sectors that begin in [start, end) hold only zeros; the last one may be cut short by `end`. */
export function countZeroSectors(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += sectorBytes) {
    if (isZero(bytes, at, Math.min(at + sectorBytes, end))) count++;
  }
  return count;
}

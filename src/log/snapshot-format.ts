// The layout of a snapshot file (docs/log-format.md): header, blocks of one size with a checksum each, trailer.
import { asIndex, asTerm } from "../kernel/ids.ts";
import { crc32c } from "./crc32c.ts";
import { getUint53, hex16, setUint53, viewOf } from "./format.ts";
import type { LogPoint } from "./types.ts";

export const snapshotHeaderBytes = 64;
export const blockHeaderBytes = 8;
export const trailerBytes = 32;
export const snapshotSuffix = ".snap";
export const temporarySuffix = ".tmp";

/** Of the file's format; what the content is made of is the caller's affair. */
export const snapshotVersion = 1;
const magicLow = 0x55504554;
const magicHigh = 0x504e5349;
const trailerMagic = 0x54537054;

export interface SnapshotHeader extends LogPoint {
  /** Of the format. */
  readonly version: number;
  /** Content of every block but the last, which may be shorter. */
  readonly blockBytes: number;
}

export interface SnapshotTrailer {
  readonly blocks: number;
  /** Content, in all. */
  readonly bytes: number;
  /** Over the checksums of the blocks, in order. */
  readonly checksum: number;
}

/** `<index, 16 hex digits>-<term, 16 hex digits>.snap` */
export function snapshotName(point: LogPoint): string {
  return `${hex16(point.index)}-${hex16(point.term)}${snapshotSuffix}`;
}

export function parseSnapshotName(name: string): LogPoint | undefined {
  const parts = /^([0-9a-f]{16})-([0-9a-f]{16})\.snap$/.exec(name);
  if (parts === null) return undefined;
  return {
    index: asIndex(Number.parseInt(parts[1] as string, 16)),
    term: asTerm(Number.parseInt(parts[2] as string, 16)),
  };
}

export function encodeSnapshotHeader(header: Omit<SnapshotHeader, "version">): Uint8Array {
  const bytes = new Uint8Array(snapshotHeaderBytes);
  const view = viewOf(bytes);
  view.setUint32(0, magicLow, true);
  view.setUint32(4, magicHigh, true);
  view.setUint32(8, snapshotVersion, true);
  view.setUint32(12, header.blockBytes, true);
  setUint53(view, 16, header.index);
  setUint53(view, 24, header.term);
  view.setUint32(60, crc32c(bytes, 0, 60), true);
  return bytes;
}

/** The header, or why it is none. */
export function decodeSnapshotHeader(bytes: Uint8Array): SnapshotHeader | string {
  if (bytes.length < snapshotHeaderBytes) return "it ends within its header";
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== magicLow || view.getUint32(4, true) !== magicHigh)
    return "it does not begin as a snapshot does";
  if (view.getUint32(60, true) !== crc32c(bytes, 0, 60)) return "the checksum of its header does not match";
  return {
    version: view.getUint32(8, true),
    index: asIndex(getUint53(view, 16)),
    term: asTerm(getUint53(view, 24)),
    blockBytes: view.getUint32(12, true),
  };
}

export function encodeTrailer(trailer: SnapshotTrailer): Uint8Array {
  const bytes = new Uint8Array(trailerBytes);
  const view = viewOf(bytes);
  view.setUint32(0, trailerMagic, true);
  view.setUint32(4, trailer.blocks, true);
  setUint53(view, 8, trailer.bytes);
  view.setUint32(16, trailer.checksum, true);
  view.setUint32(28, crc32c(bytes, 0, 28), true);
  return bytes;
}

/** The trailer, or why it is none. */
export function decodeTrailer(bytes: Uint8Array): SnapshotTrailer | string {
  if (bytes.length < trailerBytes) return "it ends within its trailer";
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== trailerMagic || view.getUint32(28, true) !== crc32c(bytes, 0, 28))
    return "the checksum of its trailer does not match";
  return {
    blocks: view.getUint32(4, true),
    bytes: getUint53(view, 8),
    checksum: view.getUint32(16, true),
  };
}

/** Writes length and checksum in front of a block's content, which is already in place. Returns the checksum. */
export function sealBlock(frame: Uint8Array, contentBytes: number, block: number): number {
  const view = viewOf(frame);
  view.setUint32(4, contentBytes, true);
  const checksum = crc32c(frame, 4, blockHeaderBytes + contentBytes, block);
  view.setUint32(0, checksum, true);
  return checksum;
}

/** The checksum of a whole block read from the disk, or undefined if it is not what was written there. */
export function checkBlock(frame: Uint8Array, contentBytes: number, block: number): number | undefined {
  if (frame.length < blockHeaderBytes + contentBytes) return undefined;
  const view = viewOf(frame);
  if (view.getUint32(4, true) !== contentBytes) return undefined;
  const checksum = crc32c(frame, 4, blockHeaderBytes + contentBytes, block);
  return checksum === view.getUint32(0, true) ? checksum : undefined;
}

/** Takes the next block's checksum into the checksum of the whole. */
export function addToChecksum(checksum: number, blockChecksum: number): number {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, blockChecksum, true);
  return crc32c(bytes, 0, 4, checksum);
}

// Judges the place where the newest segment stops being whole: an interrupted write, which was never acknowledged and
// may be cut, or damage to what was durable, which must not be (users' bug list: etcd#5230, #11488, #14093).
//
// Three facts decide. A batch is written only after the one before it was synced, so a later batch proves that the
// place was durable. An interrupted write leaves each sector as written or as it was before, and before it was zero or
// beyond the end. The header of a batch says how many of its sectors were written as zeros.
import { countZeroSectors, decodeBatchHeader, isZero, sectorBytes, sectorEnd, viewOf } from "./format.ts";
import type { ScanEnd } from "./segment-scan.ts";

export type TailVerdict =
  | { readonly kind: "zeros" }
  | { readonly kind: "cut"; readonly why: string }
  | { readonly kind: "damage"; readonly why: string };

/** @param end a scan of the newest segment that stopped before the end of its bytes */
export function judgeTail(bytes: Uint8Array, sequence: number, end: ScanEnd): TailVerdict {
  const why = end.stop?.why ?? "no stop";
  const header = end.stop?.header;
  if (header !== undefined && (header.sequence !== sequence || header.offset !== end.offset))
    return damage("a batch lies where it was not written");
  if (header !== undefined && header.chain !== end.chain) return damage(why);
  const batchEnd = end.offset + (header?.bytes ?? sectorBytes);
  const proof = laterBatch(bytes, sequence, sectorEnd(batchEnd));
  if (proof !== undefined) return damage(`${why}, yet a batch at byte ${proof} proves that it was durable`);
  if (header !== undefined) return judgeBatch(bytes, end.offset, batchEnd, header.zeroSectors, why);
  return judgeHeaderless(bytes, end.offset);
}

/** The header is whole: sectors that turned to zero, or that the file does not reach, tell an interrupted write. */
function judgeBatch(
  bytes: Uint8Array,
  offset: number,
  end: number,
  zeroSectors: number,
  why: string,
): TailVerdict {
  if (end > bytes.length) return cut("the file ends within its last batch");
  const found = countZeroSectors(bytes, offset + sectorBytes, Math.min(sectorEnd(end), bytes.length));
  if (found > zeroSectors) return cut("sectors of the last batch were not written");
  return damage(`${why}, though every sector of the batch was written`);
}

/** The header is not whole. It lies in one sector, so that sector was either not written or was damaged since. */
function judgeHeaderless(bytes: Uint8Array, offset: number): TailVerdict {
  const end = offset + sectorBytes;
  if (isZero(bytes, offset, bytes.length)) return { kind: "zeros" };
  if (end > bytes.length) return cut("the file ends within a batch's first sector");
  if (isZero(bytes, offset, end)) return cut("the first sector of the last batch was not written");
  return damage("the header of the last batch is damaged, though its sector was written");
}

/** The offset of a whole batch header of this segment at or after `from`, at the place it says it was written to. */
export function laterBatch(bytes: Uint8Array, sequence: number, from: number): number | undefined {
  const view = viewOf(bytes);
  for (let at = from; at < bytes.length; at += sectorBytes) {
    const header = decodeBatchHeader(bytes, view, at);
    if (header?.sequence === sequence && header.offset === at) return at;
  }
  return undefined;
}

function cut(why: string): TailVerdict {
  return { kind: "cut", why };
}

function damage(why: string): TailVerdict {
  return { kind: "damage", why };
}

// Bytes compressed in pieces, so that neither side ever holds more than one piece. Each piece is a frame of the
// compressor's own format behind a zstd "skippable frame" (RFC 8878, section 3.1.2) of ours that holds lengths and a
// checksum chained from piece to piece: with zstd the whole is a file that `zstd -d` reads as well.
import { crc32c } from "./crc32c.ts";
import { LogDamage } from "./errors.ts";
import { viewOf } from "./format.ts";
import { packedPieceBytes, packedPieceBytesMax } from "./limits.ts";

/** A port: compression belongs to the platform. Both calls work beside the caller's thread. */
export interface Compressor {
  /** Of files, with the dot; tells which compressor reads them. */
  readonly suffix: string;
  compress(piece: Uint8Array): Promise<Uint8Array>;
  /** Rejects if the bytes are not what `compress` made, or make more than `bytesMax`. */
  decompress(packed: Uint8Array, bytesMax: number): Promise<Uint8Array>;
}

const skippableMagic = 0x184d2a5e;
const headBytes = 24;
const payloadBytes = headBytes - 8;

/** Gathers bytes into pieces and gives them out packed. */
export class Packer {
  readonly #compressor: Compressor;
  readonly #out: (bytes: Uint8Array) => Promise<void>;
  readonly #piece = new Uint8Array(packedPieceBytes);
  #filled = 0;
  #chain = 0;
  /** Given out so far. */
  bytes = 0;

  constructor(compressor: Compressor, out: (bytes: Uint8Array) => Promise<void>) {
    this.#compressor = compressor;
    this.#out = out;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunk.length - at, packedPieceBytes - this.#filled);
      this.#piece.set(chunk.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === packedPieceBytes) await this.#flush();
    }
  }

  /** The last piece, and the mark without which the whole counts as cut short. */
  async finish(): Promise<void> {
    if (this.#filled > 0) await this.#flush();
    await this.#put(new Uint8Array(0), 0);
  }

  async #flush(): Promise<void> {
    const raw = this.#piece.slice(0, this.#filled);
    this.#filled = 0;
    await this.#put(await this.#compressor.compress(raw), raw.length);
  }

  async #put(packed: Uint8Array, rawBytes: number): Promise<void> {
    const whole = new Uint8Array(headBytes + packed.length);
    const view = viewOf(whole);
    view.setUint32(0, skippableMagic, true);
    view.setUint32(4, payloadBytes, true);
    view.setUint32(8, packed.length, true);
    view.setUint32(12, rawBytes, true);
    whole.set(packed, headBytes);
    this.#chain = checksum(whole, view, this.#chain);
    view.setUint32(20, this.#chain, true);
    this.bytes += whole.length;
    await this.#out(whole);
  }
}

/** Reads at a place; shorter at the end. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

/** The pieces in order, from `start` on. Rejects with LogDamage unless every byte is as it was packed. */
export async function* unpack(
  file: string,
  readAt: ReadAt,
  compressor: Compressor,
  start = 0,
): AsyncGenerator<Uint8Array> {
  let chain = 0;
  for (let at = start; ; ) {
    const head = await readAt(at, headBytes);
    const packedBytes = checkedLength(file, at, head);
    const whole = await readAt(at, headBytes + packedBytes);
    const view = viewOf(whole);
    if (whole.length < headBytes + packedBytes) throw new LogDamage(file, at, "it ends within a piece");
    chain = checksum(whole, view, chain);
    if (chain !== view.getUint32(20, true)) throw new LogDamage(file, at, "a checksum does not match");
    const rawBytes = view.getUint32(12, true);
    if (packedBytes === 0 && rawBytes === 0) return;
    yield await unpackOne(file, at, compressor, whole.subarray(headBytes), rawBytes);
    at += whole.length;
  }
}

function checkedLength(file: string, at: number, head: Uint8Array): number {
  if (head.length < headBytes) throw new LogDamage(file, at, "it ends without its last mark");
  const view = viewOf(head);
  if (view.getUint32(0, true) !== skippableMagic || view.getUint32(4, true) !== payloadBytes)
    throw new LogDamage(file, at, "there is no piece where one should begin");
  const packedBytes = view.getUint32(8, true);
  if (packedBytes > packedPieceBytesMax) throw new LogDamage(file, at, "a piece is longer than any can be");
  return packedBytes;
}

async function unpackOne(
  file: string,
  at: number,
  compressor: Compressor,
  packed: Uint8Array,
  rawBytes: number,
): Promise<Uint8Array> {
  const raw = await compressor.decompress(packed, packedPieceBytes).catch(() => undefined);
  if (raw?.length !== rawBytes) throw new LogDamage(file, at, "a piece does not decompress");
  return raw;
}

/** Over lengths and content, seeded with the piece before. */
function checksum(whole: Uint8Array, view: DataView, chain: number): number {
  view.setUint32(16, 0, true);
  return crc32c(whole, headBytes, whole.length, crc32c(whole, 8, 20, chain));
}

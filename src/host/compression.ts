// Compressors by node:zlib, whose work is done on threads of its own: zstd where Node has it (22.15), else gzip.
import { promisify } from "node:util";
import zlib from "node:zlib";
import type { Compressor } from "../log/index.ts";

const gzip: Compressor = {
  suffix: ".gz",
  compress: async (piece) => plain(await promisify(zlib.gzip)(piece)),
  decompress: async (packed, bytesMax) =>
    plain(await promisify(zlib.gunzip)(packed, { maxOutputLength: bytesMax })),
};

/** Undefined before Node 22.15. */
function zstd(): Compressor | undefined {
  const { zstdCompress, zstdDecompress }: Partial<typeof zlib> = zlib;
  if (zstdCompress === undefined || zstdDecompress === undefined) return undefined;
  return {
    suffix: ".zst",
    compress: async (piece) => plain(await promisify(zstdCompress)(piece)),
    decompress: async (packed, bytesMax) =>
      plain(await promisify(zstdDecompress)(packed, { maxOutputLength: bytesMax })),
  };
}

/** All that this Node can read, the best first. */
export function compressors(): readonly [Compressor, ...Compressor[]] {
  const best = zstd();
  return best === undefined ? [gzip] : [best, gzip];
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

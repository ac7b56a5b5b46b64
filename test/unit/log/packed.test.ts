// Packed bytes come back as they were, and no changed or missing byte goes unnoticed.
import zlib from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compressors } from "../../../src/host/compression.ts";
import { type Compressor, LogDamage, Packer, unpack } from "../../../src/log/index.ts";

const mebibyte = 1024 * 1024;

async function packed(compressor: Compressor, chunks: readonly Uint8Array[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const packer = new Packer(compressor, async (bytes) => void parts.push(bytes));
  for (const chunk of chunks) await packer.write(chunk);
  await packer.finish();
  return Buffer.concat(parts);
}

async function unpacked(compressor: Compressor, bytes: Uint8Array): Promise<Buffer> {
  const readAt = async (offset: number, length: number): Promise<Uint8Array> =>
    bytes.subarray(offset, offset + length);
  const parts: Uint8Array[] = [];
  for await (const part of unpack("file", readAt, compressor)) parts.push(part);
  return Buffer.concat(parts);
}

function bytesOf(length: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => (at * at) % 251);
}

describe.each(compressors())("bytes packed as $suffix", (compressor) => {
  it("come back, whatever the chunks", async () => {
    const lengths = fc.array(fc.oneof(fc.nat(100), fc.integer({ min: mebibyte - 2, max: mebibyte + 2 })), {
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(lengths, async (chunks) => {
        const raw = chunks.map(bytesOf);
        const again = await unpacked(compressor, await packed(compressor, raw));
        expect(Buffer.compare(again, Buffer.concat(raw))).toBe(0);
      }),
      { numRuns: 8 },
    );
  });

  it("are refused if any bit is flipped or the end is missing", async () => {
    const whole = await packed(compressor, [bytesOf(700), bytesOf(mebibyte)]);
    for (let at = 0; at < whole.length; at += Math.max(1, Math.floor(whole.length / 150))) {
      const flipped = whole.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      await expect(unpacked(compressor, flipped), `byte ${at}`).rejects.toBeInstanceOf(LogDamage);
      await expect(unpacked(compressor, whole.subarray(0, at))).rejects.toBeInstanceOf(LogDamage);
    }
  });
});

it("a frame of zstd behind the pieces' heads is what the format says", async () => {
  const [best] = compressors();
  const whole = await packed(best, [bytesOf(100)]);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  expect([view.getUint32(0, true), view.getUint32(4, true), view.getUint32(12, true)]).toEqual([
    0x184d2a5e, 16, 100,
  ]);
  const frame = whole.subarray(24, 24 + view.getUint32(8, true));
  const plain = best.suffix === ".zst" ? zlib.zstdDecompressSync(frame) : zlib.gunzipSync(frame);
  expect([...plain]).toEqual([...bytesOf(100)]);
});

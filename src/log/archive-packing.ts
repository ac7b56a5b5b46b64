// Compresses one file of the archive into another.
import type { Disk, DiskFile } from "../kernel/ports.ts";
import { packedPieceBytes } from "./limits.ts";
import { type Compressor, Packer } from "./packed.ts";

export interface Packing {
  readonly disk: Disk;
  readonly from: string;
  readonly to: string;
  readonly compressor: Compressor;
  /** True when the log is being closed. */
  isStopped(): boolean;
}

/**
 * The disk may be full: what could not be finished must not go on taking the log's space.
 * @returns the bytes written, durably; undefined if it was stopped: then nothing is left of it
 */
export async function packFile(packing: Packing): Promise<number | undefined> {
  const { disk, from, to } = packing;
  try {
    const bytes = await withFile(disk, from, (source) =>
      withFile(disk, to, (target) => copyPacked(packing, source, target)),
    );
    if (bytes === undefined) await disk.remove(to);
    return bytes;
  } catch (error) {
    await disk.remove(to).catch(() => undefined);
    throw error;
  }
}

async function copyPacked(
  { compressor, isStopped }: Packing,
  source: DiskFile,
  target: DiskFile,
): Promise<number | undefined> {
  await target.truncate(0);
  let end = 0;
  const packer = new Packer(compressor, async (bytes) => {
    await target.write(end, bytes);
    end += bytes.length;
  });
  const size = await source.size();
  for (let at = 0; at < size && !isStopped(); at += packedPieceBytes)
    await packer.write(await source.read(at, packedPieceBytes));
  if (isStopped()) return undefined;
  await packer.finish();
  await target.sync();
  return end;
}

/** Of a file that is there. Bytes. */
export function sizeOf(disk: Disk, path: string): Promise<number> {
  return withFile(disk, path, (file) => file.size());
}

export async function withFile<Value>(
  disk: Disk,
  path: string,
  use: (file: DiskFile) => Promise<Value>,
): Promise<Value> {
  const file = await disk.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

// An image archive on disk: a tar with an OCI image layout (`oci-layout`, `index.json`, `blobs/sha256/…`), as `docker
// save`, `skopeo`, `buildah` and `ctr image export` write it.
import { type FileHandle, open } from "node:fs/promises";
import { MAX_IMAGE_DOCUMENT_BYTES } from "../../limits.ts";
import type { Descriptor } from "../methods.ts";
import {
  choose,
  type ImageContent,
  indexEntries,
  type Platform,
  parseDocument,
  readImage,
} from "./documents.ts";
import { indexTar, readExactly } from "./tar-index.ts";

export interface ImageArchive {
  readonly content: ImageContent;
  /** Bytes of a blob of the archive. */
  read(blob: Descriptor, offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Rejects with an Error that says what is wrong; errors of the file system keep their code. */
export async function openArchive(path: string, platform: Platform): Promise<ImageArchive> {
  const file = await open(path, "r");
  try {
    return await readArchive(file, platform);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readArchive(file: FileHandle, platform: Platform): Promise<ImageArchive> {
  const entries = await indexTar(file);
  const index = entries.get("index.json");
  if (index === undefined || index.size > MAX_IMAGE_DOCUMENT_BYTES) {
    throw new Error("there is no index.json in it; only archives in the OCI layout can be run");
  }
  const blobOf = (blob: Descriptor) => {
    const entry = entries.get(`blobs/${blob.digest.replace(":", "/")}`);
    if (entry === undefined || entry.size !== blob.size)
      throw new Error(`the blob ${blob.digest} is not in it`);
    return entry;
  };
  const read = async (blob: Descriptor, offset: number, length: number) =>
    await readExactly(file, blobOf(blob).offset + offset, length);
  const document = parseDocument(await readExactly(file, index.offset, index.size));
  const target = choose(indexEntries(document), platform);
  const content = await readImage(target, platform, (blob) => read(blob, 0, blob.size));
  for (const layer of content.layers) blobOf(layer);
  return { content, read, close: () => file.close() };
}

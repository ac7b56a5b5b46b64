// Blobs in containerd's content store.
import { randomUUID } from "node:crypto";
import { BLOB_CHUNK_BYTES } from "../../limits.ts";
import { type Connection, ignoreNotFound, isAlreadyThere, isNotFound } from "../connection.ts";
import {
  abortContent,
  addLeasedResource,
  contentInfo,
  type Descriptor,
  type Labels,
  readContent,
  updateContent,
  type WriteContent,
  writeContent,
} from "../methods.ts";

/** Gives bytes of a blob; as many as asked for. */
export type BlobSource = (offset: number, length: number) => Promise<Uint8Array>;

/** The whole blob, whose size the caller has checked. Rejects with a ServiceError if it is not there. */
export async function readWholeBlob(connection: Connection, blob: Descriptor): Promise<Uint8Array> {
  const stream = connection.readStream(readContent, { digest: blob.digest, offset: 0, size: blob.size });
  const chunks: Uint8Array[] = [];
  for await (const { data } of stream as AsyncIterable<{ data: Uint8Array }>) chunks.push(data);
  return Buffer.concat(chunks);
}

/** Writes the blob unless it is there; in both cases it is under the lease and has the labels afterwards. */
export async function storeBlob(
  connection: Connection,
  lease: string,
  blob: Descriptor,
  labels: Labels,
  source: BlobSource,
): Promise<void> {
  if (await hasBlob(connection, blob.digest)) {
    const resource = { id: blob.digest, type: "content" };
    await connection.call(addLeasedResource, { id: lease, resource });
  } else {
    await writeBlob(connection, lease, blob, labels, source);
  }
  await labelBlob(connection, blob.digest, labels);
}

/** Sets these labels and keeps others. */
export async function labelBlob(connection: Connection, digest: string, labels: Labels): Promise<void> {
  const paths = Object.keys(labels).map((name) => `labels.${name}`);
  if (paths.length === 0) return;
  await connection.call(updateContent, { info: { digest, labels }, updateMask: { paths } });
}

async function hasBlob(connection: Connection, digest: string): Promise<boolean> {
  try {
    await connection.call(contentInfo, { digest });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Chunk by chunk, each answered before the next; containerd checks the digest when it commits. */
async function writeBlob(
  connection: Connection,
  lease: string,
  blob: Descriptor,
  labels: Labels,
  source: BlobSource,
): Promise<void> {
  const ref = `tepui-${randomUUID()}`;
  const stream = connection.duplexStream(writeContent, { lease });
  // A stream may break while no answer is waited for; the next exchange is to hear of it.
  const broken = new Promise<never>((_resolve, reject) => stream.on("error", reject));
  broken.catch(() => undefined);
  const exchange = async (request: WriteContent): Promise<void> => {
    const answered = new Promise((resolve) => stream.once("data", resolve));
    stream.write(request);
    await Promise.race([answered, broken]);
  };
  const common = { ref, total: blob.size, expected: blob.digest };
  try {
    for (let offset = 0; offset < blob.size; offset += BLOB_CHUNK_BYTES) {
      const data = await source(offset, Math.min(BLOB_CHUNK_BYTES, blob.size - offset));
      await exchange({ ...common, action: "WRITE", offset, data });
    }
    await exchange({ ...common, action: "COMMIT", offset: blob.size, labels });
  } catch (error) {
    // Another import may have committed the same blob meanwhile.
    if (isAlreadyThere(error)) return;
    await ignoreNotFound(connection.call(abortContent, { ref }));
    throw error;
  } finally {
    stream.cancel();
  }
}

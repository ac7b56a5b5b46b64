// Turns an image's layers into snapshots, each on top of the one below, under the names that containerd's own tools use:
// an image that was unpacked by them need not be unpacked again, and the other way round.
import { randomUUID } from "node:crypto";
import { APPLY_TIMEOUT_MS, IMPORT_LEASE_MS } from "../../limits.ts";
import { type Connection, ignoreAlreadyThere, ignoreNotFound, isNotFound } from "../connection.ts";
import {
  applyDiff,
  commitSnapshot,
  createLease,
  type Descriptor,
  deleteLease,
  prepareSnapshot,
  removeSnapshot,
  statSnapshot,
} from "../methods.ts";
import { labelBlob } from "./content-store.ts";
import { chainIds, type ImageContent } from "./documents.ts";

/** Runs the work under a lease: what it creates is not collected before all of it is tied to an image. */
export async function withLease<T>(connection: Connection, work: (lease: string) => Promise<T>): Promise<T> {
  const id = `tepui-${randomUUID()}`;
  const expires = new Date(Date.now() + IMPORT_LEASE_MS).toISOString();
  await connection.call(createLease, { id, labels: { "containerd.io/gc.expire": expires } });
  try {
    return await work(id);
  } finally {
    await ignoreNotFound(connection.call(deleteLease, { id })).catch(() => undefined);
  }
}

/** Makes sure that the snapshot of the whole image exists. @returns its name */
export async function unpack(
  connection: Connection,
  snapshotter: string,
  image: ImageContent,
): Promise<string> {
  const chain = chainIds(image.diffIds);
  const top = chain.at(-1) ?? "";
  if (await hasSnapshot(connection, snapshotter, top)) return top;
  await withLease(connection, async (lease) => {
    for (const [i, layer] of image.layers.entries()) {
      const name = chain[i] ?? "";
      if (await hasSnapshot(connection, snapshotter, name)) continue;
      const layerOf = { name, parent: chain[i - 1] ?? "", diffId: image.diffIds[i] ?? "", layer };
      await unpackLayer(connection, snapshotter, lease, layerOf);
    }
    // Garbage collection follows this label from the image's configuration to its snapshots.
    const label = `containerd.io/gc.ref.snapshot.${snapshotter}`;
    await labelBlob(connection, image.config.digest, { [label]: top });
  });
  return top;
}

interface Layer {
  readonly name: string;
  readonly parent: string;
  readonly diffId: string;
  readonly layer: Descriptor;
}

async function unpackLayer(
  connection: Connection,
  snapshotter: string,
  lease: string,
  { name, parent, diffId, layer }: Layer,
): Promise<void> {
  const key = `tepui-unpack-${randomUUID()}`;
  const { mounts } = await connection.call(prepareSnapshot, { snapshotter, key, parent }, { lease });
  try {
    const options = { lease, timeoutMs: APPLY_TIMEOUT_MS };
    const { applied } = await connection.call(applyDiff, { diff: layer, mounts }, options);
    if (applied?.digest !== diffId) throw new Error(`the layer ${layer.digest} does not unpack to ${diffId}`);
    await ignoreAlreadyThere(connection.call(commitSnapshot, { snapshotter, name, key }, { lease }));
  } finally {
    await ignoreNotFound(connection.call(removeSnapshot, { snapshotter, key }));
  }
}

async function hasSnapshot(connection: Connection, snapshotter: string, key: string): Promise<boolean> {
  try {
    await connection.call(statSnapshot, { snapshotter, key });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
